"""Covariances, correlation, and sums of weights by bin."""

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._gradients.registry import composite, direct, record_composite


def _observations(m, y, rowvar):
    """The variables as rows."""
    m = np.asarray(m)
    x = np.atleast_2d(m)
    x = x.T if not rowvar and m.ndim != 1 else x
    if y is None:
        return x
    y = np.asarray(y)
    rows = np.atleast_2d(y)
    return np.concatenate([x, rows.T if not rowvar and y.ndim != 1 else rows])


@composite("cov")
def cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None):
    x = _observations(m, y, rowvar) * 1.0
    ddof = (0 if bias else 1) if ddof is None else ddof
    weights = None
    for part in (fweights, aweights):
        if part is not None:
            weights = np.asarray(part) * 1.0 if weights is None else weights * np.asarray(part)
    if weights is None:
        mean, factor, weighted = np.mean(x, axis=1, keepdims=True), x.shape[1] - ddof, None
    else:
        total = np.sum(weights)
        mean = np.sum(x * weights, axis=1, keepdims=True) / total
        factor = total - ddof * (1.0 if aweights is None else np.sum(weights * np.asarray(aweights)) / total)
        weighted = weights
    centred = x - mean
    right = np.conj(centred if weighted is None else centred * weighted)
    result = np.matmul(centred, np.swapaxes(right, 0, 1)) / factor
    return np.squeeze(result)


@composite("corrcoef")
def corrcoef(x, y=None, rowvar=True, *, dtype=None):
    c = cov(x, y, rowvar)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.real(np.diagonal(c)))
    return c / deviation[:, None] / deviation[None, :]


def _sum_by(codes, weights, size):
    """Sums of the weights with equal codes."""
    bins = np.zeros(size, dtype=weights.dtype)
    np.add.at(bins, np.asarray(codes), weights)
    return bins


@composite("bincount")
def bincount(x, /, weights=None, minlength=0):
    codes = numpy.asarray(_core.to_numpy(x))
    size = max(int(codes.max(initial=-1)) + 1, minlength)
    return _sum_by(codes, np.asarray(weights) * 1.0, size)


def _edges_found(values, bins, limits):
    """The bin edges that NumPy finds."""
    return np.asarray(
        numpy.histogram_bin_edges(
            _core.to_numpy(values.detach()), _core.to_numpy(bins), _core.to_numpy(limits)
        )
    )


def _edges_of(values, found, bins, limits):
    """The bin edges that NumPy found, with the gradient of the values' range when they depend on it."""
    if limits is None and isinstance(bins, (int, numpy.integer, str)) and _core.is_taped(values):
        return np.linspace(np.min(values), np.max(values), len(found))
    return found


@composite("histogram_bin_edges")
def histogram_bin_edges(a, bins=10, range=None, weights=None):
    values = np.ravel(np.asarray(a))
    return _edges_of(values, _edges_found(values, bins, range), bins, range)


def _bin_numbers(values, edges):
    """The bin of each value, or -1; the last bin is closed."""
    places = numpy.searchsorted(edges, values, side="right") - 1
    places[values == edges[-1]] = len(edges) - 2
    return numpy.where((places >= 0) & (places < len(edges) - 1), places, -1)


def _weighted_bins(columns, edges, density, weights):
    """A histogram in as many dimensions as there are columns of values."""
    plain = [_core.to_numpy(e.detach()) for e in edges]
    bins = [_bin_numbers(_core.to_numpy(c.detach()), e) for c, e in zip(columns, plain)]
    inside = numpy.all([b >= 0 for b in bins], axis=0)
    shape = tuple(len(e) - 1 for e in plain)
    codes = numpy.ravel_multi_index([b[inside] for b in bins], shape)
    weights = np.ones(len(inside)) if weights is None else np.ravel(np.asarray(weights)) * 1.0
    sums = np.reshape(_sum_by(codes, weights[np.asarray(inside)], int(numpy.prod(shape))), shape)
    if not density:
        return sums
    for axis, e in enumerate(edges):
        sums = sums / np.reshape(np.diff(e), [-1 if k == axis else 1 for k in range(len(shape))])
    return sums / np.sum(_sum_by(numpy.zeros(int(inside.sum()), int), weights[np.asarray(inside)], 1))


@composite("histogram")
def histogram(a, bins=10, range=None, density=None, weights=None):
    values = np.ravel(np.asarray(a))
    edges = _edges_of(values, _edges_found(values, bins, range), bins, range)
    return _weighted_bins([values], [edges], density, weights), edges


def _histogram_dd(columns, bins, range, density, weights):
    plain = numpy.stack([_core.to_numpy(c.detach()) for c in columns], axis=1)
    found = numpy.histogramdd(plain, _core.to_numpy(bins), _core.to_numpy(range))[1]
    each = list(bins) if isinstance(bins, (tuple, list)) else [bins] * len(columns)
    limits = [None] * len(columns) if range is None else range
    edges = [_edges_of(c, np.asarray(f), b, r) for c, f, b, r in zip(columns, found, each, limits)]
    return _weighted_bins(columns, edges, density, weights), edges


@composite("histogram2d")
def histogram2d(x, y, bins=10, range=None, density=None, weights=None):
    is_edges = not isinstance(bins, (int, numpy.integer)) and len(bins) not in (1, 2)
    columns = [np.asarray(x), np.asarray(y)]
    sums, edges = _histogram_dd(columns, [bins, bins] if is_edges else bins, range, density, weights)
    return sums, *edges


def _flat_histogramdd(sample, bins=10, range=None, density=None, weights=None):
    if isinstance(sample, (list, tuple)):
        columns = [np.asarray(column) for column in sample]
    else:
        columns = list(np.transpose(np.asarray(sample))) if np.ndim(sample) == 2 else [np.asarray(sample)]
    sums, edges = _histogram_dd(columns, bins, range, density, weights)
    return sums, *edges


@direct("histogramdd")
def histogramdd(fallback, *args, **kwargs):
    sums, edges = fallback.call_numpy(*args, **kwargs)
    found = record_composite(_flat_histogramdd, "histogramdd", (sums, *edges), args, kwargs)
    return found[0], type(edges)(found[1:])
