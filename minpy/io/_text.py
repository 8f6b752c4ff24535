"""Iterators over text: CSV and LibSVM files."""

import os

import numpy

from minpy._files import open_file
from minpy.base import MXNetError
from minpy.io._mx_iter import RowIter, check_parameters, rows_of_part

__all__ = ["CSVIter", "LibSVMIter"]


def _files(path):
    path = os.path.expanduser(path)
    if os.path.isdir(path):
        return [os.path.join(path, name) for name in sorted(os.listdir(path))]
    return [path]


def _lines(path):
    for name in _files(path):
        with open_file(name, "r") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield name, number, line


def _shape(shape):
    return tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)


def _dtype(dtype):
    return numpy.dtype(numpy.float32 if dtype in (None, "None") else dtype)


def _label_rows(rows, shape):
    """Labels of one number each have no axis for it."""
    return rows.reshape(len(rows)) if shape == (1,) else rows


def _read_csv(path, shape, dtype):
    pieces = []
    for name in _files(path):
        try:
            pieces.append(numpy.loadtxt(name, dtype, delimiter=",", ndmin=2))
        except OSError as error:
            raise MXNetError(f'Open "{name}": No such file or directory') from error
        except ValueError as error:
            raise MXNetError(f"{name} cannot be read as rows of numbers: {error}") from error
    rows = numpy.concatenate(pieces)
    if rows.shape[1] != numpy.prod(shape, dtype=int):
        raise MXNetError(
            "The data size in CSV do not match size of shape: specified "
            f"shape={list(shape)}, the csv row-length={rows.shape[1]}"
        )
    return rows.reshape(len(rows), *shape)


class CSVIter(RowIter):
    """The rows of a CSV file.

    Parameters
    ----------
    data_csv : str
        Path of the file, or of a folder with several.
    data_shape : tuple of int
        Of a row.
    batch_size : int
    label_csv : str
        Path of the labels; without it they are 0.
    label_shape : tuple of int
    round_batch : bool
        Fill the last batch with rows from the start, with which the next epoch then does not begin.
    dtype : dtype
        Of data and labels.
    data_name, label_name : str

    Raises
    ------
    MXNetError
        If a file cannot be read, or its rows are of another length.
    """

    def __init__(
        self,
        *,
        data_csv,
        data_shape,
        batch_size,
        label_csv="NULL",
        label_shape=(1,),
        round_batch=True,
        dtype=None,
        data_name="data",
        label_name="softmax_label",
        **kwargs,
    ):
        check_parameters("CSVIter", kwargs)
        dtype, label_shape = _dtype(dtype), _shape(label_shape)
        data = _read_csv(data_csv, _shape(data_shape), dtype)
        if label_csv in (None, "NULL"):
            label = numpy.zeros((len(data), *label_shape), dtype)
        else:
            label = _read_csv(label_csv, label_shape, dtype)
        super().__init__(
            data, _label_rows(label, label_shape), batch_size, bool(round_batch), data_name, label_name
        )


class _SparseRows:
    """The rows of a matrix in compressed rows: a slice of them is another, an array of numbers gives a CSRNDArray."""

    def __init__(self, values, columns, pointers, width):
        self._values, self._columns, self._pointers = values, columns, pointers
        self.shape, self.dtype = (len(pointers) - 1, width), values.dtype

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, key):
        rows = numpy.arange(len(self))[key]
        counts = numpy.diff(self._pointers)[rows]
        pointers = numpy.concatenate([[0], numpy.cumsum(counts)])
        places = numpy.repeat(self._pointers[rows] - pointers[:-1], counts) + numpy.arange(pointers[-1])
        parts = self._values[places], self._columns[places], pointers
        if isinstance(key, slice):
            return _SparseRows(*parts, self.shape[1])
        from minpy import nd

        return nd.sparse.csr_matrix(parts, shape=(len(rows), self.shape[1]), dtype=self.dtype)


def _read_libsvm(path, shape, dtype):
    """The first number of each line, and the others as sparse rows."""
    width = int(numpy.prod(shape, dtype=int))
    labels, pointers, columns, values = [], [0], [], []
    for name, number, line in _lines(path):
        try:
            pairs = line.split("#")[0].split()
            if pairs and ":" not in pairs[0]:
                labels.append(float(pairs.pop(0)))
            for pair in pairs:
                column, _, value = pair.partition(":")
                columns.append(int(column))
                values.append(float(value) if value else 1.0)
        except ValueError as error:
            raise MXNetError(f"{name} has no LibSVM row in line {number}: {line.strip()!r}") from error
        pointers.append(len(values))
        found = columns[pointers[-2] :]
        if found and not 0 <= min(found) <= max(found) < width:
            wrong = next(c for c in found if not 0 <= c < width)
            raise MXNetError(f"{name} has column {wrong} in line {number}; data_shape says {width} columns")
    rows = _SparseRows(
        numpy.array(values, dtype), numpy.array(columns, numpy.int64), numpy.array(pointers), width
    )
    return numpy.array(labels, dtype), rows


class LibSVMIter(RowIter):
    """The rows of a LibSVM file, ``label column:value column:value ...``, as csr matrices.

    Parameters
    ----------
    data_libsvm : str
        Path of the file, or of a folder with several. Columns count from 0.
    data_shape : tuple of int
        Of a row: the number of columns.
    batch_size : int
    label_libsvm : str
        Path of labels that are rows too; without it they are the first number of each line.
    label_shape : tuple of int
    num_parts, part_index : int
        Read one of several parts of the rows.
    round_batch : bool
        Must be True: the last batch is filled with rows from the start.
    dtype : dtype
    data_name, label_name : str

    Raises
    ------
    MXNetError
        If a file cannot be read.
    """

    def __init__(
        self,
        *,
        data_libsvm,
        data_shape,
        batch_size,
        label_libsvm="NULL",
        label_shape=(1,),
        num_parts=1,
        part_index=0,
        round_batch=True,
        dtype=None,
        data_name="data",
        label_name="softmax_label",
        **kwargs,
    ):
        check_parameters("LibSVMIter", kwargs)
        if not round_batch:
            raise MXNetError("sparse batch loader doesn't support round_batch == false yet")
        dtype, label_shape = _dtype(dtype), _shape(label_shape)
        label, data = _read_libsvm(data_libsvm, _shape(data_shape), dtype)
        if label_libsvm not in (None, "NULL"):
            label = _read_libsvm(label_libsvm, label_shape, dtype)[1]
        part = rows_of_part(len(data), num_parts, part_index)
        super().__init__(data[part], label[part], batch_size, True, data_name, label_name)
