"""Data sets of images, and what changes images on their way into a batch."""

from minpy.gluon.data.vision import transforms  # noqa: F401
from minpy.gluon.data.vision._folders import ImageFolderDataset, ImageListDataset, ImageRecordDataset
from minpy.gluon.data.vision._known import CIFAR10, CIFAR100, MNIST, FashionMNIST

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "FashionMNIST",
    "ImageFolderDataset",
    "ImageListDataset",
    "ImageRecordDataset",
    "MNIST",
]
