"""Random changes of images: flips and colours, drawn with minpy.random."""

import numpy

import minpy.numpy as np
from minpy._operators.image import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    image_adjust_lighting,
    image_flip_left_right,
    image_flip_top_bottom,
    image_operator,
    require_image,
)


def _uniform(low, high):
    from minpy import random

    return float(random.uniform(low, high, (1,)).asscalar()) if low < high else float(low)


def _factor(name, low, high):
    if low < 0 or high < low:
        raise ValueError(f"{name}: factors must satisfy 0 <= min_factor <= max_factor, got {low} and {high}")
    return _uniform(low, high)


def _flip(name, flip, what):
    def call(data):
        return flip(data) if _uniform(0, 1) < 0.5 else np.copy(data)

    call.__name__ = f"image_{name}"
    call.__doc__ = f"Images with their {what} in reverse order, in half of the calls."
    return image_operator(name)(call)


image_random_flip_left_right = _flip("random_flip_left_right", image_flip_left_right, "columns")
image_random_flip_top_bottom = _flip("random_flip_top_bottom", image_flip_top_bottom, "rows")


def _change(name, adjust, what):
    def call(data, min_factor, max_factor):
        require_image(name, data)
        return adjust(data, _factor(name, min_factor, max_factor))

    call.__name__ = f"image_{name}"
    call.__doc__ = f"""Images with another {what}.

    Parameters
    ----------
    data : ndarray
        Of shape (height, width, channels), or a stack of such.
    min_factor, max_factor : float
        The limits of the factor that is drawn; of the part of a turn for the hue.

    Returns
    -------
    ndarray
    """
    return image_operator(name)(call)


image_random_brightness = _change("random_brightness", adjust_brightness, "brightness")
image_random_contrast = _change("random_contrast", adjust_contrast, "contrast")
image_random_saturation = _change("random_saturation", adjust_saturation, "saturation")
image_random_hue = _change("random_hue", adjust_hue, "hue")


@image_operator("random_color_jitter")
def image_random_color_jitter(data, brightness, contrast, saturation, hue):
    """Change brightness, contrast, saturation and hue, in random order.

    Parameters
    ----------
    data : ndarray
        Of shape (height, width, channels), or a stack of such.
    brightness, contrast, saturation : float
        Factors are drawn from 1 - x to 1 + x.
    hue : float
        The part of a turn is drawn from -x to x.

    Returns
    -------
    ndarray
    """
    require_image("random_color_jitter", data)
    changes = [
        (adjust_brightness, brightness, 1),
        (adjust_contrast, contrast, 1),
        (adjust_saturation, saturation, 1),
        (adjust_hue, hue, 0),
    ]
    draws = [_uniform(0, 1) for _ in changes]
    data = np.copy(data)
    for at in numpy.argsort(draws):
        adjust, width, centre = changes[at]
        if width > 0:
            low = centre - width if adjust is adjust_hue else max(0, centre - width)
            data = adjust(data, _uniform(low, centre + width))
    return data


@image_operator("random_lighting")
def image_random_lighting(data, alpha_std=0.05):
    """Add ImageNet's principal colours, as much of each as a normal number of this deviation says."""
    from minpy import random

    return image_adjust_lighting(data, random.normal(0, alpha_std, (3,)).asnumpy())
