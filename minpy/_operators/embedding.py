"""Rows and elements by their numbers, and sequences of unequal length.

Numbers may be of any real dtype; fractions are cut off, as in MXNet. A number outside the range raises IndexError with
its value and place, except where a mode says what it means.
"""

import math

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._operators.finiteness import is_floating
from minpy._operators.registry import operator

_kernels = _core.kernels


def _rows(indices, n, mode):
    """The numbers as int64 within range; an error where they are not."""
    return _kernels.take(np.arange(n, dtype="float64"), indices, mode=mode).astype("int64")


@operator("Embedding", "_sparse_Embedding", "_contrib_SparseEmbedding", inputs=2)
def embedding(data, weight, input_dim=None, output_dim=None, dtype=None, sparse_grad=False):
    """Look up rows of a table.

    Parameters
    ----------
    data : ndarray
        Numbers of rows, of any shape.
    weight : ndarray
        The table, of shape (input_dim, output_dim).
    input_dim, output_dim : int
        The shape of `weight`; None: as it is.
    dtype : str
        The dtype of `weight`; it decides where the two differ.
    sparse_grad : bool
        Accepted; the gradient of an array is an array.

    Returns
    -------
    ndarray
        Of shape (*data.shape, output_dim).
    """
    weight = np.asarray(weight)
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight must have two axes, its shape is {weight.shape}")
    for name, given, found in (
        ("input_dim", input_dim, weight.shape[0]),
        ("output_dim", output_dim, weight.shape[1]),
    ):
        if given is not None and given != found:
            raise ValueError(f"embedding: {name} is {given}, but weight has shape {weight.shape}")
    return take(weight, data, mode="raise")


@operator("take", inputs=2)
def take(a, indices, axis=0, mode="clip"):
    """Take slices along an axis by their numbers.

    Parameters
    ----------
    a : ndarray
        Any shape.
    indices : ndarray
        Numbers, of any shape.
    axis : int
        The axis that they count along.
    mode : {'clip', 'wrap', 'raise'}
        Numbers out of range: the nearest in range, modulo the length, or IndexError.

    Returns
    -------
    ndarray
        The shape of `a` with that of `indices` in the place of `axis`.
    """
    a, indices = np.asarray(a), np.asarray(indices)
    if is_floating(a):
        return _kernels.take(a, indices, axis=axis, mode=mode)
    return np.take(a, _rows(indices, a.shape[axis], mode), axis=axis)


@operator("pick", "choose_element_0index", inputs=2)
def pick(data, index, axis=-1, keepdims=False, mode="clip"):
    """Pick one element of each line along an axis.

    Parameters
    ----------
    data : ndarray
        Any shape.
    index : ndarray
        The number of the element in each line: the shape of `data` without `axis`, or with length 1 there.
    axis : int
        The axis of the lines; None: the flattened array is one line, and `index` may have any shape.
    keepdims : bool
        Keep the axis, with length 1.
    mode : {'clip', 'wrap', 'raise'}
        Numbers out of range: the nearest in range, modulo the length, or IndexError.

    Returns
    -------
    ndarray
    """
    data, index = np.asarray(data), np.asarray(index)
    if axis is None:
        return take(np.reshape(data, (-1,)), index, mode=mode)
    axis = axis + data.ndim if axis < 0 else axis
    if index.ndim == data.ndim and index.shape[axis] == 1:
        index = np.squeeze(index, axis)
    if is_floating(data):
        out = _kernels.pick(data, index, axis=axis, mode=mode)
        return np.expand_dims(out, axis) if keepdims else out
    rows = np.expand_dims(_rows(index, data.shape[axis], mode), axis)
    out = np.take_along_axis(data, rows, axis)
    return out if keepdims else np.squeeze(out, axis)


@operator("batch_take", inputs=2)
def batch_take(a, indices):
    """Pick one element of each row.

    Parameters
    ----------
    a : ndarray
        Of shape (n, m).
    indices : ndarray
        Numbers of columns, of shape (n,).

    Returns
    -------
    ndarray
        Of shape (n,).
    """
    return pick(a, indices, axis=-1, mode="raise")


@operator("one_hot")
def one_hot(indices, depth, on_value=1.0, off_value=0.0, dtype="float32"):
    """Write each number as a row that is `on_value` at its place and `off_value` elsewhere.

    Parameters
    ----------
    indices : ndarray
        Numbers, of any shape. One out of range gives a row of `off_value`.
    depth : int
        The length of the rows.
    on_value, off_value : float
        The two values.
    dtype : str
        The dtype of the result.

    Returns
    -------
    ndarray
        Of shape (*indices.shape, depth).
    """
    rows = np.asarray(indices).astype("int64")
    here = np.expand_dims(rows, -1) == np.arange(depth)
    return np.where(here, float(on_value), float(off_value)).astype(dtype)


@operator("gather_nd", inputs=2)
def gather_nd(data, indices):
    """Gather elements, or slices, by tuples of numbers.

    Parameters
    ----------
    data : ndarray
        Any shape.
    indices : ndarray
        The tuples along the first axis, of length M; they count along the first M axes of `data`. Negative numbers
        count from the end.

    Returns
    -------
    ndarray
        Of shape (*indices.shape[1:], *data.shape[M:]).
    """
    data, indices = np.asarray(data), np.asarray(indices)
    m = indices.shape[0] if indices.ndim else 0
    if not 1 <= m <= data.ndim:
        raise ValueError(
            f"gather_nd: the first axis of indices must have a length from 1 to {data.ndim}, the shape is"
            f" {indices.shape}"
        )
    flat = _kernels.flat_positions(indices, sizes=data.shape[:m])
    return take(np.reshape(data, (math.prod(data.shape[:m]), *data.shape[m:])), flat, mode="raise")


