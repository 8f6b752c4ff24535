"""Names that MXNet's modules have because they import them, for programs that take them from there.

`complete` gives a module of minpy those names when a program that says `import mxnet` gets it; they load on first use.
"""

import importlib
import sys
import types

_C = dict.fromkeys(
    """MXCallbackList NDArrayHandle SymbolHandle add_fileline_to_docstring c2pyerror c_array c_array_buf c_handle_array
    c_str c_str_array check_call classproperty ctypes2buffer ctypes2numpy_shared get_last_ffi_error mx_float mx_float_p
    mx_int mx_uint py_str with_metaclass""".split(),
    "mxnet._c_interface",
)
_HOMES = {
    **_C,
    "AttrScope": "attribute",
    "Context": "context",
    "DataDesc": "io",
    "Features": "runtime",
    "LogValidationMetricsCallback": "callback",
    "MXNetError": "base",
    "NDArray": "nd",
    "Symbol": "symbol",
    "Uniform": "initializer",
    "cpu": "context",
    "current_context": "context",
    "get_updater": "optimizer",
    "is_np_array": "util",
    "is_np_shape": "util",
    "load_json": "symbol",
    "np_array": "util",
    "np_shape": "util",
    "shape_is_known": "gluon.utils",
    "uniform": "random",
    "SymbolBlock": "gluon",
}
_MODULES = {
    "attribute": "classproperty with_metaclass",
    "autograd": "MXCallbackList NDArray Symbol c_array c_array_buf c_handle_array check_call",
    "base": " ".join(_C),
    "context": "check_call classproperty with_metaclass",
    "engine": "check_call",
    "executor": "NDArray c_array_buf c_handle_array c_str_array check_call py_str",
    "gluon.block": "MXNetError NDArray Symbol is_np_array load_json np_array np_shape",
    "gluon.loss": "is_np_array",
    "gluon.nn": "SymbolBlock",
    "gluon.parameter": "is_np_shape shape_is_known",
    "image": "is_np_array",
    "initializer": "NDArray is_np_array",
    "library": "MXNetError check_call",
    "model": "Context DataDesc LogValidationMetricsCallback Uniform cpu get_updater",
    "monitor": "NDArray",
    "name": "classproperty with_metaclass",
    "nd.contrib": "current_context uniform",
    "nd.random": "NDArray current_context",
    "nd.sparse": "Context c_array_buf check_call current_context",
    "numpy_extension": "check_call classproperty with_metaclass",
    "operator": "MXCallbackList NDArray c_array c_array_buf c_str check_call ctypes2numpy_shared is_np_array py_str",
    "profiler": "c_str c_str_array check_call py_str",
    "random": "Context check_call",
    "recordio": "c_str check_call",
    "runtime": "check_call",
    "symbol.contrib": "AttrScope Symbol check_call uniform",
    "symbol.random": "Symbol",
    "test_utils": "Features Symbol",
    "util": "c_str check_call py_str",
    "contrib.quantization": "c_array c_str c_str_array check_call py_str",
}


def complete(module):
    """Gives a module, and those in it, the names of the tables; returns it."""
    from minpy.mxnet._finder import ALIASES

    name = module.__name__.removeprefix("minpy.")
    inner = {}  # modules that MXNet has within others, where their contents are elsewhere here
    for path, home in ALIASES.items():
        parent, _, last = path.rpartition(".")
        if parent:
            inner.setdefault(ALIASES.get(parent, parent), {})[last] = f"minpy.{home}"
    for other in {name, *_MODULES, *inner}:
        if other == name or other.startswith(f"{name}."):
            found = sys.modules.get(f"minpy.{other}")
            if found is not None and "_mxnet_names" not in vars(found):
                names = {n: (f"minpy.{_HOMES[n]}", n) for n in _MODULES.get(other, "").split()}
                found._mxnet_names = {n: (home, None) for n, home in inner.get(other, {}).items()} | names
                found.__getattr__ = _getter(found, vars(found).get("__getattr__"))
    return module


def _getter(module, before):
    def getter(name):
        if before is not None:
            try:
                found = before(name)
                return complete(found) if isinstance(found, types.ModuleType) else found
            except AttributeError:
                if name not in module._mxnet_names:
                    raise
        if name not in module._mxnet_names:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        home, attribute = module._mxnet_names[name]
        value = importlib.import_module(home)
        value = value if attribute is None else getattr(value, attribute)
        setattr(module, name, value)
        return value

    return getter
