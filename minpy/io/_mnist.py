"""MNISTIter: images and labels from IDX files."""

import os

import numpy

from minpy import nd
from minpy._idx import read_idx
from minpy.base import MXNetError
from minpy.io._base import DataDesc
from minpy.io._mx_iter import MXDataIter, check_parameters, rows_of_part

__all__ = ["MNISTIter"]


def shuffled(count, seed):
    """0 to count - 1 in the order that MXNet's iterators over files shuffle into.

    Position i is exchanged with one of 0 ... i. Each is a draw of a Mersenne twister, divided so that the quotients
    are equally likely; the few draws that are left over are drawn again.
    """
    bits = numpy.random.MT19937()
    bits._legacy_seeding(seed & 0xFFFFFFFF)
    order = list(range(count))
    for i in range(1, count):
        divisor = 0xFFFFFFFF // (i + 1)
        place = i + 1
        while place > i:
            place = int(bits.random_raw()) // divisor
        order[i], order[place] = order[place], order[i]
    return numpy.array(order, dtype=numpy.int64)


def _read(path):
    path = os.path.expanduser(path)
    try:
        return read_idx(path)
    except OSError as error:
        raise MXNetError(f'Open "{path}": {error.strerror}') from error
    except ValueError as error:
        raise MXNetError(str(error)) from error


class MNISTIter(MXDataIter):
    """Images, divided by 256, and labels from IDX files. A last batch that is too short is left out.

    Parameters
    ----------
    image, label : str
        Paths of the files, which may be compressed.
    batch_size : int
    shuffle : bool
        Bring the samples into an order that `seed` chooses, the same in every epoch.
    flat : bool
        Give rows of pixels instead of images with one channel.
    seed : int
    num_parts, part_index : int
        Read one of several parts of the file.
    dtype : dtype
        Of the images.
    data_name, label_name : str

    Raises
    ------
    MXNetError
        If a file cannot be read or is damaged.
    """

    def __init__(
        self,
        *,
        image="./train-images-idx3-ubyte",
        label="./train-labels-idx1-ubyte",
        batch_size=128,
        shuffle=True,
        flat=False,
        seed=0,
        num_parts=1,
        part_index=0,
        dtype=None,
        data_name="data",
        label_name="softmax_label",
        **kwargs,
    ):
        check_parameters("MNISTIter", kwargs)
        images, labels = _read(image), _read(label)
        if len(images) != len(labels):
            raise MXNetError(f"{image} has {len(images)} images, {label} has {len(labels)} labels")
        part = rows_of_part(len(images), num_parts, part_index)
        self._images, self._labels = images[part], labels[part]
        if not flat:
            self._images = self._images[:, None]
        else:
            self._images = self._images.reshape(len(self._images), -1)
        count = len(self._images)
        self._order = shuffled(count, int(seed)) if shuffle else numpy.arange(count)
        self._dtype = numpy.dtype(numpy.float32 if dtype in (None, "None") else dtype)
        super().__init__(
            DataDesc(data_name, (batch_size, *self._images.shape[1:]), self._dtype.type),
            DataDesc(label_name, (batch_size,), numpy.float32),
        )

    def _epoch(self):
        for first in range(0, len(self._order) - self.batch_size + 1, self.batch_size):
            rows = self._order[first : first + self.batch_size]
            pixels = self._images[rows] * numpy.float32(1 / 256)
            index = numpy.arange(first, first + self.batch_size, dtype=numpy.uint64)
            yield nd.array(pixels, dtype=self._dtype), nd.array(self._labels[rows]), 0, index
