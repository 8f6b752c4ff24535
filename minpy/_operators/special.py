"""The gamma function, its logarithm and the derivatives of that, in float64 whatever the dtype."""

import math

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._gradients.registry import record
from minpy._operators.registry import operator

_LANCZOS = (0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
            12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7)  # fmt: skip


def _log_gamma_positive(x):
    """log(gamma(x)) for x >= 0.5, by Lanczos' approximation."""
    series = _LANCZOS[0] + sum(c / (x + i) for i, c in enumerate(_LANCZOS[1:]))
    t = x + 6.5
    return 0.5 * math.log(2 * math.pi) + (x - 0.5) * numpy.log(t) - t + numpy.log(series)


def _log_gamma(x):
    low = x < 0.5
    above = _log_gamma_positive(numpy.where(low, 1 - x, x))
    sine = numpy.abs(numpy.sin(math.pi * (x - numpy.round(x))))
    out = numpy.where(low, math.log(math.pi) - numpy.log(sine) - above, above)
    out = numpy.where((x == 1) | (x == 2), 0.0, out)
    return numpy.where(numpy.isinf(x), numpy.inf, out)


def _gamma(x):
    sign = numpy.where((x < 0) & (numpy.floor(x) % 2 != 0), -1.0, 1.0)
    size = numpy.exp(_log_gamma(x))
    whole = (x == numpy.floor(x)) & (numpy.abs(x) < 171)
    size = numpy.where(whole & (x > 0), numpy.round(size), size) if whole.any() else size
    return numpy.where((x < 0) & (x == numpy.floor(x)), numpy.nan, sign * size)


def _digamma(x, order):
    """Derivative number `order` + 1 of log gamma: recurrence up to 10, then the asymptotic series."""
    shifted, total = x, numpy.zeros_like(x)
    factor = (-1.0) ** order * math.factorial(order)
    for _ in range(12):
        low = shifted < 10
        total = total - numpy.where(low, factor / shifted ** (order + 1), 0.0)
        shifted = numpy.where(low, shifted + 1, shifted)
    return total + _asymptotic(shifted, order)


_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def _asymptotic(x, order):
    if order == 0:
        return numpy.log(x) - 0.5 / x - sum(b / (2 * k * x ** (2 * k)) for k, b in enumerate(_BERNOULLI, 1))
    sign = (-1.0) ** (order + 1)
    lead = math.factorial(order - 1) / x**order + math.factorial(order) / (2 * x ** (order + 1))
    rest = sum(
        b * math.factorial(2 * k + order - 1) / math.factorial(2 * k) / x ** (2 * k + order)
        for k, b in enumerate(_BERNOULLI, 1)
    )
    return sign * (lead + rest)


def _polygamma(x, order):
    """Derivative number `order` + 1 of log gamma, of any real x; below 1/2 by shifting up, term by term."""
    shift = numpy.where(x < 0.5, numpy.ceil(1 - x), 0.0)
    total, here = numpy.zeros_like(x), x
    factor = (-1.0) ** order * math.factorial(order)
    for _ in range(int(min(shift.max(initial=0), 1000))):
        low = here < 0.5
        total = total - numpy.where(low, factor / here ** (order + 1), 0.0)
        here = numpy.where(low, here + 1, here)
    return total + _digamma(here, order)


def _elementwise(name, compute, gradient, data):
    """compute(values in float64) as a result in the data's dtype, with gradient(data) as its derivative."""
    dtype = numpy.dtype(data.dtype)
    with numpy.errstate(all="ignore"):
        values = compute(numpy.asarray(data.detach()).astype("float64")).astype(dtype)
    out = np.array(values)
    if isinstance(data, _core.NDArrayBase):
        out = _core.to_nd_array(out, _core.context_of(data))
    if not _core.is_recording():
        return out
    return record(name, (data,), out, lambda g, x: (g[0] * gradient(x),), (data,))


def _polygamma_operator(order):
    def compute(data):
        return _elementwise(
            f"polygamma_{order}",
            lambda x: _polygamma(x, order),
            lambda x: _polygamma_operator(order + 1)(x),
            data,
        )

    return compute


@operator("digamma", npx=False)
def digamma(data):
    """The derivative of the logarithm of the gamma function."""
    return _polygamma_operator(0)(data)


@operator("gammaln")
def gammaln(data):
    """The logarithm of the absolute value of the gamma function."""
    return _elementwise("gammaln", _log_gamma, digamma, data)


@operator("gamma")
def gamma(data):
    """The gamma function."""
    return _elementwise("gamma", _gamma, lambda x: gamma(x) * digamma(x), data)
