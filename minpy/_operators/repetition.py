"""Repeated, reversed and broadcast arrays, arrays like others, diagonals and pieces."""

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._nested import per_axis
from minpy._operators.registry import operator
from minpy._operators.shape import pieces
from minpy.util import is_np_shape


def beside(data, array):
    """The array as an NDArray on the device of the data when that is one."""
    return _core.to_nd_array(array, _core.context_of(data)) if isinstance(data, _core.NDArrayBase) else array


@operator("tile", npx=False)
def tile(data, reps):
    """Repeat the whole array `reps` times along each axis, counted from the last."""
    return np.tile(data, per_axis(reps))


@operator("repeat", npx=False)
def repeat(data, repeats, axis=None):
    """Repeat each element, or slice along `axis`; without an axis the result is flat."""
    return np.repeat(data, repeats, axis=axis)


@operator("flip", "reverse", npx=False)
def flip(data, axis):
    """Reverse the order along an axis or several."""
    return np.copy(np.flip(data, per_axis(axis)))


def _broadcast(data, shape):
    return np.copy(np.broadcast_to(data, shape))


@operator("broadcast_axis", "broadcast_axes", npx=False)
def broadcast_axis(data, axis=(), size=()):
    """Repeat axes of length 1.

    Parameters
    ----------
    data : ndarray
        Any shape.
    axis, size : int or tuple of int
        The axes, and the length that each gets.

    Returns
    -------
    ndarray
    """
    axes, sizes = per_axis(axis), per_axis(size)
    if len(axes) != len(sizes):
        raise ValueError(f"broadcast_axis: {len(axes)} axes, but {len(sizes)} sizes")
    shape = list(np.shape(data))
    for a, n in zip(axes, sizes):
        if shape[a] != 1:
            raise ValueError(f"broadcast_axis: axis {a} of shape {np.shape(data)} has not the length 1")
        shape[a] = n
    return _broadcast(data, tuple(shape))


@operator("broadcast_to", npx=False)
def broadcast_to(data, shape=()):
    """Repeat axes of length 1 until the array has the shape; 0 keeps a length."""
    shape, old = per_axis(shape), np.shape(data)
    if len(shape) == len(old):
        shape = tuple(n or m for n, m in zip(shape, old))
    return _broadcast(data, shape)


@operator("broadcast_like", inputs=2)
def broadcast_like(lhs, rhs, lhs_axes=None, rhs_axes=None):
    """Repeat axes of `lhs` to the lengths of `rhs`.

    Parameters
    ----------
    lhs, rhs : ndarray
        The data, and the array that has the lengths.
    lhs_axes, rhs_axes : tuple of int
        Which axes of `lhs` get the lengths of which axes of `rhs`; None: all of them.

    Returns
    -------
    ndarray
    """
    if lhs_axes is None and rhs_axes is None:
        return _broadcast(lhs, np.shape(rhs))
    if lhs_axes is None or rhs_axes is None or len(per_axis(lhs_axes)) != len(per_axis(rhs_axes)):
        raise ValueError("broadcast_like: lhs_axes and rhs_axes must have the same number of axes")
    shape = list(np.shape(lhs))
    for a, b in zip(per_axis(lhs_axes), per_axis(rhs_axes)):
        shape[a] = np.shape(rhs)[b]
    return _broadcast(lhs, tuple(shape))


@operator("zeros_like", npx=False)
def zeros_like(data, dtype=None):
    """Zeros of the shape, dtype and device of the data."""
    return beside(data, np.zeros(np.shape(data), dtype=numpy.dtype(dtype or data.dtype)))


@operator("ones_like", npx=False)
def ones_like(data, dtype=None):
    """Ones of the shape, dtype and device of the data."""
    return beside(data, np.ones(np.shape(data), dtype=numpy.dtype(dtype or data.dtype)))


@operator("identity", "_copy", npx=False)
def identity(data):
    """A copy of the data, through which gradients flow."""
    return np.copy(data)


