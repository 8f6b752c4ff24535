"""Resizing images as OpenCV does: the same places, weights, and for uint8 the same integers.

OpenCV itself is used where it is installed. Places are clamped to the image. Weights of uint8 images are multiples of
1/2048, so that results are integers up to the last step; they differ from OpenCV's by at most one step for cubic
weights, which its vector code applies in floats.
"""

import functools

import numpy

NEAREST, LINEAR, CUBIC, AREA, _LANCZOS = range(5)
_BITS = 11


@functools.cache
def _opencv():
    try:
        import cv2
    except ImportError:
        return None
    return cv2


def resize_one(image, width, height, interp=LINEAR):
    """An image in another size.

    Parameters
    ----------
    image : numpy.ndarray
        Height by width by channels, or height by width; uint8 or float32.
    width, height : int
    interp : int
        0 nearest, 1 linear, 2 cubic, 3 averages of areas, 4 Lanczos over 8 by 8 pixels.

    Returns
    -------
    numpy.ndarray
        Of the same dtype; itself where the size is the same.
    """
    if image.shape[:2] == (height, width):
        return image
    cv2 = _opencv()
    if cv2 is not None and image.dtype in (numpy.uint8, numpy.float32):
        return cv2.resize(image, (width, height), interpolation=interp).reshape(
            height, width, *image.shape[2:]
        )
    if image.dtype not in (numpy.uint8, numpy.float32):
        return resize_one(image.astype(numpy.float32), width, height, interp).astype(image.dtype)
    if interp == NEAREST:
        rows, columns = _nearest(image.shape[0], height), _nearest(image.shape[1], width)
        return image[rows[:, None], columns]
    flat = image.reshape(*image.shape[:2], -1)
    old_height, old_width = image.shape[:2]
    halved = (old_height, old_width) == (2 * height, 2 * width)
    shrunk = height <= old_height and width <= old_width
    if (interp == AREA and shrunk) or (interp == LINEAR and halved):
        result = _areas(flat, width, height)
    else:
        vertical = _taps(old_height, height, interp)
        horizontal = _taps(old_width, width, interp)
        result = (_weighted_integers if image.dtype == numpy.uint8 else _weighted)(flat, horizontal, vertical)
    return result.reshape(height, width, *image.shape[2:])


def _nearest(old, new):
    return numpy.minimum((numpy.arange(new) * (old / new)).astype(int), old - 1)


@functools.lru_cache(maxsize=64)
def _taps(old, new, interp):
    """For each new place the old ones, (new, taps), and their weights."""
    scale = old / new
    if interp == AREA:  # an enlargement
        base = numpy.floor(numpy.arange(new) * scale)
        part = (numpy.arange(new) + 1) - (base + 1) * (new / old)
        part = numpy.where(part <= 0, 0, part - numpy.floor(part))
    else:
        centre = ((numpy.arange(new) + 0.5) * scale - 0.5).astype(numpy.float32)
        base = numpy.floor(centre)
        part = centre - base
    part = part.astype(numpy.float32)
    if interp in (LINEAR, AREA):
        weights = numpy.stack([1 - part, part], 1)  # at an edge both places are its element
    elif interp == CUBIC:
        weights = _cubic(part)
    else:
        weights = _lanczos(part)
    taps = weights.shape[1]
    places = base[:, None].astype(int) + numpy.arange(taps) - (taps // 2 - 1)
    return numpy.clip(places, 0, old - 1), weights.astype(numpy.float32)


def _cubic(x):
    a = numpy.float32(-0.75)
    far = x + 1
    near = 1 - x
    first = ((a * far - 5 * a) * far + 8 * a) * far - 4 * a
    second = ((a + 2) * x - (a + 3)) * x * x + 1
    third = ((a + 2) * near - (a + 3)) * near * near + 1
    return numpy.stack([first, second, third, 1 - first - second - third], 1)


def _lanczos(x):
    """sinc(t) sinc(t / 4) at 8 distances, made to add up to 1."""
    t = x[:, None].astype(float) - (numpy.arange(8) - 3)
    weights = numpy.sinc(t) * numpy.sinc(t / 4)
    return weights / weights.sum(1, keepdims=True)


def _weighted(image, horizontal, vertical):
    columns, x_weights = horizontal
    rows, y_weights = vertical
    wide = sum(image[:, columns[:, t]] * x_weights[:, t, None] for t in range(columns.shape[1]))
    return sum(wide[rows[:, t]] * y_weights[:, t, None, None] for t in range(rows.shape[1]))


def _weighted_integers(image, horizontal, vertical):
    (columns, x_weights), (rows, y_weights) = (
        (places, numpy.rint(weights * (1 << _BITS)).astype(numpy.int32))
        for places, weights in (horizontal, vertical)
    )
    image = image.astype(numpy.int32)
    wide = sum(image[:, columns[:, t]] * x_weights[:, t, None] for t in range(columns.shape[1]))
    if rows.shape[1] == 2:  # in 16 bits, as vectors of OpenCV do it
        wide >>= 4
        terms = (wide[rows[:, t]] * y_weights[:, t, None, None] >> 16 for t in range(2))
        return numpy.clip((sum(terms) + 2) >> 2, 0, 255).astype(numpy.uint8)
    total = sum(wide[rows[:, t]] * y_weights[:, t, None, None] for t in range(rows.shape[1]))
    return numpy.clip((total + (1 << (2 * _BITS - 1))) >> (2 * _BITS), 0, 255).astype(numpy.uint8)


@functools.lru_cache(maxsize=64)
def _shares(old, new):
    """(new, old): which share each old place has in the average of a new one."""
    scale = old / new
    begin = numpy.arange(new)[:, None] * scale
    place = numpy.arange(old)
    overlap = numpy.minimum(begin + scale, place + 1) - numpy.maximum(begin, place)
    overlap = numpy.clip(overlap, 0, None)
    return (overlap / overlap.sum(1, keepdims=True)).astype(numpy.float32)


def _areas(image, width, height):
    old_height, old_width, channels = image.shape
    if old_height % height == 0 and old_width % width == 0:
        blocks = image.reshape(height, old_height // height, width, old_width // width, channels)
        if image.dtype == numpy.uint8:
            count = blocks.shape[1] * blocks.shape[3]
            total = blocks.sum((1, 3), dtype=numpy.int64)
            if count == 4:
                return ((total + 2) >> 2).astype(numpy.uint8)
            return numpy.rint(total * numpy.float32(1 / count)).astype(numpy.uint8)
        return blocks.mean((1, 3), dtype=numpy.float32)
    tall = _shares(old_height, height) @ image.astype(numpy.float32).reshape(old_height, -1)
    tall = tall.reshape(height, old_width, channels).swapaxes(0, 1).reshape(old_width, -1)
    result = (_shares(old_width, width) @ tall).reshape(width, height, channels).swapaxes(0, 1)
    if image.dtype == numpy.uint8:
        return numpy.clip(numpy.rint(result), 0, 255).astype(numpy.uint8)
    return result
