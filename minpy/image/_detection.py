"""Augmenters that change an image together with the boxes of the objects in it.

A label is a numpy.ndarray with a row ``class, left, top, right, bottom, ...`` for each object; places count from 0 to 1
over the image. Python's `random` chooses, in the order of MXNet's draws.
"""

import logging
import math
import random
import warnings

import numpy

from minpy import nd
from minpy._nested import as_list
from minpy.base import numeric_types
from minpy.image import _augmenters as plain
from minpy.image import _functions as image

__all__ = [
    "CreateDetAugmenter",
    "CreateMultiRandCropAugmenter",
    "DetAugmenter",
    "DetBorrowAug",
    "DetHorizontalFlipAug",
    "DetRandomCropAug",
    "DetRandomPadAug",
    "DetRandomSelectAug",
]


class DetAugmenter(plain.Augmenter):
    """What augmenters for detection derive from: calling one with image and label gives both, changed.

    Parameters
    ----------
    **kwargs
        The parameters, for `dumps`.
    """

    def __call__(self, src, label):
        raise NotImplementedError("Must override implementation.")


class DetBorrowAug(DetAugmenter):
    """An augmenter that leaves objects where they are.

    Parameters
    ----------
    augmenter : Augmenter
        What changes the image.
    """

    def __init__(self, augmenter):
        if not isinstance(augmenter, plain.Augmenter):
            raise TypeError("Borrowing from invalid Augmenter")
        super().__init__(augmenter=augmenter.dumps())
        self.augmenter = augmenter

    def dumps(self):
        return [type(self).__name__.lower(), self.augmenter.dumps()]

    def __call__(self, src, label):
        return self.augmenter(src), label


class DetRandomSelectAug(DetAugmenter):
    """One of several augmenters.

    Parameters
    ----------
    aug_list : list of DetAugmenter
        What to choose from.
    skip_prob : float
        How often none is taken.
    """

    def __init__(self, aug_list, skip_prob=0):
        super().__init__(skip_prob=skip_prob)
        aug_list = as_list(aug_list)
        if not all(isinstance(one, DetAugmenter) for one in aug_list):
            raise ValueError("Allow DetAugmenter in list only")
        self.aug_list = aug_list
        self.skip_prob = skip_prob if aug_list else 1

    def dumps(self):
        return [type(self).__name__.lower(), [one.dumps() for one in self.aug_list]]

    def __call__(self, src, label):
        if random.random() < self.skip_prob:
            return src, label
        random.shuffle(self.aug_list)
        return self.aug_list[0](src, label)


class DetHorizontalFlipAug(DetAugmenter):
    """Mirror.

    Parameters
    ----------
    p : float
        How often.
    """

    def __init__(self, p):
        super().__init__(p=p)
        self.p = p

    def __call__(self, src, label):
        if random.random() < self.p:
            src = nd.flip(src, axis=1)
            label[:, [1, 3]] = 1.0 - label[:, [3, 1]]
        return src, label


def _range(value, what, kind):
    """A pair of numbers; one number stands for both."""
    if isinstance(value, (tuple, list)):
        return value
    assert isinstance(value, numeric_types)
    logging.info("Using fixed %s: %s in %s", what, value, kind)
    return (value, value)


class _RegionAug(DetAugmenter):
    """An augmenter that chooses a rectangle by its area and aspect ratio."""

    _least_area = 0

    def __init__(self, aspect_ratio_range, area_range, max_attempts, **kwargs):
        kind = type(self).__name__
        self.aspect_ratio_range = _range(aspect_ratio_range, "aspect ratio", kind)
        self.area_range = _range(area_range, "area range", kind)
        self.max_attempts = max_attempts
        super().__init__(
            aspect_ratio_range=self.aspect_ratio_range,
            area_range=self.area_range,
            max_attempts=max_attempts,
            **kwargs,
        )
        low, high = self.area_range
        self.enabled = False
        if high <= self._least_area or low > high:
            warnings.warn(f"Skip {kind} due to invalid area_range: {self.area_range}", stacklevel=3)
        elif not 0 < self.aspect_ratio_range[0] <= self.aspect_ratio_range[1]:
            warnings.warn(
                f"Skip {kind} due to invalid aspect_ratio_range: {self.aspect_ratio_range}", stacklevel=3
            )
        else:
            self.enabled = True

    def _proposal(self, label, height, width):
        """(x, y, width, height, new label) of the first rectangle that will do, or ()."""
        if not self.enabled or height <= 0 or width <= 0:
            return ()
        areas = [share * height * width for share in self.area_range]
        for _ in range(self.max_attempts):
            ratio = random.uniform(*self.aspect_ratio_range)
            size = self._size(ratio, areas, height, width) if ratio > 0 else None
            found = size and self._placed(label, size, height, width)
            if found:
                return found
        return ()

    def _size(self, ratio, areas, height, width):
        """Height and width of a rectangle, or None."""
        raise NotImplementedError

    def _placed(self, label, size, height, width):
        """The proposal at a random place, or None."""
        raise NotImplementedError


