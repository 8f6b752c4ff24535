"""New sparse arrays, from parts, from dense arrays, from SciPy."""

import numpy

import minpy.numpy as np
from minpy import nd
from minpy.base import MXNetError, as_numpy
from minpy.nd.sparse.arrays import BaseSparseNDArray, CSRNDArray, RowSparseNDArray

__all__ = ["array", "cast_storage", "csr_matrix", "empty", "row_sparse_array", "zeros"]

_FORMATS = ("default", "row_sparse", "csr")


def _dtype_of(source, dtype):
    if dtype is not None:
        return dtype
    return source.dtype if hasattr(source, "dtype") else numpy.float32


def _values(source, dtype, ctx):
    return nd.array(as_numpy(source), ctx=ctx, dtype=_dtype_of(source, dtype))


def places_of(source, ctx):
    values = as_numpy(source)
    return nd.array(values.astype(numpy.int64), ctx=ctx, dtype=numpy.int64)


def _check_shape(found, asked):
    if asked is not None and tuple(asked) != tuple(found):
        raise ValueError(f"Shape mismatch detected. {tuple(found)} v.s. {tuple(asked)}")


def _is_scipy(source):
    return type(source).__module__.partition(".")[0] == "scipy"


def csr_matrix(arg1, shape=None, ctx=None, dtype=None):
    """A matrix in compressed rows.

    Parameters
    ----------
    arg1 : array_like, tuple, CSRNDArray or scipy.sparse.csr_matrix
        A dense matrix; or (M, N), for a matrix of zeros; or (data, indices, indptr); or (data, (row, col)).
    shape : tuple of int
        None: told by the parts.
    ctx : Context
        The device; None: the current one.
    dtype : dtype
        None: that of the source, or float32.

    Returns
    -------
    CSRNDArray
    """
    if isinstance(arg1, CSRNDArray) or _is_scipy(arg1):
        _check_shape(arg1.shape, shape)
        dtype = _dtype_of(arg1, dtype)
        return _csr_of_parts(arg1.data, arg1.indices, arg1.indptr, arg1.shape, ctx, dtype)
    if isinstance(arg1, BaseSparseNDArray):
        raise ValueError(f"Unexpected input type: {type(arg1).__name__}")
    if not isinstance(arg1, tuple):
        matrix = as_numpy(arg1)
        if matrix.ndim != 2:
            raise ValueError(
                f"To convert to a CSR, the NDArray should be 2 Dimensional. Current shape is {matrix.shape}"
            )
        _check_shape(matrix.shape, shape)
        return _csr_of_dense(matrix, ctx, _dtype_of(arg1, dtype))
    if len(arg1) == 2 and isinstance(arg1[1], tuple):
        return _csr_of_coordinates(arg1[0], *map(as_numpy, arg1[1]), shape, ctx, dtype)
    if len(arg1) == 2:
        return zeros("csr", arg1, ctx, dtype)
    if len(arg1) == 3:
        return _csr_of_parts(*arg1, shape, ctx, _dtype_of(arg1[0], dtype))
    raise ValueError(f"Unexpected length of input tuple: {len(arg1)}")


def _csr_of_parts(data, indices, indptr, shape, ctx, dtype):
    data, indices, indptr = _values(data, dtype, ctx), places_of(indices, ctx), places_of(indptr, ctx)
    if data.shape != indices.shape:
        raise MXNetError(
            f"csr_matrix: there are {data.shape[0]} elements, but {indices.shape[0]} columns for them"
        )
    if shape is None:
        if not indices.shape[0]:
            raise ValueError("unable to infer matrix dimensions")
        shape = (indptr.shape[0] - 1, int(indices.asnumpy().max()) + 1)
    if shape[0] + 1 > indptr.shape[0]:  # further rows are empty
        host = indptr.asnumpy()
        indptr = places_of(numpy.pad(host, (0, shape[0] + 1 - len(host)), mode="edge"), ctx)
    return CSRNDArray(data, indices, indptr, shape)


def _csr_of_dense(matrix, ctx, dtype):
    rows, columns = numpy.nonzero(matrix)
    indptr = numpy.concatenate([[0], numpy.cumsum(numpy.bincount(rows, minlength=matrix.shape[0]))])
    return _csr_of_parts(matrix[rows, columns], columns, indptr, matrix.shape, ctx, dtype)


def _csr_of_coordinates(data, rows, columns, shape, ctx, dtype):
    values = as_numpy(data)
    if shape is None:
        shape = (int(rows.max()) + 1, int(columns.max()) + 1)
    places, where = numpy.unique(rows * shape[1] + columns, return_inverse=True)
    summed = numpy.zeros(len(places), _dtype_of(data, dtype))
    numpy.add.at(summed, where, values)
    indptr = numpy.searchsorted(places, numpy.arange(shape[0] + 1) * shape[1])
    return _csr_of_parts(summed, places % shape[1], indptr, shape, ctx, dtype)


