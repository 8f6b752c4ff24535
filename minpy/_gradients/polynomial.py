"""Polynomials as arrays of coefficients, highest power first."""

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._gradients.registry import composite


def _values(a):
    return numpy.asarray(_core.to_numpy(a))


def _trimmed(p):
    """Coefficients without leading zeros, as poly1d has them."""
    p = np.ravel(np.asarray(p))
    nonzero = numpy.flatnonzero(_values(p))
    return p[int(nonzero[0]) :] if len(nonzero) else p[-1:]


@composite("polyval")
def polyval(p, x):
    x = np.asarray(x)
    result = np.zeros((), dtype=x.dtype) * x
    for coefficient in np.asarray(p):
        result = result * x + coefficient
    return result


def _aligned(a, b):
    a, b = (np.atleast_1d(np.asarray(v)) for v in (a, b))
    n = max(len(a), len(b))
    return [np.concatenate([np.zeros(n - len(v), dtype=v.dtype), v]) for v in (a, b)]


@composite("polyadd")
def polyadd(a1, a2):
    a, b = _aligned(a1, a2)
    return a + b


@composite("polysub")
def polysub(a1, a2):
    a, b = _aligned(a1, a2)
    return a - b


@composite("polymul")
def polymul(a1, a2):
    return np.convolve(_trimmed(a1), _trimmed(a2))


@composite("polydiv")
def polydiv(u, v):
    u, v = (np.atleast_1d(np.asarray(x)) * 1.0 for x in (u, v))
    steps = max(len(u) - len(v) + 1, 1)
    quotient, rest = [], u
    for k in range(len(u) - len(v) + 1):
        factor = rest[k] / v[0]
        quotient.append(factor)
        padding = [np.zeros(k, dtype=v.dtype), v, np.zeros(len(u) - len(v) - k, dtype=v.dtype)]
        rest = rest - factor * np.concatenate(padding)
    size = len(numpy.polydiv(_values(u), _values(v))[1])
    return np.stack(quotient) if quotient else np.zeros(steps), rest[len(rest) - size :]


@composite("polyder")
def polyder(p, m=1):
    p = np.asarray(p)
    for _ in range(m):
        p = p[:-1] * np.asarray(numpy.arange(len(p) - 1, 0, -1))
    return p


@composite("polyint")
def polyint(p, m=1, k=None):
    p = np.asarray(p) * 1.0
    constants = np.atleast_1d(np.asarray(0.0 if k is None else k)) + np.zeros(m)
    for i in range(m):
        p = np.concatenate([p / np.asarray(numpy.arange(len(p), 0, -1)), constants[i : i + 1]])
    return p


def _design(x, y, deg, w):
    """The weighted Vandermonde matrix and right-hand side of a polynomial fit."""
    x, y = np.asarray(x) + 0.0, np.asarray(y) + 0.0
    left = np.vander(x, int(deg) + 1)
    if w is not None:
        w = np.asarray(w)
        left, y = left * w[:, None], y * (w[:, None] if y.ndim == 2 else w)
    return left, y


@composite("polyfit")
def polyfit(x, y, deg, rcond=None, full=False, w=None, cov=False):
    left, right = _design(x, y, deg, w)
    scale = np.sqrt(np.sum(left * left, axis=0))
    rcond = len(left) * numpy.finfo(left.dtype).eps if rcond is None else rcond
    solution = np.linalg.lstsq(left / scale, right, rcond)
    coefficients = np.swapaxes(np.swapaxes(solution[0], 0, -1) / scale, 0, -1)
    if full:
        return coefficients, solution[1], None, solution[3], None
    if not cov:
        return coefficients
    base = np.linalg.inv(np.matmul(left.T, left))
    factor = 1.0 if isinstance(cov, str) else solution[1] / (len(left) - left.shape[1])
    return coefficients, (base[:, :, None] * factor if right.ndim == 2 else base * factor)


@composite("roots")
def roots(p):
    values = _values(p)
    nonzero = numpy.flatnonzero(values)
    if len(nonzero) == 0:
        return np.zeros(0)
    p = np.asarray(p)[int(nonzero[0]) : int(nonzero[-1]) + 1] * 1.0
    n = len(p)
    if n < 2:
        return np.zeros(len(values) - int(nonzero[-1]) - 1)
    companion = np.diag(np.ones(n - 2, dtype=p.dtype), -1)
    companion = np.concatenate([-p[None, 1:] / p[0], companion[1:]])
    found = np.linalg.eigvals(companion)
    return np.concatenate([found, np.zeros(len(values) - int(nonzero[-1]) - 1, dtype=found.dtype)])


@composite("poly")
def poly(seq_of_zeros):
    zeros = np.atleast_1d(np.asarray(seq_of_zeros))
    zeros = np.linalg.eigvals(zeros) if zeros.ndim == 2 else zeros
    result = np.ones(1, dtype=zeros.dtype)
    for zero in zeros:
        result = np.concatenate([result, np.zeros(1, dtype=result.dtype)]) - zero * np.concatenate(
            [np.zeros(1, dtype=result.dtype), result]
        )
    real = numpy.isrealobj(numpy.poly(_values(seq_of_zeros)))
    return np.real(result) if real else result
