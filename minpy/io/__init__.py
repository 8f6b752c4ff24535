"""Iterators over batches of data: `mx.io`."""

from minpy.io._base import DataBatch, DataDesc, DataIter
from minpy.io._image_record import ImageRecordInt8Iter, ImageRecordIter, ImageRecordUInt8Iter
from minpy.io._mnist import MNISTIter
from minpy.io._mx_iter import MXDataIter
from minpy.io._ndarray_iter import NDArrayIter
from minpy.io._text import CSVIter, LibSVMIter
from minpy.io._wrappers import PrefetchingIter, ResizeIter

__all__ = [
    "CSVIter",
    "DataBatch",
    "DataDesc",
    "DataIter",
    "ImageRecordInt8Iter",
    "ImageRecordIter",
    "ImageRecordUInt8Iter",
    "LibSVMIter",
    "MNISTIter",
    "MXDataIter",
    "NDArrayIter",
    "PrefetchingIter",
    "ResizeIter",
]
