"""The operators as functions of `mx.sym` and its submodules, which make nodes also without a symbol to work on."""

import functools
import sys
import types

from minpy.nd._namespace import set_default, split_name
from minpy.nd.methods import METHODS
from minpy.symbol import operators
from minpy.symbol.compose import compose

_SUBMODULES = ("contrib", "linalg", "image", "random", "sparse", "_internal", "op")


def _function(operator, hint, row):
    @functools.wraps(row.function)
    def call(*args, **kwargs):
        return compose(operator, hint, args, kwargs)

    call.__module__ = "minpy.symbol"
    return call


def fill(package):
    """Adds all operators to the package and its submodules; own names of the package come first."""
    home = sys.modules[package]
    modules = {
        name: types.ModuleType(f"{package}.{name}", f"Operators of sym.{name}.") for name in _SUBMODULES
    }
    for name, module in modules.items():
        sys.modules[module.__name__] = module
        setattr(home, name, module)
    for legacy, row in operators.rows().items():
        module, name = split_name(legacy)
        hint = legacy if module == "random" else name
        call = _function(legacy, hint.lower(), row)
        set_default(modules[module] if module else home, name, call)
        set_default(modules["op"], legacy, call)
        if not module:  # what a graph computes is dense
            set_default(modules["sparse"], name, call)
        if module == "linalg":
            set_default(home, "linalg_" + name, call)
        if module == "_internal":
            set_default(home, legacy, call)


def install_methods(symbol):
    """Gives Symbol the operators that are methods of NDArray."""
    home = sys.modules["minpy.symbol"]
    for name in (*METHODS, "broadcast_to", "broadcast_like"):
        if name not in vars(symbol) and hasattr(home, name):
            setattr(symbol, name, getattr(home, name))
