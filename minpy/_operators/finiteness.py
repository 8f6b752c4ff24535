"""What mixed-precision training asks of arrays: casts, finiteness, sums of squares, layer-wise rates."""

import numpy

import minpy.numpy as np
from minpy._operators.registry import operator
from minpy._operators.repetition import beside

_WIDTH = ("float16", "bfloat16", "float32", "float64")


def arrays_of(args):
    """The arrays of a call that takes them one by one or as one list."""
    return list(args[0]) if len(args) == 1 and isinstance(args[0], (list, tuple)) else list(args)


@operator("amp_cast", npx=False)
def amp_cast(data, dtype):
    """The data in another floating dtype; integers stay as they are."""
    return data.astype(dtype) if is_floating(data) else np.copy(data)


def is_floating(data):
    """Whether the elements are real floating numbers."""
    return numpy.dtype(data.dtype).kind in "fV"  # "V": bfloat16


@operator("amp_multicast", inputs=1, npx=False)
def amp_multicast(*data, num_outputs=None, cast_narrow=False):
    """All arrays in the widest (or narrowest) of their floating dtypes.

    Parameters
    ----------
    *data : ndarray
        Arrays of any shapes; integers stay as they are.
    num_outputs : int
        The number of arrays; given by generated code only.
    cast_narrow : bool
        Choose the narrowest dtype instead of the widest.

    Returns
    -------
    list of ndarray
    """
    data = arrays_of(data)
    widths = [_WIDTH.index(numpy.dtype(a.dtype).name) for a in data if is_floating(a)]
    if not widths:
        return [np.copy(a) for a in data]
    dtype = _WIDTH[min(widths) if cast_narrow else max(widths)]
    return [amp_cast(a, dtype) for a in data]


def _finite(data, arrays):
    good = all(bool(np.all(np.isfinite(a))) for a in arrays)
    return beside(data, np.array([1.0 if good else 0.0], dtype="float32"))


@operator("all_finite", npx=False)
def all_finite(data, init_output=True):
    """[1] when every element is finite, else [0].

    Parameters
    ----------
    data : ndarray
        Any shape.
    init_output : bool
        Accepted; there is no former result to combine with.

    Returns
    -------
    ndarray
        Of shape (1,), float32.
    """
    return _finite(data, [data])


@operator("multi_all_finite", inputs=1, npx=False)
def multi_all_finite(*data, num_arrays=1, init_output=True):
    """[1] when every element of all arrays is finite, else [0]; the parameters are those of `all_finite`."""
    data = arrays_of(data)
    return _finite(data[0], data)


@operator("multi_sum_sq", inputs=1, npx=False)
def multi_sum_sq(*data, num_arrays=None):
    """The sum of squares of each array, as a float32 vector."""
    data = arrays_of(data)
    sums = [np.reshape(np.sum(np.square(a.astype("float32"))), (1,)) for a in data]
    return beside(data[0], np.concatenate(sums))


@operator("reset_arrays", inputs=1, npx=False)
def reset_arrays(*data, num_arrays=None):
    """Fill arrays with zeros in place."""
    for array in arrays_of(data):
        array[...] = 0
    return []


@operator("multi_lars", inputs=4, npx=False)
def multi_lars(lrs, weights_sum_sq, grads_sum_sq, wds, eta, eps, rescale_grad=1.0):
    """The learning rates that LARS makes for the layers.

    Parameters
    ----------
    lrs, weights_sum_sq, grads_sum_sq, wds : ndarray
        For each layer the rate, the sums of squares of weights and gradients, and the decay.
    eta, eps : float
        The trust coefficient, and what is added to the denominator.
    rescale_grad : float
        What gradients will be multiplied by.

    Returns
    -------
    ndarray
    """
    weights, grads = np.sqrt(weights_sum_sq), np.sqrt(grads_sum_sq) * rescale_grad
    rate = eta * weights / (grads + wds * weights + eps)
    return np.where(weights * grads > 0, lrs * rate, lrs)
