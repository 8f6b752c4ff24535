"""Arithmetic and comparison as functions, of arrays and numbers in any order."""

import operator as _operator

import minpy.numpy as np
from minpy import _core

__all__ = [
    "add",
    "divide",
    "equal",
    "greater",
    "greater_equal",
    "lesser",
    "lesser_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "modulo",
    "multiply",
    "not_equal",
    "power",
    "subtract",
    "true_divide",
]


def _function(name, compute, sentence):
    def call(lhs, rhs):
        return compute(lhs, rhs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"""{sentence}

    Parameters
    ----------
    lhs, rhs : NDArray or number
        Arrays are broadcast to each other.
    """
    return call


add = _function("add", _operator.add, "The sum of the elements.")
subtract = _function("subtract", _operator.sub, "The difference of the elements.")
multiply = _function("multiply", _operator.mul, "The product of the elements.")
divide = true_divide = _function("divide", _operator.truediv, "The quotient of the elements.")
modulo = _function("modulo", _operator.mod, "The remainder of the elements' division.")
power = _function("power", _operator.pow, "The elements of `lhs` to the power of those of `rhs`.")
equal = _function("equal", _operator.eq, "1 where the elements are equal, else 0.")
not_equal = _function("not_equal", _operator.ne, "1 where the elements differ, else 0.")
greater = _function("greater", _operator.gt, "1 where `lhs` is greater, else 0.")
greater_equal = _function("greater_equal", _operator.ge, "1 where `lhs` is not less, else 0.")
lesser = _function("lesser", _operator.lt, "1 where `lhs` is less, else 0.")
lesser_equal = _function("lesser_equal", _operator.le, "1 where `lhs` is not greater, else 0.")
maximum = _function("maximum", lambda lhs, rhs: _weak(np.maximum, lhs, rhs), "The larger of the elements.")
minimum = _function("minimum", lambda lhs, rhs: _weak(np.minimum, lhs, rhs), "The smaller of the elements.")
logical_and = _function(
    "logical_and", lambda a, b: _truth(np.logical_and, a, b), "1 where both are not 0, else 0."
)
logical_or = _function(
    "logical_or", lambda a, b: _truth(np.logical_or, a, b), "1 where one is not 0, else 0."
)
logical_xor = _function(
    "logical_xor", lambda a, b: _truth(np.logical_xor, a, b), "1 where exactly one is not 0, else 0."
)


def _weak(function, lhs, rhs):
    """Numbers are weak; two numbers give a number."""
    result = function(lhs, rhs)
    return result if isinstance(result, _core.ndarray) else result.item()


def _truth(function, lhs, rhs):
    result = function(lhs, rhs)
    like = lhs if isinstance(lhs, _core.ndarray) else rhs
    return result.astype(like.dtype)
