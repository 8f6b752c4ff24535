"""Norms of vectors and matrices, and condition numbers."""

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._gradients.reductions import axes_of
from minpy._gradients.registry import composite


def square_of_size(x):
    """|x|^2, real."""
    return np.real(x * np.conj(x)) if numpy.dtype(x.dtype).kind == "c" else x * x


def _root(x):
    """The square root, with the gradient 0 at 0."""
    if _core.to_numpy(x.detach()).all():
        return np.sqrt(x)
    zero = x == 0
    return np.where(zero, np.zeros((), dtype=x.dtype), np.sqrt(np.where(zero, np.ones((), dtype=x.dtype), x)))


def vector_norm_of(x, axis, order, keepdims):
    """The norm of real order over the given axes."""
    if order == 2:
        return _root(np.sum(square_of_size(x), axis=axis, keepdims=keepdims))
    size = np.abs(x)
    if order == numpy.inf:
        return np.max(size, axis=axis, keepdims=keepdims)
    if order == -numpy.inf:
        return np.min(size, axis=axis, keepdims=keepdims)
    if order == 0:
        return np.sum(size * 0, axis=axis, keepdims=keepdims)
    if order == 1:
        return np.sum(size, axis=axis, keepdims=keepdims)
    if order < 0 or _core.to_numpy(size.detach()).all():
        return np.sum(size**order, axis=axis, keepdims=keepdims) ** (1.0 / order)
    zero = size == 0
    powers = np.where(
        zero, np.zeros((), dtype=size.dtype), np.where(zero, np.ones((), dtype=size.dtype), size) ** order
    )
    return np.sum(powers, axis=axis, keepdims=keepdims) ** (1.0 / order)


def matrix_norm_of(x, axes, order, keepdims):
    """The matrix norm over two axes (rows, columns)."""
    rows, columns = (k % x.ndim for k in axes)
    if order in (None, "fro", "f"):
        return vector_norm_of(x, (rows, columns), 2, keepdims)
    moved = np.moveaxis(x, (rows, columns), (-2, -1))
    if order in ("nuc", 2, -2):
        values = np.linalg.svd(moved, compute_uv=False)
        result = np.sum(values, axis=-1) if order == "nuc" else values[..., 0 if order == 2 else -1]
    elif order in (1, -1, numpy.inf, -numpy.inf):
        sums = np.sum(np.abs(moved), axis=-2 if abs(order) == 1 else -1)
        result = np.max(sums, axis=-1) if order > 0 else np.min(sums, axis=-1)
    else:
        raise ValueError("Invalid norm order for matrices.")
    return np.expand_dims(result, (rows, columns)) if keepdims else result


@composite("linalg.norm")
def norm(x, ord=None, axis=None, keepdims=False):
    x = np.asarray(x)
    if axis is None and (ord is None or (ord in ("f", "fro") and x.ndim == 2) or (ord == 2 and x.ndim == 1)):
        return vector_norm_of(x, axes_of(None, x.ndim), 2, keepdims)
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(axes) == 1:
        return vector_norm_of(x, axes, 2 if ord is None else ord, keepdims)
    return matrix_norm_of(x, axes, ord, keepdims)


@composite("linalg.vector_norm")
def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    x = np.asarray(x)
    return vector_norm_of(x, axes_of(axis, x.ndim), ord, keepdims)


@composite("linalg.matrix_norm")
def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    return matrix_norm_of(np.asarray(x), (-2, -1), ord, keepdims)


@composite("linalg.cond")
def cond(x, p=None):
    x = np.asarray(x)
    if p in (None, 2, -2):
        values = np.linalg.svd(x, compute_uv=False)
        return values[..., -1] / values[..., 0] if p == -2 else values[..., 0] / values[..., -1]
    return matrix_norm_of(x, (-2, -1), p, False) * matrix_norm_of(np.linalg.inv(x), (-2, -1), p, False)
