"""Convolutions and their transposes."""

from minpy import _core
from minpy._operators.registry import operator

_kernels = _core.kernels

_FIRST = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
_LAST = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def _channels_last(name, layout, axes):
    """Whether the layout, one of MXNet's names, puts channels last."""
    if layout in (None, _FIRST.get(axes)):
        return False
    if layout == _LAST.get(axes):
        return True
    raise ValueError(
        f"{name}: layout must be {_FIRST.get(axes)!r} or {_LAST.get(axes)!r} for {axes} spatial axes, not {layout!r}"
    )


def _extents(value, axes):
    """A tuple of one int for each axis, from one or from a number; empty from None."""
    if value is None:
        return ()
    return tuple(value) if hasattr(value, "__len__") else (value,) * axes


def _prepare(name, data, weight, kernel, num_filter, filters, stride, dilate, pad, num_group, layout):
    """The kernel's attributes, after the parameters that repeat the shape of the weights were checked."""
    axes = data.ndim - 2
    last = _channels_last(name, layout, axes) if 1 <= axes <= 3 else False
    kernel = _extents(kernel, axes)
    given = tuple(weight.shape[1:-1] if last else weight.shape[2:])
    if kernel and kernel != given:
        raise ValueError(
            f"{name}: kernel={kernel} but weight has the shape {tuple(weight.shape)}, whose kernel is {given}"
        )
    if num_filter is not None and num_filter != filters(weight, last):
        raise ValueError(
            f"{name}: num_filter={num_filter} but weight of shape {tuple(weight.shape)} makes {filters(weight, last)}"
        )
    return {
        "stride": _extents(stride, axes),
        "dilate": _extents(dilate, axes),
        "pad": _extents(pad, axes),
        "groups": num_group,
        "channels_last": last,
    }


@operator("Convolution", "Convolution_v1", inputs=3)
def convolution(
    data,
    weight,
    bias=None,
    kernel=None,
    stride=None,
    dilate=None,
    pad=None,
    num_filter=None,
    num_group=1,
    workspace=1024,
    no_bias=False,
    cudnn_tune=None,
    cudnn_off=False,
    layout=None,
    act_type=None,
):
    """Convolution over one to three spatial axes.

    Parameters
    ----------
    data : ndarray
        (batch, channels, *spatial), or (batch, *spatial, channels) with a layout that says so.
    weight : ndarray
        (num_filter, channels / num_group, *kernel), or (num_filter, *kernel, channels / num_group).
    bias : ndarray, optional
        (num_filter,).
    kernel, num_filter : optional
        What weight's shape says; checked when given.
    stride, dilate, pad : int or tuple of int, optional
        For each spatial axis: 1, 1 and 0 unless given. Zeros are padded on both sides.
    num_group : int
        Channels and filters are divided into so many groups, each convolved for itself.
    no_bias : bool
        The bias is ignored.
    layout : str, optional
        "NCW", "NCHW", "NCDHW", or "NWC", "NHWC", "NDHWC".
    workspace, cudnn_tune, cudnn_off
        Accepted and without effect.
    act_type : {None, 'relu'}
        What is applied to the results, in the same pass.

    Returns
    -------
    ndarray
        Spatial extents (n + 2 * pad - dilate * (kernel - 1) - 1) // stride + 1.

    Raises
    ------
    ValueError
        If shapes do not fit each other, or the kernel does not fit into the padded data.

    See Also
    --------
    deconvolution : its transpose.
    """
    attributes = _prepare(
        "convolution",
        data,
        weight,
        kernel,
        num_filter,
        lambda w, last: w.shape[0],
        stride,
        dilate,
        pad,
        num_group,
        layout,
    )
    if act_type not in (None, "relu"):
        raise ValueError(f"convolution: act_type must be None or 'relu', got {act_type!r}")
    kernel = _kernels.convolution if act_type is None else _kernels.convolution_relu
    return kernel(data, weight, None if no_bias else bias, **attributes)


