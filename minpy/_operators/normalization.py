"""Normalisation of activations."""

import minpy.numpy as np
from minpy import _core, autograd
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


@operator("BatchNorm", inputs=5)
def batch_norm(
    data,
    gamma,
    beta,
    moving_mean,
    moving_var,
    eps=1e-3,
    momentum=0.9,
    fix_gamma=True,
    use_global_stats=False,
    output_mean_var=False,
    axis=1,
    cudnn_off=False,
    min_calib_range=None,
    max_calib_range=None,
):
    """Normalise each channel by its mean and variance over everything else, then scale and shift it.

    In training (`autograd.is_training`) the statistics are the batch's, and the moving ones are updated in place
    at once: ``moving = moving * momentum + batch * (1 - momentum)``, with the variance that divides by the number
    of elements. Elsewhere, and with `use_global_stats`, the statistics are the moving ones.

    Parameters
    ----------
    data : ndarray
    gamma, beta, moving_mean, moving_var : ndarray
        Of shape (data.shape[axis],).
    eps : float
        Added to the variance.
    momentum : float
        How much of a moving statistic stays.
    fix_gamma : bool
        Gamma counts as 1: its gradient is 0, and in training the array is set to 1.
    use_global_stats : bool
    output_mean_var : bool
        Also return the means and the reciprocal standard deviations that were used.
    axis : int
        The channels.
    cudnn_off, min_calib_range, max_calib_range
        Without effect.

    Returns
    -------
    ndarray, or tuple of three
        Of the shape and dtype of `data`.

    Notes
    -----
    MXNet updates the moving statistics when the gradient is computed.

    References
    ----------
    Ioffe, Szegedy: Batch Normalization, arXiv:1502.03167.
    """
    batch = autograd.is_training() and not use_global_stats
    options = {"eps": eps, "axis": axis, "fix_gamma": fix_gamma}
    if batch:
        if fix_gamma:
            with autograd.pause():
                gamma[...] = 1
        out, mean, var = _kernels.batch_norm(data, gamma, beta, **options)
        if np.size(data):
            with autograd.pause():
                for moving, now in ((moving_mean, mean), (moving_var, var)):
                    moving[...] = moving * momentum + now.detach() * (1 - momentum)
    else:
        mean, var = np.asarray(moving_mean).detach(), np.asarray(moving_var).detach()
        out = _kernels.batch_norm(data, gamma, beta, mean, var, **options)
    dtype = np.asarray(data).dtype
    if out.dtype != dtype and np.issubdtype(dtype, np.inexact):
        out = out.astype(dtype)
    return (out, mean, 1 / np.sqrt(var + eps)) if output_mean_var else out


@operator("InstanceNorm", inputs=3)
def instance_norm(data, gamma, beta, eps=1e-3):
    """Normalise each channel of each example over its places, then scale and shift it.

    Parameters
    ----------
    data : ndarray
        Of shape (batch, channels, ...).
    gamma, beta : ndarray
        Of shape (channels,).
    eps : float
        Added to the variance.

    Returns
    -------
    ndarray
        Of the shape of `data`.
    """
    shape = np.shape(data)
    if len(shape) < 3 or np.shape(gamma) != shape[1:2] or np.shape(beta) != shape[1:2]:
        raise ValueError(
            "instance_norm: data must have shape (batch, channels, ...), gamma and beta (channels,), not "
            f"{shape}, {np.shape(gamma)}, {np.shape(beta)}"
        )
    return _kernels.group_norm(data, gamma, beta, num_groups=shape[1], eps=eps)[0]


@operator("GroupNorm", inputs=3)
def group_norm(data, gamma, beta, num_groups=1, eps=1e-5, output_mean_var=False):
    """Normalise groups of channels of each example, then scale and shift them.

    Parameters
    ----------
    data : ndarray
        Of shape (batch, channels, ...).
    gamma, beta : ndarray
        One number for each channel, or for each group.
    num_groups : int
        Divides the number of channels.
    eps : float
        Added to the variance.
    output_mean_var : bool
        Also return the means and standard deviations, of shape (batch, num_groups).

    Returns
    -------
    ndarray, or tuple of three
        Of the shape of `data`.
    """
    shape = np.shape(data)
    if len(shape) < 2 or num_groups < 1 or shape[1] % num_groups:
        raise ValueError(
            f"group_norm: num_groups={num_groups} must divide the channels of data of shape {shape}"
        )
    for name, a in (("gamma", gamma), ("beta", beta)):
        if np.shape(a) not in ((shape[1],), (num_groups,)):
            raise ValueError(
                f"group_norm: {name} must have shape ({shape[1]},) or ({num_groups},), not {np.shape(a)}"
            )
    per_group = shape[1] // num_groups
    if np.shape(gamma)[0] != shape[1]:
        gamma = np.repeat(gamma, per_group)
    if np.shape(beta)[0] != shape[1]:
        beta = np.repeat(beta, per_group)
    out, mean, rstd = _kernels.group_norm(data, gamma, beta, num_groups=num_groups, eps=eps)
    return (out, mean, 1 / rstd) if output_mean_var else out


