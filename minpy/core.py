"""MinPy's differentiation of functions: ``grad(f)`` is the function that computes the gradient of ``f``.

    def loss(w, x):
        return np.sum(np.tanh(x @ w) ** 2)

    dw = grad(loss)(w, x)

Python control flow is differentiated as it ran. ``grad(grad(f))`` gives second derivatives, and so on.
"""

import functools

import numpy as _numpy

from minpy import _array_members, _core  # noqa: F401  (arrays have asnumpy and context from here on)
from minpy._symbol_function import Function, MXNetSymbolError

__all__ = [
    "Function",
    "MXNetSymbolError",
    "convert_args",
    "grad",
    "grad_and_loss",
    "minpy_to_numpy",
    "numpy_to_minpy",
    "return_numpy",
]


def _gradient_function(func, argnum, with_loss):
    return functools.update_wrapper(_core.GradFunction(func, argnum, with_loss), func)


def grad(func, argnum=0):
    """Returns a function that computes the gradient of `func`.

    Parameters
    ----------
    func : callable
        Returns an array or number, or a list or tuple of them. Arrays are differentiated as their sum.
    argnum : int or sequence of int
        The positional arguments to differentiate by. They may be arrays, numbers, or lists, tuples and dicts
        of them. An array counts as the variable wherever `func` meets it, not only as its argument: `func` may
        ignore its arguments and read the arrays from a model. That holds for arrays without a history of their
        own, and so not inside of another `grad`.

    Returns
    -------
    callable
        Takes the arguments of `func`; returns the gradient in the form of the argument, or a tuple of
        gradients when `argnum` is a sequence.

    Raises
    ------
    TypeError
        By the returned function, for arguments that have no gradient, like arrays of integers.
    """
    return _gradient_function(func, argnum, False)


def grad_and_loss(func, argnum=0):
    """Returns a function that computes the gradient of `func` and its value, as a tuple in this order.

    Parameters and errors are those of `grad`.
    """
    return _gradient_function(func, argnum, True)


def numpy_to_minpy(var):
    """NumPy arrays, also inside tuples, lists and dicts, as minpy arrays over the same memory."""
    if isinstance(var, dict):
        return {key: numpy_to_minpy(value) for key, value in var.items()}
    if isinstance(var, (list, tuple)):
        items = [numpy_to_minpy(value) for value in var]
        return items if isinstance(var, list) else tuple(items)
    return _core.from_numpy(var) if isinstance(var, _numpy.ndarray) else var


def minpy_to_numpy(var):
    """Minpy arrays, also inside tuples, lists and dicts, as NumPy arrays over the same memory."""
    return _core.to_numpy(var)


def convert_args(func):
    """Decorates `func` so that it gets NumPy arguments as minpy arrays."""

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        return func(*numpy_to_minpy(args), **numpy_to_minpy(kwargs))

    return wrapper


def return_numpy(func):
    """Decorates `func` so that it returns NumPy arrays in place of minpy arrays."""

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        return minpy_to_numpy(func(*args, **kwargs))

    return wrapper