@operator("shape_array")
def shape_array(data):
    """The shape as an int64 vector."""
    return beside(data, np.array(np.shape(data), dtype="int64"))


@operator("size_array", npx=False)
def size_array(data):
    """The number of elements as an int64 vector of one element."""
    return beside(data, np.array([np.size(data)], dtype="int64"))


@operator("diag", npx=False)
def diag(data, k=0, axis1=0, axis2=1):
    """A diagonal of matrices, or the matrix with a vector as its diagonal.

    Parameters
    ----------
    data : ndarray
        A vector, or an array of two axes or more.
    k : int
        Which diagonal; those above the main one are positive.
    axis1, axis2 : int
        The axes of the matrices.

    Returns
    -------
    ndarray
        Diagonals lie along the last axis.
    """
    if np.ndim(data) == 1:
        return np.diag(data, k)
    return np.copy(np.diagonal(data, k, axis1, axis2))


@operator("split_v2", npx=False)
def split_v2(ary, indices_or_sections, axis=0, squeeze_axis=False):
    """Cut an axis into equal parts or at given places.

    Parameters
    ----------
    ary : ndarray
        Any shape.
    indices_or_sections : int or tuple of int
        The number of equal parts, or the places of the cuts.
    axis : int
        Which axis.
    squeeze_axis : bool
        Remove the axis, which has length 1 in each part then.

    Returns
    -------
    list of ndarray, or ndarray for one part
    """
    length = np.shape(ary)[axis]
    if isinstance(indices_or_sections, int) and length % indices_or_sections:
        raise ValueError(
            f"split_v2: axis {axis} of length {length} cannot be cut into {indices_or_sections} parts"
        )
    return pieces(ary, indices_or_sections, axis, squeeze_axis)


@operator("_split_v2", npx=False)
def split_v2_node(data, indices=(), axis=1, squeeze_axis=False, sections=0):
    """`split_v2` as files of symbols have it: `sections`, or places that begin with 0."""
    return split_v2(data, sections or tuple(indices)[1:], axis, squeeze_axis)


@operator("cumsum", "_np_cumsum", npx=False)
def cumsum(a, axis=None, dtype=None):
    """Sums of the elements up to each, along an axis or of the flattened array."""
    dtype = numpy.dtype(dtype or a.dtype)
    return np.cumsum(a, axis=axis, dtype=dtype)


@operator("khatri_rao", inputs=1, npx=False)
def khatri_rao(*args):
    """The Khatri-Rao product of matrices: their columns' Kronecker products.

    Parameters
    ----------
    *args : ndarray
        Matrices with the same number of columns.

    Returns
    -------
    ndarray
        With as many rows as the product of the numbers of rows.
    """
    if len({np.shape(matrix)[1:] for matrix in args}) != 1 or np.ndim(args[0]) != 2:
        raise ValueError("khatri_rao: all arguments must be matrices with the same number of columns")
    out = args[0]
    for matrix in args[1:]:
        out = np.reshape(out[:, None, :] * matrix[None, :, :], (-1, np.shape(matrix)[1]))
    return out if len(args) > 1 else np.copy(out)


@operator("moments", npx=False)
def moments(data, axes=None, keepdims=False):
    """Mean and variance along axes.

    Parameters
    ----------
    data : ndarray
        Any shape.
    axes : int or tuple of int
        None: all.
    keepdims : bool
        Keep the axes with length 1.

    Returns
    -------
    list of ndarray
        The mean, and the mean of the squared differences from it.
    """
    axes = tuple(range(np.ndim(data))) if axes is None else per_axis(axes)
    mean = np.mean(data, axis=axes, keepdims=True)
    variance = np.mean(np.square(data - mean), axis=axes, keepdims=True)
    if keepdims:
        return [mean, variance]
    left = [n for i, n in enumerate(np.shape(data)) if i not in {a % np.ndim(data) for a in axes}]
    shape = tuple(left) if left or is_np_shape() else (1,)
    return [np.reshape(mean, shape), np.reshape(variance, shape)]
