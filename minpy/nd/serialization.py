"""The `.params` format: lists and dicts of NDArrays in one file.

A file is `uint64 0x112, uint64 0, uint64 count`, the arrays, `uint64 number of names` and the names, each with its
length, all little endian. An array is written as MXNet 1.x does (V2); V0, V1 and V3 are read too. The layouts are in
docs/mxnet_formats.md.
"""

import struct

import ml_dtypes
import numpy

import minpy.numpy as np
from minpy._files import read_file, write_atomically
from minpy.base import MXNetError, is_nd_array
from minpy.nd.ndarray import NDArray, to_nd
from minpy.serialization import SAFETENSORS, load_safetensors, save_safetensors
from minpy.util import is_np_shape

__all__ = ["load", "load_frombuffer", "save"]

_FILE_MAGIC = 0x112
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_CPU = 1
_TYPES = {
    0: numpy.float32,
    1: numpy.float64,
    2: numpy.float16,
    3: numpy.uint8,
    4: numpy.int32,
    5: numpy.int8,
    6: numpy.int64,
    7: numpy.bool_,
    12: ml_dtypes.bfloat16,
}
_FLAGS = {numpy.dtype(t): flag for flag, t in _TYPES.items()}
_DENSE, _ROW_SPARSE, _CSR = 0, 1, 2


def save(fname, data):
    """Save NDArrays.

    Parameters
    ----------
    fname : str
        File name; a URL such as s3://bucket/x.params needs fsspec. The file is written under a temporary name and
        renamed. A name that ends with .safetensors makes a file of that format, see
        `minpy.serialization.save_safetensors`.
    data : NDArray, list of NDArray or dict of str to NDArray
        What to save.

    Raises
    ------
    TypeError, ValueError
        For anything else.
    """
    if isinstance(fname, str) and fname.endswith(SAFETENSORS):
        save_safetensors(fname, data)
        return
    names, arrays = _named(data)
    parts = [struct.pack("<QQQ", _FILE_MAGIC, 0, len(arrays)), *map(array_bytes, arrays)]
    parts.append(struct.pack("<Q", len(names)))
    for name in names:
        encoded = name.encode()
        parts.append(struct.pack("<Q", len(encoded)) + encoded)
    write_atomically(fname, b"".join(parts))


def load(fname):
    """Load what `save` of any MXNet wrote, or a .safetensors file.

    Parameters
    ----------
    fname : str
        File name or URL.

    Returns
    -------
    list or dict of NDArray
        As it was saved, on the CPU.

    Raises
    ------
    MXNetError
        When the file is missing or not of this format.
    """
    if not isinstance(fname, str):
        raise TypeError("fname required to be a string")
    return load_safetensors(fname) if fname.endswith(SAFETENSORS) else _parse(read_file(fname), fname)


def load_frombuffer(buf):
    """The same from bytes."""
    return _parse(bytes(buf), "buffer")


def _named(data):
    if isinstance(data, NDArray) or type(data).__name__ in ("CSRNDArray", "RowSparseNDArray"):
        return [], [data]
    if isinstance(data, dict):
        if not all(isinstance(k, str) for k in data) or not all(map(is_nd_array, data.values())):
            raise TypeError("save only accept dict str->NDArray or list of NDArray")
        return list(data), list(data.values())
    if isinstance(data, list):
        if not all(map(is_nd_array, data)):
            raise TypeError("save only accept dict str->NDArray or list of NDArray")
        return [], data
    raise ValueError("data needs to either be a NDArray, dict of str, NDArray pairs or a list of NDarrays.")


def _shape_bytes(shape):
    return struct.pack(f"<i{len(shape)}q", len(shape), *shape)


def _flag(dtype):
    if numpy.dtype(dtype) not in _FLAGS:
        raise MXNetError(f"arrays of dtype {numpy.dtype(dtype)} cannot be saved in this format")
    return _FLAGS[numpy.dtype(dtype)]


def is_storable(dtype):
    """Whether files can hold elements of this dtype."""
    return numpy.dtype(dtype) in _FLAGS


def array_from_bytes(content):
    """The array that `array_bytes` gave."""
    return _read_array(_Reader(content, "pickle"))


def array_bytes(array):
    """An array as files and pickles hold it."""
    if array.stype != "default":
        return _sparse_bytes(array)
    values = numpy.ascontiguousarray(array.asnumpy()).reshape(array.shape)
    magic = _V3 if is_np_shape() or not array.shape else _V2  # V2 has no arrays without axes
    head = struct.pack("<Ii", magic, _DENSE) + _shape_bytes(array.shape)
    return head + struct.pack("<iii", _CPU, 0, _flag(values.dtype)) + values.tobytes()


def _sparse_bytes(array):
    row_sparse = array.stype == "row_sparse"
    values = array.data.asnumpy()
    aux = [array.indices.asnumpy()] if row_sparse else [array.indptr.asnumpy(), array.indices.asnumpy()]
    head = struct.pack("<Ii", _V2, _ROW_SPARSE if row_sparse else _CSR) + _shape_bytes(values.shape)
    head += _shape_bytes(array.shape) + struct.pack("<iii", _CPU, 0, _flag(values.dtype))
    for a in aux:
        head += struct.pack("<i", _flag(a.dtype)) + _shape_bytes(a.shape)
    return head + values.tobytes() + b"".join(a.tobytes() for a in aux)


