"""Reading, cutting and resizing images: arrays (height, width, channels), red, green, blue."""

import os
import random
import warnings
from numbers import Number

import numpy

import minpy.numpy as np
from minpy import _core, _image_codec, nd
from minpy._files import read_file
from minpy.base import MXNetError
from minpy.image import _sizes
from minpy.util import is_np_array

__all__ = [
    "center_crop",
    "color_normalize",
    "copyMakeBorder",
    "fixed_crop",
    "imdecode",
    "imread",
    "imresize",
    "imrotate",
    "random_crop",
    "random_rotate",
    "random_size_crop",
    "resize_short",
    "scale_down",
]


def _new(pixels, like=None):
    """An array over NumPy's memory: of the kind of `like`, or the current kind."""
    array = np.asarray(pixels)
    if isinstance(like, nd.NDArray):
        return _core.to_nd_array(array, _core.context_of(like))
    return array if like is not None or is_np_array() else nd.from_numpy(array)


def imread(filename, flag=1, to_rgb=True):
    """The image in a file.

    Parameters
    ----------
    filename : str
        File name or URL.
    flag : {0, 1}
        1: three channels, 0: one channel, grey.
    to_rgb : bool
        Whether channels are red, green, blue; else blue, green, red.

    Returns
    -------
    NDArray
        Of uint8, (height, width, channels).

    Raises
    ------
    MXNetError
        If it cannot be read, or is no image.
    """
    data = read_file(os.fspath(filename))
    try:
        return imdecode(data, flag, to_rgb)
    except MXNetError as error:
        raise MXNetError(f"{filename}: {error}") from error


def imdecode(buf, flag=1, to_rgb=True):
    """The image in the bytes of a file.

    Parameters
    ----------
    buf : bytes, bytearray, numpy.ndarray or NDArray
    flag, to_rgb
        See imread.

    Returns
    -------
    NDArray
        Of uint8, (height, width, channels).

    Raises
    ------
    ValueError
        If `buf` is something else.
    MXNetError
        If it is no image.
    """
    if isinstance(buf, str) or not isinstance(
        buf, (bytes, bytearray, memoryview, numpy.ndarray, _core.ndarray)
    ):
        raise ValueError(
            "buf must be of type bytes, bytearray or numpy.ndarray,if you would like to input type str, please "
            "convert to bytes"
        )
    data = (
        buf if isinstance(buf, (bytes, bytearray, memoryview)) else numpy.asarray(buf, numpy.uint8).tobytes()
    )
    pixels = _image_codec.decode(bytes(data), int(flag), bool(to_rgb))
    return _new(pixels[:, :, None] if pixels.ndim == 2 else pixels)


def imresize(src, w, h, interp=1):
    """An image in another size.

    Parameters
    ----------
    src : NDArray
    w, h : int
    interp : int
        0 nearest, 1 linear, 2 cubic, 3 averages of areas, 4 Lanczos, 9 chosen by the sizes, 10 by chance.

    Returns
    -------
    NDArray
    """
    return _new(_sizes.resize(numpy.asarray(src), int(w), int(h), interp), src)


def copyMakeBorder(src, top, bot, left, right, type=0, value=0.0, values=()):
    """An image with a border around it.

    Parameters
    ----------
    src : NDArray
    top, bot, left, right : int
        Widths of the border.
    type : {0, 1, 2, 3, 4}
        0: of one value, 1: the outer pixels again, 2: mirrored with the outer pixels, 3: from the other side,
        4: mirrored without the outer pixels. 16 more (OpenCV's BORDER_ISOLATED) makes no difference.
    value : float
        Of the border.
    values : tuple of float
        Instead, one for each channel.
    """
    modes = ("constant", "edge", "symmetric", "wrap", "reflect")
    type = type & ~16 if type >= 16 else type
    if type not in range(len(modes)):
        raise MXNetError(f"type must be 0 to {len(modes) - 1}, given {type}")
    image = numpy.asarray(src)
    widths = ((top, bot), (left, right), (0, 0))
    if type:
        return _new(numpy.pad(image, widths, modes[type]), src)
    result = numpy.empty(
        (image.shape[0] + top + bot, image.shape[1] + left + right, image.shape[2]), image.dtype
    )
    result[...] = values if len(values) else value
    result[top : top + image.shape[0], left : left + image.shape[1]] = image
    return _new(result, src)


def scale_down(src_size, size):
    """A size (width, height), made smaller to fit into another with its ratio kept.

    Examples
    --------
    >>> mx.image.scale_down((640, 480), (720, 120))
    (640, 106)
    """
    return _sizes.scaled_down(src_size, size)


def resize_short(src, size, interp=2):
    """An image whose shorter side is resized to `size`; the other one follows."""
    h, w, _ = src.shape
    new_h, new_w = _sizes.short_side_size(h, w, size)
    return imresize(src, new_w, new_h, interp)


def fixed_crop(src, x0, y0, w, h, size=None, interp=2):
    """A part of an image, resized.

    Parameters
    ----------
    src : NDArray
    x0, y0, w, h : int
        The part.
    size : tuple of int
        Width and height of the result; by default those of the part.
    interp : int
        See imresize.
    """
    part = src[y0 : y0 + h, x0 : x0 + w]
    if size is not None and (w, h) != tuple(size):
        part = imresize(part, *size, interp=interp)
    return part


def _crop(src, size, interp, place):
    h, w, _ = src.shape
    new_w, new_h = scale_down((w, h), size)
    x0, y0 = place(w - new_w), place(h - new_h)
    return fixed_crop(src, x0, y0, new_w, new_h, size, interp), (x0, y0, new_w, new_h)


