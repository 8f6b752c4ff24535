"""minpy: NumPy with gradients and devices, and what people wrote for MXNet and Gluon.

`import minpy.numpy as np` is the array library; `import minpy as mx` gives the same array with the names
under `minpy` itself. Submodules load on first use, so that the import stays as cheap as NumPy's.
"""

import importlib.util
import os

__version__ = "0.1.0"

# A source checkout without a build of its own (`python -m minpy...` in it, after `pip install .`) takes the
# compiled core from the installed package.
if not any(entry.startswith("_core.") for entry in os.listdir(__path__[0])):
    import pkgutil

    __path__ = pkgutil.extend_path(__path__, __name__)


_DISPATCH_NAMES = frozenset(
    [
        "OnlyMXNetPolicy",
        "OnlyNativePolicy",
        "OnlyNumPyPolicy",
        "PreferMXNetPolicy",
        "PreferNativePolicy",
        "get_global_policy",
        "op_stat",
        "reset_op_stat",
        "set_global_policy",
        "show_op_stat",
        "wrap_policy",
    ]
)


# Further names of submodules: what `from mxnet import np, npx, init` becomes.
_SHORT_NAMES = {
    "attr": "attribute",
    "device": "context",
    "init": "initializer",
    "kv": "kvstore",
    "mod": "module",
    "mon": "monitor",
    "ndarray": "nd",
    "np": "numpy",
    "npx": "numpy_extension",
    "opt": "optimizer",
    "rnd": "random",
    "sym": "symbol",
    "viz": "visualization",
}

# MXNet's names for what lies in a submodule.
_MEMBERS = {
    "AttrScope": "attribute",
    "Context": "context",
    "Device": "context",
    "MXNetError": "base",
    "cpu": "context",
    "cpu_pinned": "context",
    "mock": "context",
    "current_context": "context",
    "current_device": "context",
    "gpu": "context",
    "gpu_memory_info": "context",
    "is_np_array": "util",
    "is_np_shape": "util",
    "np_array": "util",
    "np_shape": "util",
    "num_gpus": "context",
    "set_np_shape": "util",
    "use_np": "util",
    "use_np_array": "util",
    "use_np_shape": "util",
}


def waitall() -> None:
    """Wait until everything that was computed so far is there.

    Operators on large arrays run when a result is needed. Call this before taking the time, or to get their
    floating-point warnings now.
    """
    importlib.import_module("minpy.engine").waitall()


def __getattr__(name):
    name = _SHORT_NAMES.get(name, name)
    if name in _DISPATCH_NAMES:
        return getattr(importlib.import_module("minpy.dispatch.policy"), name)
    if name in _MEMBERS:
        return getattr(importlib.import_module(f"minpy.{_MEMBERS[name]}"), name)
    if name == "defgrad":
        return importlib.import_module("minpy._gradients").defgrad
    if not name.startswith("_") and importlib.util.find_spec(f"minpy.{name}"):
        return importlib.import_module(f"minpy.{name}")
    raise AttributeError(f"module 'minpy' has no attribute {name!r}")


def __dir__():
    import pkgutil

    modules = {module.name for module in pkgutil.iter_modules(__path__)}
    public = {
        name
        for name in (*modules, *_DISPATCH_NAMES, *_SHORT_NAMES, *_MEMBERS, "defgrad")
        if not name.startswith("_")
    }
    return sorted({*globals(), *public})
