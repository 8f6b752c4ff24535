"""Images in another size, by separable weights as OpenCV computes them."""

import math

import numpy

import minpy.numpy as np
from minpy._operators.image import image_operator, require_image
from minpy._operators.repetition import beside


def _cubic(x):
    x = numpy.abs(x)
    a = -0.75
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return numpy.where(x <= 1, near, numpy.where(x < 2, far, 0))


def _lanczos(x):
    return numpy.where(numpy.abs(x) < 4, numpy.sinc(x) * numpy.sinc(x / 4), 0)


def _weights(old, new, kind):
    """The matrix (new, old) that resamples one axis; places beyond the edge repeat the edge."""
    scale, columns = old / new, numpy.arange(old)
    if kind == "area" and scale > 1:
        start = numpy.arange(new)[:, None] * scale
        overlap = numpy.minimum(start + scale, columns + 1) - numpy.maximum(start, columns)
        return numpy.maximum(overlap, 0) / scale
    matrix = numpy.zeros((new, old))
    if kind == "nearest":
        matrix[numpy.arange(new), numpy.minimum((numpy.arange(new) * scale).astype(int), old - 1)] = 1
        return matrix
    if kind == "area":  # enlarging: linear, with the ramps only where two old elements meet
        place = numpy.arange(new)
        left = numpy.floor(place * scale).astype(int)
        offset = (place + 1) - (left + 1) / scale
        centre = left + numpy.where(offset <= 0, 0, offset - numpy.floor(offset))
    else:
        centre = (numpy.arange(new) + 0.5) * scale - 0.5
    reach, kernel = {
        "area": (1, lambda x: numpy.maximum(0, 1 - numpy.abs(x))),
        "linear": (1, lambda x: numpy.maximum(0, 1 - numpy.abs(x))),
        "cubic": (2, _cubic),
        "lanczos": (4, _lanczos),
    }[kind]
    first = numpy.floor(centre).astype(int)
    for tap in range(1 - reach, reach + 1):
        where = first + tap
        numpy.add.at(matrix, (numpy.arange(new), numpy.clip(where, 0, old - 1)), kernel(centre - where))
    return matrix / matrix.sum(1, keepdims=True)


_INTERPOLATIONS = {0: "nearest", 1: "linear", 2: "cubic", 3: "area", 4: "lanczos"}


def _taps(old, new):
    """Of linear interpolation: the elements on both sides, and their weights in units of 1/2048."""
    centre = ((numpy.arange(new) + 0.5) * (old / new) - 0.5).astype("float32")
    left = numpy.floor(centre).astype(int)
    part = centre - left.astype("float32")
    weights = numpy.rint(numpy.stack([1 - part, part]) * numpy.float32(2048)).astype("int64")
    return numpy.clip(left, 0, old - 1), numpy.clip(left + 1, 0, old - 1), weights


def _linear_bytes(image, width, height):
    """Linear interpolation of bytes in OpenCV's integer arithmetic, whose rounding it shares."""
    work = image.astype("int64")
    left, right, (a, b) = _taps(image.shape[-2], width)
    work = work[..., left, :] * a[:, None] + work[..., right, :] * b[:, None] >> 4
    upper, lower, (a, b) = _taps(image.shape[-3], height)
    a, b = a[:, None, None], b[:, None, None]
    work = (work[..., upper, :, :] * a >> 16) + (work[..., lower, :, :] * b >> 16)
    return (work + 2 >> 2).astype(image.dtype)


def _halved(image):
    """Means of squares of four elements; integers are rounded half up."""
    work = image.astype("int64" if image.dtype.kind in "iu" else "float64")
    work = work[..., ::2, :, :] + work[..., 1::2, :, :]
    work = work[..., ::2, :] + work[..., 1::2, :]
    return (work + 2 >> 2 if work.dtype.kind == "i" else work / 4).astype(image.dtype)


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
    if interp not in _INTERPOLATIONS:
        raise ValueError(f"resize: interp must be 0, 1, 2, 3, 4 or 9, got {interp}")
    kind = _INTERPOLATIONS[interp]
    if kind in ("linear", "area") and (rows, columns) == (2 * height, 2 * width):
        return _halved(image)
    if kind == "linear" and image.dtype == numpy.uint8:
        return _linear_bytes(image, width, height)
    vertical, horizontal = _weights(rows, height, kind), _weights(columns, width, kind)
    work = numpy.einsum("oh,...hwc->...owc", vertical, image.astype("float64"), optimize=True)
    work = numpy.einsum("ow,...hwc->...hoc", horizontal, work, optimize=True)
    if image.dtype.kind in "iu":
        limits = numpy.iinfo(image.dtype)
        work = numpy.clip(numpy.rint(work), limits.min, limits.max)
    return work.astype(image.dtype)


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
    size = (size,) if isinstance(size, (int, numpy.integer)) else tuple(size)
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
