"""Differences, integrals, interpolation, convolution, and functions of one variable without a native kernel."""

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._gradients.registry import composite, defgrad, record


def _along(x, axis, *slices):
    """x[:, ..., slice, ...] for each slice."""
    lead = (slice(None),) * (axis % x.ndim)
    return [x[(*lead, s)] for s in slices]


@composite("diff")
def diff(a, n=1, axis=-1, prepend=numpy._NoValue, append=numpy._NoValue):
    a = np.asarray(a)
    parts = [a]
    for place, extra in ((0, prepend), (len(parts) + 1, append)):
        if extra is numpy._NoValue:
            continue
        extra = np.asarray(extra)
        if extra.ndim == 0:
            shape = list(a.shape)
            shape[axis] = 1
            extra = np.broadcast_to(extra, shape)
        parts.insert(place, extra)
    a = np.concatenate(parts, axis=axis) if len(parts) > 1 else a
    for _ in range(n):
        ahead, behind = _along(a, axis, slice(1, None), slice(None, -1))
        a = ahead - behind
    return a


@composite("ediff1d")
def ediff1d(ary, to_end=None, to_begin=None):
    a = np.ravel(np.asarray(ary))
    ends = [
        None if part is None else np.ravel(np.asarray(part)).astype(a.dtype) for part in (to_begin, to_end)
    ]
    return np.concatenate([part for part in (ends[0], a[1:] - a[:-1], ends[1]) if part is not None])


def _spacings(varargs, axes):
    if len(varargs) == 0:
        return [1.0] * len(axes)
    if len(varargs) == 1 and np.ndim(varargs[0]) == 0:
        return list(varargs) * len(axes)
    return [np.diff(np.asarray(v)) if np.ndim(v) else v for v in varargs]


def _edge_slope(f, h, edge_order):
    """The derivative at the first of the samples along axis 0; h is one spacing, or the first two."""
    first, second = (h[0], h[1]) if np.ndim(h) else (h, h)
    slope = (f[1] - f[0]) / first
    if edge_order == 1:
        return slope
    total = first + second
    return (
        f[0] * (-(2.0 * first + second) / (first * total))
        + f[1] * (total / (first * second))
        - f[2] * (first / (second * total))
    )


def _derivative(f, h, axis, edge_order):
    f = np.moveaxis(f, axis, 0)
    if np.ndim(h):
        shape = (-1,) + (1,) * (f.ndim - 1)
        behind, ahead = np.reshape(h[:-1], shape), np.reshape(h[1:], shape)
        inside = (
            f[:-2] * (-ahead / (behind * (behind + ahead)))
            + f[1:-1] * ((ahead - behind) / (behind * ahead))
            + f[2:] * (behind / (ahead * (behind + ahead)))
        )
    else:
        inside = (f[2:] - f[:-2]) / (2.0 * h)
    back = np.flip(h) if np.ndim(h) else h
    first, last = _edge_slope(f, h, edge_order), -_edge_slope(np.flip(f, 0), back, edge_order)
    return np.moveaxis(np.concatenate([first[None], inside, last[None]]), 0, axis)


@composite("gradient")
def gradient(f, *varargs, axis=None, edge_order=1):
    f = np.asarray(f) * 1.0
    axes = range(f.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    results = [_derivative(f, h, k, edge_order) for k, h in zip(axes, _spacings(varargs, axes))]
    return results[0] if len(results) == 1 else tuple(results)


@composite("trapezoid", "trapz")
def trapezoid(y, x=None, dx=1.0, axis=-1):
    y = np.asarray(y)
    if x is None:
        d = np.asarray(dx)
    else:
        x = np.asarray(x)
        d = np.diff(x, axis=0 if x.ndim == 1 else axis)
    if d.ndim == 1:
        d = np.reshape(d, [-1 if k == axis % y.ndim else 1 for k in range(y.ndim)])
    ahead, behind = _along(y, axis, slice(1, None), slice(None, -1))
    return np.sum(d * (ahead + behind) / 2.0, axis=axis)


@defgrad("unwrap")
def unwrap(g, outputs, p, *args, **kwargs):
    return g


@composite("interp")
def interp(x, xp, fp, left=None, right=None, period=None):
    x, xp, fp = (np.asarray(v) for v in (x, xp, fp))
    if period is not None:
        x, xp = x % abs(period), xp % abs(period)
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - abs(period), xp, xp[:1] + abs(period)])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    points, knots = _core.to_numpy(x.detach()), _core.to_numpy(xp.detach())
    low = np.asarray(
        numpy.clip(numpy.searchsorted(knots, points, side="right") - 1, 0, max(len(knots) - 2, 0))
    )
    high = np.minimum(low + 1, len(knots) - 1)
    width = xp[high] - xp[low]
    width = np.where(width == 0, 1.0, width)
    inside = fp[low] + (fp[high] - fp[low]) / width * (x - xp[low])
    if period is not None:
        return inside
    below, above = np.asarray(points < knots[0]), np.asarray(points >= knots[-1])
    beyond = np.asarray(points > knots[-1])
    inside = np.where(above, fp[-1], np.where(below, fp[0] if left is None else np.asarray(left), inside))
    return inside if right is None else np.where(beyond, np.asarray(right), inside)