@operator("scatter_nd", inputs=2)
def scatter_nd(data, indices, shape):
    """Write elements, or slices, to places by tuples of numbers into zeros.

    Parameters
    ----------
    data : ndarray
        Of shape (*indices.shape[1:], *shape[M:]).
    indices : ndarray
        The tuples along the first axis, of length M. Negative numbers count from the end; of several equal ones the
        last counts.
    shape : tuple of int
        Of the result.

    Returns
    -------
    ndarray
    """
    data, indices, shape = np.asarray(data), np.asarray(indices), tuple(shape)
    m = indices.shape[0] if indices.ndim else 0
    wanted = (*indices.shape[1:], *shape[m:])
    if not 1 <= m <= len(shape) or data.shape != wanted:
        raise ValueError(
            f"scatter_nd: for indices of shape {indices.shape} and a result of shape {shape}, data must have shape"
            f" {wanted}, not {data.shape}"
        )
    flat = _kernels.flat_positions(indices, sizes=shape[:m])
    out = np.zeros((math.prod(shape[:m]), *shape[m:]), data.dtype)
    out[flat] = data
    return np.reshape(out, shape)


@operator("SequenceMask", inputs=2)
def sequence_mask(data, sequence_length=None, use_sequence_length=False, value=0.0, axis=0):
    """Replace what follows the end of each sequence.

    Parameters
    ----------
    data : ndarray
        Of shape (time, batch, ...), or (batch, time, ...) with `axis` 1.
    sequence_length : ndarray
        The lengths, of shape (batch,).
    use_sequence_length : bool
        Without it, nothing is replaced.
    value : float
        The replacement.
    axis : {0, 1}
        The axis of time.

    Returns
    -------
    ndarray
        Of the shape of `data`.
    """
    data = np.asarray(data)
    lengths = _lengths("sequence_mask", data, sequence_length, use_sequence_length, axis)
    if lengths is None:
        return np.positive(data)
    inside = np.expand_dims(np.arange(data.shape[axis]), 1 - axis) < np.expand_dims(lengths, axis)
    return np.where(np.reshape(inside, (*inside.shape, *(1,) * (data.ndim - 2))), data, float(value))


@operator("SequenceLast", inputs=2)
def sequence_last(data, sequence_length=None, use_sequence_length=False, axis=0):
    """Take the last element of each sequence.

    Parameters
    ----------
    data : ndarray
        Of shape (time, batch, ...), or (batch, time, ...) with `axis` 1.
    sequence_length : ndarray
        The lengths, at least 1, of shape (batch,).
    use_sequence_length : bool
        Without it, all sequences are as long as the axis.
    axis : {0, 1}
        The axis of time.

    Returns
    -------
    ndarray
        Of shape (batch, ...).
    """
    data = np.asarray(data)
    lengths = _lengths("sequence_last", data, sequence_length, use_sequence_length, axis, least=1)
    if lengths is None:
        return take(data, data.shape[axis] - 1, axis=axis, mode="raise")
    return _at_times(data, lengths - 1, axis)


@operator("SequenceReverse", inputs=2)
def sequence_reverse(data, sequence_length=None, use_sequence_length=False, axis=0):
    """Reverse each sequence; what follows its end stays.

    Parameters
    ----------
    data : ndarray
        Of shape (time, batch, ...), or (batch, time, ...) with `axis` 1.
    sequence_length : ndarray
        The lengths, of shape (batch,).
    use_sequence_length : bool
        Without it, all sequences are as long as the axis.
    axis : {0, 1}
        The axis of time.

    Returns
    -------
    ndarray
        Of the shape of `data`.
    """
    data = np.asarray(data)
    lengths = _lengths("sequence_reverse", data, sequence_length, use_sequence_length, axis, least=0)
    if lengths is None:
        return np.flip(data, axis)
    time = np.expand_dims(np.arange(data.shape[axis]), 1 - axis)
    lengths = np.expand_dims(lengths, axis)
    return _at_times(data, np.where(time < lengths, lengths - 1 - time, time), axis)


def _lengths(name, data, sequence_length, use_sequence_length, axis, least=None):
    """The lengths as int64, checked when `least` is given; None when they are not used."""
    if axis not in (0, 1) or data.ndim < 2:
        raise ValueError(f"{name}: axis must be 0 or 1 of at least two, got {axis} of {data.ndim}")
    if not use_sequence_length:
        return None
    batch, time = data.shape[1 - axis], data.shape[axis]
    lengths = numpy.asarray(sequence_length)
    if lengths.shape != (batch,):
        raise ValueError(f"{name}: sequence_length must have shape ({batch},), not {lengths.shape}")
    lengths = lengths.astype(numpy.int64)
    wrong = numpy.flatnonzero((lengths < least) | (lengths > time)) if least is not None else ()
    if len(wrong):
        at = wrong[0]
        raise IndexError(f"{name}: sequence_length[{at}] is {lengths[at]}, it must be from {least} to {time}")
    return np.asarray(lengths)


def _at_times(data, times, axis):
    """The elements at `times`, whose last axis is the batch, or the other one of two beside time."""
    lead, rest = data.shape[:2], data.shape[2:]
    batch = np.arange(lead[1 - axis])
    if times.ndim == 2:
        batch = np.expand_dims(batch, axis)
    flat = times * lead[1] + batch if axis == 0 else batch * lead[1] + times
    return take(np.reshape(data, (math.prod(lead), *rest)), flat, mode="raise")
