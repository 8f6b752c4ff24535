"""Augmenters: objects that change an image, (height, width, channels), and can be written as JSON."""

import json
import random
import warnings

import numpy

from minpy import nd
from minpy.gluon.utils import is_array
from minpy.image import _functions as image

__all__ = [
    "Augmenter",
    "BrightnessJitterAug",
    "CastAug",
    "CenterCropAug",
    "ColorJitterAug",
    "ColorNormalizeAug",
    "ContrastJitterAug",
    "CreateAugmenter",
    "ForceResizeAug",
    "HorizontalFlipAug",
    "HueJitterAug",
    "LightingAug",
    "RandomCropAug",
    "RandomGrayAug",
    "RandomOrderAug",
    "RandomSizedCropAug",
    "ResizeAug",
    "SaturationJitterAug",
    "SequentialAug",
]

_GREY = [[[0.299, 0.587, 0.114]]]
_TO_YIQ = numpy.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.321], [0.211, -0.523, 0.311]])
_FROM_YIQ = numpy.array([[1.0, 0.956, 0.621], [1.0, -0.272, -0.647], [1.0, -1.107, 1.705]])
_EIGENVALUES = numpy.array([55.46, 4.794, 1.148])
_EIGENVECTORS = numpy.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
)
_IMAGENET_MEAN = [123.68, 116.28, 103.53]
_IMAGENET_STD = [58.395, 57.12, 57.375]


class Augmenter:
    """What augmenters derive from: calling one with an image gives the changed image.

    Parameters
    ----------
    **kwargs
        The parameters, for `dumps`.
    """

    def __init__(self, **kwargs):
        self._kwargs = {
            name: numpy.asarray(value).tolist()
            if is_array(value) or isinstance(value, numpy.ndarray)
            else value
            for name, value in kwargs.items()
        }

    def dumps(self):
        """Name and parameters as JSON."""
        return json.dumps([type(self).__name__.lower(), self._kwargs])

    def __call__(self, src):
        raise NotImplementedError("Must override implementation.")


class SequentialAug(Augmenter):
    """Several augmenters, one after the other."""

    def __init__(self, ts):
        super().__init__()
        self.ts = ts

    def dumps(self):
        return [type(self).__name__.lower(), [one.dumps() for one in self.ts]]

    def __call__(self, src):
        for one in self.ts:
            src = one(src)
        return src


class RandomOrderAug(SequentialAug):
    """Several augmenters in random order."""

    def __call__(self, src):
        random.shuffle(self.ts)
        return super().__call__(src)


class _SizeAug(Augmenter):
    def __init__(self, size, interp=2):
        super().__init__(size=size, interp=interp)
        self.size = size
        self.interp = interp


class ResizeAug(_SizeAug):
    """Resizes the shorter side to `size`."""

    def __call__(self, src):
        return image.resize_short(src, self.size, self.interp)


class ForceResizeAug(_SizeAug):
    """Resizes to `size` (width, height), whatever the ratio was."""

    def __call__(self, src):
        return image.imresize(src, *self.size, interp=self.interp)


class RandomCropAug(_SizeAug):
    """Takes a part of `size` (width, height) at a random place."""

    def __call__(self, src):
        return image.random_crop(src, self.size, self.interp)[0]


class CenterCropAug(_SizeAug):
    """Takes the part of `size` (width, height) in the middle."""

    def __call__(self, src):
        return image.center_crop(src, self.size, self.interp)[0]


class RandomSizedCropAug(Augmenter):
    """Takes a part of random place, size and ratio; see random_size_crop."""

    def __init__(self, size, area, ratio, interp=2, **kwargs):
        super().__init__(size=size, area=area, ratio=ratio, interp=interp)
        if "min_area" in kwargs:
            warnings.warn(
                "`min_area` is deprecated. Please use `area` instead.", DeprecationWarning, stacklevel=2
            )
            area = kwargs.pop("min_area")
        assert not kwargs, "unexpected keyword arguments for `RandomSizedCropAug`."
        self.size = size
        self.area = area
        self.ratio = ratio
        self.interp = interp

    def __call__(self, src):
        return image.random_size_crop(src, self.size, self.area, self.ratio, self.interp)[0]


class BrightnessJitterAug(Augmenter):
    """Multiplies by a random factor from 1 - brightness to 1 + brightness."""

    def __init__(self, brightness):
        super().__init__(brightness=brightness)
        self.brightness = brightness

    def __call__(self, src):
        src *= 1.0 + random.uniform(-self.brightness, self.brightness)
        return src


class ContrastJitterAug(Augmenter):
    """Multiplies the distance to the mean grey by a random factor from 1 - contrast to 1 + contrast."""

    def __init__(self, contrast):
        super().__init__(contrast=contrast)
        self.contrast = contrast
        self.coef = nd.array(_GREY)

    def __call__(self, src):
        alpha = 1.0 + random.uniform(-self.contrast, self.contrast)
        grey = src * self.coef
        shift = 3.0 * (1.0 - alpha) / grey.size * nd.sum(grey)
        src *= alpha
        src += shift
        return src


class SaturationJitterAug(Augmenter):
    """Multiplies the distance to the grey pixels by a random factor from 1 - saturation to 1 + saturation."""

    def __init__(self, saturation):
        super().__init__(saturation=saturation)
        self.saturation = saturation
        self.coef = nd.array(_GREY)

    def __call__(self, src):
        alpha = 1.0 + random.uniform(-self.saturation, self.saturation)
        grey = nd.sum(src * self.coef, axis=2, keepdims=True) * (1.0 - alpha)
        src *= alpha
        src += grey
        return src


