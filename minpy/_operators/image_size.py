"""Images in another size."""

import math

import numpy

import minpy.numpy as np
from minpy._nested import per_axis
from minpy._operators.image import image_operator, require_image
from minpy._operators.image_resampling import resize_one
from minpy._operators.repetition import beside


def resize_image(image, width, height, interp=1):
    """A numpy.ndarray of images (..., height, width, channels) in another size, as OpenCV makes it.

    Parameters
    ----------
    image : numpy.ndarray
    width, height : int
    interp : int
        0 nearest, 1 linear, 2 cubic, 3 area, 4 Lanczos; 9: area for smaller images, cubic for larger ones, else linear.

    Returns
    -------
    numpy.ndarray
        Of the same dtype.
    """
    rows, columns = image.shape[-3:-1]
    if interp == 9:
        smaller, larger = height < rows and width < columns, height > rows and width > columns
        interp = 3 if smaller else 2 if larger else 1
    if interp not in range(5):
        raise ValueError(f"resize: interp must be 0, 1, 2, 3, 4 or 9, got {interp}")
    if image.ndim == 3:
        return resize_one(image, width, height, interp)
    images = image.reshape(-1, *image.shape[-3:])
    resized = [resize_one(one, width, height, interp) for one in images]
    return numpy.reshape(resized, (*image.shape[:-3], height, width, image.shape[-1]))


@image_operator("resize")
def image_resize(data, size=(), keep_ratio=False, interp=1):
    """Images in another size.

    Parameters
    ----------
    data : ndarray
        Of shape (height, width, channels), or a stack of such.
    size : int or tuple of int
        (width, height), or both in one number.
    keep_ratio : bool
        With one number: it is the length of the shorter side.
    interp : int
        0 nearest, 1 linear, 2 cubic, 3 area, 4 Lanczos.

    Returns
    -------
    ndarray
    """
    require_image("resize", data)
    rows, columns = np.shape(data)[-3:-1]
    size = per_axis(size)
    if len(size) == 2:
        width, height = size
    elif len(size) == 1 and keep_ratio:
        short = size[0]
        height = short if rows <= columns else math.floor(rows * short / columns)
        width = short if columns < rows else math.floor(columns * short / rows)
    elif len(size) == 1:
        width = height = size[0]
    else:
        raise ValueError(f"resize: size must be one number or (width, height), got {size}")
    values = numpy.asarray(data.detach())
    return beside(data, np.array(resize_image(values, int(width), int(height), interp)))
