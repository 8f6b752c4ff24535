"""Images as arrays of shape (height, width, channels), or stacks of them: layout, cuts and colours."""

import numpy

import minpy.numpy as np
from minpy._operators.registry import operator
from minpy._operators.repetition import beside


def image_operator(name):
    """Declares `nd.image.NAME`."""
    return operator(f"_image_{name}", f"_npx__image_{name}", npx=False)


def require_image(name, data, leading=(3, 4)):
    """Raises ValueError unless the data are an image or, where that is allowed, a stack."""
    if np.ndim(data) not in leading:
        raise ValueError(
            f"{name}: an image has the axes height, width, channels; the shape is {np.shape(data)}"
        )


@image_operator("to_tensor")
def image_to_tensor(data):
    """Images as float32 with channels before rows, divided by 255."""
    require_image("to_tensor", data)
    return np.copy(np.moveaxis(data, -1, -3)).astype("float32") / 255


@image_operator("normalize")
def image_normalize(data, mean=0.0, std=1.0):
    """(x - mean) / std of images whose channels come first.

    Parameters
    ----------
    data : ndarray
        Of shape (channels, height, width), or a stack of such.
    mean, std : float or tuple of float
        For all channels or for each.

    Returns
    -------
    ndarray
    """
    require_image("normalize", data)
    mean, std = (_channels(value, np.shape(data)[-3]) for value in (mean, std))
    return (data - beside(data, mean)) / beside(data, std)


def _channels(value, count):
    values = numpy.ravel(numpy.asarray(value, "float32"))
    if len(values) not in (1, count):
        raise ValueError(f"normalize: {len(values)} values do not fit {count} channels")
    return np.array(values.reshape(-1, 1, 1))


@image_operator("crop")
def image_crop(data, x, y, width, height):
    """The part of images of this width and height whose first column is x and whose first row is y."""
    require_image("crop", data)
    rows, columns = np.shape(data)[-3:-1]
    if min(x, y) < 0 or min(width, height) < 1 or x + width > columns or y + height > rows:
        raise ValueError(
            f"crop: columns {x}:{x + width} of rows {y}:{y + height} are not in {columns} x {rows}"
        )
    return np.copy(data[..., y : y + height, x : x + width, :])


@image_operator("flip_left_right")
def image_flip_left_right(data):
    """Images with their columns in reverse order."""
    require_image("flip_left_right", data)
    return np.copy(np.flip(data, -2))


@image_operator("flip_top_bottom")
def image_flip_top_bottom(data):
    """Images with their rows in reverse order."""
    require_image("flip_top_bottom", data)
    return np.copy(np.flip(data, -3))


# --- Colours ---

_GREY = (0.299, 0.587, 0.114)
# Principal components of ImageNet's colours, scaled by the roots of their eigenvalues.
_LIGHTING = numpy.array(
    [
        [55.46 * -0.5675, 4.794 * 0.7192, 1.148 * 0.4009],
        [55.46 * -0.5808, 4.794 * -0.0045, 1.148 * -0.8140],
        [55.46 * -0.5836, 4.794 * -0.6948, 1.148 * 0.4203],
    ],
    "float32",
)


def _floats(data):
    return data.astype("float32")


def _saturated(result, data):
    """The result in the dtype of the data: integers are limited to their range, and fractions cut off."""
    dtype = numpy.dtype(data.dtype)
    if dtype.kind in "iu":
        limits = numpy.iinfo(dtype)
        result = np.clip(result, limits.min, limits.max)
    return result.astype(dtype)


def _grey(values):
    """One grey value for each pixel; images of one channel are grey."""
    if np.shape(values)[-1] == 1:
        return values
    return np.sum(values * beside(values, np.array(_GREY, "float32")), axis=-1, keepdims=True)


def adjust_brightness(data, factor):
    """Multiply all values."""
    return _saturated(_floats(data) * factor, data)


def adjust_contrast(data, factor):
    """Move all values away from the mean grey."""
    values = _floats(data)
    mean = np.mean(_grey(values), axis=(-3, -2, -1), keepdims=True)
    return _saturated(values * factor + (1 - factor) * mean, data)


def adjust_saturation(data, factor):
    """Move the channels away from each pixel's grey."""
    values = _floats(data)
    if np.shape(data)[-1] == 1:
        return np.copy(data)
    return _saturated(_grey(values) * (1 - factor) + values * factor, data)


def adjust_hue(data, angle):
    """Turn the hue by an angle, where 1 is a whole turn."""
    if np.shape(data)[-1] == 1:
        return np.copy(data)
    values = numpy.asarray(data.detach()).astype("float32") / numpy.float32(255)
    with numpy.errstate(all="ignore"):
        hue, light, saturation = _to_hls(values)
        turned = _from_hls(hue + numpy.float32(angle * 6), light, saturation)
    return _saturated(beside(data, np.array(turned * numpy.float32(255))), data)


def _to_hls(values):
    """Hue in sixths of a turn, lightness and saturation of pixels."""
    red, green, blue = (values[..., i] for i in range(3))
    high, low = values.max(-1), values.min(-1)
    spread, light = high - low, (high + low) * numpy.float32(0.5)
    saturation = spread / numpy.where(light < 0.5, high + low, 2 - high - low)
    hue = numpy.where(
        high == red,
        (green - blue) / spread,
        numpy.where(high == green, (blue - red) / spread + 2, (red - green) / spread + 4),
    )
    grey = spread <= numpy.finfo("float32").eps
    return numpy.where(grey, 0, hue), light, numpy.where(grey, 0, saturation)


def _from_hls(hue, light, saturation):
    high = numpy.where(light <= 0.5, light * (1 + saturation), light + saturation - light * saturation)
    low = 2 * light - high
    channels = []
    for shift in (2, 0, -2):  # a trapezoid over the turn for each channel
        place = (hue + shift) % 6
        ramp = numpy.where(place < 1, place, numpy.where(place < 3, 1, numpy.where(place < 4, 4 - place, 0)))
        channels.append(low + (high - low) * ramp)
    return numpy.stack(channels, axis=-1).astype("float32")


@image_operator("adjust_lighting")
def image_adjust_lighting(data, alpha):
    """Add ImageNet's three principal colours, as much of each as `alpha` says, to all pixels."""
    require_image("adjust_lighting", data)
    shift = _LIGHTING @ numpy.asarray(alpha, "float32")
    return _saturated(_floats(data) + beside(data, np.array(shift)), data)
