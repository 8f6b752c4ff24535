"""Sizes of images, and how an image gets another one."""

import random

from minpy._operators.image_size import resize_image
from minpy.base import MXNetError

_LINEAR, _CUBIC, _AREA = 1, 2, 3


def resize(image, width, height, interp):
    """A numpy.ndarray (height, width, channels) in another size; the array itself where it has that size.

    Parameters
    ----------
    image : numpy.ndarray
    width, height : int
    interp : int
        0 to 4, 9 or 10.

    Raises
    ------
    ValueError
        For another `interp`.
    MXNetError
        If a size is not positive.
    """
    method = method_for(interp, (*image.shape[:2], height, width))
    if width <= 0 or height <= 0 or min(image.shape[:2]) == 0:
        raise MXNetError(f"an image of shape {image.shape} cannot be resized to {height} by {width}")
    if image.shape[:2] == (height, width):
        return image
    return resize_image(image, width, height, method)


def method_for(interp, sizes):
    """The kind of interpolation, 0 to 4: that of its number, for 9 chosen by the sizes, for 10 by chance.

    Parameters
    ----------
    interp : int
    sizes : tuple of int
        Old height and width, new height and width.

    Raises
    ------
    ValueError
        For other numbers.
    """
    if interp == 9:
        old_height, old_width, height, width = sizes
        if height > old_height and width > old_width:
            return _CUBIC
        return _AREA if height < old_height and width < old_width else _LINEAR
    if interp == 10:
        return random.randint(0, 4)
    if interp not in range(5):
        raise ValueError(f"Unknown interp method {interp}")
    return interp


def short_side_size(height, width, size):
    """Height and width after the shorter side has become `size`."""
    return (size * height // width, size) if height > width else (size, size * width // height)


def scaled_down(src_size, size):
    """A size (width, height) that fits into another one, with its ratio kept."""
    width, height = size
    old_width, old_height = src_size
    if old_height < height:
        width, height = width * old_height / height, old_height
    if old_width < width:
        width, height = old_width, height * old_width / width
    return int(width), int(height)
