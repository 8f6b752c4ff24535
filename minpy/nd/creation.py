"""New NDArrays. The default dtype is float32, whatever the source, as in MXNet."""

import numpy

import minpy.numpy as np
from minpy.nd.ndarray import NDArray, fresh_nd, to_nd

__all__ = [
    "arange",
    "array",
    "empty",
    "eye",
    "from_numpy",
    "full",
    "linspace",
    "ones",
    "ones_like",
    "zeros",
    "zeros_like",
]


def _dtype(dtype):
    return numpy.float32 if dtype is None else dtype


def array(source_array, ctx=None, dtype=None):
    """A new array with the given elements.

    Parameters
    ----------
    source_array : array_like
        Nested lists, a NumPy array, an NDArray.
    ctx : Context
        The device; None: the current one.
    dtype : dtype
        None: that of an NDArray, else float32.

    Returns
    -------
    NDArray
    """
    if dtype is None and isinstance(source_array, NDArray):
        dtype = source_array.dtype
    if hasattr(source_array, "indptr") or getattr(source_array, "stype", "default") != "default":
        from minpy.nd import sparse

        return sparse.array(source_array, ctx, dtype)
    if isinstance(source_array, (list, tuple)):
        source_array = [numpy.asarray(item) if isinstance(item, NDArray) else item for item in source_array]
    return fresh_nd(np.array(numpy.asarray(source_array), dtype=_dtype(dtype)), ctx)


def zeros(shape, ctx=None, dtype=None, stype=None, **kwargs):
    """An array of zeros; `stype` 'row_sparse' and 'csr' are served by nd.sparse."""
    if stype not in (None, "default"):
        from minpy.nd import sparse

        return sparse.zeros(stype, shape, ctx, dtype)
    return _filled(np.zeros, shape, ctx, dtype, kwargs)


def ones(shape, ctx=None, dtype=None, **kwargs):
    """An array of ones."""
    return _filled(np.ones, shape, ctx, dtype, kwargs)


def empty(shape, ctx=None, dtype=None):
    """An array whose elements are not set."""
    return _filled(np.empty, shape, ctx, dtype, {})


def full(shape, val, ctx=None, dtype=None, out=None):
    """An array of one value."""
    if out is not None:
        out[...] = val
        return out
    return fresh_nd(np.full(shape, val, dtype=_dtype(dtype)), ctx)


def _filled(function, shape, ctx, dtype, kwargs):
    out = kwargs.pop("out", None)
    kwargs.pop("name", None)
    if kwargs:
        raise TypeError(f"{function.__name__}() got an unexpected keyword argument {next(iter(kwargs))!r}")
    array = function(shape, dtype=_dtype(dtype))
    if out is not None:
        out[...] = array
        return out
    return fresh_nd(array, ctx)


def zeros_like(data, out=None, **kwargs):
    """Zeros of the shape, dtype and device of `data`."""
    return _like(np.zeros, data, out)


def ones_like(data, out=None, **kwargs):
    """Ones of the shape, dtype and device of `data`."""
    return _like(np.ones, data, out)


def _like(function, data, out):
    array = function(data.shape, dtype=data.dtype)
    if out is not None:
        out[...] = array
        return out
    return fresh_nd(array, data.context) if isinstance(data, NDArray) else array


def arange(start, stop=None, step=1.0, repeat=1, infer_range=None, ctx=None, dtype=None):
    """Evenly spaced numbers in [start, stop), each `repeat` times."""
    if stop is None and not infer_range:
        start, stop = 0, start
    values = numpy.arange(start, stop, step, dtype=numpy.float64)
    return fresh_nd(np.array(numpy.repeat(values, repeat), dtype=_dtype(dtype)), ctx)


def linspace(start, stop, num, endpoint=True, ctx=None, dtype=None):
    """`num` evenly spaced numbers from start to stop."""
    return to_nd(np.linspace(start, stop, num, endpoint=endpoint).astype(_dtype(dtype)), ctx)


def eye(N, M=0, k=0, ctx=None, dtype=None, **kwargs):
    """Ones on the k-th diagonal, else zeros; M of 0 makes it square."""
    return fresh_nd(np.eye(N, M or N, k, dtype=_dtype(dtype)), ctx)


def from_numpy(ndarray, zero_copy=True):
    """An NDArray over the memory of a NumPy array, or with a copy of it."""
    return to_nd(np.asarray(ndarray) if zero_copy else np.array(ndarray))
