"""Pooling: one number for each window of a batch's spatial axes."""

import functools
import operator as _operator

import minpy.numpy as np
from minpy import _core
from minpy._operators.registry import operator

_kernels = _core.kernels
_LAYOUTS = {None: 0, "NCW": 1, "NCHW": 2, "NCDHW": 3, "NWC": 1, "NHWC": 2, "NDHWC": 3}


@operator("Pooling", "Pooling_v1")
def pooling(
    data,
    kernel=(),
    pool_type="max",
    global_pool=False,
    cudnn_off=False,
    pooling_convention="valid",
    stride=(),
    pad=(),
    p_value=None,
    count_include_pad=None,
    layout=None,
):
    """Reduce each window of the spatial axes to one number, channel by channel.

    Parameters
    ----------
    data : ndarray
        (batch, channels, *spatial), or (batch, *spatial, channels) by `layout`, with 1, 2 or 3 spatial axes.
    kernel : tuple of int
        The window's size along each spatial axis.
    pool_type : {"max", "avg", "sum", "lp"}
        The largest element, the mean, the sum, or the p-norm. The gradient of "max" goes to the first of equal
        elements.
    global_pool : bool
        One window, the whole spatial extent; `kernel`, `stride` and `pad` are not looked at.
    cudnn_off : bool
        Accepted for compatibility.
    pooling_convention : {"valid", "full", "same"}
        The size of the result along an axis of size n: floor((n + 2 pad - kernel) / stride) + 1, the same with
        ceil, or ceil((n + 2 pad) / stride).
    stride : tuple of int
        From one window to the next; 1 by default.
    pad : tuple of int
        How far windows may begin before the data and end after it; 0 by default.
    p_value : int
        The exponent of "lp".
    count_include_pad : bool
        Whether "avg" divides by the number of elements including padding; true by default.
    layout : str
        "NCW", "NCHW", "NCDHW" or "NWC", "NHWC", "NDHWC".

    Returns
    -------
    ndarray
        Of the dtype and the layout of `data`.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, 1998.
    """
    _require_one_of("pool_type", pool_type, ("max", "avg", "sum", "lp"))
    if pool_type == "lp" and p_value is None:
        raise ValueError("pooling: p_value is required by pool_type 'lp'")
    try:
        plan, geometry = _plan, [_hashable(v) for v in (kernel, stride, pad)]
    except TypeError:  # a value that is no integer: the plan says which
        plan, geometry = _plan.__wrapped__, (kernel, stride, pad)
    axes, windows = plan(np.shape(data), layout, bool(global_pool), pooling_convention, *geometry)
    if global_pool and pool_type in ("avg", "sum"):
        return (np.mean if pool_type == "avg" else np.sum)(data, axis=axes, keepdims=True)
    if pool_type == "max":
        return _kernels.pool_max(data, **windows)[0]
    if pool_type == "lp":
        return _root(_kernels.pool_sum(abs(data) ** p_value, **windows), p_value)
    divisor = "none" if pool_type == "sum" else "inside" if count_include_pad is False else "padded"
    return _kernels.pool_sum(data, divisor=divisor, **windows)


def _hashable(value):
    if isinstance(value, (tuple, list)):
        return tuple(map(_operator.index, value))
    return None if value is None else _operator.index(value)


@functools.lru_cache(4096)
def _plan(shape, layout, global_pool, convention, kernel, stride, pad):
    """The spatial axes, and the attributes of the kernels that pool over them."""
    axes = _spatial_axes(shape, layout)
    _require_one_of("pooling_convention", convention, ("valid", "full", "same"))
    count = len(axes)
    sizes = [shape[a] for a in axes]
    if global_pool:
        return axes, _windows(shape, axes, sizes, (1,) * count, (0,) * count, (1,) * count)
    kernel = _integers("kernel", kernel, count, None, 1)
    stride = _integers("stride", stride, count, 1, 1)
    pad = _integers("pad", pad, count, 0, 0)
    out = [pooled_size(*each, convention, axis) for axis, *each in zip(axes, sizes, kernel, stride, pad)]
    return axes, _windows(shape, axes, kernel, stride, pad, out)


