"""ImageRecordIter: batches of images from RecordIO files, decoded and augmented by threads."""

import concurrent.futures
import random

import numpy

from minpy import _image_codec, nd, recordio
from minpy.base import MXNetError
from minpy.io._base import DataDesc
from minpy.io._mnist import shuffled
from minpy.io._mx_iter import MXDataIter, check_parameters

__all__ = ["ImageRecordInt8Iter", "ImageRecordIter", "ImageRecordUInt8Iter"]

# MXNet's parameters that have no effect, and those that can only keep their default.
_IGNORED = frozenset(["shuffle_chunk_size", "shuffle_chunk_seed", "aug_seq", "max_img_size", "min_img_size"])
_FIXED = {
    "max_rotate_angle": 0,
    "max_shear_ratio": 0,
    "max_crop_size": -1,
    "min_crop_size": -1,
    "max_random_scale": 1,
    "min_random_scale": 1,
    "random_h": 0,
    "random_s": 0,
    "random_l": 0,
    "rotate": -1,
    "mean_img": "",
}
_EIGENVALUES = numpy.float32([55.46, 4.794, 1.148])
_EIGENVECTORS = numpy.float32(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
)
_GREY = numpy.float32([0.299, 0.587, 0.114])


def _read_list(path, label_width):
    """Labels by number, from lines ``number<TAB>label<TAB>...<TAB>name``; all labels if `label_width` is negative."""
    found = {}
    with open(path) as file:
        for line in file:
            fields = line.strip().split("\t")
            found[int(fields[0])] = numpy.float32(
                fields[1:-1] if label_width < 0 else fields[1 : 1 + label_width]
            )
    return found


class Decoding:
    """From the bytes of an image to an image of the asked number of channels, with the settings of an iterator."""

    def __init__(self, data_shape, raw, options):
        self.channels, self.height, self.width = data_shape
        self.raw = raw
        self.__dict__.update(options)
        names = "rgba"[: self.channels]
        self.mean = numpy.float32([options[f"mean_{name}"] for name in names])
        self.std = numpy.float32([options[f"std_{name}"] for name in names])

    def _decoded(self, data):
        image = _image_codec.decode(data, {1: 0, 3: 1}.get(self.channels, -1), rgb=True)
        return image[:, :, None] if image.ndim == 2 else image

    def _shortened(self, image):
        """The image with its shorter side of the length `resize`, where that is set."""
        from minpy.image import _sizes

        if self.resize <= 0:
            return image
        height, width = _sizes.short_side_size(*image.shape[:2], self.resize)
        return _sizes.resize(image, width, height, self.inter_method)


