"""Activations and dropout. The activations without parameters are elementwise operators of the core."""

import minpy.numpy as np
from minpy import _core, autograd
from minpy._nested import per_axis
from minpy._operators.elementwise import in_dtype_of
from minpy._operators.registry import operator
from minpy._random_sources import dropping

_elementwise = _core.own_ufuncs
_BY_TYPE = {
    "relu": _elementwise["relu"],
    "sigmoid": _elementwise["sigmoid"],
    "softrelu": _elementwise["softrelu"],
    "softsign": _elementwise["softsign"],
    "tanh": np.tanh,
    "log_sigmoid": _elementwise["log_sigmoid"],
    "mish": _elementwise["mish"],
}


def _uniform(shape):
    """Numbers of [0, 1) as float32."""
    return dropping.generator.random(shape, dtype="float32")


@operator("Activation")
def activation(data, act_type):
    """The elementwise function of a name.

    Parameters
    ----------
    data : ndarray
    act_type : {'relu', 'sigmoid', 'tanh', 'softrelu', 'softsign', 'log_sigmoid', 'mish'}

    Returns
    -------
    ndarray
        Of the shape of `data`.
    """
    if act_type not in _BY_TYPE:
        raise ValueError(f"act_type must be one of {', '.join(_BY_TYPE)}, got {act_type!r}")
    return in_dtype_of(data, _BY_TYPE[act_type](data))


def _prelu(data, gamma):
    if gamma is None:
        raise ValueError("leaky_relu: act_type 'prelu' needs gamma, the slope of each channel")
    shape, ndim = np.shape(gamma), np.ndim(data)
    if len(shape) == 1 and shape[0] != 1 and ndim > 1:
        if shape[0] != np.shape(data)[1]:
            raise ValueError(
                f"leaky_relu: gamma must have shape (1,) or ({np.shape(data)[1]},), the length of axis 1, not {shape}"
            )
        gamma = np.reshape(gamma, (-1,) + (1,) * (ndim - 2))
    return np.where(data > 0, data, gamma * data)


@operator("LeakyReLU", inputs=2)
def leaky_relu(data, gamma=None, act_type="leaky", slope=0.25, lower_bound=0.125, upper_bound=0.334):
    """Elementwise functions that keep positive numbers and damp negative ones.

    Parameters
    ----------
    data : ndarray
    gamma : ndarray, optional
        For 'prelu': the slope of all, of shape (1,), or of each channel (axis 1).
    act_type : {'leaky', 'prelu', 'rrelu', 'elu', 'selu', 'gelu'}
        What becomes of negative x: ``slope * x``; ``gamma * x``; x times a number drawn between the bounds (their
        mean outside training); ``slope * (exp(x) - 1)``; 'selu' and 'gelu' are `npx.selu` and `npx.gelu`.
    slope, lower_bound, upper_bound : float

    Returns
    -------
    ndarray
        Of the shape of `data`.
    """
    if act_type in ("selu", "gelu"):
        return _elementwise[act_type](data)
    data = np.asarray(data)
    if act_type == "leaky":
        return np.where(data > 0, data, slope * data)
    if act_type == "prelu":
        return _prelu(data, gamma)
    if act_type == "elu":
        return np.where(data > 0, data, slope * np.expm1(np.minimum(data, 0)))
    if act_type != "rrelu":
        raise ValueError(
            f"act_type must be 'leaky', 'prelu', 'rrelu', 'elu', 'selu' or 'gelu', got {act_type!r}"
        )
    if autograd.is_training():
        drawn = _uniform(data.shape) * (upper_bound - lower_bound) + lower_bound
        return np.where(data > 0, data, drawn.astype(data.dtype) * data)
    return np.where(data > 0, data, (lower_bound + upper_bound) / 2 * data)


@operator("hard_sigmoid")
def hard_sigmoid(data, alpha=0.2, beta=0.5):
    """``alpha * data + beta``, cut off at 0 and 1."""
    return np.clip(alpha * data + beta, 0, 1)


@operator("Dropout")
def dropout(data, p=0.5, mode="training", axes=(), cudnn_off=False):
    """Set elements to 0 at random and scale the others, so that expectations stay.

    Parameters
    ----------
    data : ndarray
    p : float
        How likely an element is dropped; the others are divided by ``1 - p``.
    mode : {'training', 'always'}
        'training': outside training (`autograd.is_training`) `data` is returned as it is.
    axes : tuple of int
        Along these axes elements are dropped together.
    cudnn_off : bool
        Without effect.

    Returns
    -------
    ndarray
        Of the shape and dtype of `data`.

    References
    ----------
    Srivastava et al.: Dropout, JMLR 15, 2014.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p must be between 0 and 1, got {p}")
    if mode not in ("training", "always"):
        raise ValueError(f"mode must be 'training' or 'always', got {mode!r}")
    if p == 0 or (mode == "training" and not autograd.is_training()):
        return data
    data = np.asarray(data)
    together = {axis % data.ndim for axis in per_axis(axes)}
    shape = tuple(1 if axis in together else n for axis, n in enumerate(data.shape))
    kept = np.asarray(_uniform(shape) >= p)
    return np.where(kept, data * (1 / (1 - p) if p < 1 else 0.0), 0.0)
