"""Transforms of size and place: cutting, resizing, turning and mirroring images (H, W, C)."""

import numpy

from minpy import image as _functions
from minpy._operators import image, image_random, image_size
from minpy.base import numeric_types
from minpy.gluon.block import Block
from minpy.gluon.hybrid import HybridBlock

__all__ = [
    "CenterCrop",
    "CropResize",
    "RandomCrop",
    "RandomFlipLeftRight",
    "RandomFlipTopBottom",
    "RandomResizedCrop",
    "RandomRotation",
    "Resize",
    "Rotate",
]


def _pair(size):
    return (size, size) if isinstance(size, numeric_types) else tuple(size)


def _require_float32(x):
    if numpy.dtype(x.dtype) != numpy.float32:
        raise TypeError("This transformation only supports float32. Consider calling it after ToTensor")


class Resize(HybridBlock):
    """Resizes images (H, W, C) or (N, H, W, C).

    Parameters
    ----------
    size : int or tuple of int
        Width and height.
    keep_ratio : bool
        Whether one number is the length of the shorter side, and the other side follows.
    interpolation : int
        0 nearest, 1 linear, 2 cubic, 3 averages of areas, 4 Lanczos.
    """

    def __init__(self, size, keep_ratio=False, interpolation=1):
        super().__init__()
        self._keep = keep_ratio
        self._size = size
        self._interpolation = interpolation

    def hybrid_forward(self, F, x):
        return image_size.image_resize(x, self._size, self._keep, self._interpolation)


class CropResize(HybridBlock):
    """Takes a part of images (H, W, C) or (N, H, W, C), and resizes it.

    Parameters
    ----------
    x, y, width, height : int
        The part.
    size : int or tuple of int
        Width and height of the result; by default those of the part.
    interpolation : int
        See Resize; by default 1.
    """

    def __init__(self, x, y, width, height, size=None, interpolation=None):
        super().__init__()
        self._part = x, y, width, height
        self._size = size
        self._interpolation = 1 if interpolation is None else interpolation

    def hybrid_forward(self, F, x):
        out = image.image_crop(x, *self._part)
        return image_size.image_resize(out, self._size, False, self._interpolation) if self._size else out


class CenterCrop(Block):
    """Takes the part in the middle, as large as `size` or as fits, resized to it.

    Parameters
    ----------
    size : int or tuple of int
        Width and height.
    interpolation : int
        See Resize.
    """

    def __init__(self, size, interpolation=1):
        super().__init__()
        self._args = _pair(size), interpolation

    def forward(self, x):
        return _functions.center_crop(x, *self._args)[0]


class RandomCrop(Block):
    """Takes a part at a random place, as large as `size` or as fits, resized to it.

    Parameters
    ----------
    size : int or tuple of int
        Width and height.
    pad : int or tuple of int
        A border that is put around the image before: of one width, or of those left and right, above and below.
    pad_value : int
        The value of the border.
    interpolation : int
        See Resize.
    """

    def __init__(self, size, pad=None, pad_value=0, interpolation=1):
        super().__init__()
        self._args = _pair(size), interpolation
        self._pad = None if pad is None else _pair(pad)
        self._pad_value = pad_value

    def forward(self, x):
        if self._pad is not None:
            across, along = self._pad
            x = _functions.copyMakeBorder(x, along, along, across, across, value=self._pad_value)
        return _functions.random_crop(x, *self._args)[0]


class RandomResizedCrop(Block):
    """Takes a part of random size, ratio and place, and resizes it.

    Parameters
    ----------
    size : int or tuple of int
        Width and height of the result.
    scale : tuple of float
        The least and the largest share of the image's area.
    ratio : tuple of float
        The least and the largest width over height.
    interpolation : int
        See Resize.
    """

    def __init__(self, size, scale=(0.08, 1.0), ratio=(3.0 / 4.0, 4.0 / 3.0), interpolation=1):
        super().__init__()
        self._args = _pair(size), scale, ratio, interpolation

    def forward(self, x):
        return _functions.random_size_crop(x, *self._args)[0]


class Rotate(Block):
    """Turns images (C, H, W) or (N, C, H, W) of float32; the size stays.

    Parameters
    ----------
    rotation_degrees : float
    zoom_in : bool
        Enlarge so that nothing comes from outside.
    zoom_out : bool
        Shrink so that the whole image is seen.
    """

    def __init__(self, rotation_degrees, zoom_in=False, zoom_out=False):
        super().__init__()
        self._args = rotation_degrees, zoom_in, zoom_out

    def forward(self, x):
        _require_float32(x)
        return _functions.imrotate(x, *self._args)


class RandomRotation(Block):
    """Turns images (C, H, W) or (N, C, H, W) of float32 by a random angle; the size stays.

    Parameters
    ----------
    angle_limits : tuple of float
        The least and the largest angle in degrees.
    zoom_in, zoom_out : bool
        See Rotate.
    rotate_with_proba : float
        The probability of turning at all.
    """

    def __init__(self, angle_limits, zoom_in=False, zoom_out=False, rotate_with_proba=1.0):
        super().__init__()
        lower, upper = angle_limits
        if lower >= upper:
            raise ValueError("`angle_limits` must be an ordered tuple")
        if not 0 <= rotate_with_proba <= 1:
            raise ValueError("Probability of rotating the image should be between 0 and 1")
        self._args = angle_limits, zoom_in, zoom_out
        self._probability = rotate_with_proba

    def forward(self, x):
        if numpy.random.random() > self._probability:
            return x
        _require_float32(x)
        return _functions.random_rotate(x, *self._args)


class RandomFlipLeftRight(HybridBlock):
    """Mirrors half of the images."""

    def hybrid_forward(self, F, x):
        return image_random.image_random_flip_left_right(x)


class RandomFlipTopBottom(HybridBlock):
    """Turns half of the images upside down."""

    def hybrid_forward(self, F, x):
        return image_random.image_random_flip_top_bottom(x)