class _Reader:
    """Takes numbers off the bytes; running out of them is a format error."""

    def __init__(self, content, source):
        self.content, self.source, self.at = content, source, 0

    def fail(self, what):
        raise MXNetError(f"Invalid NDArray file format: {self.source}, at byte {self.at}: {what}")

    def bytes(self, count):
        if count < 0 or self.at + count > len(self.content):
            self.fail(f"{count} bytes are needed, {len(self.content) - self.at} are left")
        self.at += count
        return self.content[self.at - count : self.at]

    def take(self, format):
        values = struct.unpack("<" + format, self.bytes(struct.calcsize("<" + format)))
        return values if len(values) > 1 else values[0]

    def shape(self, letter="q"):
        ndim = self.take("i")
        if not 0 <= ndim <= 64:
            self.fail(f"an array of {ndim} dimensions")
        return self.lengths(ndim, letter)

    def lengths(self, ndim, letter):
        lengths = struct.unpack(f"<{ndim}{letter}", self.bytes(ndim * struct.calcsize("<" + letter)))
        if any(n < 0 for n in lengths):
            self.fail(f"Shape dim size cannot be a negative value: {lengths}")
        return lengths

    def values(self, dtype, shape):
        count = 1
        for n in shape:
            count *= n
        dtype = numpy.dtype(dtype)
        return numpy.frombuffer(self.bytes(count * dtype.itemsize), dtype).reshape(shape)

    def dtype(self):
        flag = self.take("i")
        if flag not in _TYPES:
            self.fail(f"Unknown type enum {flag}")
        return _TYPES[flag]


def _parse(content, source):
    r = _Reader(content, source)
    if r.take("Q") != _FILE_MAGIC:
        r.at = 0
        r.fail("the first 8 bytes are not those of a parameter file")
    r.take("Q")
    count = r.take("Q")
    if count > len(content):
        r.fail(f"{count} arrays in {len(content)} bytes")
    arrays = [_read_array(r) for _ in range(count)]
    named = r.take("Q")
    if named not in (0, count):
        r.fail(f"{named} names for {count} arrays")
    names = []
    for _ in range(named):
        try:
            names.append(r.bytes(r.take("Q")).decode())
        except UnicodeDecodeError:
            r.fail("a name is not UTF-8")
    return dict(zip(names, arrays)) if names else arrays


def _read_array(r):
    magic = r.take("I")
    if magic in (_V2, _V3):
        stype = r.take("i")
        if stype not in (_DENSE, _ROW_SPARSE, _CSR):
            r.fail(f"Unknown storage type {stype}")
        return _read_dense(r, r.shape()) if stype == _DENSE else _read_sparse(r, stype)
    if magic == _V1:
        return _read_dense(r, r.shape())
    if magic > 64:
        r.fail(f"{magic:#x} starts no array")
    return _read_dense(r, r.lengths(magic, "I"))  # the oldest layout: the number of dimensions comes first


def _read_dense(r, shape):
    if not shape and r.at >= len(r.content):
        r.fail("an array without shape")
    r.take("ii")  # the device that it was on
    return to_nd(np.array(r.values(r.dtype(), shape)))


def _read_sparse(r, stype):
    from minpy.nd import sparse

    storage_shape, shape = r.shape(), r.shape()
    r.take("ii")
    dtype = r.dtype()
    aux = [(r.dtype(), r.shape()) for _ in range(1 if stype == _ROW_SPARSE else 2)]
    values = r.values(dtype, storage_shape)
    indices = [r.values(*a) for a in aux]
    if not (_fits_rows if stype == _ROW_SPARSE else _fits_csr)(shape, values, *indices):
        r.fail(f"the indices of a sparse array do not fit its shape {shape}")
    if stype == _ROW_SPARSE:
        return sparse.row_sparse_array((values, indices[0]), shape=shape, dtype=dtype)
    return sparse.csr_matrix((values, indices[1], indices[0]), shape=shape, dtype=dtype)


def _ascending(indices, length):
    """Whether indices grow, and lie in an axis."""
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        return False
    return not indices.size or bool(
        indices[0] >= 0 and indices[-1] < length and (indices[1:] > indices[:-1]).all()
    )


def _fits_rows(shape, values, rows):
    fits = len(shape) > 0 and _ascending(rows, shape[0])
    return fits and (not rows.size or values.shape == (rows.size, *shape[1:]))


def _fits_csr(shape, values, starts, columns):
    if len(shape) != 2 or starts.ndim != 1 or starts.dtype.kind not in "iu" or columns.dtype.kind not in "iu":
        return False
    if not starts.size:  # without elements they may be missing
        return not values.size
    if (
        starts.size != shape[0] + 1
        or starts[0] != 0
        or starts[-1] != columns.size
        or values.shape != columns.shape
    ):
        return False
    inside = not columns.size or (columns.min() >= 0 and columns.max() < shape[1])
    return bool(inside and (starts[1:] >= starts[:-1]).all())
