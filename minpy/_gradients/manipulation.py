"""Functions that only move elements, by one trick: NumPy moves the elements' numbers, and a gather the elements.

Where NumPy returns a view, the view is returned and the tape follows it by itself.
"""

import functools

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._gradients.registry import composite, direct, is_differentiable, record_composite
from minpy._nested import like_sequence


class Leaves:
    """The arrays and scalars in a nested argument, and the numbers of their elements."""

    def __init__(self):
        self.items = []
        self.starts = [0]

    def code(self, value):
        """`value` with every array or number replaced by its elements' numbers."""
        if type(value) in (tuple, list):
            return type(value)(self.code(item) for item in value)
        is_scalar = isinstance(value, (int, float, complex, numpy.generic))
        if not is_scalar and not isinstance(value, (_core.ndarray, numpy.ndarray)):
            return value
        item = np.asarray(value)
        start, stop = self.starts[-1], self.starts[-1] + item.size
        self.items.append(item)
        self.starts.append(stop)
        return start if is_scalar else numpy.arange(start, stop).reshape(item.shape)

    def gather(self, codes, dtype):
        """The elements with the given numbers."""
        used = self._leaves_of(codes)
        first = self.starts[used[0]]
        parts = [np.ravel(_as_dtype(self.items[i], dtype)) for i in used]
        pool = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if len(parts) > 1:
            offsets = numpy.cumsum([0] + [p.size for p in parts[:-1]]) - [self.starts[i] for i in used]
            leaf = numpy.searchsorted(self.starts, codes, side="right") - 1
            codes = codes + offsets[numpy.searchsorted(used, leaf)]
        else:
            codes = codes - first
        return pool[np.asarray(codes)]

    def have_taped(self, codes):
        """Whether any of the elements has a gradient history."""
        return any(_core.is_taped(self.items[i]) for i in self._leaves_of(codes))

    def _leaves_of(self, codes):
        if codes.size == 0:
            return [0]
        leaves = numpy.searchsorted(self.starts, codes.reshape(-1), side="right") - 1
        return [int(i) for i in numpy.unique(leaves)]


def _as_dtype(a, dtype):
    return a if a.dtype == dtype else a.astype(dtype)


def rearrange(fallback, args, kwargs, data):
    """Runs a function that moves elements; `data` names the arguments (places or keywords) that hold them."""
    outputs = fallback.call_numpy(*args, **kwargs)
    return gather_like(fallback, outputs, args, kwargs, data)


def gather_like(fallback, outputs, args, kwargs, data):
    """The outputs that NumPy gave, as gathers from the data arguments."""
    flat = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
    if all(not is_differentiable(o) or _core.is_taped(o) for o in flat):
        return outputs
    leaves = Leaves()
    args = tuple(leaves.code(a) if i in data else a for i, a in enumerate(args))
    kwargs = {
        key: leaves.code(value) if key in data else value for key, value in kwargs.items() if key != "dtype"
    }
    codes = _core.to_numpy(fallback.call_numpy(*args, **kwargs))
    if not isinstance(outputs, (tuple, list)):
        return _one(leaves, outputs, codes)
    return like_sequence(outputs, [_one(leaves, o, c) for o, c in zip(outputs, codes)])


def _one(leaves, output, codes):
    codes = numpy.asarray(codes)
    if not is_differentiable(output) or _core.is_taped(output) or not leaves.have_taped(codes):
        return output
    return leaves.gather(codes, output.dtype)


def moves(names, *data):
    """Registers functions that move the elements of the given arguments."""

    def rule(fallback, *args, **kwargs):
        return rearrange(fallback, args, kwargs, data)

    direct(*names.split())(rule)


moves("roll tile repeat resize delete reshape ravel flatten squeeze expand_dims transpose", 0, "a")
moves("rot90 flip flipud fliplr rollaxis moveaxis swapaxes matrix_transpose permute_dims", 0, "a", "m")
moves(
    "take take_along_axis trim_zeros unstack ndarray.__getitem__ fft.fftshift fft.ifftshift",
    0,
    "a",
    "arr",
    "x",
)
moves("ndarray.take ndarray.repeat ndarray.compress ndarray.__iter__", 0)
moves("compress extract", 1, "a", "arr")
moves("block concatenate concat stack vstack hstack dstack column_stack row_stack", 0, "arrays", "tup")
moves("meshgrid", *range(32))
moves(
    "broadcast_arrays broadcast_to split array_split hsplit vsplit dsplit atleast_1d atleast_2d atleast_3d",
    *range(32),
)
moves("diagonal linalg.diagonal linalg.matrix_transpose lib.stride_tricks.as_strided", 0, "a")
moves("lib.stride_tricks.sliding_window_view", 0, "x")


@direct("insert")
def insert(fallback, arr, obj, values, axis=None):
    return rearrange(fallback, (arr, obj, values, axis), {}, (0, 2))


