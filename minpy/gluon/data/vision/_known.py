"""MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100: from local files, or fetched when they are missing."""

import os
import tarfile

import numpy

from minpy import nd
from minpy._idx import read_idx
from minpy.base import data_dir
from minpy.gluon import utils
from minpy.gluon.data.batchify import to_array
from minpy.gluon.data.dataset import _DownloadedDataset
from minpy.util import is_np_array

__all__ = ["CIFAR10", "CIFAR100", "MNIST", "FashionMNIST"]


class _KnownDataset(_DownloadedDataset):
    """Images and labels whose files lie in a folder of their own."""

    _namespace = ""

    def __init__(self, root=None, train=True, transform=None):
        self._train = train
        folder = os.path.join(data_dir(), "datasets", self._namespace) if root is None else root
        super().__init__(folder, transform)

    def _keep(self, images, labels):
        self._data = to_array(images) if is_np_array() else nd.array(images, dtype=images.dtype)
        self._label = to_array(labels) if is_np_array() else labels


class MNIST(_KnownDataset):
    """Handwritten digits, http://yann.lecun.com/exdb/mnist.

    A sample is an image (28, 28, 1) of uint8 and its label, numpy.int32. The files, compressed or not, are read from
    `root`; they are fetched when they are missing or damaged.

    Parameters
    ----------
    root : str
        Folder of the files; by default ``$MXNET_HOME/datasets/mnist``.
    train : bool
        The 60 000 images to train with, else the 10 000 to test with.
    transform : callable
        From image and label to the sample.

    Raises
    ------
    OSError
        If the files are missing and cannot be fetched.
    """

    _namespace = "mnist"
    _train_data = ("train-images-idx3-ubyte.gz", "6c95f4b05d2bf285e1bfb0e7960c31bd3b3f8a7d")
    _train_label = ("train-labels-idx1-ubyte.gz", "2a80914081dc54586dbdf242f9805a6b8d2a15fc")
    _test_data = ("t10k-images-idx3-ubyte.gz", "c3a25af1f52dad7f726cce8cacb138654b760d48")
    _test_label = ("t10k-labels-idx1-ubyte.gz", "763e7fa3757d93b0cdec073cef058b2004252c17")

    def _get_data(self):
        names = (self._train_data, self._train_label) if self._train else (self._test_data, self._test_label)
        images, labels = (self._read(*name) for name in names)
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{self._root} has images of shape {images.shape} and labels of shape {labels.shape}"
            )
        self._keep(images[..., None], labels.astype(numpy.int32))

    def _read(self, name, sha1):
        """A file's array. Its own checksum, or else its length, shows whether a local file is whole."""
        for path in (os.path.join(self._root, name), os.path.join(self._root, name.removesuffix(".gz"))):
            if os.path.exists(path):
                try:
                    return read_idx(path)
                except ValueError as error:
                    print(f"{error}; it is fetched again")
        url = utils._get_repo_file_url(f"gluon/dataset/{self._namespace}", name)
        return read_idx(utils.download(url, path=self._root, overwrite=True, sha1_hash=sha1))


class FashionMNIST(MNIST):
    """Photographs of clothes of ten kinds, https://github.com/zalandoresearch/fashion-mnist; otherwise like MNIST.

    Parameters
    ----------
    root : str
        Folder of the files; by default ``$MXNET_HOME/datasets/fashion-mnist``.
    train, transform
        See MNIST.
    """

    _namespace = "fashion-mnist"
    _train_data = ("train-images-idx3-ubyte.gz", "0cf37b0d40ed5169c6b3aba31069a9770ac9043d")
    _train_label = ("train-labels-idx1-ubyte.gz", "236021d52f1e40852b06a4c3008d8de8aef1e40b")
    _test_data = ("t10k-images-idx3-ubyte.gz", "626ed6a7c06dd17c0eec72fa3be1740f146a2863")
    _test_label = ("t10k-labels-idx1-ubyte.gz", "17f9ab60e7257a1620f4ad76bbbaf857c3920701")


