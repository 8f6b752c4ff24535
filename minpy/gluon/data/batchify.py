"""How samples become a batch: the functions that a DataLoader takes as `batchify_fn`."""

import math

import numpy

import minpy.numpy as np
from minpy import nd
from minpy.gluon.utils import is_array
from minpy.util import is_np_array

__all__ = ["Append", "AsList", "Group", "List", "Pad", "Stack"]


def to_array(values):
    """A new array of the current kind, with the dtype of a NumPy array."""
    values = numpy.asarray(values)
    make = np.array if is_np_array() else nd.array
    return make(values, dtype=values.dtype)


def stack(samples):
    """Samples of one shape along a new first axis; numbers and NumPy arrays keep NumPy's dtype."""
    first = samples[0]
    if isinstance(first, nd.NDArray):
        return nd.stack(*samples)
    if is_array(first):
        return np.stack(samples)
    return to_array(samples)


def default_batchify_fn(data):
    """Arrays are stacked, numbers become an array, and of tuples each element is treated so.

    Parameters
    ----------
    data : list
        Of samples.

    Returns
    -------
    NDArray or list of NDArray
    """
    if isinstance(data[0], tuple):
        return [default_batchify_fn(column) for column in zip(*data, strict=True)]
    return stack(data)


class Stack:
    """Stacks arrays of one shape, or numbers.

    Parameters
    ----------
    use_shared_mem : bool
        Has no effect: batches of worker processes are passed in shared memory anyway.

    Examples
    --------
    >>> batchify.Stack()([[1, 2, 3], [4, 5, 6]]).shape
    (2, 3)
    """

    def __init__(self, use_shared_mem=False):
        self._use_shared_mem = use_shared_mem

    def __call__(self, data):
        return stack(data)


class Pad:
    """Stacks arrays of one number of axes after filling them up to the longest along each axis.

    Parameters
    ----------
    val : float
        What to fill with; None: 0.
    dtype : dtype
        Of the batch; by default that of the first array.
    round_to : int or None
        Make the lengths multiples of it.
    use_shared_mem : bool
        Has no effect.

    Examples
    --------
    >>> batchify.Pad(val=-1)([numpy.array([1, 2]), numpy.array([3])])
    <BLANKLINE>
    [[ 1  2]
     [ 3 -1]]
    <NDArray 2x2 @cpu(0)>
    """

    def __init__(self, val=None, dtype=None, round_to=None, use_shared_mem=False):
        self._val = 0 if val is None else val
        self._dtype = dtype
        self._round_to = round_to
        self._use_shared_mem = use_shared_mem

    def __call__(self, data):
        arrays = [numpy.asarray(item) for item in data]
        if len({array.ndim for array in arrays}) != 1:
            raise ValueError(
                f"arrays of one number of axes are required, given are shapes {[a.shape for a in arrays]}"
            )
        shape = [max(lengths) for lengths in zip(*(array.shape for array in arrays), strict=True)]
        if self._round_to is not None:
            shape = [math.ceil(length / self._round_to) * self._round_to for length in shape]
        batch = numpy.full((len(arrays), *shape), self._val, dtype=self._dtype or arrays[0].dtype)
        for row, array in zip(batch, arrays, strict=True):
            row[tuple(map(slice, array.shape))] = array
        return to_array(batch)


class Append:
    """Makes a list of the samples, each an array of its own.

    Parameters
    ----------
    expand : bool
        Whether to give each an axis of length 1 for the batch.
    batch_axis : int
        Where that axis goes.
    use_shared_mem : bool
        Has no effect.
    """

    def __init__(self, expand=True, batch_axis=0, use_shared_mem=False):
        self._expand = expand
        self._batch_axis = batch_axis
        self._use_shared_mem = use_shared_mem

    def __call__(self, data):
        arrays = [item if is_array(item) else to_array(item) for item in data]
        if self._expand:
            arrays = [np.expand_dims(array, self._batch_axis) for array in arrays]
        return arrays


class Group:
    """Applies a function of its own to each element of the samples.

    Parameters
    ----------
    fn : callable or list of callable
    *args : callable
        The others, where `fn` is not a list.

    Examples
    --------
    >>> DataLoader(dataset, 64, batchify_fn=batchify.Group(batchify.Pad(), batchify.Stack()))
    """

    def __init__(self, fn, *args):
        if isinstance(fn, (list, tuple)):
            assert not args, (
                "Input pattern not understood. The input of Group can be Group(A, B, C) or Group([A, B, C]) or "
                f"Group((A, B, C)). Received fn={fn}, args={args}"
            )
            self._fn = list(fn)
        else:
            self._fn = [fn, *args]
        for one in self._fn:
            assert callable(one), f"Batchify functions must be callable! type(fn[i]) = {type(one)}"

    def __call__(self, data):
        assert len(data[0]) == len(self._fn), (
            f"The number of attributes in each data sample should contains {len(self._fn)} elements"
        )
        return [fn(column) for fn, column in zip(self._fn, zip(*data, strict=True), strict=True)]


class AsList:
    """Leaves the samples a list, of texts for example."""

    def __call__(self, data):
        return list(data)


List = AsList
