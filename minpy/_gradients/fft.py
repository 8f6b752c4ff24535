"""Fourier transforms: two formulas (fft and ifft along one axis), and everything else in their terms."""

import minpy.numpy as np
from minpy._gradients.registry import composite, defgrad

_OPPOSITE = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _resized(x, n, axis):
    """`x` cut or padded with zeros to length n along the axis."""
    axis %= x.ndim
    if n is None or x.shape[axis] == n:
        return x
    if n < x.shape[axis]:
        return x[(slice(None),) * axis + (slice(n),)]
    shape = list(x.shape)
    shape[axis] = n - shape[axis]
    return np.concatenate([x, np.zeros(shape, dtype=x.dtype)], axis=axis)


@defgrad("fft.fft")
def fft(g, outputs, a, n=None, axis=-1, norm=None, out=None):
    return _resized(np.fft.fft(g, None, axis, norm), np.shape(a)[axis], axis)


@defgrad("fft.ifft")
def ifft(g, outputs, a, n=None, axis=-1, norm=None, out=None):
    return _resized(np.fft.ifft(g, None, axis, norm), np.shape(a)[axis], axis)


def _lengths(a, s, axes):
    """Pairs (axis, length) of a transform over several axes."""
    if axes is None:
        axes = range(a.ndim) if s is None else range(a.ndim - len(s), a.ndim)
    axes = list(axes)
    s = [None] * len(axes) if s is None else [None if n == -1 else n for n in s]
    return list(zip(axes, [a.shape[k] if n is None else n for k, n in zip(axes, s)]))


def _several(transform):
    def transform_axes(a, s=None, axes=None, norm=None, out=None):
        a = np.asarray(a)
        for axis, n in reversed(_lengths(a, s, axes)):
            a = transform(a, n, axis, norm)
        return a

    return transform_axes


def _planes(transform_axes):
    def transform(a, s=None, axes=(-2, -1), norm=None, out=None):
        return transform_axes(a, s, axes, norm)

    return transform


fftn, ifftn = _several(np.fft.fft), _several(np.fft.ifft)


@composite("fft.rfft")
def rfft(a, n=None, axis=-1, norm=None, out=None):
    full = np.fft.fft(a, n, axis, norm)
    return _resized(full, full.shape[axis] // 2 + 1, axis)


@composite("fft.ihfft")
def ihfft(a, n=None, axis=-1, norm=None, out=None):
    return np.conj(rfft(a, n, axis, _OPPOSITE[norm]))


@composite("fft.irfft")
def irfft(a, n=None, axis=-1, norm=None, out=None):
    a = np.moveaxis(np.asarray(a), axis, -1)
    n = 2 * (a.shape[-1] - 1) if n is None else n
    half = _resized(a, n // 2 + 1, -1) * 1j**0
    first, middle = np.real(half[..., :1]) + 0j, half[..., 1 : (n + 1) // 2]
    last = np.real(half[..., n // 2 :]) + 0j if n % 2 == 0 else half[..., n:]
    full = np.concatenate([first, middle, last, np.conj(np.flip(middle, -1))], axis=-1)
    return np.moveaxis(np.real(np.fft.ifft(full, n, -1, norm)), -1, axis)


@composite("fft.hfft")
def hfft(a, n=None, axis=-1, norm=None, out=None):
    return irfft(np.conj(np.asarray(a)), n, axis, _OPPOSITE[norm])


@composite("fft.rfftn")
def rfftn(a, s=None, axes=None, norm=None, out=None):
    a = np.asarray(a)
    *others, (axis, n) = _lengths(a, s, axes)
    result = rfft(a, n, axis, norm)
    for other, length in reversed(others):
        result = np.fft.fft(result, length, other, norm)
    return result


@composite("fft.irfftn")
def irfftn(a, s=None, axes=None, norm=None, out=None):
    a = np.asarray(a)
    *others, (axis, n) = _lengths(a, s, axes)
    if s is None or s[-1] in (None, -1):
        n = 2 * (a.shape[axis] - 1)
    for other, length in others:
        a = np.fft.ifft(a, length, other, norm)
    return irfft(a, n, axis, norm)


composite("fft.fftn")(fftn)
composite("fft.ifftn")(ifftn)
for _name, _transform in (("fft2", fftn), ("ifft2", ifftn), ("rfft2", rfftn), ("irfft2", irfftn)):
    composite(f"fft.{_name}")(_planes(_transform))
