"""Functions of `mx.npx` that are no operators of the table: files, shapes after another array, indices."""

from minpy import _core
from minpy import numpy as np

__all__ = ["arange_like", "load", "nonzero", "reshape_like", "save"]


def save(file, arr):
    """Save an array, a list of arrays or a dict of them; see `nd.save`.

    Parameters
    ----------
    file : str
        File name or URL.
    arr : ndarray, list of ndarray or dict of str to ndarray
        What to save.
    """
    from minpy import nd

    def convert(x):
        if not isinstance(x, _core.ndarray):
            raise TypeError(f"save takes arrays, and lists and dicts of arrays, not {type(x)}")
        return nd.array(x, dtype=x.dtype)

    if isinstance(arr, dict):
        arr = {name: convert(value) for name, value in arr.items()}
    else:
        arr = [convert(x) for x in (arr if isinstance(arr, (list, tuple)) else [arr])]
    nd.save(file, arr)


def load(file):
    """The list or dict of arrays that a file of `npx.save` or `nd.save` holds."""
    from minpy import nd

    found = nd.load(file)
    if isinstance(found, dict):
        return {name: value.as_np_ndarray() for name, value in found.items()}
    return [value.as_np_ndarray() for value in found]


def nonzero(a):
    """The positions of the elements that are not 0, one per row, as int64 (count, ndim)."""
    return np.argwhere(a)


def reshape_like(lhs, rhs):
    """`lhs` in the shape of `rhs`."""
    return np.reshape(lhs, rhs.shape)


def arange_like(data, start=0.0, step=1.0, axis=None):
    """Evenly spaced numbers in the shape of `data`, or as many as an axis of it is long."""
    count = data.size if axis is None else data.shape[axis]
    values = (start + step * np.arange(count)).astype(data.dtype)
    return values.reshape(data.shape) if axis is None else values
