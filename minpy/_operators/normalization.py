"""Normalisation of activations."""

import minpy.numpy as np
from minpy import _core
from minpy._operators.registry import composite, operator

_kernels = _core.kernels


@operator("LayerNorm", inputs=3)
def layer_norm(data, gamma, beta, axis=-1, eps=1e-5, output_mean_var=False):
    """Normalise one axis to mean 0 and variance 1, then scale and shift it.

    Parameters
    ----------
    data : ndarray
        Any shape.
    gamma, beta : ndarray
        Scale and shift, of shape (data.shape[axis],).
    axis : int
        The axis that is normalised.
    eps : float
        Added to the variance.
    output_mean_var : bool
        Also return the means and the standard deviations, with `axis` of length 1.

    Returns
    -------
    ndarray, or tuple of three
        Of the shape of `data`.

    References
    ----------
    Ba, Kiros, Hinton: Layer Normalization, arXiv:1607.06450.
    """
    moved = axis not in (-1, np.ndim(data) - 1)
    x = np.moveaxis(data, axis, -1) if moved else data
    out, mean, rstd = _kernels.layer_norm(x, gamma, beta, eps=eps)
    if moved:
        out = np.moveaxis(out, -1, axis)
    if output_mean_var:
        return out, np.expand_dims(mean, axis), np.expand_dims(1 / rstd, axis)
    return out


@composite("layer_norm")
def _layer_norm(data, gamma, beta, eps):
    mean = np.mean(data, axis=-1, keepdims=True)
    deviation = data - mean
    rstd = 1 / np.sqrt(np.mean(deviation * deviation, axis=-1, keepdims=True) + eps)
    return deviation * rstd * gamma + beta, mean[..., 0], rstd[..., 0]
