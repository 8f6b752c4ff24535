"""Networks of blocks: `from minpy import gluon`."""

from minpy.gluon import loss, nn  # noqa: F401
from minpy.gluon.block import Block
from minpy.gluon.hybrid import HybridBlock
from minpy.gluon.parameter import Constant, DeferredInitializationError, Parameter
from minpy.gluon.parameter_dict import ParameterDict
from minpy.gluon.symbol_block import SymbolBlock

_LAZY = ("contrib", "data", "metric", "model_zoo", "rnn", "trainer", "utils")

__all__ = [
    "Block",
    "Constant",
    "DeferredInitializationError",
    "HybridBlock",
    "Parameter",
    "ParameterDict",
    "SymbolBlock",
]


def __getattr__(name):
    import importlib

    if name == "metric":
        return importlib.import_module("minpy.metric")
    if name == "Trainer":
        return importlib.import_module("minpy.gluon.trainer").Trainer
    if name in _LAZY and importlib.util.find_spec(f"minpy.gluon.{name}"):
        return importlib.import_module(f"minpy.gluon.{name}")
    raise AttributeError(f"module 'minpy.gluon' has no attribute {name!r}")
