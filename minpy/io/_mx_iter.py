"""MXDataIter, what the iterators over files derive from, and batches of rows."""

import logging
import warnings

import numpy

from minpy import nd
from minpy.base import MXNetError
from minpy.io._base import DataBatch, DataDesc, DataIter

__all__ = ["MXDataIter"]

# Parameters that every iterator over files takes and that have no effect here.
_HINTS = frozenset(["ctx", "prefetch_buffer", "verbose", "silent", "preprocess_threads", "device_id", "name"])


def check_parameters(kind, rest):
    """Warn of parameters that an iterator does not know; MXNet drops them silently."""
    for name in sorted(rest.keys() - _HINTS):
        warnings.warn(f"{kind} has no parameter {name!r}; it is ignored", stacklevel=4)


def rows_of_part(count, num_parts, part_index):
    """The slice of one of several parts of the rows; the last rows that leave a rest are in none."""
    if not 0 <= part_index < num_parts:
        raise MXNetError(f"part_index must be in [0, num_parts), given {part_index} of {num_parts}")
    each = count // num_parts
    return slice(part_index * each, (part_index + 1) * each)


class MXDataIter(DataIter):
    """An iterator over a file: what `mx.io.CSVIter` and the others are.

    Derived classes define `_epoch`, a generator of ``(data, label, pad, index)``.

    Parameters
    ----------
    data, label : DataDesc
        With the shape of a batch.

    Attributes
    ----------
    provide_data, provide_label : list of DataDesc
    """

    def __init__(self, data, label):
        super().__init__(data.shape[0])
        self.provide_data = [data]
        self.provide_label = [label]
        self._skip_load = False
        self._current = None
        self._batches = self._epoch()

    def _epoch(self):
        raise NotImplementedError

    def debug_skip_load(self):
        """From now on give the same batch again and again, to measure without the time of loading."""
        self._skip_load = True
        logging.info("Set debug_skip_load to be true, will simply return first batch")

    def reset(self):
        if not self._skip_load:
            self._batches = self._epoch()

    def iter_next(self):
        if not (self._skip_load and self._current):
            self._current = next(self._batches, None)
        return self._current is not None

    def next(self):
        if not self.iter_next():
            raise StopIteration
        return DataBatch([self.getdata()], [self.getlabel()], self.getpad(), self.getindex())

    def getdata(self):
        """The data of this batch, one NDArray."""
        return self._current[0]

    def getlabel(self):
        """The labels of this batch, one NDArray."""
        return self._current[1]

    def getpad(self):
        return self._current[2]

    def getindex(self):
        return self._current[3]


class RowIter(MXDataIter):
    """Batches of the rows of two NumPy arrays.

    Parameters
    ----------
    data, label : numpy.ndarray
        Of one length.
    batch_size : int
    round_batch : bool
        Fill the last batch with rows from the start; the next epoch begins behind those. Otherwise the rest of the
        batch before stays in it, and every epoch begins with the first row.
    data_name, label_name : str
    """

    def __init__(self, data, label, batch_size, round_batch, data_name, label_name):
        if len(data) == 0:
            raise MXNetError("there are no rows")
        if len(data) != len(label):
            raise MXNetError(f"there are {len(data)} rows of data and {len(label)} of labels")
        self._data = data
        self._label = label
        self._round_batch = round_batch
        self._begin = 0
        super().__init__(
            DataDesc(data_name, (batch_size, *data.shape[1:]), data.dtype.type),
            DataDesc(label_name, (batch_size, *label.shape[1:]), label.dtype.type),
        )

    def _epoch(self):
        begin, self._begin = self._begin, 0
        count, size = len(self._data), self.batch_size
        before = numpy.arange(size)
        for first in range(begin, count, size):
            rows = numpy.arange(first, first + size)
            pad = max(0, first + size - count)
            if pad and not self._round_batch:
                rows[size - pad :] = before[size - pad :]
            rows %= count
            before = rows
            if pad and self._round_batch:
                self._begin = pad % count
            yield (
                nd.array(self._data[rows], dtype=self._data.dtype),
                nd.array(self._label[rows], dtype=self._label.dtype),
                pad,
                rows.astype(numpy.uint64),
            )