class _Augmentation(Decoding):
    """From the bytes of an image to its values, (channels, height, width)."""

    def __call__(self, data, seed):
        draw = random.Random(seed)
        image = self._decoded(data)
        image = self._cut(self._enlarged(self._resized(image)), draw)
        if self.mirror or (self.rand_mirror and draw.random() < 0.5):
            image = image[:, ::-1]
        if not self.raw:
            image = self._coloured(image.astype(numpy.float32), draw)
            contrast = draw.uniform(1 - self.max_random_contrast, 1 + self.max_random_contrast) * self.scale
            light = draw.uniform(-self.max_random_illumination, self.max_random_illumination) * self.scale
            image = (image - self.mean) / self.std * numpy.float32(contrast) + numpy.float32(light)
        return image.transpose(2, 0, 1)

    def _resized(self, image):
        image = self._shortened(image)
        if self.pad > 0:
            borders = ((self.pad, self.pad), (self.pad, self.pad), (0, 0))
            image = numpy.pad(image, borders, constant_values=self.fill_value)
        return image

    def _enlarged(self, image):
        """An image that the result can be cut from."""
        from minpy.image import _sizes

        height, width = image.shape[:2]
        ratio = max(self.height / height, self.width / width)
        if ratio <= 1:
            return image
        new = max(self.height, int(ratio * height)), max(self.width, int(ratio * width))
        return _sizes.resize(image, new[1], new[0], self.inter_method)

    def _cut(self, image, draw):
        rest_y, rest_x = image.shape[0] - self.height, image.shape[1] - self.width
        if self.random_resized_crop:
            return self._cut_and_resized(image, draw)
        y, x = (
            (draw.randint(0, rest_y), draw.randint(0, rest_x))
            if self.rand_crop
            else (rest_y // 2, rest_x // 2)
        )
        return image[y : y + self.height, x : x + self.width]

    def _cut_and_resized(self, image, draw):
        from minpy.image import _sizes

        height, width = image.shape[:2]
        low = self.min_aspect_ratio or 1 - self.max_aspect_ratio
        high = self.max_aspect_ratio if self.min_aspect_ratio else 1 + self.max_aspect_ratio
        for _ in range(10):
            area = draw.uniform(self.min_random_area, self.max_random_area) * height * width
            ratio = draw.uniform(low, high)
            new_w, new_h = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
            if 0 < new_w <= width and 0 < new_h <= height:
                break
        else:
            new_w, new_h = _sizes.scaled_down((width, height), (self.width, self.height))
        y, x = draw.randint(0, height - new_h), draw.randint(0, width - new_w)
        part = numpy.ascontiguousarray(image[y : y + new_h, x : x + new_w])
        return _sizes.resize(part, self.width, self.height, self.inter_method)

    def _coloured(self, image, draw):
        jitters = [
            (self.brightness, lambda x: 0),
            (self.contrast, lambda x: (x @ _GREY).mean()),
            (self.saturation, lambda x: (x @ _GREY)[..., None]),
        ]
        draw.shuffle(jitters)
        for distance, middle in jitters:
            if distance > 0 and self.channels == 3:
                factor = numpy.float32(1 + draw.uniform(-distance, distance))
                image = image * factor + (1 - factor) * middle(image)
        if self.pca_noise > 0 and self.channels == 3:
            alpha = numpy.float32([draw.gauss(0, self.pca_noise) for _ in range(3)])
            image = image + _EIGENVECTORS @ (_EIGENVALUES * alpha)
        return image


_OPTIONS = {
    "resize": -1,
    "pad": 0,
    "fill_value": 255,
    "inter_method": 1,
    "rand_crop": False,
    "random_resized_crop": False,
    "max_random_area": 1,
    "min_random_area": 1,
    "max_aspect_ratio": 0,
    "min_aspect_ratio": None,
    "mirror": False,
    "rand_mirror": False,
    "brightness": 0,
    "contrast": 0,
    "saturation": 0,
    "pca_noise": 0,
    "scale": 1,
    "max_random_contrast": 0,
    "max_random_illumination": 0,
    **{f"{kind}_{name}": value for kind, value in (("mean", 0), ("std", 1)) for name in "rgba"},
}


class ImageRecordIter(MXDataIter):
    """Images and labels of a RecordIO file. The last batch is filled from the start, where the next epoch goes on.

    Parameters
    ----------
    path_imgrec : str
        Of the records.
    data_shape : tuple of int
        Channels, height and width of the images.
    batch_size : int
    path_imgidx : str
        Of the index; without it the file is searched for its records.
    path_imglist : str
        Of labels to take instead of those in the records, a line ``number<TAB>label<TAB>...<TAB>name`` for each.
    label_width : int
        How many labels an image has.
    shuffle : bool
        Read in another order in each epoch, which `seed` chooses.
    seed, seed_aug : int
        Of the order, and of what is changed by chance.
    num_parts, part_index : int
        Read one of several parts of the file.
    round_batch : bool
        Whether the last batch is filled; else its end is 0.
    preprocess_threads : int
        How many threads decode.
    dtype : dtype
    data_name, label_name : str
    **kwargs
        What is done with an image, in this order: `resize`, the shorter side; `pad` and `fill_value`, a border;
        `rand_crop` or `random_resized_crop` (`min_random_area`, `max_random_area`, `min_aspect_ratio`,
        `max_aspect_ratio`), else the middle is taken; `mirror`, `rand_mirror`; `brightness`, `contrast`, `saturation`,
        `pca_noise`; ``(x - mean) / std * scale`` with `mean_r`, `mean_g`, `mean_b`, `mean_a`, `std_r` and so on;
        `max_random_contrast`, `max_random_illumination`. `inter_method` is how sizes change, see image.imresize.

    Raises
    ------
    MXNetError
        If the file cannot be read or holds what is no image, or for augmentations that are not supported.
    """

    _raw_dtype = None
    _augmentation, _options, _fixed = _Augmentation, _OPTIONS, _FIXED

    def __init__(
        self,
        *,
        path_imgrec,
        data_shape,
        batch_size,
        path_imgidx="",
        path_imglist="",
        label_width=1,
        shuffle=False,
        seed=0,
        seed_aug=None,
        num_parts=1,
        part_index=0,
        round_batch=True,
        preprocess_threads=4,
        dtype=None,
        data_name="data",
        label_name="softmax_label",
        **kwargs,
    ):
        options = {name: kwargs.pop(name, default) for name, default in self._options.items()}
        for name, default in self._fixed.items():
            if kwargs.pop(name, default) != default:
                raise MXNetError(f"{type(self).__name__} does not support {name}")
        check_parameters(type(self).__name__, dict.fromkeys(kwargs.keys() - _IGNORED))
        dtype = numpy.dtype(self._raw_dtype or (numpy.float32 if dtype in (None, "None") else dtype))
        self._augment = self._augmentation(tuple(data_shape), dtype.kind in "iu", options)
        self._reader, self._offsets = self._open(path_imgrec, path_imgidx)
        each = -(-len(self._offsets) // num_parts)
        self._offsets = self._offsets[part_index * each : (part_index + 1) * each]
        if not self._offsets:
            raise MXNetError(f"part {part_index} of {num_parts} of {path_imgrec} has no records")
        self._labels = _read_list(path_imglist, label_width) if path_imglist else None
        self._label_width = label_width
        self._shuffle = shuffle
        self._seed = int(seed)
        self._draw = random.Random(self._seed if seed_aug in (None, "None") else int(seed_aug))
        self._round_batch = round_batch
        self._begin = 0
        self._executor = concurrent.futures.ThreadPoolExecutor(max(1, preprocess_threads), "ImageRecordIter")
        super().__init__(
            DataDesc(data_name, (batch_size, *data_shape), dtype.type),
            DataDesc(label_name, (batch_size, *self._label_shape()), numpy.float32),
        )

    def _label_shape(self):
        """The shape of one image's labels."""
        return () if self._label_width == 1 else (self._label_width,)

    def __del__(self):
        if hasattr(self, "_executor"):
            self._executor.shutdown(wait=False, cancel_futures=True)

    @staticmethod
    def _open(path_imgrec, path_imgidx):
        if path_imgidx:
            reader = recordio.MXIndexedRecordIO(path_imgidx, path_imgrec, "r")
            return reader, [reader.idx[key] for key in reader.keys]
        reader = recordio.MXRecordIO(path_imgrec, "r")
        return reader, reader.offsets()

    def _record(self, offset):
        """The number of an image, its bytes, and its labels."""
        self._reader._file.seek(offset)
        header, data = recordio.unpack(self._reader.read())
        label = header.label if self._labels is None else self._labels[header.id]
        return header.id, data, numpy.ravel(numpy.float32(label))

    def _sample(self, offset):
        """The bytes of an image and its labels."""
        number, data, label = self._record(offset)
        if label.size != self._label_width:
            raise MXNetError(f"image {number} has {label.size} labels, label_width is {self._label_width}")
        return data, label

    def _begin_batch(self, places):
        """Labels, and images that threads begin to decode."""
        samples = [self._sample(self._offsets[place]) for place in places]
        images = [
            self._executor.submit(self._augment, data, self._draw.getrandbits(64)) for data, _ in samples
        ]
        return numpy.stack([label for _, label in samples]), images

    def _places(self):
        """Lists of places for the batches of an epoch, and how many only fill the last."""
        count, size = len(self._offsets), self.batch_size
        order = numpy.arange(count)
        if self._shuffle:
            order = shuffled(count, self._seed)
            self._seed += 1
        begin, self._begin = self._begin, 0
        for first in range(begin, count, size):
            pad = max(0, first + size - count)
            if pad and self._round_batch:
                self._begin = pad % count
                yield order[numpy.arange(first, first + size) % count], pad
            else:
                yield order[first : first + size], pad

    def _epoch(self):
        waiting = None
        for places, pad in self._places():
            begun = places, pad, *self._begin_batch(places)
            if waiting is not None:
                yield self._finished(*waiting)
            waiting = begun
        yield self._finished(*waiting)

    def _finished(self, places, pad, labels, images):
        desc = self.provide_data[0]
        data = numpy.zeros(desc.shape, desc.dtype)
        for row, image in zip(data, images, strict=False):
            row[...] = image.result()
        label = numpy.zeros((self.batch_size, self._label_width), numpy.float32)
        label[: len(labels)] = labels
        index = numpy.zeros(self.batch_size, numpy.uint64)
        index[: len(places)] = places
        label = label.reshape(self.provide_label[0].shape)
        return nd.array(data, dtype=desc.dtype), nd.array(label), pad, index


class ImageRecordUInt8Iter(ImageRecordIter):
    """As ImageRecordIter; images are uint8, and their values are not changed."""

    _raw_dtype = numpy.uint8


class ImageRecordInt8Iter(ImageRecordIter):
    """As ImageRecordIter; images are int8, and their values are not changed."""

    _raw_dtype = numpy.int8
