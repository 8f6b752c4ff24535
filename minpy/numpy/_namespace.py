"""How the names of `numpy` become names of `minpy.numpy`.

A *twin* is what stands in `minpy.numpy` for an object of NumPy: a native function or operator of the compiled
core, a fallback that runs NumPy's function on our arrays, or a small class of ours. Objects that do not touch
arrays (scalar types, exceptions, settings, constants) are their own twins. Modules get a twin module on first
use, filled by the same rule.
"""

import importlib
import sys
import types
from importlib.machinery import ModuleSpec

import numpy

from minpy import _core

# Position of the argument that a function writes into.
MUTATED_ARGUMENT = {
    "copyto": 0,
    "put": 0,
    "place": 0,
    "putmask": 0,
    "fill_diagonal": 0,
    "put_along_axis": 0,
    "random.shuffle": 0,
}
# Functions that neither take nor return arrays, or that call back with the caller's own arguments.
PASSED_THROUGH = frozenset(
    [
        "base_repr",
        "binary_repr",
        "broadcast_shapes",
        "datetime_data",
        "format_float_positional",
        "format_float_scientific",
        "get_include",
        "get_printoptions",
        "getbufsize",
        "geterr",
        "geterrcall",
        "info",
        "isdtype",
        "isfortran",
        "issubdtype",
        "iterable",
        "mintypecode",
        "printoptions",
        "promote_types",
        "set_printoptions",
        "setbufsize",
        "seterr",
        "seterrcall",
        "show_config",
        "show_runtime",
        "typename",
        "frompyfunc",
        "nested_iters",
        "find_common_type",
        "deprecate",
        "deprecate_with_doc",
        "byte_bounds",
        "disp",
        "issubclass_",
        "obj2sctype",
        "sctype2char",
        "maximum_sctype",
        "cast",
        "who",
        "safe_eval",
        "source",
        "lookfor",
        "issctype",
        "set_string_function",
        "add_newdoc",
        "add_docstring",
        "add_newdoc_ufunc",
        "load_library",
        "as_ctypes_type",
        "compare_chararrays",
    ]
)
# Modules whose functions take or return arrays; others are NumPy's own.
TWIN_MODULES = frozenset(
    [
        "linalg",
        "fft",
        "random",
        "testing",
        "lib",
        "polynomial",
        "ma",
        "char",
        "strings",
        "matlib",
        "rec",
        "emath",
        "ctypeslib",
    ]
)

_FUNCTION_TYPES = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    numpy.ufunc,
    type(numpy.sum),
)
_twins = {}  # id of NumPy's object -> (that object, its twin)


def is_function(value):
    """Whether `value` is a plain function of NumPy, as opposed to a class, a constant or a module."""
    return isinstance(value, _FUNCTION_TYPES) or type(value).__name__ == "cython_function_or_method"


def register_twin(original, twin):
    """Remember what stands for NumPy's object `original`."""
    _twins[id(original)] = (original, twin)
    return twin


def known_twin(original):
    """What stands for `original`, or None when it was not met yet."""
    entry = _twins.get(id(original))
    return entry and entry[1]


def make_fallback(name, function):
    """A callable that runs NumPy's `function`, known there as the dotted `name`, on our arrays."""
    return _core.make_fallback(name, function, MUTATED_ARGUMENT.get(name, -1))


def twin(name, value):
    """What stands in minpy.numpy for NumPy's `value`, known there as the dotted `name`."""
    found = known_twin(value)
    if found is not None:
        return found
    if not is_function(value) or name.rpartition(".")[2] in PASSED_THROUGH:
        return value
    if (
        name.startswith("testing.")
        and not name.startswith("testing.assert_a")
        and name != "testing.assert_equal"
    ):
        return value
    return register_twin(value, make_fallback(name, value))