def row_sparse_array(arg1, shape=None, ctx=None, dtype=None):
    """An array of which only some rows are kept.

    Parameters
    ----------
    arg1 : array_like, tuple or RowSparseNDArray
        A dense array; or its shape, for an array of zeros; or (data, indices), rows and their numbers.
    shape : tuple of int
        None: told by the parts.
    ctx : Context
        The device; None: the current one.
    dtype : dtype
        None: that of the source, or float32.

    Returns
    -------
    RowSparseNDArray
    """
    if isinstance(arg1, RowSparseNDArray):
        _check_shape(arg1.shape, shape)
        return _rows_of_parts(arg1.data, arg1.indices, arg1.shape, ctx, dtype)
    if isinstance(arg1, BaseSparseNDArray):
        raise ValueError(f"Unexpected input type: {type(arg1).__name__}")
    if isinstance(arg1, tuple):
        if len(arg1) == 2 and not all(isinstance(n, (int, numpy.integer)) for n in arg1):
            return _rows_of_parts(*arg1, shape, ctx, dtype)
        _check_shape(arg1, shape)
        return zeros("row_sparse", arg1, ctx, dtype)
    dense = as_numpy(arg1)
    if dense.ndim == 0:
        raise ValueError("row_sparse_array: an array of at least one axis is required, not a number")
    _check_shape(dense.shape, shape)
    kept = numpy.flatnonzero(dense.reshape(dense.shape[0], -1).any(axis=1))
    return _rows_of_parts(dense[kept], kept, dense.shape, ctx, _dtype_of(arg1, dtype))


def _rows_of_parts(data, indices, shape, ctx, dtype):
    data, indices = _values(data, dtype, ctx), places_of(indices, ctx)
    if shape is None:
        rows = int(indices.asnumpy().max()) + 1 if indices.shape[0] else 0
        shape = (rows, *data.shape[1:])
    if data.shape != (indices.shape[0], *shape[1:]):
        raise MXNetError(
            f"row_sparse_array: the data of {indices.shape[0]} rows of an array of shape {tuple(shape)} cannot have"
            f" shape {tuple(data.shape)}"
        )
    return RowSparseNDArray(data, indices, shape)


def zeros(stype, shape, ctx=None, dtype=None, **kwargs):
    """An array of zeros.

    Parameters
    ----------
    stype : {'default', 'row_sparse', 'csr'}
        Storage format.
    shape : int or tuple of int
        Shape; of 'csr', two numbers.
    ctx : Context
        The device; None: the current one.
    dtype : dtype
        None: float32.
    """
    if stype == "default":
        return nd.zeros(shape, ctx=ctx, dtype=dtype, **kwargs)
    if stype not in _FORMATS:
        raise ValueError("unknown storage type" + str(stype))
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    dtype = numpy.float32 if dtype is None else dtype
    if stype == "csr":
        return _csr_of_parts(numpy.zeros(0), numpy.zeros(0), numpy.zeros(shape[0] + 1), shape, ctx, dtype)
    return _rows_of_parts(numpy.zeros((0, *shape[1:])), numpy.zeros(0), shape, ctx, dtype)


def empty(stype, shape, ctx=None, dtype=None):
    """A sparse array whose elements are not set: zeros."""
    if stype not in ("csr", "row_sparse"):
        raise ValueError(f"unknown stype : {stype}")
    return zeros(stype, shape, ctx, dtype)


def array(source_array, ctx=None, dtype=None):
    """A copy of a sparse array, or of a scipy.sparse.csr_matrix.

    Raises
    ------
    ValueError
        For anything else; `nd.array` makes dense arrays.
    """
    if isinstance(source_array, RowSparseNDArray):
        return row_sparse_array(source_array, ctx=ctx, dtype=dtype)
    if isinstance(source_array, CSRNDArray) or getattr(source_array, "format", None) == "csr":
        return csr_matrix(source_array, ctx=ctx, dtype=dtype)
    if isinstance(source_array, (np.ndarray, numpy.ndarray)):
        raise ValueError(
            "Please use mx.nd.array to create an NDArray with source_array of type ", type(source_array)
        )
    raise ValueError("Unexpected source_array type: ", type(source_array))


def cast_storage(data, stype, out=None):
    """The array in another storage format.

    Parameters
    ----------
    data : NDArray or BaseSparseNDArray
        Any array; for 'csr' of two axes.
    stype : {'default', 'row_sparse', 'csr'}
        Storage format.
    """
    if stype not in _FORMATS:
        raise MXNetError(f"Invalid Input: '{stype}', valid values are: {{'csr', 'default', 'row_sparse'}}")
    if isinstance(data, BaseSparseNDArray):
        result = data.tostype(stype)
    elif stype == "default":
        result = data.copy()
    else:
        make = csr_matrix if stype == "csr" else row_sparse_array
        result = make(data, ctx=data.context, dtype=data.dtype)
    return result if out is None else result.copyto(out)