class HueJitterAug(Augmenter):
    """Turns the colours by a random angle from -hue to hue half circles."""

    def __init__(self, hue):
        super().__init__(hue=hue)
        self.hue = hue
        self.tyiq = _TO_YIQ
        self.ityiq = _FROM_YIQ

    def __call__(self, src):
        angle = random.uniform(-self.hue, self.hue) * numpy.pi
        cosine, sine = numpy.cos(angle), numpy.sin(angle)
        turn = numpy.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])
        return nd.dot(src, nd.array((self.ityiq @ turn @ self.tyiq).T))


class ColorJitterAug(RandomOrderAug):
    """Random brightness, contrast and saturation in random order."""

    def __init__(self, brightness, contrast, saturation):
        kinds = (
            (BrightnessJitterAug, brightness),
            (ContrastJitterAug, contrast),
            (SaturationJitterAug, saturation),
        )
        super().__init__([kind(value) for kind, value in kinds if value > 0])


class LightingAug(Augmenter):
    """Adds random multiples of the main directions of colour.

    Parameters
    ----------
    alphastd : float
        Standard deviation of the factors.
    eigval, eigvec : numpy.ndarray
        Lengths and directions, (3,) and (3, 3).
    """

    def __init__(self, alphastd, eigval, eigvec):
        super().__init__(alphastd=alphastd, eigval=eigval, eigvec=eigvec)
        self.alphastd = alphastd
        self.eigval = eigval
        self.eigvec = eigvec

    def __call__(self, src):
        alpha = numpy.random.normal(0, self.alphastd, size=(3,))
        src += nd.array(numpy.dot(self.eigvec * alpha, self.eigval))
        return src


class ColorNormalizeAug(Augmenter):
    """Subtracts `mean` and divides by `std`."""

    def __init__(self, mean, std):
        super().__init__(mean=mean, std=std)
        self.mean = None if mean is None else nd.array(mean)
        self.std = None if std is None else nd.array(std)

    def __call__(self, src):
        return image.color_normalize(src, self.mean, self.std)


class RandomGrayAug(Augmenter):
    """Makes the image grey with a probability."""

    def __init__(self, p):
        super().__init__(p=p)
        self.p = p
        self.mat = nd.array([[0.21] * 3, [0.72] * 3, [0.07] * 3])

    def __call__(self, src):
        return nd.dot(src, self.mat) if random.random() < self.p else src


class HorizontalFlipAug(Augmenter):
    """Mirrors the image with a probability."""

    def __init__(self, p):
        super().__init__(p=p)
        self.p = p

    def __call__(self, src):
        return nd.flip(src, axis=1) if random.random() < self.p else src


class CastAug(Augmenter):
    """Changes the dtype."""

    def __init__(self, typ="float32"):
        super().__init__(type=typ)
        self.typ = typ

    def __call__(self, src):
        return src.astype(self.typ)


def _statistics(value, default):
    if value is True:
        return nd.array(default)
    assert value is None or (hasattr(value, "shape") and value.shape[0] in (1, 3))
    return value


def CreateAugmenter(
    data_shape,
    resize=0,
    rand_crop=False,
    rand_resize=False,
    rand_mirror=False,
    mean=None,
    std=None,
    brightness=0,
    contrast=0,
    saturation=0,
    hue=0,
    pca_noise=0,
    rand_gray=0,
    inter_method=2,
):
    """The usual augmenters, in the usual order.

    Parameters
    ----------
    data_shape : tuple of int
        Channels, height and width of the result.
    resize : int
        Length of the shorter side before cropping; 0: as it is.
    rand_crop : bool
        Crop at a random place; else the middle.
    rand_resize : bool
        Crop with a random size; needs `rand_crop`.
    rand_mirror : bool
        Mirror half of the images.
    mean, std : numpy.ndarray or True
        What to subtract and to divide by; True: that of ImageNet.
    brightness, contrast, saturation, hue : float
        How far to change them.
    pca_noise : float
        See LightingAug.
    rand_gray : float
        Share of images that become grey.
    inter_method : int
        See imresize.

    Returns
    -------
    list of Augmenter
    """
    found = [ResizeAug(resize, inter_method)] if resize > 0 else []
    size = (data_shape[2], data_shape[1])
    if rand_resize:
        assert rand_crop
        found.append(RandomSizedCropAug(size, 0.08, (3.0 / 4.0, 4.0 / 3.0), inter_method))
    else:
        found.append((RandomCropAug if rand_crop else CenterCropAug)(size, inter_method))
    if rand_mirror:
        found.append(HorizontalFlipAug(0.5))
    found.append(CastAug())
    return found + colour_augmenters(brightness, contrast, saturation, hue, pca_noise, rand_gray, mean, std)


def colour_augmenters(brightness, contrast, saturation, hue, pca_noise, rand_gray, mean, std):
    """The augmenters among the usual ones that change colours; parameters as in CreateAugmenter."""
    found = []
    if brightness or contrast or saturation:
        found.append(ColorJitterAug(brightness, contrast, saturation))
    if hue:
        found.append(HueJitterAug(hue))
    if pca_noise > 0:
        found.append(LightingAug(pca_noise, _EIGENVALUES, _EIGENVECTORS))
    if rand_gray > 0:
        found.append(RandomGrayAug(rand_gray))
    mean, std = _statistics(mean, _IMAGENET_MEAN), _statistics(std, _IMAGENET_STD)
    if mean is not None or std is not None:
        found.append(ColorNormalizeAug(mean, std))
    return found
