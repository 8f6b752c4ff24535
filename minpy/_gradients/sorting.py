"""Sorting, partitioning, unique values and order statistics."""

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._gradients.reductions import axes_of
from minpy._gradients.registry import composite, constant, direct
from minpy._nested import like_sequence

constant("argsort", "argpartition", "lexsort", "searchsorted", "round", "around", "fix", "ndarray.round")


def _values(a):
    return numpy.asarray(np.asarray(a).detach())


def _gather_matching(a, value, axis):
    """`a` in the order in which its elements are in `value` along the axis."""
    source = numpy.argsort(_values(a), axis=axis, kind="stable")
    order = numpy.empty_like(source)
    numpy.put_along_axis(order, numpy.argsort(_values(value), axis=axis, kind="stable"), source, axis)
    return np.take_along_axis(a, np.asarray(order), axis)


@direct("sort", "partition")
def sort(fallback, a, *args, axis=-1, **kwargs):
    a = np.asarray(a)
    places = {"sort": 0, "partition": 1}
    place = places[fallback.__name__]
    if len(args) > place:
        axis, args = args[place], args[:place] + args[place + 1 :]
    value = fallback.call_numpy(a, *args, axis=axis, **kwargs)
    if axis is None:
        a, axis = np.ravel(a), 0
    return _gather_matching(a, value, axis)


@direct("ndarray.sort", "ndarray.partition")
def sort_in_place(fallback, a, *args, **kwargs):
    sorted_copy = a.copy().detach()
    fallback.call_numpy(sorted_copy, *args, **kwargs)
    place = 0 if fallback.__name__ == "ndarray.sort" else 1
    axis = kwargs.get("axis", args[place] if len(args) > place else -1)
    a[...] = _gather_matching(a.copy(), sorted_copy, axis)


@direct("sort_complex")
def sort_complex(fallback, a):
    return np.sort(a, axis=-1).astype(fallback.call_numpy(a).dtype)


def _pick_equal(pool, values):
    """The elements of the flat array `pool` that are equal to the given values."""
    order = numpy.argsort(_values(pool), kind="stable")
    places = numpy.searchsorted(_values(pool), _values(values), sorter=order)
    return pool[np.asarray(order[numpy.minimum(places, len(order) - 1)])]


def _with_first(outputs, value):
    """The outputs of a call with another first (or only) one."""
    if not isinstance(outputs, tuple):
        return value
    return like_sequence(outputs, (value, *outputs[1:]))


@direct("unique", "unique_values", "unique_all", "unique_counts", "unique_inverse")
def unique(fallback, ar, *args, **kwargs):
    outputs = fallback.call_numpy(ar, *args, **kwargs)
    axis = kwargs.get("axis", args[3] if len(args) > 3 else None)
    if axis is None:
        values = outputs[0] if isinstance(outputs, tuple) else outputs
        return _with_first(outputs, _pick_equal(np.ravel(np.asarray(ar)), values))
    index = numpy.unique(_values(ar), return_index=True, axis=axis)[1]
    return _with_first(outputs, np.take(ar, np.asarray(index), axis=axis))


@direct("union1d", "intersect1d", "setdiff1d", "setxor1d")
def set_operation(fallback, ar1, ar2, *args, **kwargs):
    outputs = fallback.call_numpy(ar1, ar2, *args, **kwargs)
    pool = np.concatenate([np.ravel(np.asarray(ar1)), np.ravel(np.asarray(ar2))])
    return _with_first(outputs, _pick_equal(pool, outputs[0] if isinstance(outputs, tuple) else outputs))


# --- Order statistics ---


def _ranks(count, q, method):
    """Where the quantiles lie among `count` sorted values: what NumPy's interpolation gives for 0, 1, 2 ..."""
    return (
        numpy.quantile(numpy.arange(float(count)), q, method=method) if count else numpy.zeros(numpy.shape(q))
    )


def _sorted_last(a, axis):
    """`a` with the reduced axes flattened into the last one, sorted, and its number of values that are no NaN."""
    axes = axes_of(axis, a.ndim)
    kept = [k for k in range(a.ndim) if k not in axes]
    flat = np.reshape(np.transpose(a, (*kept, *axes)), [a.shape[k] for k in kept] + [-1])
    counts = flat.shape[-1] - numpy.isnan(_values(flat)).sum(axis=-1)
    return np.sort(flat, axis=-1), counts, axes


def _pick(ordered, ranks):
    """Values at fractional ranks along the last axis, for ranks of shape q.shape + ordered.shape[:-1]."""
    low = numpy.floor(numpy.asarray(ranks)).astype(int)
    high = numpy.minimum(low + 1, ordered.shape[-1] - 1)
    weight = ranks - np.asarray(low.astype(float))
    rows = [np.asarray(i) for i in numpy.ix_(*map(numpy.arange, ordered.shape[:-1]))]
    return ordered[(*rows, np.asarray(low))] * (1 - weight) + ordered[(*rows, np.asarray(high))] * weight


def _quantile(a, q, axis, keepdims, method, skip_nan):
    a = np.asarray(a)
    ordered, counts, axes = _sorted_last(a * 1.0, axis)
    if not skip_nan:
        counts = numpy.full_like(counts, ordered.shape[-1])
    ranks = numpy.zeros(numpy.shape(_values(q)) + counts.shape)
    for count in numpy.unique(counts):
        found = _ranks(count, _values(q), method)
        ranks = numpy.where(counts == count, numpy.expand_dims(found, tuple(range(-counts.ndim, 0))), ranks)
    ranks = np.asarray(ranks)
    if isinstance(q, _core.ndarray) and _core.is_taped(q):
        ranks = ranks + _rank_slope(q, counts, method)
    result = _pick(ordered, ranks)
    if keepdims is True:
        lead = numpy.ndim(_values(q))
        result = np.expand_dims(result, tuple(lead + k for k in axes))
    return result


def _rank_slope(q, counts, method):
    """Zero, with the derivative of the ranks by `q`."""
    if method != "linear":
        raise NotImplementedError(f"numpy.quantile has no gradient by q for method={method!r}")
    change = q - q.detach()
    return np.reshape(change, q.shape + (1,) * counts.ndim) * np.asarray(counts - 1.0)


def _register_quantile(name, scale, skip_nan):
    def rule(
        a,
        q,
        axis=None,
        out=None,
        overwrite_input=False,
        method="linear",
        keepdims=False,
        *,
        weights=None,
        **kwargs,
    ):
        if weights is not None:
            raise NotImplementedError(f"numpy.{name} has no gradient rule for weights=")
        q = np.asarray(q)
        return _quantile(a, q / scale if scale != 1 else q, axis, keepdims, method, skip_nan)

    composite(name)(rule)


for _name, _scale in (("quantile", 1), ("percentile", 100)):
    _register_quantile(_name, _scale, False)
    _register_quantile("nan" + _name, _scale, True)


@composite("median")
def median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    return _quantile(a, np.asarray(0.5), axis, keepdims, "linear", False)


@composite("nanmedian")
def nanmedian(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    return _quantile(a, np.asarray(0.5), axis, keepdims, "linear", True)
