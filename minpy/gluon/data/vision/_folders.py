"""Images from RecordIO files, folders and lists; they are decoded when a sample is wanted."""

import os
import warnings

import numpy

from minpy import image, recordio
from minpy.gluon.data.dataset import Dataset, RecordFileDataset

__all__ = ["ImageFolderDataset", "ImageListDataset", "ImageRecordDataset"]

_ENDINGS = [".jpg", ".jpeg", ".png"]


class ImageRecordDataset(RecordFileDataset):
    """The images and labels of a RecordIO file.

    Parameters
    ----------
    filename : str
        Of the records. The index must lie beside it, with the ending ``.idx``.
    flag : {0, 1}
        1: three channels, red, green and blue; 0: one channel, grey.
    transform : callable
        From image and label to the sample.
    """

    def __init__(self, filename, flag=1, transform=None):
        super().__init__(filename)
        self._flag = flag
        self._transform = transform

    def __getitem__(self, idx):
        header, data = recordio.unpack(super().__getitem__(idx))
        sample = image.imdecode(data, self._flag), header.label
        return sample if self._transform is None else self._transform(*sample)


class _ImageFiles(Dataset):
    """Images by the names and labels in `items`."""

    def __init__(self, flag, transform):
        self._flag = flag
        self._transform = transform

    def __getitem__(self, idx):
        name, label = self.items[idx]
        sample = image.imread(name, self._flag), label
        return sample if self._transform is None else self._transform(*sample)

    def __len__(self):
        return len(self.items)


class ImageFolderDataset(_ImageFiles):
    """Images in folders, one folder for each label: ``root/car/0001.jpg``, ``root/bus/123.png`` ...

    Parameters
    ----------
    root : str
        The folder of the folders.
    flag : {0, 1}
        1: three channels, red, green and blue; 0: one channel, grey.
    transform : callable
        From image and label to the sample.

    Attributes
    ----------
    synsets : list of str
        The names of the folders; their places are the labels.
    items : list of (str, int)
        Names and labels of all images.
    """

    def __init__(self, root, flag=1, transform=None):
        super().__init__(flag, transform)
        self._root = os.path.expanduser(root)
        self.synsets = []
        self.items = []
        for folder in sorted(os.listdir(self._root)):
            path = os.path.join(self._root, folder)
            if not os.path.isdir(path):
                warnings.warn(f"Ignoring {path}, which is not a directory.", stacklevel=2)
                continue
            self.items += [(name, len(self.synsets)) for name in _images_in(path)]
            self.synsets.append(folder)


def _images_in(path):
    for name in sorted(os.listdir(path)):
        name = os.path.join(path, name)
        ending = os.path.splitext(name)[1]
        if ending.lower() in _ENDINGS:
            yield name
        else:
            warnings.warn(
                f"Ignoring {name} of type {ending}. Only support {', '.join(_ENDINGS)}", stacklevel=4
            )


class ImageListDataset(_ImageFiles):
    """Images in a list with their labels.

    Parameters
    ----------
    root : str
        The folder that the names start from.
    imglist : str or list
        A file with lines ``number<TAB>label<TAB>...<TAB>name``, or a list of lists of labels and a name.
    flag : {0, 1}
        1: three channels, red, green and blue; 0: one channel, grey.

    Attributes
    ----------
    items : list of (str, numpy.float32 or numpy.ndarray)
        Names and labels of all images.
    """

    def __init__(self, root=".", imglist=None, flag=1):
        super().__init__(flag, None)
        self._root = os.path.expanduser(root)
        if isinstance(imglist, str):
            rows = list(_rows_of_file(os.path.join(self._root, imglist)))
        elif isinstance(imglist, list):
            rows = [(row[:-1], row[-1]) for row in imglist]
        else:
            raise ValueError(f"imglist must be the name of a file or a list, given {type(imglist).__name__}")
        self.items = [(os.path.join(self._root, name), _label(values)) for values, name in rows]


def _rows_of_file(path):
    with open(path) as file:
        for number, line in enumerate(file, 1):
            fields = line.strip().split("\t")
            if len(fields) < 3:
                raise ValueError(f"{path} has no number, label and name in line {number}: {line!r}")
            yield fields[1:-1], fields[-1]


def _label(values):
    """One label as a number, several as an array."""
    label = numpy.asarray(values[0] if len(values) == 1 else values).astype(numpy.float32)
    return label[()] if label.ndim == 0 or label.size > 1 else label[0]
