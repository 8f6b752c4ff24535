"""Comparison of gradients with finite differences: is the gradient of my function right?

from minpy.utils import gradient_checker

gradient_checker.quick_grad_check(loss, w, extra_args=(x, y))
"""

import numpy as _numpy

import minpy.numpy as np
from minpy.core import grad

__all__ = ["check_grad", "grad_num", "quick_grad_check", "rel_error"]


def _value(f, x, extra_args, kwargs):
    return float(_numpy.sum(_numpy.asarray(f(np.array(x), *extra_args, **kwargs), dtype=float)))


def grad_num(f, x, extra_args=(), kwargs=None, eps=1e-6):
    """The gradient of ``f(x, *extra_args, **kwargs)`` by central differences.

    Parameters
    ----------
    f : callable
        Returns a number or an array, which is summed.
    x : array or number
        Computed with as float64, which finite differences need; not changed.
    eps : float
        Half the step between the two points of a difference.

    Returns
    -------
    numpy.ndarray
        Of x's shape, float64.
    """
    kwargs = kwargs or {}
    x = _numpy.array(x, dtype=_numpy.float64)
    result = _numpy.empty_like(x)
    for index in _numpy.ndindex(x.shape):
        middle = x[index]
        x[index] = middle + eps
        above = _value(f, x, extra_args, kwargs)
        x[index] = middle - eps
        below = _value(f, x, extra_args, kwargs)
        x[index] = middle
        result[index] = (above - below) / (2 * eps)
    return result


def rel_error(a, b):
    """The largest difference of two arrays, relative to the larger of their elements (at least 1e-8)."""
    a, b = _numpy.asarray(a, dtype=float), _numpy.asarray(b, dtype=float)
    if a.size == 0:
        return 0.0
    return float(
        _numpy.max(_numpy.abs(a - b) / _numpy.maximum(1e-8, _numpy.maximum(_numpy.abs(a), _numpy.abs(b))))
    )


def check_grad(f, x, extra_args=(), kwargs=None, eps=1e-6, rtol=1e-4, atol=1e-6):
    """Whether the gradient of `f` at every element of `x` agrees with finite differences.

    Parameters are those of `grad_num`; `rtol` and `atol` are the tolerances of `numpy.allclose`.
    """
    kwargs = kwargs or {}
    exact = grad(lambda x: f(x, *extra_args, **kwargs))(np.array(x, dtype=float))
    return bool(
        _numpy.allclose(_numpy.asarray(exact), grad_num(f, x, extra_args, kwargs, eps), rtol=rtol, atol=atol)
    )


def quick_grad_check(f, x, extra_args=(), kwargs=None, verbose=True, eps=1e-4, rtol=1e-4, atol=1e-6, rs=None):
    """Checks the gradient of ``f(x, *extra_args, **kwargs)`` along one random direction.

    The cost is three evaluations, whatever the size of `x`.

    Parameters
    ----------
    f : callable
        Returns a number or an array, which is summed.
    x : array or number
    verbose : bool
        Print what is compared.
    eps : float
        Length of the step along the direction.
    rs : numpy.random.RandomState, optional
        Source of the direction; a fresh one by default.

    Returns
    -------
    bool
        True.

    Raises
    ------
    ValueError
        When the two directional derivatives disagree.
    """
    kwargs = kwargs or {}
    x = _numpy.array(x, dtype=_numpy.float64)
    direction = (rs or _numpy.random.RandomState()).standard_normal(x.shape)
    direction = direction / _numpy.sqrt(_numpy.sum(direction**2))
    gradient = _numpy.asarray(grad(lambda x: f(x, *extra_args, **kwargs))(np.array(x)))
    exact = float(_numpy.sum(gradient * direction))
    half = eps / 2 * direction
    numeric = (_value(f, x + half, extra_args, kwargs) - _value(f, x - half, extra_args, kwargs)) / eps
    if verbose:
        print(f"gradient along a random direction: {exact:.10g}, by finite differences: {numeric:.10g}")
    if not _numpy.allclose(exact, numeric, rtol=rtol, atol=atol):
        raise ValueError(
            f"the gradient is wrong: {exact!r} along a random direction, finite differences give {numeric!r}"
        )
    return True
