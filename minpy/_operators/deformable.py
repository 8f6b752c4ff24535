"""Convolutions whose taps are displaced by data: samples between elements, then a product of matrices."""

import numpy

import minpy.numpy as np
from minpy._nested import per_axis
from minpy._operators.registry import operator
from minpy._operators.repetition import beside


def bilinear_at(planes, y, x, fading=False):
    """Bilinear samples of planes; 0 outside of them.

    Parameters
    ----------
    planes : ndarray
        Of shape (n, g, c, height, width).
    y, x : ndarray
        Coordinates, of shape (n, g, points).
    fading : bool
        Samples fade to 0 within 1 from the outermost elements; else they end at 0 and at the length of an axis, and
        are the outermost element's beyond it.

    Returns
    -------
    ndarray
        Of shape (n, g, c, points).
    """
    n, g, c, height, width = np.shape(planes)
    flat = np.reshape(planes, (n, g, c, height * width))
    here_y, here_x = y.detach(), x.detach()
    top, left = np.floor(here_y), np.floor(here_x)
    inside = (here_y >= 0) * (here_y < height) * (here_x >= 0) * (here_x < width)
    total = 0
    for down in (0, 1):
        for right in (0, 1):
            row, column = np.clip(top + down, 0, height - 1), np.clip(left + right, 0, width - 1)
            exists = (row == top + down) * (column == left + right) if fading else inside
            weight = (y - top if down else 1 - (y - top)) * (x - left if right else 1 - (x - left))
            place = (row * width + column).astype("int64")[:, :, None]
            place = np.broadcast_to(place, (n, g, c, place.shape[-1]))
            total = total + np.take_along_axis(flat, place, -1) * (weight * exists)[:, :, None]
    return total


def _grid(out_shape, kernel, stride, dilate, pad):
    """Where each tap of each result is without displacement: rows and columns, of shape (taps, results)."""
    axes = []
    for axis in (0, 1):
        starts = numpy.arange(out_shape[axis]) * stride[axis] - pad[axis]
        taps = numpy.arange(kernel[axis]) * dilate[axis]
        axes.append(taps[:, None] + starts)
    shape = (*kernel, *out_shape)
    rows = numpy.broadcast_to(axes[0][:, None, :, None], shape)
    columns = numpy.broadcast_to(axes[1][None, :, None, :], shape)
    return [a.reshape(kernel[0] * kernel[1], -1).astype("float32") for a in (rows, columns)]


def _deformable(name, data, offset, mask, weight, bias, kernel, stride, dilate, pad, groups, offset_groups):
    kernel, stride, dilate, pad = (
        per_axis(value, 2) for value in (kernel or None, stride or 1, dilate or 1, pad or 0)
    )
    n, channels, height, width = np.shape(data)
    out_shape = tuple(
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, p, d, k, s in zip((height, width), pad, dilate, kernel, stride)
    )
    taps, results = kernel[0] * kernel[1], out_shape[0] * out_shape[1]
    wanted = (n, 2 * offset_groups * taps, *out_shape)
    if np.shape(offset) != wanted:
        raise ValueError(f"{name}: offset must have shape {wanted}, its shape is {np.shape(offset)}")
    shift = np.reshape(offset, (n, offset_groups, taps, 2, results))
    rows, columns = (beside(data, np.array(a)) for a in _grid(out_shape, kernel, stride, dilate, pad))
    points = (n, offset_groups, taps * results)
    y = np.reshape(shift[:, :, :, 0] + rows, points)
    x = np.reshape(shift[:, :, :, 1] + columns, points)
    planes = np.reshape(data, (n, offset_groups, channels // offset_groups, height, width))
    samples = bilinear_at(planes, y, x, fading=mask is not None)
    if mask is not None:
        samples = samples * np.reshape(mask, (n, offset_groups, 1, taps * results))
    samples = np.reshape(samples, (n, groups, channels // groups * taps, results))
    filters = np.shape(weight)[0]
    matrix = np.reshape(weight, (groups, filters // groups, channels // groups * taps))
    out = np.reshape(np.matmul(matrix, samples), (n, filters, *out_shape))
    return out if bias is None else out + np.reshape(bias, (-1, 1, 1))


@operator("_contrib_DeformableConvolution", inputs=4)
def deformable_convolution(
    data,
    offset,
    weight,
    bias=None,
    kernel=(),
    stride=(),
    dilate=(),
    pad=(),
    num_filter=None,
    num_group=1,
    num_deformable_group=1,
    workspace=1024,
    no_bias=False,
    layout=None,
):
    """A convolution of images whose taps are displaced by an array.

    Parameters
    ----------
    data : ndarray
        Of shape (n, channels, height, width).
    offset : ndarray
        Displacements: of shape (n, 2 * num_deformable_group * taps, out height, out width), for each tap down and to
        the right.
    weight, bias : ndarray
        Of shapes (num_filter, channels / num_group, *kernel) and (num_filter,).
    kernel, stride, dilate, pad : tuple of int
        As for `convolution`.
    num_filter : int
        As in the shape of `weight`.
    num_group, num_deformable_group : int
        Groups of channels that are convolved alone, and that have displacements of their own.
    no_bias : bool
        Add no bias.
    workspace, layout
        Without effect.

    Returns
    -------
    ndarray
        Of shape (n, num_filter, out height, out width).

    References
    ----------
    Dai et al.: Deformable Convolutional Networks, arXiv:1703.06211.
    """
    bias = None if no_bias else bias
    return _deformable(
        "deformable_convolution",
        data,
        offset,
        None,
        weight,
        bias,
        kernel,
        stride,
        dilate,
        pad,
        num_group,
        num_deformable_group,
    )


@operator("_contrib_ModulatedDeformableConvolution", inputs=5)
def modulated_deformable_convolution(
    data,
    offset,
    mask,
    weight,
    bias=None,
    kernel=(),
    stride=(),
    dilate=(),
    pad=(),
    num_filter=None,
    num_group=1,
    num_deformable_group=1,
    workspace=1024,
    no_bias=False,
    im2col_step=64,
    layout=None,
):
    """`deformable_convolution` whose samples are multiplied by a mask.

    Parameters
    ----------
    mask : ndarray
        Of shape (n, num_deformable_group * taps, out height, out width).
    data, offset, weight, bias, kernel, stride, dilate, pad, num_filter, num_group, num_deformable_group, no_bias
        As for `deformable_convolution`.
    workspace, im2col_step, layout
        Without effect.

    Returns
    -------
    ndarray

    References
    ----------
    Zhu et al.: Deformable ConvNets v2, arXiv:1811.11168.
    """
    bias = None if no_bias else bias
    return _deformable(
        "modulated_deformable_convolution",
        data,
        offset,
        mask,
        weight,
        bias,
        kernel,
        stride,
        dilate,
        pad,
        num_group,
        num_deformable_group,
    )
