"""Images rearranged: padded, cropped, cut into patches, and correlated patch by patch."""

import itertools
import math
import operator as _operator

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._operators.registry import operator

_kernels = _core.kernels


@operator("Pad", "pad")
def pad(data, mode, pad_width, constant_value=0):
    """Enlarge an array at its borders.

    Parameters
    ----------
    data : ndarray
        Any shape.
    mode : {"constant", "edge", "reflect"}
        Fill with a number, with the outermost elements, or with the elements mirrored at them.
    pad_width : tuple of int
        Two numbers for each axis: how much is added before and after.
    constant_value : float
        The number for "constant".

    Returns
    -------
    ndarray
        Of the dtype of `data`.
    """
    if mode not in ("constant", "edge", "reflect"):
        raise ValueError(f"pad: mode must be 'constant', 'edge' or 'reflect', not {mode!r}")
    widths = tuple(_operator.index(n) for n in pad_width)
    if len(widths) != 2 * np.ndim(data) or any(n < 0 for n in widths):
        raise ValueError(
            f"pad: pad_width must be {2 * np.ndim(data)} integers of at least 0, two for each axis, not {pad_width!r}"
        )
    pairs = list(zip(widths[::2], widths[1::2]))
    if mode == "constant":
        return np.pad(data, pairs, mode="constant", constant_values=constant_value)
    return np.pad(data, pairs, mode=mode)