class CIFAR10(_KnownDataset):
    """Photographs of ten kinds of things, https://www.cs.toronto.edu/~kriz/cifar.html.

    A sample is an image (32, 32, 3) of uint8 and its label, numpy.int32. The binary files are read from `root`; they
    are fetched when they are missing or their SHA-1 hashes differ.

    Parameters
    ----------
    root : str
        Folder of the files; by default ``$MXNET_HOME/datasets/cifar10``.
    train : bool
        The 50 000 images to train with, else the 10 000 to test with.
    transform : callable
        From image and label to the sample.

    Raises
    ------
    OSError
        If the files are missing and cannot be fetched.
    """

    _namespace = "cifar10"
    _archive_file = ("cifar-10-binary.tar.gz", "fab780a1e191a7eda0f345501ccd62d20f7ed891")
    _train_data = [
        ("data_batch_1.bin", "aadd24acce27caa71bf4b10992e9e7b2d74c2540"),
        ("data_batch_2.bin", "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795"),
        ("data_batch_3.bin", "1dd00a74ab1d17a6e7d73e185b69dbf31242f295"),
        ("data_batch_4.bin", "aab85764eb3584312d3c7f65fd2fd016e36a258e"),
        ("data_batch_5.bin", "26e2849e66a845b7f1e4614ae70f4889ae604628"),
    ]
    _test_data = [("test_batch.bin", "67eb016db431130d61cd03c7ad570b013799c88c")]
    _label_bytes = 1
    _label_place = 0

    def _read_batch(self, filename):
        data = numpy.fromfile(filename, numpy.uint8)
        row = 3072 + self._label_bytes
        if data.size == 0 or data.size % row:
            raise ValueError(f"{filename} has {data.size} bytes, a multiple of {row} is expected")
        rows = data.reshape(-1, row)
        images = rows[:, self._label_bytes :].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return images, rows[:, self._label_place].astype(numpy.int32)

    def _get_data(self):
        wanted = self._train_data if self._train else self._test_data
        if not all(self._is_whole(*file) for file in wanted):
            self._fetch()
        images, labels = zip(
            *(self._read_batch(os.path.join(self._root, name)) for name, _ in wanted), strict=True
        )
        self._keep(numpy.concatenate(images), numpy.concatenate(labels))

    def _is_whole(self, name, sha1):
        path = os.path.join(self._root, name)
        return os.path.exists(path) and utils.check_sha1(path, sha1)

    def _fetch(self):
        """Fetch the archive, and take only the files from it that are known by name."""
        name, sha1 = self._archive_file
        url = utils._get_repo_file_url(f"gluon/dataset/{self._namespace}", name)
        known = {name for name, _ in self._train_data + self._test_data}
        with tarfile.open(utils.download(url, path=self._root, sha1_hash=sha1)) as archive:
            for member in archive:
                target = os.path.join(self._root, os.path.basename(member.name))
                if member.isfile() and os.path.basename(target) in known:
                    with open(target + ".part", "wb") as file:
                        file.write(archive.extractfile(member).read())
                    utils.replace_file(target + ".part", target)


class CIFAR100(CIFAR10):
    """Photographs of 100 kinds of things in 20 groups; otherwise like CIFAR10.

    Parameters
    ----------
    root : str
        Folder of the files; by default ``$MXNET_HOME/datasets/cifar100``.
    fine_label : bool
        Whether labels are kinds; else groups.
    train, transform
        See CIFAR10.
    """

    _namespace = "cifar100"
    _archive_file = ("cifar-100-binary.tar.gz", "a0bb982c76b83111308126cc779a992fa506b90b")
    _train_data = [("train.bin", "e207cd2e05b73b1393c74c7f5e7bea451d63e08e")]
    _test_data = [("test.bin", "8fb6623e830365ff53cf14adec797474f5478006")]
    _label_bytes = 2

    def __init__(self, root=None, fine_label=False, train=True, transform=None):
        self._label_place = int(fine_label)
        super().__init__(root, train, transform)
