"""ImageDetRecordIter: batches of images with boxes from RecordIO files, decoded and augmented by threads."""

import random

import numpy

from minpy import nd
from minpy._nested import as_list
from minpy.base import MXNetError
from minpy.io._image_record import Decoding, ImageRecordIter

__all__ = ["ImageDetRecordIter"]

_HEADER = 4  # channels, height and width of the image, and how many numbers of labels follow
_SAMPLER = {
    "min_crop_scales": 0,
    "max_crop_scales": 1,
    "min_crop_aspect_ratios": 1,
    "max_crop_aspect_ratios": 1,
    "min_crop_overlaps": 0,
    "max_crop_overlaps": 1,
    "min_crop_sample_coverages": 0,
    "max_crop_sample_coverages": 1,
    "min_crop_object_coverages": 0,
    "max_crop_object_coverages": 1,
    "max_crop_trials": 25,
}


def _areas(boxes):
    return numpy.maximum(0, boxes[:, 2] - boxes[:, 0]) * numpy.maximum(0, boxes[:, 3] - boxes[:, 1])


class _Boxes:
    """The objects of an image: rows ``class, left, top, right, bottom, ...`` behind a header."""

    def __init__(self, label):
        if label.size < 7 or int(label[0]) < 2 or int(label[1]) < 5:
            raise MXNetError(f"no label of objects: {label.tolist()}")
        start, width = int(label[0]), int(label[1])
        if (label.size - start) % width:
            raise MXNetError(f"a label of {label.size} numbers does not hold objects of {width}")
        self.header, self.rows = label[:start], label[start:].reshape(-1, width).copy()

    def moved(self, left, top, width, height, kept=slice(None)):
        """The kept objects as they lie in a rectangle of the image."""
        rows = self.rows[kept].copy()
        origin, size = numpy.float32([left, top, left, top]), numpy.float32([width, height, width, height])
        rows[:, 1:5] = ((rows[:, 1:5] - origin) / size).clip(0, 1)
        return rows

    def label(self):
        return numpy.concatenate([self.header, self.rows.ravel()])


class _DetAugmentation(Decoding):
    """From the bytes of an image and its labels to values, (channels, height, width), and labels."""

    def __init__(self, data_shape, raw, options):
        super().__init__(data_shape, raw, options)
        self.std[self.std == 0] = 1
        self.samplers = _samplers(options)
        if self.resize_mode not in ("force", "shrink", "fit"):
            raise MXNetError(f"resize_mode must be force, shrink or fit, not {self.resize_mode!r}")
        if self.crop_emit_mode not in ("center", "overlap"):
            raise MXNetError(f"crop_emit_mode must be center or overlap, not {self.crop_emit_mode!r}")

    def __call__(self, data, label, seed):
        draw = random.Random(seed)
        boxes = _Boxes(label)
        image = self._shortened(self._decoded(data))
        if draw.random() < self.rand_mirror_prob:
            image = image[:, ::-1]
            boxes.rows[:, [1, 3]] = 1 - boxes.rows[:, [3, 1]]
        if draw.random() < self.rand_pad_prob:
            image = self._padded(image, boxes, draw)
        if self.samplers and draw.random() < self.rand_crop_prob:
            image = self._cropped(image, boxes, draw)
        image = self._fitted(numpy.ascontiguousarray(image))
        if not self.raw:
            contrast = self.scale
            if draw.random() < self.random_contrast_prob:
                contrast *= 1 + draw.uniform(-self.max_random_contrast, self.max_random_contrast)
            image = (image.astype(numpy.float32) - self.mean) / self.std * numpy.float32(contrast)
        return image.transpose(2, 0, 1), boxes.label()

    def _padded(self, image, boxes, draw):
        scale = draw.uniform(1, self.max_pad_scale)
        height, width = image.shape[:2]
        new_h, new_w = int(height * scale), int(width * scale)
        if scale < 1.05:
            return image
        top, left = draw.randint(0, new_h - height), draw.randint(0, new_w - width)
        result = numpy.full((new_h, new_w, image.shape[2]), self.fill_value, image.dtype)
        result[top : top + height, left : left + width] = image
        boxes.rows = boxes.moved(-left / width, -top / height, new_w / width, new_h / height)
        return result

    def _cropped(self, image, boxes, draw):
        height, width = image.shape[:2]
        for sampler in draw.sample(self.samplers, len(self.samplers)):
            for _ in range(int(sampler["max_crop_trials"])):
                scale = draw.uniform(sampler["min_crop_scales"], sampler["max_crop_scales"])
                ratio = draw.uniform(sampler["min_crop_aspect_ratios"], sampler["max_crop_aspect_ratios"])
                ratio = min(max(ratio, scale**2), 1 / max(scale, 1e-6) ** 2)
                w, h = scale * ratio**0.5, scale / ratio**0.5
                x, y = draw.uniform(0, 1 - w), draw.uniform(0, 1 - h)
                kept = self._kept(boxes.rows[:, 1:5], (x, y, x + w, y + h), sampler)
                part = image[int(y * height) : int((y + h) * height), int(x * width) : int((x + w) * width)]
                if kept.any() and part.size:
                    boxes.rows = boxes.moved(x, y, w, h, kept)
                    return part
        return image

    def _kept(self, objects, crop, sampler):
        """Which objects a rectangle keeps; none if it does not do for any."""
        crop = numpy.float32([crop])
        inside = _areas(
            numpy.concatenate(
                [numpy.maximum(objects[:, :2], crop[:, :2]), numpy.minimum(objects[:, 2:], crop[:, 2:])], 1
            )
        )
        areas, area = _areas(objects), _areas(crop)
        shares = {
            "overlaps": inside / (areas + area - inside),
            "sample_coverages": inside / area,
            "object_coverages": inside / numpy.maximum(areas, 1e-12),
        }
        good = numpy.ones(len(objects), bool)
        for name, share in shares.items():
            low, high = sampler[f"min_crop_{name}"], sampler[f"max_crop_{name}"]
            good &= (share >= low) & (share <= high)
        if not good.any():
            return good
        if self.crop_emit_mode == "overlap":
            return shares["object_coverages"] > self.emit_overlap_thresh
        middle = (objects[:, :2] + objects[:, 2:]) / 2
        return ((middle >= crop[:, :2]) & (middle <= crop[:, 2:])).all(1)

    def _fitted(self, image):
        from minpy.image import _sizes

        height, width = image.shape[:2]
        scale = min(self.height / height, self.width / width)
        if self.resize_mode == "force":
            size = self.height, self.width
        elif self.resize_mode == "shrink" and scale >= 1:
            return image
        else:
            size = max(1, int(height * scale)), max(1, int(width * scale))
        return _sizes.resize(image, size[1], size[0], self.inter_method)