def random_crop(src, size, interp=2):
    """A part at a random place, as large as `size` (width, height) or as fits, resized to it.

    Returns
    -------
    tuple
        The image, and the part as (x0, y0, width, height).
    """
    return _crop(src, size, interp, lambda rest: random.randint(0, rest))


def center_crop(src, size, interp=2):
    """The part in the middle, as large as `size` (width, height) or as fits, resized to it.

    Returns
    -------
    tuple
        The image, and the part as (x0, y0, width, height).
    """
    return _crop(src, size, interp, lambda rest: rest // 2)


def random_size_crop(src, size, area, ratio, interp=2, **kwargs):
    """A part of random place, size and ratio, resized to `size`.

    Parameters
    ----------
    src : NDArray
    size : tuple of int
        Width and height of the result.
    area : float or tuple of float
        The least share of the image's area, or the least and the largest.
    ratio : tuple of float
        The least and the largest width over height.
    interp : int
        See imresize.

    Returns
    -------
    tuple
        The image, and the part as (x0, y0, width, height); the middle when ten draws do not fit.
    """
    h, w, _ = src.shape
    if "min_area" in kwargs:
        warnings.warn(
            "`min_area` is deprecated. Please use `area` instead.", DeprecationWarning, stacklevel=2
        )
        area = kwargs.pop("min_area")
    assert not kwargs, "unexpected keyword arguments for `random_size_crop`."
    low, high = (area, 1.0) if isinstance(area, Number) else area
    logarithms = numpy.log(ratio[0]), numpy.log(ratio[1])
    for _ in range(10):
        target = random.uniform(low, high) * (h * w)
        drawn = numpy.exp(random.uniform(*logarithms))
        new_w = round(float(numpy.sqrt(target * drawn)))
        new_h = round(float(numpy.sqrt(target / drawn)))
        if 0 < new_w <= w and 0 < new_h <= h:
            x0 = random.randint(0, w - new_w)
            y0 = random.randint(0, h - new_h)
            return fixed_crop(src, x0, y0, new_w, new_h, size, interp), (x0, y0, new_w, new_h)
    return center_crop(src, size, interp)


def color_normalize(src, mean, std=None):
    """Subtract `mean` from an image and divide it by `std`, in place."""
    if mean is not None:
        src -= mean
    if std is not None:
        src /= std
    return src


def imrotate(src, rotation_degrees, zoom_in=False, zoom_out=False):
    """Images turned about their middle, in their old size; what comes from outside is 0.

    Parameters
    ----------
    src : NDArray
        Of float32, (channels, height, width) or (N, channels, height, width).
    rotation_degrees : float or NDArray
        One for all images, or for each.
    zoom_in : bool
        Enlarge so that nothing comes from outside.
    zoom_out : bool
        Shrink so that the whole image is seen.

    Returns
    -------
    NDArray
    """
    if zoom_in and zoom_out:
        raise ValueError("`zoom_in` and `zoom_out` cannot be both True")
    if numpy.dtype(src.dtype) != numpy.float32:
        raise TypeError("Only `float32` images are supported by this function")
    if src.ndim == 3:
        if not isinstance(rotation_degrees, Number):
            raise TypeError("When a single image is passed the rotation angle is required to be a scalar.")
        return imrotate(src.expand_dims(axis=0), rotation_degrees, zoom_in, zoom_out)[0]
    if src.ndim != 4:
        raise ValueError("Only 3D and 4D are supported by this function")
    angles = numpy.asarray(rotation_degrees, numpy.float32)
    if angles.ndim == 0:
        angles = numpy.repeat(angles, len(src))
    if len(src) != len(angles):
        raise ValueError("The number of images must be equal to the number of rotation angles")
    grid = _rotated_grid(numpy.deg2rad(angles), *src.shape[2:], zoom_in, zoom_out)
    return nd.BilinearSampler(src, nd.array(grid, ctx=src.context))


def _rotated_grid(angles, h, w, zoom_in, zoom_out):
    """Places from -1 to 1 at which the turned images are sampled, (N, 2, h, w)."""
    half_h, half_w = (h - 1) / 2, (w - 1) / 2
    y = (numpy.arange(h) - half_h)[None, :, None]
    x = (numpy.arange(w) - half_w)[None, None, :]
    cosine, sine = (function(angles)[:, None, None] for function in (numpy.cos, numpy.sin))
    grid = numpy.stack([(x * cosine - y * sine) / half_w, (x * sine + y * cosine) / half_h], 1)
    if zoom_in or zoom_out:
        radius, corner = numpy.hypot(h, w), numpy.arctan2(h, w)
        corners = numpy.stack([corner + abs(angles), corner - abs(angles)])
        reach_x = abs(radius * numpy.cos(corners)).max(0) / w
        reach_y = abs(radius * numpy.sin(corners)).max(0) / h
        scale = numpy.maximum(reach_x, reach_y)
        grid *= (scale if zoom_out else numpy.minimum(1 / reach_x, 1 / reach_y))[:, None, None, None]
    return grid.astype(numpy.float32)


def random_rotate(src, angle_limits, zoom_in=False, zoom_out=False):
    """`imrotate` by angles from a range, each image by its own."""
    size = None if src.ndim == 3 else len(src)
    angles = numpy.random.uniform(*angle_limits, size=size)
    return imrotate(src, angles, zoom_in, zoom_out)