def build_namespace(namespace, core):
    """Fill the namespace of minpy.numpy."""
    native = {**core.functions, **core.ufuncs}
    register_twin(numpy.ndarray, core.ndarray)
    register_twin(numpy.ufunc, core.ufunc)
    for name, value in vars(numpy).items():
        if name[0] == "_" or isinstance(value, types.ModuleType):
            continue
        own = native.get(name)
        namespace[name] = twin(name, value) if own is None else register_twin(value, own)


def numpy_module(name):
    """The module numpy.<name> that minpy.numpy.<name> is the twin of."""
    attribute = vars(numpy).get(name)
    if isinstance(
        attribute, types.ModuleType
    ):  # `emath`, and in NumPy 1 `char` and `rec`, are not module paths
        return attribute
    return importlib.import_module(f"numpy.{name}")


def fill_module(module, source, name):
    """Fill the twin of NumPy's module `source`, numpy.<name>."""
    for key in dir(source):
        if key[0] == "_":
            continue
        value = getattr(source, key)
        if not isinstance(value, types.ModuleType) and not hasattr(module, key):
            setattr(module, key, twin(f"{name}.{key}", value))
    if hasattr(source, "__all__"):
        module.__all__ = list(source.__all__)
    module.__doc__ = source.__doc__

    def __getattr__(key):
        value = getattr(source, key)
        if (
            isinstance(value, types.ModuleType)
            and value.__name__ == f"{source.__name__}.{key}"
            and key[0] != "_"
        ):
            return importlib.import_module(f"{module.__name__}.{key}")
        return numpy_to_twin_module(value)

    module.__getattr__ = __getattr__
    module.__dir__ = lambda: sorted(set(vars(module)) | set(dir(source)))


def numpy_to_twin_module(value):
    """`value`, except that the module numpy itself becomes minpy.numpy."""
    return sys.modules["minpy.numpy"] if value is numpy else value


class _TwinLoader:
    """Makes the module minpy.numpy.<name> out of numpy.<name>."""

    def __init__(self, name):
        self.name = name

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        fill_module(module, numpy_module(self.name), self.name)


class _OriginalLoader(_TwinLoader):
    """Makes minpy.numpy.<name> another name of the module numpy.<name>."""

    def exec_module(self, module):
        sys.modules[module.__name__] = numpy_module(self.name)


class TwinFinder:
    """Import hook behind the files of this package: `import minpy.numpy.linalg` and all other modules of NumPy."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        if not fullname.startswith("minpy.numpy."):
            return None
        name = fullname[len("minpy.numpy.") :]
        if any(part[0] == "_" for part in name.split(".")):
            return None
        try:
            source = numpy_module(name)
        except ModuleNotFoundError:
            return None
        loader = _TwinLoader if name.partition(".")[0] in TWIN_MODULES else _OriginalLoader
        return ModuleSpec(fullname, loader(name), is_package=hasattr(source, "__path__"))


_POLICY_NAMES = frozenset(["policy", "set_global_policy", "set_policy", "wrap_policy"])


def policy_attribute(name):
    """What MinPy's modules have of policies: here there is one for the whole process."""
    policy = importlib.import_module("minpy.dispatch.policy")
    if name == "policy":
        return policy.get_global_policy()
    return getattr(policy, "set_global_policy" if name == "set_policy" else name)


def lazy_attribute(name):
    """A name of minpy.numpy that is not there yet: a module, or what NumPy itself makes lazily."""
    if name.startswith("__"):
        raise AttributeError(f"module 'minpy.numpy' has no attribute {name!r}")
    if name in _POLICY_NAMES:
        return policy_attribute(name)
    if name in ("onehot_encode", "softmax_output"):
        return getattr(importlib.import_module("minpy.numpy._minpy_functions"), name)
    if name in TWIN_MODULES:
        return importlib.import_module(f"minpy.numpy.{name}")
    try:
        value = getattr(numpy, name)
    except AttributeError as error:
        raise AttributeError(str(error).replace("module 'numpy'", "module 'minpy.numpy'")) from None
    return value if isinstance(value, types.ModuleType) else twin(name, value)