def _samplers(options):
    """The settings of each sampler of rectangles."""
    count = int(options["num_crop_sampler"])
    lists = {}
    for name in _SAMPLER:
        given = as_list(options[name])
        if len(given) not in (1, count):
            raise MXNetError(f"{name} has {len(given)} values for {count} samplers")
        lists[name] = given * (count // len(given))
    return [{name: values[i] for name, values in lists.items()} for i in range(count)]


class ImageDetRecordIter(ImageRecordIter):
    """Images of a RecordIO file and the objects in them.

    A row of labels is channels, height and width of the image, the count of numbers in its label, and these: ``n, k,
    ...``, n numbers in all, and then ``class, left, top, right, bottom, ...``, k numbers for each object, places from 0
    to 1. `label_pad_value` fills the rest.

    Parameters
    ----------
    path_imgrec, data_shape, batch_size, path_imgidx, shuffle, seed, num_parts, part_index, round_batch, dtype
        See ImageRecordIter.
    label_pad_width : int
        How many numbers of labels an image can have; at most 0: as many as the longest label has.
    label_pad_value : float
    **kwargs
        What is done with an image, in this order: `resize`, the shorter side; `rand_mirror_prob`; `rand_pad_prob`,
        `max_pad_scale`, `fill_value`; `rand_crop_prob`, where `num_crop_sampler` samplers with `max_crop_trials` each
        look for a rectangle within `min_crop_scales` to `max_crop_scales`, and likewise `..._aspect_ratios`,
        `..._overlaps`, `..._sample_coverages`, `..._object_coverages`, and `crop_emit_mode` ('center', 'overlap' with
        `emit_overlap_thresh`) says which objects stay; `resize_mode` ('force', 'fit', 'shrink');
        ``(x - mean) / std * scale`` as in ImageRecordIter; `random_contrast_prob`, `max_random_contrast`.

    Raises
    ------
    MXNetError
        If the file cannot be read, or for augmentations that are not supported (those of HSL colours, `mean_img`).
    """

    _augmentation = _DetAugmentation
    _options = {
        "resize": -1,
        "rand_mirror_prob": 0,
        "rand_pad_prob": 0,
        "max_pad_scale": 1,
        "fill_value": 127,
        "rand_crop_prob": 0,
        "num_crop_sampler": 1,
        "crop_emit_mode": "center",
        "emit_overlap_thresh": 0.3,
        "random_contrast_prob": 0,
        "max_random_contrast": 0,
        "inter_method": 1,
        "resize_mode": "force",
        "scale": 1,
        **_SAMPLER,
        **{f"{kind}_{name}": 0 for kind in ("mean", "std") for name in "rgba"},
    }
    _fixed = {
        "random_hue_prob": 0,
        "random_saturation_prob": 0,
        "random_illumination_prob": 0,
        "max_random_hue": 0,
        "max_random_saturation": 0,
        "max_random_illumination": 0,
        "mean_img": "",
    }

    def __init__(self, *, label_width=-1, label_pad_width=0, label_pad_value=-1.0, **kwargs):
        self._pad_width, self._pad_value = label_pad_width, label_pad_value
        super().__init__(label_width=label_width, **kwargs)

    def _label_shape(self):
        longest = max(self._sample(offset)[1].size for offset in self._offsets)
        if 0 < self._pad_width < longest:
            raise MXNetError(
                f"ImageDetRecordIOParser: label_pad_width: {self._pad_width} smaller than estimated width: {longest}"
            )
        self._pad_width = max(self._pad_width, longest)
        return (self._pad_width + _HEADER,)

    def _sample(self, offset):
        return self._record(offset)[1:]

    def _begin_batch(self, places):
        samples = [self._sample(self._offsets[place]) for place in places]
        return None, [self._executor.submit(self._augment, *s, self._draw.getrandbits(64)) for s in samples]

    def _finished(self, places, pad, labels, images):
        desc = self.provide_data[0]
        data = numpy.zeros(desc.shape, desc.dtype)
        label = numpy.full(self.provide_label[0].shape, self._pad_value, numpy.float32)
        for row, (values, one) in enumerate(image.result() for image in images):
            data[row, :, : values.shape[1], : values.shape[2]] = values
            label[row, :_HEADER] = (*values.shape, one.size)
            label[row, _HEADER : _HEADER + one.size] = one
        index = numpy.zeros(self.batch_size, numpy.uint64)
        index[: len(places)] = places
        return nd.array(data, dtype=desc.dtype), nd.array(label), pad, index
