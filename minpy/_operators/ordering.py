"""Sorted elements and their positions. Of equal elements the first comes first, in either direction."""

import numpy

import minpy.numpy as np
from minpy._operators.registry import operator


def _line(data, axis):
    """The data and the axis to sort along; axis None flattens."""
    return (np.reshape(data, (-1,)), 0) if axis is None else (data, axis)


def _order(data, axis, is_ascend):
    """The positions that sort the data, as int64; stable in both directions."""
    if is_ascend:
        return np.argsort(data, axis=axis, kind="stable")
    last = np.shape(data)[axis] - 1
    return last - np.flip(np.argsort(np.flip(data, axis), axis=axis, kind="stable"), axis)


@operator("sort", npx=False)
def sort(data, axis=-1, is_ascend=True):
    """Sort along an axis.

    Parameters
    ----------
    data : ndarray
        Any shape.
    axis : int
        Along which; None: the flattened array.
    is_ascend : bool
        The smallest first, else the largest.

    Returns
    -------
    ndarray
    """
    data, axis = _line(data, axis)
    out = np.sort(data, axis=axis)
    return out if is_ascend else np.copy(np.flip(out, axis))


@operator("argsort", npx=False)
def argsort(data, axis=-1, is_ascend=True, dtype="float32"):
    """The positions of the elements in sorted order along an axis.

    Parameters
    ----------
    data : ndarray
        Any shape.
    axis : int
        Along which; None: the flattened array.
    is_ascend : bool
        The smallest first, else the largest.
    dtype : dtype
        Of the positions.

    Returns
    -------
    ndarray
    """
    data, axis = _line(data, axis)
    return _order(data, axis, is_ascend).astype(numpy.dtype(dtype))


@operator("topk")
def topk(data, axis=-1, k=1, ret_typ="indices", is_ascend=False, dtype="float32"):
    """The k largest (or smallest) elements along an axis, in order.

    Parameters
    ----------
    data : ndarray
        Any shape.
    axis : int
        Along which; None: the flattened array.
    k : int
        How many; 0: all.
    ret_typ : {'indices', 'value', 'both', 'mask'}
        Return their positions, the elements, a list of elements and positions, or an array of the shape of `data`
        that is 1 at their places and 0 elsewhere.
    is_ascend : bool
        The smallest elements instead of the largest.
    dtype : dtype
        Of the positions.

    Returns
    -------
    ndarray or list of ndarray
    """
    if ret_typ not in ("indices", "value", "both", "mask"):
        raise ValueError(f"topk: ret_typ must be 'indices', 'value', 'both' or 'mask', got {ret_typ!r}")
    shape = np.shape(data)
    data, axis = _line(data, axis)
    length = np.shape(data)[axis]
    if not 0 <= k <= length:
        raise ValueError(f"topk: k must be from 0 to {length}, got {k}")
    order = _order(data, axis, is_ascend)
    if k:
        index = [slice(None)] * np.ndim(data)
        index[axis] = slice(k)
        order = np.copy(order[tuple(index)])
    if ret_typ == "mask":
        mask = np.zeros_like(data)
        np.put_along_axis(mask, order, 1, axis)
        return np.reshape(mask, shape)
    if ret_typ == "indices":
        return order.astype(numpy.dtype(dtype))
    values = np.take_along_axis(data, order, axis)
    return values if ret_typ == "value" else [values, order.astype(numpy.dtype(dtype))]
