"""Functions of `mx.npx` that are no operators of the table: files, shapes after another array, indices."""

import builtins

from minpy import _core
from minpy import numpy as np

__all__ = [
    "arange_like",
    "batch_flatten",
    "cast",
    "load",
    "nonzero",
    "reshape",
    "reshape_like",
    "save",
    "slice",
]


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


def reshape(a, newshape, reverse=False, order="C"):
    """`a` in another shape.

    Parameters
    ----------
    a : ndarray
        Any array.
    newshape : int or tuple of int
        Lengths, and codes for the axes of `a` in their order: -1 what is left (once), -2 the axis as it is, -3 an axis of
        length 1 goes, -4 all that remain, -5 two axes become one, -6 the axis is split into the two lengths that follow,
        one of which may be -1.
    reverse : bool
        Read shape and codes from right to left.
    order : {'C'}
        The order of the elements.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        When the codes do not fit the shape.
    """
    if order != "C":
        raise NotImplementedError(f"npx.reshape knows order 'C', not {order!r}")
    codes = [newshape] if isinstance(newshape, int) else list(newshape)
    shape = list(a.shape)
    if reverse:
        return np.reshape(a, _coded_shape(shape[::-1], codes[::-1])[::-1])
    return np.reshape(a, _coded_shape(shape, codes))


def _coded_shape(shape, codes):
    made, at, codes = [], 0, iter(codes)
    try:
        for code in codes:
            if code >= -1:
                made.append(code)
                at += 1
            elif code == -2:
                made.append(shape[at])
                at += 1
            elif code == -3:
                if shape[at] != 1:
                    raise ValueError(
                        f"-3 stands for an axis of length 1; axis {at} of {tuple(shape)} is longer"
                    )
                at += 1
            elif code == -4:
                made += shape[at:]
                at = len(shape)
            elif code == -5:
                made.append(shape[at] * shape[at + 1])
                at += 2
            elif code == -6:
                made += _split_length(shape[at], next(codes), next(codes))
                at += 1
            else:
                raise ValueError(f"{code} is no code of npx.reshape")
    except (IndexError, StopIteration):
        raise ValueError(f"the codes ask for more axes than {tuple(shape)} has") from None
    return tuple(made)


def _split_length(length, first, second):
    first = length // second if first == -1 else first
    second = length // first if second == -1 else second
    if first * second != length:
        raise ValueError(f"an axis of length {length} cannot be split into {first} and {second}")
    return [first, second]


def slice(data, begin, end, step=()):
    """`data[begin[0]:end[0]:step[0], begin[1]:...]`; None is an open end."""
    steps = [*step, *[None] * (len(begin) - len(step))]
    return np.copy(data[tuple(builtins.slice(*part) for part in zip(begin, end, steps, strict=True))])


def cast(data, dtype):
    """The elements in another dtype."""
    return data.astype(dtype)


def batch_flatten(data):
    """All axes but the first as one."""
    return np.reshape(data, (data.shape[0], -1))