# --- Convolution ---


def _full(a, v):
    """The full convolution of two vectors; its gradients are convolutions again."""
    n, m = len(a), len(v)
    value = np.asarray(numpy.convolve(_core.to_numpy(a.detach()), _core.to_numpy(v.detach())))

    def vjp(gradients, a, v):
        (g,) = gradients
        return _full(g, np.flip(v))[m - 1 : m - 1 + n], _full(g, np.flip(a))[n - 1 : n - 1 + m]

    return record("convolve", [a, v], value, vjp, [a, v])


def _cut(full, n, m, mode, start):
    modes = {0: "valid", 1: "same", 2: "full", "v": "valid", "s": "same", "f": "full"}
    mode = modes.get(mode, mode)
    short, long = min(n, m), max(n, m)
    if mode == "full":
        return full
    return full[short - 1 : long] if mode == "valid" else full[start : start + long]


@composite("convolve")
def convolve(a, v, mode="full"):
    a, v = np.atleast_1d(np.asarray(a)), np.atleast_1d(np.asarray(v))
    return _cut(_full(a, v), len(a), len(v), mode, (min(len(a), len(v)) - 1) // 2)


@composite("correlate")
def correlate(a, v, mode="valid"):
    a, v = np.atleast_1d(np.asarray(a)), np.atleast_1d(np.asarray(v))
    n, m = len(a), len(v)
    return _cut(_full(a, np.conj(np.flip(v))), n, m, mode, (m - 1) // 2 if n >= m else n // 2)


# --- Functions of one variable ---


@composite("sinc")
def sinc(x):
    y = np.pi * np.asarray(x)
    near = np.abs(y) < 0.25
    safe = np.where(near, np.ones((), dtype=y.dtype), y)
    square = np.where(near, y, np.zeros((), dtype=y.dtype)) ** 2
    series = 1.0
    for k in range(8, 0, -1):  # derivatives of sin(y) / y cancel near 0, where its series is exact
        series = 1.0 - square / (2 * k * (2 * k + 1)) * series
    return np.where(near, series, np.sin(safe) / safe)


@composite("i0")
def i0(x):
    x = np.asarray(x)
    reach = float(numpy.max(numpy.abs(_core.to_numpy(x.detach())), initial=0.0))
    count = 2 * int(numpy.ceil(reach)) + 40  # the mean over a circle converges faster than any power
    angles = np.asarray(2 * numpy.pi * numpy.arange(count) / count)
    return np.mean(np.exp(x[..., None] * np.cos(angles)), axis=-1)


@composite("angle")
def angle(z, deg=False):
    z = np.asarray(z)
    result = np.arctan2(np.imag(z), np.real(z))
    return result * (180 / numpy.pi) if deg else result


def _principal_value(name):
    """A function of numpy.emath: the plain one, of complex numbers where the result is complex."""
    plain = getattr(np, name)
    compute = getattr(numpy.emath, name)

    def complex_where_needed(*args):
        dtype = compute(*map(_core.to_numpy, (_detached(a) for a in args))).dtype
        return plain(*(np.asarray(a).astype(dtype) for a in args))

    composite(f"emath.{name}")(complex_where_needed)
    return complex_where_needed


def _detached(a):
    return a.detach() if isinstance(a, _core.ndarray) else a


_log = [
    _principal_value(f) for f in ("sqrt", "log2", "log10", "power", "arccos", "arcsin", "arctanh", "log")
][-1]


@composite("emath.logn")
def logn(n, x):
    return _log(x) / _log(n)


@composite("ndarray.conj")
def conj(a):
    return np.conj(a)


@composite("clip")
def clip(a, a_min=None, a_max=None, out=None, *, min=None, max=None, **kwargs):
    low, high = (
        second if first is None or first is numpy._NoValue else first
        for first, second in ((a_min, min), (a_max, max))
    )
    a = np.asarray(a)
    a = a if low is None or low is numpy._NoValue else np.maximum(a, low)
    return a if high is None or high is numpy._NoValue else np.minimum(a, high)


@composite("nan_to_num")
def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    x = np.asarray(x)
    if numpy.dtype(x.dtype).kind == "c":
        return nan_to_num(np.real(x)) + 1j * nan_to_num(np.imag(x))
    return np.where(np.isfinite(x), x, np.zeros((), dtype=x.dtype))
