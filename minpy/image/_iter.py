"""ImageIter: batches of images from a RecordIO file, a list or a folder, changed by augmenters."""

import os
import random

import numpy

from minpy import nd, recordio
from minpy.base import numeric_types
from minpy.image._augmenters import CreateAugmenter
from minpy.image._functions import imdecode
from minpy.io import DataBatch, DataDesc, DataIter

__all__ = ["ImageIter"]


def _read_list(path, dtype):
    """From lines ``number<TAB>label<TAB>...<TAB>name``: labels and names by number."""
    with open(path) as file:
        rows = [line.strip().split("\t") for line in file if line.strip()]
    return {int(row[0]): (numpy.array(row[1:-1], dtype=dtype), row[-1]) for row in rows}


def _number_list(rows, dtype):
    """From rows of labels and a name: labels and names by number, as text from "1" on."""
    found = {}
    for number, row in enumerate(rows, 1):
        single = len(row) == 2 and not isinstance(row[0], numeric_types)
        found[str(number)] = (numpy.array(row[0] if single else row[:-1], dtype=dtype), row[-1])
    return found


class ImageIter(DataIter):
    """Batches of images and labels.

    Parameters
    ----------
    batch_size : int
    data_shape : tuple of int
        Channels (3), height and width.
    label_width : int
        How many labels an image has.
    path_imgrec : str
        A RecordIO file with images.
    path_imglist : str
        A file with lines ``number<TAB>label<TAB>...<TAB>name``.
    path_root : str
        The folder that the names start from.
    path_imgidx : str
        The index of the RecordIO file, which shuffling and parts need.
    shuffle : bool
        Read in another order in each epoch, which Python's `random` chooses.
    part_index, num_parts : int
        Read one of several parts.
    aug_list : list of Augmenter
        By default what CreateAugmenter makes of `kwargs`.
    imglist : list
        Of rows of labels and a name, instead of `path_imglist`.
    data_name, label_name : str
    dtype : {'float32', 'float64', 'int32', 'int64'}
        Of labels.
    last_batch_handle : {'pad', 'discard', 'roll_over'}
        A last batch that is too short is filled with images from the start, left out, or begins the next epoch.

    Examples
    --------
    >>> it = mx.image.ImageIter(4, (3, 224, 224), imglist=[[0, "a.jpg"], [1, "b.jpg"]], path_root="folder")
    """

    def __init__(
        self,
        batch_size,
        data_shape,
        label_width=1,
        path_imgrec=None,
        path_imglist=None,
        path_root=None,
        path_imgidx=None,
        shuffle=False,
        part_index=0,
        num_parts=1,
        aug_list=None,
        imglist=None,
        data_name="data",
        label_name="softmax_label",
        dtype="float32",
        last_batch_handle="pad",
        **kwargs,
    ):
        super().__init__(batch_size)
        assert path_imgrec or path_imglist or isinstance(imglist, list)
        assert dtype in ("int32", "float32", "int64", "float64"), dtype + " label not supported"
        self.check_data_shape(data_shape)
        self.data_shape = tuple(data_shape)
        self.label_width = label_width
        self.path_root = path_root
        self.shuffle = shuffle
        self.last_batch_handle = last_batch_handle
        self.imgrec, self.imgidx = self._open(path_imgrec, path_imgidx)
        self.imglist = _read_list(path_imglist, dtype) if path_imglist else None
        if self.imglist is None and isinstance(imglist, list):
            self.imglist = _number_list(imglist, dtype)
        self.seq = list(self.imglist) if self.imgrec is None else self.imgidx
        assert self.seq is not None or not (shuffle or num_parts > 1), (
            "shuffle and num_parts need path_imgidx"
        )
        if num_parts > 1:
            assert part_index < num_parts
            each = len(self.seq) // num_parts
            self.seq = self.seq[part_index * each : (part_index + 1) * each]
        self.num_image = None if self.seq is None else len(self.seq)
        self.auglist = CreateAugmenter(data_shape, **kwargs) if aug_list is None else aug_list
        label_shape = (batch_size, label_width) if label_width > 1 else (batch_size,)
        self.provide_data = [DataDesc(data_name, (batch_size, *self.data_shape))]
        self.provide_label = [DataDesc(label_name, label_shape)]
        self.cur = 0
        self._carried = []
        self._ended = False
        self.reset()

    @staticmethod
    def _open(path_imgrec, path_imgidx):
        if not path_imgrec:
            return None, None
        if not path_imgidx:
            return recordio.MXRecordIO(path_imgrec, "r"), None
        reader = recordio.MXIndexedRecordIO(path_imgidx, path_imgrec, "r")
        return reader, list(reader.keys)

    def hard_reset(self):
        """Begin a new epoch, and forget what the one before has left over."""
        self._carried = []
        self.reset()

    def reset(self):
        if self.seq is not None and self.shuffle:
            random.shuffle(self.seq)
        self._rewind()
        self._ended = False

    def _rewind(self):
        if self.imgrec is not None:
            self.imgrec.reset()
        self.cur = 0

    def next_sample(self):
        """Labels and the bytes of the next image.

        Raises
        ------
        StopIteration
            After the last one.
        """
        if self.seq is None:
            record = self.imgrec.read()
            if record is None:
                raise StopIteration
            self.cur += 1
            header, data = recordio.unpack(record)
            return header.label, data
        if self.cur >= self.num_image:
            raise StopIteration
        key = self.seq[self.cur]
        self.cur += 1
        if self.imgrec is None:
            label, name = self.imglist[key]
            return label, self.read_image(name)
        header, data = recordio.unpack(self.imgrec.read_idx(key))
        return (header.label if self.imglist is None else self.imglist[key][0]), data

    def _next_pair(self):
        """Label and values of the next image."""
        label, data = self.next_sample()
        image = self.imdecode(data)
        self.check_valid_image([image])
        return label, self.postprocess_data(self.augmentation_transform(image))

    def _fill(self, pairs):
        while len(pairs) < self.batch_size:
            try:
                pairs.append(self._next_pair())
            except StopIteration:
                return pairs
        return pairs

    def next(self):
        if self._ended:
            raise StopIteration
        carried = len(self._carried)
        pairs, self._carried = self._fill(self._carried), []
        pad = self.batch_size - (carried or len(pairs))
        if len(pairs) < self.batch_size:
            self._ended = True
            if self.last_batch_handle == "roll_over":
                self._carried = pairs
            if not pairs or self.last_batch_handle != "pad":
                raise StopIteration
            while len(pairs) < self.batch_size:
                self._rewind()
                self._fill(pairs)
        data = nd.stack(*[values for _, values in pairs]).astype("float32")
        return DataBatch([data], [nd.array(self._joined_labels([label for label, _ in pairs]))], pad=pad)

    def _joined_labels(self, labels):
        """The labels of a batch as one numpy.ndarray."""
        joined = numpy.zeros(self.provide_label[0].shape, numpy.float32)
        for row, label in enumerate(labels):
            joined[row] = numpy.ravel(label) if self.label_width > 1 else numpy.ravel(label)[0]
        return joined

    def check_data_shape(self, data_shape):
        """Raise ValueError unless this is (3, height, width)."""
        if len(data_shape) != 3:
            raise ValueError("data_shape should have length 3, with dimensions CxHxW")
        if data_shape[0] != 3:
            raise ValueError("This iterator expects inputs to have 3 channels.")

    def check_valid_image(self, data):
        """Raise RuntimeError unless ``data[0]`` has axes."""
        if len(data[0].shape) == 0:
            raise RuntimeError("Data shape is wrong")

    def imdecode(self, s):
        """The image in bytes.

        Raises
        ------
        RuntimeError
            If there is none; names the file or its number.
        """
        try:
            return imdecode(s)
        except Exception as error:
            key = self.cur - 1 if self.seq is None else self.seq[self.cur - 1]
            place = f"index: {key}" if self.imglist is None else f"filename: {self.imglist[key][1]}"
            raise RuntimeError(f"Broken image {place}, {error}") from error

    def read_image(self, fname):
        """The bytes of a file under `path_root`."""
        with open(os.path.join(self.path_root or "", fname), "rb") as file:
            return file.read()

    def augmentation_transform(self, data):
        """The image after all augmenters."""
        for augment in self.auglist:
            data = augment(data)
        return data

    def postprocess_data(self, datum):
        """The image with its channels first."""
        return nd.transpose(datum, axes=(2, 0, 1))
