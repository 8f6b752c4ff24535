"""Transforms of colour, of images (H, W, C)."""

import random

import numpy

from minpy import nd
from minpy._operators import find, image_random
from minpy.gluon.hybrid import HybridBlock

__all__ = [
    "RandomBrightness",
    "RandomColorJitter",
    "RandomContrast",
    "RandomGray",
    "RandomHue",
    "RandomLighting",
    "RandomSaturation",
]


class _Jitter(HybridBlock):
    """Calls the operator of a kind with a factor around 1."""

    _kind = None

    def __init__(self, distance):
        super().__init__()
        self._args = max(0, 1 - distance), 1 + distance

    def hybrid_forward(self, F, x):
        return find(f"_image_random_{self._kind}").function(x, *self._args)


class RandomBrightness(_Jitter):
    """Multiplies by a random factor from max(0, 1 - brightness) to 1 + brightness."""

    _kind = "brightness"

    def __init__(self, brightness):
        super().__init__(brightness)


class RandomContrast(_Jitter):
    """Multiplies the distance to the mean grey by a random factor from max(0, 1 - contrast) to 1 + contrast."""

    _kind = "contrast"

    def __init__(self, contrast):
        super().__init__(contrast)


class RandomSaturation(_Jitter):
    """Multiplies the distance to the grey pixels by a random factor from max(0, 1 - saturation) to 1 + saturation."""

    _kind = "saturation"

    def __init__(self, saturation):
        super().__init__(saturation)


class RandomHue(_Jitter):
    """Turns the colours by a random number of full circles from max(0, 1 - hue) to 1 + hue."""

    _kind = "hue"

    def __init__(self, hue):
        super().__init__(hue)


class RandomColorJitter(HybridBlock):
    """Random brightness, contrast, saturation and hue in random order.

    Parameters
    ----------
    brightness, contrast, saturation, hue : float
        How far the factors may be from 1.
    """

    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0):
        super().__init__()
        self._args = brightness, contrast, saturation, hue

    def hybrid_forward(self, F, x):
        return image_random.image_random_color_jitter(x, *self._args)


class RandomLighting(HybridBlock):
    """Adds random multiples of the main directions of colour, as AlexNet did.

    Parameters
    ----------
    alpha : float
        Standard deviation of the factors.
    """

    def __init__(self, alpha):
        super().__init__()
        self._alpha = alpha

    def hybrid_forward(self, F, x):
        return image_random.image_random_lighting(x, self._alpha)


class RandomGray(HybridBlock):
    """Makes images grey with a probability.

    Parameters
    ----------
    p : float
    """

    def __init__(self, p=0.5):
        super().__init__()
        self._p = p
        self._matrix = numpy.float32([[0.21] * 3, [0.72] * 3, [0.07] * 3])

    def hybrid_forward(self, F, x):
        if self._p < random.random():
            return x
        return nd.dot(x.astype("float32"), nd.array(self._matrix)).astype(x.dtype)
