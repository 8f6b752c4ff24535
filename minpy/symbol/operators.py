"""Operators that only graphs name: arithmetic with a number, which MXNet writes as an attribute, and constants.

They complete the table of minpy/_operators, which comes first where both have a name.
"""

import inspect

from minpy._operators import legacy_names, operators
from minpy._operators.registry import Operator

_SCALAR = {
    "_plus_scalar": lambda data, scalar: data + scalar,
    "_minus_scalar": lambda data, scalar: data - scalar,
    "_rminus_scalar": lambda data, scalar: scalar - data,
    "_mul_scalar": lambda data, scalar: data * scalar,
    "_div_scalar": lambda data, scalar: data / scalar,
    "_rdiv_scalar": lambda data, scalar: scalar / data,
    "_mod_scalar": lambda data, scalar: data % scalar,
    "_rmod_scalar": lambda data, scalar: scalar % data,
    "_power_scalar": lambda data, scalar: data**scalar,
    "_rpower_scalar": lambda data, scalar: scalar**data,
    "_equal_scalar": lambda data, scalar: data == scalar,
    "_not_equal_scalar": lambda data, scalar: data != scalar,
    "_greater_scalar": lambda data, scalar: data > scalar,
    "_greater_equal_scalar": lambda data, scalar: data >= scalar,
    "_lesser_scalar": lambda data, scalar: data < scalar,
    "_lesser_equal_scalar": lambda data, scalar: data <= scalar,
}
_SCALAR_FUNCTIONS = (
    "maximum", "minimum", "hypot", "logical_and", "logical_or", "logical_xor",
)  # fmt: skip


def _nd(name):
    from minpy import nd

    return getattr(nd, name)


def _number_function(name):
    """A function of two arrays as an operator of an array and a number."""

    def call(data, scalar):
        return legacy_names()["broadcast_" + name].function(data, _nd("full")((1,), scalar, dtype=data.dtype))

    return call


def _zeros(shape=(), ctx=None, dtype="float32"):
    return _nd("zeros")(shape, dtype=dtype)


def _ones(shape=(), ctx=None, dtype="float32"):
    return _nd("ones")(shape, dtype=dtype)


def _full(shape=(), value=0.0, ctx=None, dtype="float32"):
    return _nd("full")(shape, value, dtype=dtype)


def _arange(start=0, stop=None, step=1.0, repeat=1, infer_range=False, ctx=None, dtype="float32"):
    return _nd("arange")(start, stop, step, repeat, infer_range, dtype=dtype)


def _linspace(start=0, stop=None, step=1.0, num=50, endpoint=True, ctx=None, dtype="float32"):
    return _nd("linspace")(start, stop, num, endpoint, dtype=dtype)


def _eye(N, M=0, k=0, ctx=None, dtype="float32"):
    return _nd("eye")(N, M, k, dtype=dtype)


def _row(name, function, inputs):
    parameters = list(inspect.signature(function).parameters.values())
    attributes = {p.name: p.default for p in parameters[inputs:]}
    return Operator(name, function, tuple(p.name for p in parameters[:inputs]), attributes, (name,))


_rows = {name: _row(name, function, 1) for name, function in _SCALAR.items()}
_rows |= {f"_{name}_scalar": _row(f"_{name}_scalar", _number_function(name), 1) for name in _SCALAR_FUNCTIONS}
_rows |= {f.__name__: _row(f.__name__, f, 0) for f in (_zeros, _ones, _full, _arange, _linspace, _eye)}
SCALAR_NAMES = frozenset(name for name in _rows if name.endswith("_scalar"))


def rows():
    """Every operator by the names that graphs know it by."""
    return {**_rows, **legacy_names()}


def find(name):
    """The operator of a name; raises KeyError."""
    table = legacy_names()
    if name in table:
        return table[name]
    return _rows[name] if name in _rows else operators()[name]