@operator("Deconvolution", inputs=3)
def deconvolution(
    data,
    weight,
    bias=None,
    kernel=None,
    stride=None,
    dilate=None,
    pad=None,
    adj=None,
    target_shape=None,
    num_filter=None,
    num_group=1,
    workspace=512,
    no_bias=True,
    cudnn_tune=None,
    cudnn_off=False,
    layout=None,
):
    """Transposed convolution: the gradient of a convolution by its data, as an operator.

    Parameters
    ----------
    data : ndarray
        (batch, channels, *spatial), or (batch, *spatial, channels) with a layout that says so.
    weight : ndarray
        (channels, num_filter / num_group, *kernel), or (channels, *kernel, num_filter / num_group).
    bias : ndarray, optional
        (num_filter,); used with ``no_bias=False``.
    kernel, num_filter : optional
        What weight's shape says; checked when given.
    stride, dilate, pad : int or tuple of int, optional
        Those of the convolution.
    adj : int or tuple of int, optional
        Added to the extents of the result; less than stride.
    target_shape : tuple of int, optional
        The spatial extents of the result, instead of `pad` and `adj`.
    num_group : int
        Channels and filters are divided into so many groups.
    no_bias : bool
        The bias is ignored.
    layout : str, optional
        "NCW", "NCHW", "NCDHW", or "NWC", "NHWC", "NDHWC".
    workspace, cudnn_tune, cudnn_off
        Accepted and without effect.

    Returns
    -------
    ndarray
        Spatial extents stride * (n - 1) + dilate * (kernel - 1) + 1 - 2 * pad + adj, or target_shape.

    Raises
    ------
    ValueError
        If shapes do not fit each other, or target_shape is larger than the result without padding.
    """
    attributes = _prepare(
        "deconvolution",
        data,
        weight,
        kernel,
        num_filter,
        lambda w, last: w.shape[-1 if last else 1] * num_group,
        stride,
        dilate,
        pad,
        num_group,
        layout,
    )
    size, attributes["pad"] = _transposed_extents(data, weight, attributes, adj, target_shape)
    return _kernels.deconvolution(data, weight, None if no_bias else bias, size=size, **attributes)


def _transposed_extents(data, weight, attributes, adj, target_shape):
    """The spatial extents of a deconvolution, and its padding."""
    axes = data.ndim - 2
    ones, zeros = (1,) * axes, (0,) * axes
    inner = slice(1, -1) if attributes["channels_last"] else slice(2, None)
    stride, dilate = attributes["stride"] or ones, attributes["dilate"] or ones
    pad, adj = attributes["pad"] or zeros, _extents(adj, axes) or zeros
    target = _extents(target_shape, axes)
    for name, value in (
        ("adj", adj),
        ("target_shape", target or zeros),
        ("stride", stride),
        ("dilate", dilate),
    ):
        if len(value) != axes:
            raise ValueError(
                f"deconvolution: {name} must have one value for each of {axes} spatial axes: {value}"
            )
    full = tuple(
        s * (n - 1) + d * (k - 1) + 1
        for n, k, s, d in zip(data.shape[inner], weight.shape[inner], stride, dilate)
    )
    if any(target):
        if any(t > f for t, f in zip(target, full)):
            raise ValueError(
                f"deconvolution: target_shape={target} is larger than the result without padding, {full}"
            )
        return target, tuple((f - t + 1) // 2 for f, t in zip(full, target))
    if any(not 0 <= a < s for a, s in zip(adj, stride)):
        raise ValueError(
            f"deconvolution: adj must be less than stride={stride} and not negative, it is {adj}"
        )
    size = tuple(f - 2 * p + a for f, p, a in zip(full, pad, adj))
    if any(n < 1 for n in size):
        raise ValueError(f"deconvolution: pad={pad} leaves nothing of the result {full}")
    return size, pad
