"""Symbolic graphs: `from minpy import sym`, or `mx.sym`.

Operators are those of minpy/_operators by MXNet's names. They make nodes of a graph, which `Symbol.bind` runs and
`Symbol.save` writes. docs/internals.md, "Note [Symbols]", describes the graph.
"""

from minpy._operators import registry as _registry
from minpy.nd._namespace import public_names as _public_names
from minpy.symbol import _namespace
from minpy.symbol.arithmetic import hypot, maximum, minimum, pow, power
from minpy.symbol.compose import compose_call as _compose_call
from minpy.symbol.creation import *  # noqa: F403
from minpy.symbol.serialization import fromjson, load, load_json
from minpy.symbol.symbol import Group, Symbol, Variable, var

_namespace.fill(__name__)
_namespace.install_methods(Symbol)
_registry.compose_symbol = _compose_call

__all__ = ["Group", "Symbol", "Variable", "fromjson", "hypot", "load", "load_json", "maximum", "minimum", "pow",
           "power", "var"]  # fmt: skip
__all__ += _public_names(globals()) - {*__all__}