@operator("L2Normalization")
def l2_normalization(data, eps=1e-10, mode="instance"):
    """Divide by the square root of the sum of squares.

    Parameters
    ----------
    data : ndarray
        Of shape (batch, channels, ...).
    eps : float
        Added to the sum of squares.
    mode : {'instance', 'channel', 'spatial'}
        What is summed: everything in an example, its channels at each place, or the places of each channel.

    Returns
    -------
    ndarray
        Of the shape of `data`.
    """
    first, last = {"instance": (1, None), "channel": (1, 2), "spatial": (2, None)}.get(mode, (None, None))
    if first is None:
        raise ValueError(f"mode must be 'instance', 'channel' or 'spatial', got {mode!r}")
    axes = tuple(range(np.ndim(data)))[first:last]
    return data / np.sqrt(np.sum(np.square(data), axis=axes, keepdims=True) + eps)


@operator("LRN")
def lrn(data, nsize, alpha=1e-4, beta=0.75, knorm=2.0):
    """Divide by a power of the sum of squares over neighbouring channels.

    Parameters
    ----------
    data : ndarray
        Of shape (batch, channels, ...).
    nsize : int
        How many channels are summed, an odd number: the same one in their middle.
    alpha, beta, knorm : float
        The divisor is ``(knorm + alpha / nsize * sum) ** beta``.

    Returns
    -------
    ndarray
        Of the shape of `data`.

    References
    ----------
    Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks, 2012.
    """
    if nsize < 1 or nsize % 2 == 0:
        raise ValueError(f"lrn: nsize must be odd and positive, got {nsize}")
    channels, half = np.shape(data)[1], nsize // 2
    squares = np.square(data)
    padding = [(0, 0)] * np.ndim(data)
    padding[1] = (half, half)
    padded = np.pad(squares, padding)
    total = squares
    for shift in range(nsize):
        if shift != half:
            total = total + padded[:, shift : shift + channels]
    return data * np.power(knorm + (alpha / nsize) * total, -beta)


# --- The kernels once more ---


def _standardised(rows, eps):
    """Rows of mean 0 and variance 1, their means, and the reciprocals of their standard deviations."""
    mean = np.mean(rows, axis=-1, keepdims=True)
    deviation = rows - mean
    rstd = 1 / np.sqrt(np.mean(deviation * deviation, axis=-1, keepdims=True) + eps)
    return deviation * rstd, mean[..., 0], rstd[..., 0]


@composite("layer_norm")
def _layer_norm(data, gamma, beta, eps):
    out, mean, rstd = _standardised(data, eps)
    return (out if gamma is None else out * gamma + beta), mean, rstd


@composite("group_norm")
def _group_norm(data, gamma, beta, num_groups, eps):
    rows = np.reshape(data, (data.shape[0], num_groups, data.size // max(data.shape[0] * num_groups, 1)))
    out, mean, rstd = _standardised(rows, eps)
    along = (-1,) + (1,) * (data.ndim - 2)
    out = np.reshape(out, data.shape) * np.reshape(gamma, along) + np.reshape(beta, along)
    return out, mean, rstd


@composite("batch_norm")
def _batch_norm(data, gamma, beta, mean, var, eps, axis, fix_gamma):
    axis %= data.ndim
    others = tuple(i for i in range(data.ndim) if i != axis)
    along = tuple(-1 if i == axis else 1 for i in range(data.ndim))
    given = mean is not None
    mean = mean.reshape(along) if given else np.mean(data, axis=others, keepdims=True)
    deviation = data - mean
    var = var.reshape(along) if given else np.mean(deviation * deviation, axis=others, keepdims=True)
    factor = 1 / np.sqrt(var + eps)
    # A fixed gamma takes part with weight 0, so that its gradient exists.
    scale = gamma * 0 + 1 if fix_gamma else gamma
    out = deviation * factor * scale.reshape(along) + beta.reshape(along)
    return out if given else (out, mean.reshape(-1), var.reshape(-1))
