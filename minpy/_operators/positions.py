"""Places of elements: as tuples and as numbers in the flat order, chosen by masks, counted, filled."""

import math

import numpy

import minpy.numpy as np
from minpy._operators.registry import operator
from minpy._operators.repetition import beside


def _strides(shape):
    return [math.prod(shape[i + 1 :]) for i in range(len(shape))]


@operator("_ravel_multi_index", "ravel_multi_index", npx=False)
def ravel_multi_index(data, shape=None):
    """The numbers, in the flat order of an array of the given shape, of places.

    Parameters
    ----------
    data : ndarray
        Of shape (len(shape), ...): a place is a column.
    shape : tuple of int
        Of the array; the first length does not matter and may be -1.

    Returns
    -------
    ndarray
        In the dtype of `data`.
    """
    strides = np.array(_strides(tuple(shape)), dtype="int64").reshape((-1,) + (1,) * (np.ndim(data) - 1))
    return np.sum(data.astype("int64") * strides, axis=0).astype(numpy.dtype(data.dtype))


@operator("_unravel_index", "unravel_index", npx=False)
def unravel_index(data, shape=None):
    """The places, in an array of the given shape, of numbers in its flat order.

    Parameters
    ----------
    data : ndarray
        Numbers, of any shape.
    shape : tuple of int
        Of the array; the first length may be -1.

    Returns
    -------
    ndarray
        Of shape (len(shape), *data.shape): a place is a column.
    """
    shape, rest, columns = tuple(shape), data.astype("int64"), []
    for i, stride in enumerate(_strides(shape)):
        columns.append(rest // stride if i == 0 else (rest // stride) % shape[i])
    return np.stack([column.astype(numpy.dtype(data.dtype)) for column in columns])


@operator("_histogram", "histogram", inputs=1, npx=False)
def histogram(a, bins=10, range=None, bin_cnt=None):
    """Count the elements in intervals.

    Parameters
    ----------
    a : ndarray
        Any shape.
    bins : int or ndarray
        The number of intervals of equal length, or their ends.
    range : tuple of float
        The ends of all when `bins` is a number; None: the smallest and largest element.
    bin_cnt : int
        The number of intervals, in the operator's own spelling.

    Returns
    -------
    list of ndarray
        The counts as int64, and the ends in the dtype of `a`.
    """
    bins = bins if bin_cnt is None else bin_cnt
    values = numpy.asarray(a.detach())
    edges = bins if isinstance(bins, int) else numpy.asarray(bins)
    counts, edges = numpy.histogram(values, edges, range)
    return [beside(a, np.array(counts)), beside(a, np.array(edges.astype(numpy.dtype(a.dtype))))]


@operator("fill_element_0index", inputs=3, npx=False)
def fill_element_0index(lhs, mhs, rhs):
    """`lhs` with element rhs[i] of row i replaced by mhs[i]."""
    here = np.expand_dims(rhs.astype("int64"), 1) == np.arange(np.shape(lhs)[1])
    return np.where(here, np.expand_dims(mhs, 1), lhs)


@operator("_contrib_arange_like", "_npx_arange_like")
def arange_like(data, start=0.0, step=1.0, repeat=1, ctx=None, axis=None):
    """Evenly spaced numbers, as many as the data or one of its axes has.

    Parameters
    ----------
    data : ndarray
        Any shape.
    start, step : float
        The first number, and the difference to the next.
    repeat : int
        How often each number comes.
    ctx : Context
        The device is that of the data.
    axis : int
        The axis whose length the result has; None: the result has the shape of the data.

    Returns
    -------
    ndarray
    """
    shape = np.shape(data) if axis is None else (np.shape(data)[axis],)
    steps = numpy.arange(math.prod(shape)) // repeat
    values = (start + steps * step).astype(numpy.dtype(data.dtype))
    return beside(data, np.array(values.reshape(shape)))


@operator("_contrib_boolean_mask", inputs=2, npx=False)
def boolean_mask(data, index, axis=0):
    """The slices along an axis where `index` is not zero."""
    if np.ndim(index) != 1 or np.shape(index)[0] != np.shape(data)[axis]:
        raise ValueError(
            f"boolean_mask: index must have the shape {(np.shape(data)[axis],)}, its shape is {np.shape(index)}"
        )
    return np.take(data, np.asarray(numpy.flatnonzero(numpy.asarray(index.detach()))), axis=axis)


@operator("_contrib_index_copy", inputs=3)
def index_copy(old_tensor, index_vector, new_tensor):
    """`old_tensor` with the rows at `index_vector` replaced by those of `new_tensor`."""
    rows = index_vector.astype("int64")
    if np.shape(new_tensor) != (np.shape(rows)[0], *np.shape(old_tensor)[1:]):
        raise ValueError(
            f"index_copy: new_tensor must have shape {(np.shape(rows)[0], *np.shape(old_tensor)[1:])}, its shape is"
            f" {np.shape(new_tensor)}"
        )
    length = np.shape(old_tensor)[0]
    source = numpy.full(length, -1)
    given = numpy.asarray(rows)
    if given.size and (given.min() < 0 or given.max() >= length):
        raise IndexError(f"index_copy: an index of {given.tolist()} is out of range for {length} rows")
    source[given] = numpy.arange(len(given))
    return np.take(
        np.concatenate([new_tensor, old_tensor]),
        np.asarray(numpy.where(source < 0, numpy.arange(length) + len(given), source)),
        axis=0,
    )


@operator("_contrib_index_array", npx=False)
def index_array(data, axes=None):
    """For each element its place, or the part of it on some axes, along a new last axis; int64."""
    shape = np.shape(data)
    places = numpy.stack(numpy.indices(shape, dtype="int64"), axis=-1)
    if axes is not None:
        places = places[..., [axes] if isinstance(axes, int) else list(axes)]
    return beside(data, np.array(places))


@operator("_contrib_getnnz", npx=False)
def getnnz(data, axis=None):
    """The number of stored elements of a csr array, of those that are not zero of a dense one; int64."""
    dense = data.tostype("default") if hasattr(data, "tostype") else data
    return beside(dense, np.reshape(np.count_nonzero(dense, axis=axis), (-1,)).astype("int64"))
