"""Operators whose gradients are not their derivatives, and small ones from MXNet's contrib."""

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._gradients.registry import record
from minpy._operators.elementwise import half_away
from minpy._operators.registry import operator


def _with_gradient(name, out, data, vjp):
    """The result, computed without a record, with vjp(gradient) as the gradient of the data."""
    if not _core.is_recording():
        return out
    return record(name, (data,), out.detach(), lambda g: (vjp(g[0]),))


@operator("_contrib_round_ste", npx=False)
def round_ste(data):
    """The nearest integer, halves away from zero; its gradient is 1."""
    return _with_gradient("round_ste", half_away(data), data, lambda g: g)


@operator("_contrib_sign_ste", npx=False)
def sign_ste(data):
    """The sign; its gradient is 1."""
    return _with_gradient("sign_ste", np.sign(data), data, lambda g: g)


@operator("_contrib_gradientmultiplier", npx=False)
def gradientmultiplier(data, scalar=1.0, is_int=True):
    """The data; its gradient is multiplied by `scalar`."""
    return _with_gradient("gradientmultiplier", np.copy(data), data, lambda g: g * float(scalar))


@operator("make_loss", npx=False)
def make_loss(data):
    """The data as a loss: its gradient is 1, whatever flows into it."""
    return _with_gradient("make_loss", np.copy(data), data, lambda g: np.ones_like(g))


@operator("IdentityAttachKLSparseReg", inputs=2, npx=False)
def identity_attach_kl_sparse_reg(data, moving_avg=None, sparseness_target=0.1, penalty=0.001, momentum=0.9):
    """The data, with the gradient of a penalty on activations that are on average far from a target.

    Parameters
    ----------
    data : ndarray
        Activations in (0, 1), of shape (batch, ...).
    moving_avg : ndarray
        The running mean of each unit; it is updated when gradients are computed.
    sparseness_target, penalty, momentum : float
        The mean that is aimed at, the penalty's weight, and how much of the running mean stays.

    Returns
    -------
    ndarray
    """

    def gradient(g):
        mean = np.mean(np.reshape(data.detach(), (np.shape(data)[0], -1)), axis=0)
        if moving_avg is not None:
            mean = momentum * np.reshape(moving_avg, (-1,)) + (1 - momentum) * mean
            moving_avg[...] = np.reshape(mean, np.shape(moving_avg))
        slope = penalty * (-sparseness_target / mean + (1 - sparseness_target) / (1 - mean))
        return g + np.reshape(slope, np.shape(data)[1:])

    return _with_gradient("IdentityAttachKLSparseReg", np.copy(data), data, gradient)


@operator("_contrib_quadratic", npx=False)
def quadratic(data, a=0.0, b=0.0, c=0.0):
    """a * x**2 + b * x + c of each element."""
    return a * np.square(data) + b * data + c


@operator("_contrib_allclose", inputs=2, npx=False)
def allclose(a, b, rtol=1e-5, atol=1e-8, equal_nan=True):
    """[1] when all elements differ by at most atol + rtol * abs(b), else [0]; uint8."""
    return np.array([np.allclose(a, b, rtol, atol, equal_nan)], dtype="uint8")


def _test(name, function):
    def call(data):
        return function(data).astype(numpy.dtype(data.dtype))

    call.__name__ = name
    call.__doc__ = f"1 where {name} holds for an element, else 0, in the dtype of the data."
    return operator(f"_contrib_{name}", npx=False)(call)


isnan, isinf, isfinite = (_test(n, getattr(np, n)) for n in ("isnan", "isinf", "isfinite"))


@operator("_contrib_fft", npx=False)
def fft(data, compute_size=128):
    """The Fourier transform along the last axis: real and imaginary parts alternate, so the axis doubles."""
    out = np.fft.fft(data)
    parts = np.stack([np.real(out), np.imag(out)], axis=-1)
    return np.reshape(parts, (*np.shape(data)[:-1], -1)).astype(numpy.dtype(data.dtype))


@operator("_contrib_ifft", npx=False)
def ifft(data, compute_size=128):
    """The real part of the inverse transform of what `fft` returns, times its length."""
    pairs = np.reshape(data, (*np.shape(data)[:-1], -1, 2))
    out = np.fft.ifft(pairs[..., 0] + 1j * pairs[..., 1])
    return (np.real(out) * np.shape(pairs)[-2]).astype(numpy.dtype(data.dtype))


@operator("_contrib_count_sketch", inputs=3, npx=False)
def count_sketch(data, h, s, out_dim, processing_batch_size=32):
    """The count sketch of vectors: feature i is added, with sign s[i], to element h[i] of the result.

    Parameters
    ----------
    data : ndarray
        Of shape (..., features).
    h, s : ndarray
        Of shape (1, features): places and signs.
    out_dim : int
        The length of the sketches.
    processing_batch_size : int
        Accepted.

    Returns
    -------
    ndarray
        Of shape (..., out_dim).
    """
    places = np.reshape(h, (-1, 1)).astype("int64") == np.arange(out_dim)
    return np.matmul(data * np.reshape(s, (-1,)), places.astype(numpy.dtype(data.dtype)))