@operator("Crop")
def spatial_crop(*data, num_args=None, offset=(0, 0), h_w=(0, 0), center_crop=False):
    """Cut a part out of images.

    Parameters
    ----------
    *data : ndarray
        (batch, channels, height, width); a second array gives the height and width of the result.
    num_args : int
        The number of arrays; may be left out.
    offset : tuple of int
        The first row and column that are kept.
    h_w : tuple of int
        Height and width of the result, if there is no second array.
    center_crop : bool
        Keep the middle; `offset` is not looked at.

    Returns
    -------
    ndarray
        (batch, channels, height, width).
    """
    if len(data) not in (1, 2) or num_args not in (None, len(data)):
        raise ValueError(
            f"spatial_crop: one or two arrays are required, as num_args says; {len(data)} were given"
        )
    if any(np.ndim(a) != 4 for a in data):
        raise ValueError(
            f"spatial_crop: arrays must have 4 axes, the shapes are {[np.shape(a) for a in data]}"
        )
    old, new = data[0].shape[2:], tuple(data[1].shape[2:] if len(data) == 2 else h_w)
    first = tuple((n - m) // 2 for n, m in zip(old, new)) if center_crop else tuple(offset)
    if len(new) != 2 or any(m < 1 or o < 0 or o + m > n for n, m, o in zip(old, new, first)):
        raise ValueError(f"spatial_crop: {new} elements from {first} on are not within images of size {old}")
    return np.array(data[0][:, :, first[0] : first[0] + new[0], first[1] : first[1] + new[1]])


@operator("depth_to_space")
def depth_to_space(data, block_size):
    """Make blocks of an image's elements from its channels.

    Parameters
    ----------
    data : ndarray
        (batch, block_size**2 * channels, height, width).
    block_size : int

    Returns
    -------
    ndarray
        (batch, channels, height * block_size, width * block_size); the channels of `data` run over the rows of a
        block, then its columns, then the channels of the result.
    """
    batch, channels, height, width = _images("depth_to_space", data)
    b = _block("depth_to_space", block_size)
    if channels % (b * b):
        raise ValueError(f"depth_to_space: channels must be a multiple of {b * b}, not {channels}")
    depth = channels // (b * b)
    split = data.reshape(batch, b, b, depth, height, width)
    return split.transpose(0, 3, 4, 1, 5, 2).reshape(batch, depth, height * b, width * b)


@operator("space_to_depth")
def space_to_depth(data, block_size):
    """Make channels from the elements of blocks: the reverse of `depth_to_space`.

    Parameters
    ----------
    data : ndarray
        (batch, channels, height, width), the last two multiples of `block_size`.
    block_size : int

    Returns
    -------
    ndarray
        (batch, block_size**2 * channels, height / block_size, width / block_size).
    """
    batch, channels, height, width = _images("space_to_depth", data)
    b = _block("space_to_depth", block_size)
    if height % b or width % b:
        raise ValueError(
            f"space_to_depth: height and width must be multiples of {b}, not {height} and {width}"
        )
    split = data.reshape(batch, channels, height // b, b, width // b, b)
    return split.transpose(0, 3, 5, 1, 2, 4).reshape(batch, channels * b * b, height // b, width // b)


def _images(name, data):
    if np.ndim(data) != 4:
        raise ValueError(f"{name}: data must have 4 axes, its shape is {np.shape(data)}")
    return data.shape


def _block(name, block_size):
    block = _operator.index(block_size)
    if block < 1:
        raise ValueError(f"{name}: block_size must be at least 1, not {block}")
    return block


# --- Patches ---


class _Patches:
    """The places of patches in images of the given size, with attributes completed and checked."""

    def __init__(self, name, size, kernel, stride, dilate, pad):
        self.axes = len(size)
        if not 1 <= self.axes <= 3:
            raise ValueError(f"{name}: 1, 2 or 3 spatial axes are required, not {self.axes}")
        self.kernel = self._integers(name, "kernel", kernel, None, 1)
        self.stride = self._integers(name, "stride", stride, 1, 1)
        self.dilate = self._integers(name, "dilate", dilate, 1, 1)
        self.pad = self._integers(name, "pad", pad, 0, 0)
        self.padded = tuple(n + 2 * p for n, p in zip(size, self.pad))
        room = [n - (k - 1) * d - 1 for n, k, d in zip(self.padded, self.kernel, self.dilate)]
        if min(room) < 0:
            raise ValueError(
                f"{name}: kernel {self.kernel} exceeds images of size {tuple(size)} padded to {self.padded}"
            )
        self.out = tuple(r // s + 1 for r, s in zip(room, self.stride))

    def _integers(self, name, what, value, default, least):
        if not value and default is not None:
            return (default,) * self.axes
        found = (
            tuple(_operator.index(n) for n in value)
            if hasattr(value, "__len__")
            else (_operator.index(value),)
        )
        if len(found) != self.axes or min(found) < least:
            raise ValueError(
                f"{name}: {what} must be {self.axes} integers of at least {least}, not {value!r}"
            )
        return found

    def slices(self):
        """For each element of the kernel, the elements of the padded image that it meets."""
        for place in itertools.product(*map(range, self.kernel)):
            starts = [k * d for k, d in zip(place, self.dilate)]
            ends = [a + (n - 1) * s + 1 for a, n, s in zip(starts, self.out, self.stride)]
            yield (..., *map(slice, starts, ends, self.stride))


@operator("im2col")
def im2col(data, kernel, stride=(), dilate=(), pad=()):
    """The patches of images that a convolution meets, as columns.

    Parameters
    ----------
    data : ndarray
        (batch, channels, *spatial), with 1 to 3 spatial axes.
    kernel, stride, dilate, pad : tuple of int
        As for convolution; stride and dilate are 1 by default, pad is 0.

    Returns
    -------
    ndarray
        (batch, channels * product of kernel, number of patches).
    """
    patches = _Patches("im2col", np.shape(data)[2:], kernel, stride, dilate, pad)
    batch, channels = data.shape[:2]
    padded = np.pad(data, [(0, 0), (0, 0)] + [(p, p) for p in patches.pad]) if any(patches.pad) else data
    places = numpy.arange(math.prod(patches.padded)).reshape(patches.padded)
    places = numpy.stack([places[s].ravel() for s in patches.slices()])
    columns = np.take(padded.reshape(batch, channels, math.prod(patches.padded)), np.array(places), axis=2)
    return columns.reshape(batch, channels * places.shape[0], places.shape[1])


@operator("col2im")
def col2im(data, output_size, kernel, stride=(), dilate=(), pad=()):
    """Images from columns, overlapping elements added: the adjoint of `im2col`.

    Parameters
    ----------
    data : ndarray
        (batch, channels * product of kernel, number of patches).
    output_size : tuple of int
        The spatial size of the images.
    kernel, stride, dilate, pad : tuple of int
        As for `im2col`.

    Returns
    -------
    ndarray
        (batch, channels, *output_size).
    """
    patches = _Patches("col2im", tuple(output_size), kernel, stride, dilate, pad)
    elements = math.prod(patches.kernel)
    if np.ndim(data) != 3 or data.shape[1] % elements or data.shape[2] != math.prod(patches.out):
        raise ValueError(
            f"col2im: data must have shape (batch, multiple of {elements}, {math.prod(patches.out)}), not {np.shape(data)}"
        )
    batch, channels = data.shape[0], data.shape[1] // elements
    columns = data.reshape(batch, channels, elements, *patches.out)
    images = np.zeros((batch, channels, *patches.padded), dtype=data.dtype)
    for k, place in enumerate(patches.slices()):
        images[place] += columns[:, :, k]
    inner = tuple(slice(p, n - p) for p, n in zip(patches.pad, patches.padded))
    return np.array(images[(..., *inner)]) if any(patches.pad) else images


@operator("Correlation", inputs=2)
def correlation(
    data1, data2, kernel_size=1, max_displacement=1, stride1=1, stride2=1, pad_size=0, is_multiply=True
):
    """Compare each patch of an image with the patches around the same place in another.

    Parameters
    ----------
    data1, data2 : ndarray
        (batch, channels, height, width).
    kernel_size : int
        Height and width of the patches; odd.
    max_displacement : int
        How far patches of `data2` may be away.
    stride1, stride2 : int
        From one patch of `data1` to the next, and from one displacement to the next.
    pad_size : int
        Zeros around both.
    is_multiply : bool
        Multiply the elements, or take the absolute differences.

    Returns
    -------
    ndarray
        (batch, displacements, out_height, out_width): the mean over a patch and the channels.

    References
    ----------
    Dosovitskiy and others: FlowNet, arXiv:1504.06852.
    """
    batch, channels, height, width = _images("correlation", data1)
    if np.shape(data2) != data1.shape:
        raise ValueError(
            f"correlation: the arrays must have one shape, not {data1.shape} and {np.shape(data2)}"
        )
    if (
        kernel_size < 1
        or kernel_size % 2 == 0
        or stride1 < 1
        or stride2 < 1
        or max_displacement < 0
        or pad_size < 0
    ):
        raise ValueError("correlation: kernel_size must be odd, strides at least 1, the others at least 0")
    reach = max_displacement // stride2
    border = max_displacement + kernel_size // 2
    out = [-(-(n + 2 * pad_size - 2 * border) // stride1) for n in (height, width)]
    if min(out) < 1:
        raise ValueError(
            f"correlation: images of size {(height, width)} are too small for a border of {border}"
        )
    around = [(0, 0), (0, 0), (pad_size, pad_size), (pad_size, pad_size)]
    first, second = (np.pad(a, around) if pad_size else a for a in (data1, data2))
    extent = [(n - 1) * stride1 + kernel_size for n in out]

    def window(a, dy, dx):
        y, x = max_displacement + dy, max_displacement + dx
        return a[:, :, y : y + extent[0], x : x + extent[1]]

    fixed = window(first, 0, 0)
    moves = [d * stride2 for d in range(-reach, reach + 1)]
    parts = []
    for dy, dx in itertools.product(moves, moves):
        moved = window(second, dy, dx)
        parts.append(np.sum(fixed * moved if is_multiply else np.abs(fixed - moved), axis=1, keepdims=True))
    total = _kernels.pool_sum(
        np.concatenate(parts, axis=1),
        kernel=(kernel_size,) * 2,
        stride=(stride1,) * 2,
        pad=(0, 0),
        out=out,
        **{"in": extent},
    )
    return total / (kernel_size * kernel_size * channels)
