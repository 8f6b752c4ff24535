"""Sums, products, extrema, means and scans, with `where`, `initial`, `dtype` and the NaN variants."""

import math

import numpy

import minpy.numpy as np
from minpy._gradients.registry import composite, defgrad, record

NO_VALUE = numpy._NoValue


def given(value):
    """Whether an optional argument was given."""
    return value is not None and value is not NO_VALUE


def axes_of(axis, ndim):
    """The reduced axes as a sorted tuple of numbers from 0."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    return tuple(sorted(int(a) % ndim for a in axes)) if ndim else ()


def masked(x, where, instead):
    """`x`, with a neutral value where it does not take part."""
    return np.where(where, x, np.asarray(instead, dtype=x.dtype)) if where is not True and given(where) else x


def count_of(x, axis, where=True, keepdims=False):
    """How many elements each result is made of, as a number or a NumPy array."""
    if where is True or not given(where):
        return float(math.prod(x.shape[a] for a in axes_of(axis, x.ndim)))
    mask = numpy.broadcast_to(numpy.asarray(where), x.shape)
    return np.asarray(mask.sum(axis=axes_of(axis, x.ndim), keepdims=keepdims, dtype=float))


def _keep(keepdims):
    return bool(keepdims) if given(keepdims) else False


def _prepared(a, dtype, where, neutral):
    a = np.asarray(a)
    a = a.astype(dtype) if given(dtype) else a
    return masked(a, where, neutral)


def _reducer(reduce, combine, neutral):
    """The gradient of a reduction with all the keywords that NumPy gives it."""

    def plain(a, axis=None, keepdims=False, initial=None, where=True, dtype=None):
        a = _prepared(a, dtype, where, neutral)
        if a.ndim == 0:
            result = a
        elif given(initial) and 0 in [a.shape[k] for k in axes_of(axis, a.ndim)]:
            return np.asarray(initial)
        else:
            result = reduce(a, axis=axes_of(axis, a.ndim), keepdims=_keep(keepdims))
        return combine(result, np.asarray(initial)) if given(initial) else result

    return plain


_infinity = float("inf")
reduce_sum = _reducer(np.sum, np.add, 0.0)
reduce_prod = _reducer(np.prod, np.multiply, 1.0)
reduce_max = _reducer(np.max, np.maximum, -_infinity)
reduce_min = _reducer(np.min, np.minimum, _infinity)


@composite("sum")
def sum_(a, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=True):
    return reduce_sum(a, axis, keepdims, initial, where, dtype)


@composite("prod")
def prod(a, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=True):
    return reduce_prod(a, axis, keepdims, initial, where, dtype)


@composite("max", "amax")
def max_(a, axis=None, out=None, keepdims=False, initial=None, where=True):
    return reduce_max(a, axis, keepdims, initial, where)


@composite("min", "amin")
def min_(a, axis=None, out=None, keepdims=False, initial=None, where=True):
    return reduce_min(a, axis, keepdims, initial, where)


@composite("ptp")
def ptp(a, axis=None, out=None, keepdims=False):
    a = np.asarray(a)
    return reduce_max(a, axis, keepdims) - reduce_min(a, axis, keepdims)


@composite("mean")
def mean(a, axis=None, dtype=None, out=None, keepdims=False, *, where=True):
    a = np.asarray(a)
    return reduce_sum(a, axis, keepdims, None, where, dtype) / count_of(a, axis, where, _keep(keepdims))


@composite("var")
def var(
    a,
    axis=None,
    dtype=None,
    out=None,
    ddof=0,
    keepdims=False,
    *,
    where=True,
    mean=NO_VALUE,
    correction=NO_VALUE,
):
    a = _prepared(a, dtype, True, None)
    ddof = correction if given(correction) else ddof
    center = mean if given(mean) else reduce_sum(a, axis, True, None, where) / count_of(a, axis, where, True)
    deviation = a - center
    square = (
        np.real(deviation * np.conj(deviation)) if numpy.dtype(a.dtype).kind == "c" else deviation * deviation
    )
    count = np.maximum(count_of(a, axis, where, _keep(keepdims)) - ddof, 0)
    return reduce_sum(square, axis, keepdims, None, where) / count


@composite("std")
def std(a, *args, **kwargs):
    return np.sqrt(var(a, *args, **kwargs))


@composite("average")
def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    a = np.asarray(a)
    if weights is None:
        result, total = mean(a, axis, keepdims=keepdims), count_of(a, axis)
    else:
        weights = np.asarray(weights)
        if weights.shape != a.shape:
            axes = axes_of(axis, a.ndim)
            named = axis if isinstance(axis, (tuple, list)) else (axis,)
            weights = np.transpose(weights, np.argsort(np.asarray([k % a.ndim for k in named])))
            weights = np.reshape(weights, [a.shape[k] if k in axes else 1 for k in range(a.ndim)])
        weights = np.broadcast_to(weights, a.shape)
        total = reduce_sum(weights, axis, keepdims)
        result = reduce_sum(a * weights, axis, keepdims) / total
    return (result, total + np.zeros(result.shape)) if returned else result


# --- Without NaN ---


def _numbers_among(a, where):
    return np.logical_and(np.logical_not(np.isnan(a)), where if given(where) else True)


def _nan_reducer(name, plain, neutral):
    def reduced(a, axis=None, *args, where=True, **kwargs):
        a = np.asarray(a)
        valid = _numbers_among(a, where)
        return plain(masked(a, valid, neutral), axis, *args, where=where, **kwargs)

    composite(name)(reduced)


for _name, _plain, _neutral in (
    ("nansum", sum_, 0.0),
    ("nanprod", prod, 1.0),
    ("nanmax", max_, -_infinity),
    ("nanmin", min_, _infinity),
):
    _nan_reducer(_name, _plain, _neutral)


def _nan_moment(name, plain):
    def reduced(a, *args, where=True, **kwargs):
        a = np.asarray(a)
        valid = _numbers_among(a, where)
        return plain(masked(a, valid, 0.0), *args, where=valid, **kwargs)

    composite(name)(reduced)


for _name, _plain in (("nanmean", mean), ("nanvar", var), ("nanstd", std)):
    _nan_moment(_name, _plain)


# --- Scans ---


def _flat_or_axis(a, axis):
    return (np.ravel(a), 0) if axis is None else (a, int(axis) % a.ndim)


@defgrad("cumsum")
def cumsum(g, outputs, a, axis=None, dtype=None, out=None):
    if axis is None:
        return np.reshape(np.flip(np.cumsum(np.flip(g))), np.shape(a))
    return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


def _cumprod_by_products(a, axis):
    """Each product on its own, which is right where factors are zero too."""
    a = np.moveaxis(a, axis, -1)
    n = a.shape[-1]
    factors = np.where(np.tri(n, dtype=bool), a[..., None, :], np.asarray(1.0, dtype=a.dtype))
    return np.moveaxis(np.prod(factors, axis=-1), -1, axis)


@composite("cumprod")
def cumprod(a, axis=None, dtype=None, out=None):
    a, axis = _flat_or_axis(_prepared(a, dtype, True, None), axis)
    if a.shape[axis] == 0 or not numpy.asarray(a.detach()).all():
        return _cumprod_by_products(a, axis)
    return _record_cumprod(a, np.asarray(numpy.cumprod(numpy.asarray(a.detach()), axis=axis)), axis)


def _record_cumprod(a, value, axis):
    def vjp(gradients, a):
        scaled = np.flip(gradients[0] * cumprod(a, axis), axis)
        return np.flip(np.cumsum(scaled, axis=axis), axis) / a

    return record("cumprod", [a], value, vjp, [a])


@composite("nancumsum")
def nancumsum(a, axis=None, dtype=None, out=None):
    a = np.asarray(a)
    return np.cumsum(masked(a, np.logical_not(np.isnan(a)), 0.0), axis=axis)


@composite("nancumprod")
def nancumprod(a, axis=None, dtype=None, out=None):
    a = np.asarray(a)
    return np.cumprod(masked(a, np.logical_not(np.isnan(a)), 1.0), axis=axis)


def _cumulative(scan, first):
    def cumulative(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
        x = np.asarray(x)
        axis = 0 if axis is None else axis
        result = scan(x, axis=axis)
        if not include_initial:
            return result
        shape = list(x.shape)
        shape[axis] = 1
        return np.concatenate([np.full(shape, first, dtype=result.dtype), result], axis=axis)

    return cumulative


composite("cumulative_sum")(_cumulative(np.cumsum, 0))
composite("cumulative_prod")(_cumulative(np.cumprod, 1))
