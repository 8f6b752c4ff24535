"""How the names of `numpy` become names of `minpy.numpy`."""

import importlib
import types

import numpy

from minpy import _core

# Functions that write into their first argument.
MUTATORS = frozenset(
    {"copyto", "put", "place", "putmask", "fill_diagonal", "put_along_axis", "random.shuffle"}
)
# Submodules with functions over arrays; each has a twin in minpy.numpy, made on first use.
WRAPPED_MODULES = ("linalg", "fft", "random", "testing", "polynomial", "lib", "ma", "rec", "char")


def wrap_callable(name, function):
    """A callable of minpy.numpy for numpy's `function`, which is known there as the dotted `name`."""
    return _core.make_fallback(name, function, name in MUTATORS)


def is_array_function(value):
    """Whether `value` is a plain function of NumPy, as opposed to a class, a constant or a module."""
    return callable(value) and not isinstance(value, type) and not isinstance(value, types.ModuleType)


def build_namespace(namespace, source, core):
    """Fill `namespace` (of minpy.numpy) from the numpy module `source`."""
    native = {**core.functions, **core.ufuncs}
    for name, value in vars(source).items():
        if name.startswith("_") and name not in ("_NoValue",):
            continue
        if name in native:
            namespace[name] = native[name]
        elif isinstance(value, types.ModuleType):
            continue
        elif is_array_function(value):
            namespace[name] = wrap_callable(name, value)
        else:
            namespace[name] = value
    namespace["ndarray"] = core.ndarray
    namespace["ufunc"] = core.ufunc


def lazy_attribute(name):
    """A submodule of minpy.numpy, made from numpy's on first access."""
    if name.startswith("__"):
        raise AttributeError(f"module 'minpy.numpy' has no attribute {name!r}")
    try:
        return importlib.import_module(f"minpy.numpy.{name}")
    except ModuleNotFoundError:
        pass
    return getattr(numpy, name)