@operator("_contrib_AdaptiveAvgPooling2D")
def adaptive_avg_pooling2d(data, output_size=()):
    """Average over windows that divide the image evenly, so that the result has the given size.

    Parameters
    ----------
    data : ndarray
        (batch, channels, height, width).
    output_size : int or tuple of int
        Height and width of the result; one number stands for both, and nothing for (1, 1).

    Returns
    -------
    ndarray
        (batch, channels, *output_size). Output o of n covers the elements from floor(o size / n) to
        ceil((o + 1) size / n); neighbouring windows may overlap.
    """
    return adaptive_pooling(data, output_size, "avg")


def adaptive_pooling(data, output_size, pool_type):
    """Adaptive pooling of data in NCW, NCHW or NCDHW to `output_size`, by "avg" or "max"."""
    axes = _spatial_axes(np.shape(data), None)
    if isinstance(output_size, (tuple, list)) and len(output_size) == 1:
        output_size = output_size[0]
    out = _integers("output_size", output_size, len(axes), 1, 1)
    sizes = [data.shape[a] for a in axes]
    if 0 in sizes:
        raise ValueError(f"adaptive pooling: spatial axes must not be empty, data has shape {data.shape}")
    ones = (1,) * len(axes)
    if all(n == 1 for n in out) and pool_type == "avg":
        return np.mean(data, axis=axes, keepdims=True)
    windows = _windows(data.shape, axes, ones, ones, (0,) * len(axes), out)
    if all(n % m == 0 for n, m in zip(sizes, out)):
        windows["kernel"] = windows["stride"] = tuple(n // m for n, m in zip(sizes, out))
    else:
        windows["adaptive"] = True
    if pool_type == "max":
        return _kernels.pool_max(data, **windows)[0]
    return _kernels.pool_sum(data, divisor="inside", **windows)


def _root(total, p):
    # The norm of an empty or zero window is 0, and so is its gradient.
    positive = total > 0
    return np.where(positive, np.where(positive, total, 1) ** (1 / p), 0).astype(total.dtype)


def _windows(shape, axes, kernel, stride, pad, out):
    return dict(
        kernel=tuple(kernel),
        stride=tuple(stride),
        pad=tuple(pad),
        **{"in": tuple(shape[a] for a in axes)},
        out=tuple(out),
        channels_last=axes[0] == 1,
    )


def _spatial_axes(shape, layout):
    if layout not in _LAYOUTS:
        raise ValueError(
            f"pooling: layout must be one of {[k for k in _LAYOUTS if k]} or None, not {layout!r}"
        )
    count = len(shape) - 2
    if not 1 <= count <= 3:
        raise ValueError(f"pooling: data must have 3, 4 or 5 axes, its shape is {shape}")
    if layout and _LAYOUTS[layout] != count:
        raise ValueError(f"pooling: layout {layout!r} needs {len(layout)} axes, the shape of data is {shape}")
    first = 1 if layout and layout.endswith("C") else 2
    return tuple(range(first, first + count))


def _require_one_of(name, value, allowed):
    if value not in allowed:
        raise ValueError(f"pooling: {name} must be one of {allowed}, not {value!r}")


def _integers(name, value, count, default, least):
    if value is None or (isinstance(value, (tuple, list)) and not value):
        if default is None:
            raise ValueError(f"pooling: {name} is required unless global_pool is true: {count} integers")
        return (default,) * count
    try:
        found = (
            tuple(_operator.index(v) for v in value)
            if hasattr(value, "__len__")
            else (_operator.index(value),) * count
        )
    except TypeError:
        raise TypeError(f"pooling: {name} must be {count} integers, not {value!r}") from None
    if len(found) != count or min(found) < least:
        raise ValueError(f"pooling: {name} must be {count} integers of at least {least}, not {value!r}")
    return found


def pooled_size(size, kernel, stride, pad, convention, axis):
    padded = size + 2 * pad
    if convention == "same":
        return -(-padded // stride)
    if kernel > padded:
        raise ValueError(
            f"pooling: kernel size {kernel} exceeds axis {axis} of size {size}, padded to {padded}"
        )
    room = padded - kernel
    return (room // stride if convention == "valid" else -(-room // stride)) + 1
