"""Iterators over batches of data: `mx.io`."""

from minpy.io._base import DataBatch, DataDesc, DataIter
from minpy.io._image_det_record import ImageDetRecordIter
from minpy.io._image_record import ImageRecordInt8Iter, ImageRecordIter, ImageRecordUInt8Iter
from minpy.io._mnist import MNISTIter
from minpy.io._mx_iter import MXDataIter
from minpy.io._ndarray_iter import NDArrayIter
from minpy.io._text import CSVIter, LibSVMIter
from minpy.io._wrappers import PrefetchingIter, ResizeIter

ImageRecordIter_v1 = ImageRecordIter  # noqa: N816  (names of MXNet's first version of them)
ImageRecordUInt8Iter_v1 = ImageRecordUInt8Iter  # noqa: N816

__all__ = [
    "CSVIter",
    "DataBatch",
    "DataDesc",
    "DataIter",
    "ImageDetRecordIter",
    "ImageRecordInt8Iter",
    "ImageRecordIter",
    "ImageRecordIter_v1",
    "ImageRecordUInt8Iter",
    "ImageRecordUInt8Iter_v1",
    "LibSVMIter",
    "MNISTIter",
    "MXDataIter",
    "NDArrayIter",
    "PrefetchingIter",
    "ResizeIter",
]
