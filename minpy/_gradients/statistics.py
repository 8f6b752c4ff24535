"""Covariances, correlation, and sums of weights by bin."""

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._gradients.registry import composite


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


@composite("histogram")
def histogram(a, bins=10, range=None, density=None, weights=None):
    values = numpy.asarray(_core.to_numpy(a)).ravel()
    plain_bins = _core.to_numpy(bins)
    edges = np.asarray(numpy.histogram_bin_edges(values, plain_bins, _core.to_numpy(range)))
    if isinstance(a, _core.ndarray) and _core.is_taped(a) and isinstance(bins, int) and range is None:
        edges = np.linspace(np.min(a), np.max(a), bins + 1)
    limits = _core.to_numpy(edges.detach())
    places = numpy.searchsorted(limits, values, side="right") - 1
    places[values == limits[-1]] = len(limits) - 2
    inside = (places >= 0) & (places < len(limits) - 1)
    weights = np.ones(values.shape) if weights is None else np.ravel(np.asarray(weights)) * 1.0
    sums = _sum_by(places[inside], weights[np.asarray(inside)], len(limits) - 1)
    if density:
        sums = sums / np.diff(edges) / np.sum(sums)
    return sums, edges
