"""Arrays made of recorded values: array, asarray, copies and casts, full, linspace and its relatives, vander."""

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._gradients.manipulation import rearrange
from minpy._gradients.registry import composite, constant, direct, record

constant("zeros_like", "ones_like", "empty_like", "shape", "ndim", "size", "ndarray.__array_interface__")


def _identity_vjp(gradients):
    return gradients[0]


@direct("ndarray.astype", "ndarray.__copy__", "ndarray.__deepcopy__", "astype")
def same_values(fallback, a, *args, **kwargs):
    return record(fallback.__name__, [a], fallback.call_numpy(a, *args, **kwargs), _identity_vjp)


@direct(
    "array",
    "asarray",
    "asanyarray",
    "ascontiguousarray",
    "asfortranarray",
    "require",
    "asarray_chkfinite",
    "copy",
)
def from_object(fallback, a, *args, **kwargs):
    if isinstance(a, _core.ndarray):
        return same_values(fallback, a, *args, **kwargs)
    return rearrange(fallback, (a, *args), kwargs, (0,))


@direct("real", "imag", "real_if_close")
def part(fallback, val, *args, **kwargs):
    return fallback.call_numpy(np.asarray(val), *args, **kwargs)  # a view


@composite("full")
def full(shape, fill_value, dtype=None, order="C", **kwargs):
    return np.broadcast_to(_cast(fill_value, dtype), shape)


@composite("full_like")
def full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, **kwargs):
    return np.broadcast_to(_cast(fill_value, dtype or a.dtype), a.shape if shape is None else shape)


def _cast(a, dtype):
    a = np.asarray(a)
    return a if dtype is None else a.astype(dtype)


def _steps(num, endpoint, ndim):
    """The positions between 0 and 1 of a row of numbers, as a column for `ndim` further axes."""
    intervals = num - 1 if endpoint else num
    return np.asarray(numpy.arange(num) / max(intervals, 1)).reshape((num,) + (1,) * ndim)


@composite("arange")
def arange(start, stop=None, step=None, dtype=None, **kwargs):
    if stop is None:
        start, stop = 0.0, start
    step = 1.0 if step is None else step
    values = [numpy.asarray(_core.to_numpy(v)) for v in (start, stop, step)]
    count = len(numpy.arange(*values))
    return start + np.asarray(numpy.arange(float(count))) * step


@composite("linspace")
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, **kwargs):
    start, stop = np.asarray(start), np.asarray(stop)
    span = (stop - start) * 1.0
    result = np.moveaxis(start + span * _steps(num, endpoint, span.ndim), 0, axis)
    return (result, span / max(num - 1 if endpoint else num, 1)) if retstep else result


@composite("logspace")
def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    ndim = max(np.ndim(v) for v in (start, stop, base))
    start, stop, base = (
        np.broadcast_to(np.asarray(v), (1,) * (ndim - np.ndim(v)) + np.shape(v)) for v in (start, stop, base)
    )
    return np.moveaxis(np.power(base, linspace(start, stop, num, endpoint)), 0, axis)


@composite("geomspace")
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    start, stop = np.asarray(start) * 1.0, np.asarray(stop) * 1.0
    ratio = stop / start
    return np.moveaxis(start * np.power(ratio, _steps(num, endpoint, ratio.ndim)), 0, axis)


@composite("vander")
def vander(x, N=None, increasing=False):
    x = np.asarray(x)
    powers = numpy.arange(len(x) if N is None else N)
    columns = [np.ones(x.shape, dtype=x.dtype) if p == 0 else x ** int(p) for p in powers]
    return np.stack(columns if increasing else columns[::-1], axis=1)


@direct("ndarray.fill")
def fill(fallback, a, value):
    a[...] = value


@direct("ndarray.copy")
def copy_method(fallback, a, order="C"):
    return record("copy", [a], fallback.call_numpy(a, order), _identity_vjp)