@direct("append")
def append(fallback, arr, values, axis=None):
    return rearrange(fallback, (arr, values, axis), {}, (0, 1))


@direct("r_.__getitem__", "c_.__getitem__")
def concatenator(fallback, key):
    items = key if isinstance(key, tuple) else (key,)
    items = tuple(numpy.r_[item] if isinstance(item, slice) else item for item in items)
    return rearrange(fallback, (items,), {}, (0,))


@composite("diag")
def diag(v, k=0):
    v = np.asarray(v)
    return np.diagonal(v, k) if v.ndim == 2 else diagonal_matrix(v, k)


@composite("diagflat")
def diagflat(v, k=0):
    return diagonal_matrix(np.ravel(np.asarray(v)), k)


def diagonal_matrix(v, k=0):
    """A matrix with the vector (or stack of vectors) `v` on its k-th diagonal."""
    n = v.shape[-1] + abs(k)
    matrix = np.zeros((*v.shape[:-1], n, n), dtype=v.dtype)
    rows = numpy.arange(v.shape[-1]) + max(-k, 0)
    matrix[..., rows, rows + k] = v
    return matrix


@composite("tril")
def tril(m, k=0):
    m = np.asarray(m)
    return np.where(np.tri(*m.shape[-2:], k=k, dtype=bool), m, np.zeros((), dtype=m.dtype))


@composite("triu")
def triu(m, k=0):
    m = np.asarray(m)
    return np.where(np.tri(*m.shape[-2:], k=k - 1, dtype=bool), np.zeros((), dtype=m.dtype), m)


@composite("trace", "ndarray.trace")
def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    a = np.asarray(a)
    return np.sum(np.diagonal(a if dtype is None else a.astype(dtype), offset, axis1, axis2), axis=-1)


@composite("linalg.trace")
def linalg_trace(x, /, *, offset=0, dtype=None):
    return trace(x, offset, -2, -1, dtype)


# --- pad ---

_MOVING_PADS = ("constant", "edge", "symmetric", "reflect", "wrap", "empty")


@direct("pad")
def pad(fallback, array, pad_width, mode="constant", **kwargs):
    outputs = fallback.call_numpy(array, pad_width, mode, **kwargs)
    if mode in _MOVING_PADS and kwargs.get("reflect_type", "even") == "even":
        if mode == "constant":
            kwargs = {"constant_values": kwargs.get("constant_values", 0)}
        elif mode == "empty":
            mode = "edge"
        return gather_like(fallback, outputs, (array, pad_width, mode), kwargs, (0, "constant_values"))
    return record_composite(computed_pad, "pad", outputs, (array, pad_width, mode), kwargs)


def _pairs(value, ndim):
    if isinstance(value, dict):
        return [value.get(k, value.get(k - ndim, (0, 0))) for k in range(ndim)]
    return [tuple(pair) for pair in numpy.broadcast_to(_core.to_numpy(value), (ndim, 2)).tolist()]


def computed_pad(array, pad_width, mode, **kwargs):
    """The pads that are computed from the array's elements, one axis after the other."""
    for axis, (before, after) in enumerate(_pairs(pad_width, array.ndim)):
        x = np.moveaxis(array, axis, 0)
        values = _pairs(kwargs.get("end_values", 0), array.ndim)[axis]
        lengths = kwargs.get("stat_length")
        lengths = _pairs(lengths, array.ndim)[axis] if lengths is not None else (len(x), len(x))
        if mode == "linear_ramp":
            left, right = _ramp(values[0], x[:1], before), _ramp(values[1], x[-1:], after)[::-1]
        elif mode == "reflect":
            left, right = _odd_reflection(x, before), _odd_reflection(x[::-1], after)[::-1]
        elif mode in ("maximum", "minimum", "mean", "median"):
            statistic = functools.partial(
                getattr(np, {"maximum": "max", "minimum": "min"}.get(mode, mode)), axis=0, keepdims=True
            )
            left = np.repeat(statistic(x[: lengths[0]]), before, axis=0)
            right = np.repeat(statistic(x[len(x) - min(lengths[1], len(x)) :]), after, axis=0)
        else:
            raise NotImplementedError(
                f"numpy.pad has no gradient rule for mode={mode!r} with these arguments"
            )
        array = np.moveaxis(np.concatenate([left, x, right]), 0, axis)
    return array


def _ramp(end, edge, count):
    steps = np.asarray(numpy.arange(count) / max(count, 1)).reshape((-1,) + (1,) * (edge.ndim - 1))
    return end + (edge - end) * steps


def _odd_reflection(x, count):
    """The `count` elements before the first, each reflected through the edge; nearest last."""
    if count >= len(x):
        raise NotImplementedError("numpy.pad has no gradient rule for odd reflections longer than the array")
    return 2 * x[:1] - x[count:0:-1]
