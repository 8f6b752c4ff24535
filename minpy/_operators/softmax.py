"""Softmax, its relatives, and cross-entropy."""

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._operators.registry import composite, operator

_kernels = _core.kernels


def _softmax(data, length, axis, temperature, dtype, use_length, log=False, sign=1.0):
    if temperature == 0:
        raise ValueError("temperature must not be 0")
    scale = sign / (1.0 if temperature is None else temperature)
    if dtype is not None:
        data = np.asarray(data).astype(dtype)
    if not use_length:
        return _kernels.softmax(data, axis=axis, scale=scale, log=log)
    if length is None:
        raise ValueError("use_length=True needs length, the number of elements that count in each row")
    moved = axis not in (-1, np.ndim(data) - 1)
    x = np.moveaxis(data, axis, -1) if moved else data
    if np.shape(length) != x.shape[:-1]:
        raise ValueError(
            f"length must have the shape of data without axis {axis}, {x.shape[:-1]}, not {np.shape(length)}"
        )
    out = _kernels.softmax(x, length, scale=scale, log=log)
    return np.moveaxis(out, -1, axis) if moved else out


@operator("softmax", inputs=2)
def softmax(data, length=None, axis=-1, temperature=None, dtype=None, use_length=False):
    """The exponentials of the elements over their sum along an axis.

    Parameters
    ----------
    data : ndarray
    length : ndarray of integers, optional
        With `use_length`: how many elements count along `axis`, of the shape of `data` without `axis`. The
        others become 0.
    axis : int
    temperature : float, optional
        `data` is divided by it first.
    dtype : dtype, optional
        Of the result and the computation; that of `data` by default.
    use_length : bool

    Returns
    -------
    ndarray
        Of the shape of `data`, with sum 1 along `axis`.
    """
    return _softmax(data, length, axis, temperature, dtype, use_length)


@operator("log_softmax")
def log_softmax(data, axis=-1, temperature=None, dtype=None, use_length=False, length=None):
    """The logarithm of `softmax`, without its loss of small results.

    Parameters
    ----------
    data, axis, temperature, dtype, use_length, length
        As of `softmax`. Elements beyond the length become 0.

    Returns
    -------
    ndarray
        Of the shape of `data`.
    """
    return _softmax(data, length, axis, temperature, dtype, use_length, log=True)


@operator("softmin")
def softmin(data, axis=-1, temperature=None, dtype=None, use_length=False, length=None):
    """`softmax` of the negative of `data`, which see."""
    return _softmax(data, length, axis, temperature, dtype, use_length, sign=-1.0)


@operator("SoftmaxActivation")
def softmax_activation(data, mode="instance"):
    """Softmax of each example, or of each place.

    Parameters
    ----------
    data : ndarray
        Of at least two axes, the first of examples, the second of channels.
    mode : {'instance', 'channel'}
        Whether all elements of an example sum to 1, or its channels at each place.

    Returns
    -------
    ndarray
        Of the shape of `data`.
    """
    if mode == "channel":
        return _kernels.softmax(data, axis=1)
    if mode != "instance":
        raise ValueError(f"mode must be 'instance' or 'channel', got {mode!r}")
    shape = np.shape(data)
    flat = np.reshape(data, (shape[0], -1)) if len(shape) != 2 and np.size(data) else data
    return np.reshape(_kernels.softmax(flat), shape)


def _masked(data, mask, axis, temperature, log):
    kept = np.broadcast_to(np.asarray(mask).astype(bool), np.shape(data))
    low = np.where(kept, data, -np.inf)
    out = _softmax(low, None, axis, temperature, None, False, log)
    return np.where(kept, out, -np.inf if log else 0.0)


@operator("masked_softmax", inputs=2)
def masked_softmax(data, mask, axis=-1, temperature=1.0):
    """Softmax over the elements whose mask is true.

    Parameters
    ----------
    data : ndarray
    mask : ndarray
        Booleans that broadcast to the shape of `data`.
    axis : int
    temperature : float
        `data` is divided by it first.

    Returns
    -------
    ndarray
        Of the shape of `data`, 0 where the mask is false.
    """
    return _masked(data, mask, axis, temperature, False)


@operator("masked_log_softmax", inputs=2)
def masked_log_softmax(data, mask, axis=-1, temperature=1.0):
    """The logarithm of `masked_softmax`, which see: -inf where the mask is false."""
    return _masked(data, mask, axis, temperature, True)


@operator(inputs=2)
def cross_entropy(data, label, axis=-1, sparse_label=True, ignore_label=None):
    """Cross-entropy of labels with the softmax of `data`, one loss for each example.

    Neither the softmax nor the labels as vectors are kept in memory.

    Parameters
    ----------
    data : ndarray
        Logits, with the classes along `axis`.
    label : ndarray
        The numbers of the classes, of the shape of `data` without `axis`; with ``sparse_label=False`` a weight
        for each class, of the shape of `data`.
    axis : int
    sparse_label : bool
    ignore_label : int, optional
        A label whose examples have loss and gradient 0.

    Returns
    -------
    ndarray
        Of the shape of `data` without `axis`.

    Raises
    ------
    IndexError
        For a label that is no class.
    """
    moved = axis not in (-1, np.ndim(data) - 1)
    x = np.moveaxis(data, axis, -1) if moved else data
    if sparse_label:
        ignore = ignore_label is not None
        return _kernels.cross_entropy(
            x, label, use_ignore=ignore, ignore_label=ignore_label if ignore else -1
        )[0]
    if ignore_label is not None:
        raise ValueError("ignore_label needs labels that are numbers of classes: sparse_label=True")
    return _kernels.cross_entropy_target(x, np.moveaxis(label, axis, -1) if moved else label)[0]


@operator("softmax_cross_entropy", inputs=2)
def softmax_cross_entropy(data, label):
    """The sum over the batch of the cross-entropy of labels with the softmax of `data`.

    Parameters
    ----------
    data : ndarray
        Logits of shape (batch, classes).
    label : ndarray
        Numbers of classes, of shape (batch,).

    Returns
    -------
    ndarray
        Of shape (1,).

    Raises
    ------
    IndexError
        For a label that is no class.
    """
    if np.ndim(data) != 2:
        raise ValueError(
            f"softmax_cross_entropy: data must have shape (batch, classes), not {np.shape(data)}"
        )
    return np.sum(cross_entropy(data, label), keepdims=True)


# --- The kernels once more ---


def _log_softmax(z):
    z = z - np.max(z, axis=-1, keepdims=True).detach()
    return z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True))


@composite("softmax")
def _softmax_composite(data, length, axis, scale, log):
    x = np.moveaxis(data * scale, axis, -1)
    if length is None:
        out = _log_softmax(x)
        return np.moveaxis(out if log else np.exp(out), -1, axis)
    kept = np.arange(x.shape[-1]) < np.expand_dims(length, -1)
    out = _log_softmax(np.where(kept, x, -1e30 if numpy.dtype(x.dtype).itemsize > 2 else -6e4))
    return np.where(kept, out if log else np.exp(out), 0.0)


@composite("cross_entropy")
def _cross_entropy(data, label, use_ignore, ignore_label):
    place = np.asarray(label).astype("int64")
    ignored = place == ignore_label if use_ignore else None
    if use_ignore:
        place = np.where(ignored, 0, place)
    loss = -np.take_along_axis(_log_softmax(data), np.expand_dims(place, -1), -1)[..., 0]
    return (np.where(ignored, 0.0, loss) if use_ignore else loss), None, None


@composite("cross_entropy_target")
def _cross_entropy_target(data, target):
    return -np.sum(target * _log_softmax(data), axis=-1), None, None
