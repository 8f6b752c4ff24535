"""MXNet's names for the elementwise operators of the core."""

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._operators.registry import operator


def _nearest(data, function):
    """The function of floating numbers; integers are what they are."""
    return np.copy(data) if np.dtype(data.dtype).kind in "biu" else function(data)


def half_away(data):
    """The nearest integer, of two equally near the one farther from zero."""
    return _nearest(data, lambda x: np.trunc(x + np.copysign(0.5, x)))


UNARY_NAMES = {
    "abs": np.abs,
    "arccos": np.arccos,
    "arccosh": np.arccosh,
    "arcsin": np.arcsin,
    "arcsinh": np.arcsinh,
    "arctan": np.arctan,
    "arctanh": np.arctanh,
    "cbrt": np.cbrt,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "degrees": np.degrees,
    "exp": np.exp,
    "expm1": np.expm1,
    "fix": np.trunc,
    "floor": np.floor,
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "negative": np.negative,
    "radians": np.radians,
    "reciprocal": np.reciprocal,
    "rcbrt": lambda data: 1 / np.cbrt(data),
    "rint": lambda data: _nearest(data, lambda x: np.ceil(x - 0.5)),
    "round": lambda data: half_away(data),
    "rsqrt": lambda data: 1 / np.sqrt(data),
    "sign": np.sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "square": np.square,
    "tan": np.tan,
    "tanh": np.tanh,
    "trunc": np.trunc,
} | {
    name: _core.own_ufuncs[name]
    for name in ("erf", "erfinv", "log_sigmoid", "mish", "relu", "sigmoid", "softrelu", "softsign")
}
_SENTENCES = {
    "rint": "The nearest integer, of two equally near the smaller.",
    "round": "The nearest integer, of two equally near the one farther from zero.",
    "rcbrt": "The reciprocal of the cube root.",
    "rsqrt": "The reciprocal of the square root.",
}


def in_dtype_of(data, result):
    """The result in the dtype of the data, where that is bfloat16 and the operator has no loop for it."""
    if getattr(data, "itemsize", 0) == 2 != result.itemsize and numpy.dtype(data.dtype).name == "bfloat16":
        return result.astype(data.dtype)
    return result


def _unary(name, function):
    def call(data):
        return in_dtype_of(data, function(data))

    call.__name__ = name
    call.__doc__ = _SENTENCES.get(name) or f"{name} of each element, as `minpy.numpy.{function.__name__}`."
    return operator(name, npx=False)(call)


_BINARY = {
    "add": (np.add, "broadcast_add", "broadcast_plus", "elemwise_add", "_plus", "_add"),
    "sub": (np.subtract, "broadcast_sub", "broadcast_minus", "elemwise_sub", "_minus", "_sub"),
    "mul": (np.multiply, "broadcast_mul", "elemwise_mul", "_mul"),
    "div": (lambda lhs, rhs: lhs / rhs, "broadcast_div", "elemwise_div", "_div"),
    "mod": (np.mod, "broadcast_mod", "_mod"),
    "power": (np.power, "broadcast_power", "_power", "_pow"),
    "maximum": (np.maximum, "broadcast_maximum", "_maximum"),
    "minimum": (np.minimum, "broadcast_minimum", "_minimum"),
    "hypot": (np.hypot, "broadcast_hypot", "_hypot"),
}
_COMPARISONS = {
    "equal": np.equal,
    "not_equal": np.not_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "lesser": np.less,
    "lesser_equal": np.less_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
}


def _binary(name, function, legacy_names):
    def call(lhs, rhs):
        return function(lhs, rhs)

    call.__name__ = "broadcast_" + name
    call.__doc__ = f"{name} of the elements of two arrays, which are broadcast to each other."
    return operator(*legacy_names, inputs=2, npx=False)(call)


def _comparison(name, function):
    def call(lhs, rhs):
        dtype = np.result_type(lhs, rhs)
        return np.asarray(function(lhs, rhs)).astype(dtype)

    call.__name__ = "broadcast_" + name
    call.__doc__ = f"1 where {name} holds between the elements of two arrays, else 0, in the operands' dtype."
    legacy = ("broadcast_" + name, "_" + name)
    return operator(*legacy, inputs=2, npx=False)(call)


for _name, _function in UNARY_NAMES.items():
    globals()[_name] = _unary(_name, _function)
for _name, (_function, *_legacy) in _BINARY.items():
    globals()["broadcast_" + _name] = _binary(_name, _function, _legacy)
for _name, _function in _COMPARISONS.items():
    globals()["broadcast_" + _name] = _comparison(_name, _function)


@operator("logical_not", npx=False)
def logical_not(data):
    """1 where an element is zero, else 0, in the dtype of the data."""
    return np.logical_not(data).astype(data.dtype)


@operator("clip", npx=False)
def clip(data, a_min, a_max):
    """Limit elements to [a_min, a_max]; the gradient is 1 at the limits and 0 beyond."""
    return np.clip(data, a_min, a_max)


@operator("add_n", "ElementWiseSum", inputs=1, npx=False)
def add_n(*args, num_args=None):
    """The sum of arrays of one shape."""
    if len(args) == 1 and isinstance(args[0], (list, tuple)):
        args = args[0]
    total = args[0]
    for array in args[1:]:
        total = total + array
    return total + 0 if len(args) == 1 else total


@operator("Cast", "cast", npx=False)
def cast(data, dtype):
    """The elements in another dtype."""
    return data.astype(dtype)


@operator("where", inputs=3, npx=False)
def where(condition, x, y):
    """Elements of `x` where `condition` is not zero, else of `y`; a vector `condition` chooses rows."""
    if np.ndim(condition) == 1 and np.ndim(x) > 1:
        condition = np.reshape(condition, (-1,) + (1,) * (np.ndim(x) - 1))
    return np.where(condition != 0, x, y)
