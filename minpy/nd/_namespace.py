"""The operators as a front end's namespace and its submodules: `_contrib_box_nms` is `contrib.box_nms`."""

import sys
import types

from minpy._operators import legacy_names

_SUBMODULES = {
    "_contrib_": "contrib",
    "_linalg_": "linalg",
    "_image_": "image",
    "_random_": "random",
    "_sample_": "random",
}


def split_name(name):
    """(submodule, name in it) of an operator's legacy name; the submodule is "" for the namespace itself."""
    for prefix, module in _SUBMODULES.items():
        if name.startswith(prefix):
            return module, name.removeprefix(prefix)
    return ("_internal" if name.startswith("_") else ""), name


def fill(package, doc):
    """Adds all operators to the package and its submodules, which exist or are made; own names come first."""
    for legacy, row in legacy_names().items():
        module, name = split_name(legacy)
        target = sys.modules[package] if not module else _submodule(package, module, doc)
        if not hasattr(target, name):
            setattr(target, name, row.function)
        if module == "linalg":
            set_default(sys.modules[package], "linalg_" + name, row.function)
        if module == "random" and legacy.startswith("_sample_"):
            set_default(sys.modules[package], "sample_" + name, row.function)
        set_default(_submodule(package, "op", doc), legacy, row.function)


def public_names(namespace):
    """What ``from mx.nd import *`` imports: functions and classes, and the submodules with operators."""
    functions = {name for name, value in namespace.items() if name[0] != "_" and callable(value)}
    return {*functions, *_SUBMODULES.values(), "sparse"}


def set_default(module, name, value):
    """Give a module a name that it does not have yet."""
    if not hasattr(module, name):
        setattr(module, name, value)


def _submodule(package, name, doc):
    path = f"{package}.{name}"
    if path not in sys.modules:
        try:
            __import__(path)
        except ModuleNotFoundError as error:
            if error.name != path:
                raise
            sys.modules[path] = types.ModuleType(path, doc.format(name))
    module = sys.modules[path]
    setattr(sys.modules[package], name, module)
    return module