def _heights(areas, ratio):
    return [int(round(math.sqrt(area / ratio))) for area in areas]


def _areas(boxes):
    return numpy.maximum(0, boxes[:, 3] - boxes[:, 1]) * numpy.maximum(0, boxes[:, 2] - boxes[:, 0])


def _intersections(boxes, left, top, right, bottom):
    found = boxes.copy()
    found[:, :2] = numpy.maximum(boxes[:, :2], (left, top))
    found[:, 2:4] = numpy.minimum(boxes[:, 2:4], (right, bottom))
    found[(found[:, 0] >= found[:, 2]) | (found[:, 1] >= found[:, 3])] = 0
    return found


class DetRandomCropAug(_RegionAug):
    """Cut out a rectangle that holds enough of the objects.

    Parameters
    ----------
    min_object_covered : float
        Of every object that the rectangle touches at least this share must be inside.
    aspect_ratio_range, area_range : tuple of float
        Limits of width / height, and of the area as a share of the image's.
    min_eject_coverage : float
        Objects of which a smaller share remains are dropped.
    max_attempts : int
        After as many failures the image stays as it is.
    """

    def __init__(self, min_object_covered=0.1, aspect_ratio_range=(0.75, 1.33), area_range=(0.05, 1.0),
                 min_eject_coverage=0.3, max_attempts=50):  # fmt: skip
        super().__init__(
            aspect_ratio_range,
            area_range,
            max_attempts,
            min_object_covered=min_object_covered,
            min_eject_coverage=min_eject_coverage,
        )
        order = "min_object_covered", "aspect_ratio_range", "area_range", "min_eject_coverage", "max_attempts"
        self._kwargs = {name: self._kwargs[name] for name in order}
        self.min_object_covered = min_object_covered
        self.min_eject_coverage = min_eject_coverage

    def __call__(self, src, label):
        crop = self._proposal(label, *src.shape[:2])
        if crop:
            x, y, w, h, label = crop
            src = image.fixed_crop(src, x, y, w, h, None)
        return src, label

    def _size(self, ratio, areas, height, width):
        low, high = _heights(areas, ratio)
        if round(high * ratio) > width:
            high = int((width + 0.4999999) / ratio)
        high = min(high, height)
        h = random.randint(low, high) if low < high else high
        w = int(round(h * ratio))
        for step, wrong in ((1, lambda area: area < areas[0]), (-1, lambda area: area > areas[1])):
            if wrong(w * h):
                h += step
                w = int(round(h * ratio))
        fits = areas[0] <= w * h <= areas[1] and 0 <= w <= width and 0 <= h <= height
        return (h, w) if fits else None

    def _placed(self, label, size, height, width):
        h, w = size
        y, x = random.randint(0, height - h), random.randint(0, width - w)
        if not self._covers_enough(label, x, y, w, h, height, width):
            return None
        kept = self._kept_objects(label, x / width, y / height, w / width, h / height)
        return None if kept is None else (x, y, w, h, kept)

    def _covers_enough(self, label, x, y, w, h, height, width):
        areas = _areas(label[:, 1:])
        large = areas * width * height > 2
        if w * h < 2 or not large.any():
            return False
        inside = _intersections(label[large, 1:], x / width, y / height, (x + w) / width, (y + h) / height)
        shares = _areas(inside) / areas[large]
        shares = shares[shares > 0]
        return shares.size > 0 and shares.min() > self.min_object_covered

    def _kept_objects(self, label, left, top, width, height):
        found = label.copy()
        for columns, start, length in (((1, 3), left, width), ((2, 4), top, height)):
            found[:, columns] = (found[:, columns] - start) / length
        found[:, 1:5] = found[:, 1:5].clip(0, 1)
        with numpy.errstate(invalid="ignore", divide="ignore"):
            coverage = _areas(found[:, 1:]) * width * height / _areas(label[:, 1:])
        kept = (
            (found[:, 3] > found[:, 1]) & (found[:, 4] > found[:, 2]) & (coverage > self.min_eject_coverage)
        )
        return found[kept] if kept.any() else None


class DetRandomPadAug(_RegionAug):
    """Put the image at a random place of a larger rectangle.

    Parameters
    ----------
    aspect_ratio_range, area_range : tuple of float
        Limits of width / height, and of the area as a multiple of the image's.
    max_attempts : int
        After as many failures the image stays as it is.
    pad_val : float or tuple of float
        What is around the image.
    """

    _least_area = 1.0

    def __init__(self, aspect_ratio_range=(0.75, 1.33), area_range=(1.0, 3.0), max_attempts=50,
                 pad_val=(128, 128, 128)):  # fmt: skip
        assert isinstance(pad_val, (list, tuple, *numeric_types))
        super().__init__(aspect_ratio_range, area_range, max_attempts, pad_val=pad_val)
        self.pad_val = pad_val

    def __call__(self, src, label):
        height, width = src.shape[:2]
        pad = self._proposal(label, height, width)
        if pad:
            x, y, w, h, label = pad
            values = self.pad_val if isinstance(self.pad_val, (list, tuple)) else (self.pad_val,) * 3
            src = image.copyMakeBorder(src, y, h - y - height, x, w - x - width, 16, values=values)
        return src, label

    def _size(self, ratio, areas, height, width):
        low, high = _heights(areas, ratio)
        if round(low * ratio) < width:
            low = int((width + 0.499999) / ratio)
        low = min(max(low, height), high)
        h = random.randint(low, high) if low < high else low
        w = int(round(h * ratio))
        return (h, w) if h - height >= 2 and w - width >= 2 else None

    def _placed(self, label, size, height, width):
        h, w = size
        y, x = random.randint(0, h - height), random.randint(0, w - width)
        found = label.copy()
        found[:, (1, 3)] = (found[:, (1, 3)] * width + x) / w
        found[:, (2, 4)] = (found[:, (2, 4)] * height + y) / h
        return x, y, w, h, found


def CreateMultiRandCropAugmenter(
    min_object_covered=0.1,
    aspect_ratio_range=(0.75, 1.33),
    area_range=(0.05, 1.0),
    min_eject_coverage=0.3,
    max_attempts=50,
    skip_prob=0,
):
    """A choice of DetRandomCropAug, one for each element of the parameters that are lists.

    Parameters
    ----------
    min_object_covered, aspect_ratio_range, area_range, min_eject_coverage, max_attempts
        See DetRandomCropAug; lists are of one length.
    skip_prob : float
        How often none is taken.

    Returns
    -------
    DetRandomSelectAug
    """
    settings = [min_object_covered, aspect_ratio_range, area_range, min_eject_coverage, max_attempts]
    lists = [one if isinstance(one, list) else [one] for one in settings]
    count = max(map(len, lists))
    assert all(len(one) in (1, count) for one in lists), "parameters that are lists must have one length"
    aligned = [one * (count // len(one)) for one in lists]
    return DetRandomSelectAug([DetRandomCropAug(*each) for each in zip(*aligned)], skip_prob=skip_prob)


def CreateDetAugmenter(
    data_shape,
    resize=0,
    rand_crop=0,
    rand_pad=0,
    rand_gray=0,
    rand_mirror=False,
    mean=None,
    std=None,
    brightness=0,
    contrast=0,
    saturation=0,
    pca_noise=0,
    hue=0,
    inter_method=2,
    min_object_covered=0.1,
    aspect_ratio_range=(0.75, 1.33),
    area_range=(0.05, 3.0),
    min_eject_coverage=0.3,
    max_attempts=50,
    pad_val=(127, 127, 127),
):
    """The usual augmenters for detection, in the usual order.

    Parameters
    ----------
    data_shape : tuple of int
        Channels, height and width of the result.
    resize : int
        Length of the shorter side at first; 0: as it is.
    rand_crop, rand_pad : float
        How often to cut out a part, or to put the image into a larger one.
    rand_gray : float
        Share of images that become grey.
    rand_mirror : bool
        Mirror half of the images.
    mean, std, brightness, contrast, saturation, hue, pca_noise, inter_method
        See CreateAugmenter.
    min_object_covered, aspect_ratio_range, area_range, min_eject_coverage, max_attempts
        See CreateMultiRandCropAugmenter; padding takes the upper limit of the area.
    pad_val : tuple of float
        See DetRandomPadAug.

    Returns
    -------
    list of DetAugmenter
    """
    found = [DetBorrowAug(plain.ResizeAug(resize, inter_method))] if resize > 0 else []
    if rand_crop > 0:
        found.append(
            CreateMultiRandCropAugmenter(
                min_object_covered,
                aspect_ratio_range,
                area_range,
                min_eject_coverage,
                max_attempts,
                skip_prob=1 - rand_crop,
            )
        )
    if rand_mirror > 0:
        found.append(DetHorizontalFlipAug(0.5))
    if rand_pad > 0:
        pad = DetRandomPadAug(aspect_ratio_range, (1.0, area_range[1]), max_attempts, pad_val)
        found.append(DetRandomSelectAug([pad], 1 - rand_pad))
    size = (data_shape[2], data_shape[1])
    colours = plain.colour_augmenters(brightness, contrast, saturation, hue, pca_noise, rand_gray, mean, std)
    found += map(DetBorrowAug, [plain.ForceResizeAug(size, inter_method), plain.CastAug(), *colours])
    return found
