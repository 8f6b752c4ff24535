"""IDX files, the format of MNIST."""

import gzip
import pathlib
import struct
import zlib

import numpy


def read_idx(path):
    """The array of an IDX file, which may be compressed.

    Parameters
    ----------
    path : path_like

    Returns
    -------
    numpy.ndarray
        uint8, of the shape that the file's header gives.

    Raises
    ------
    ValueError
        If the file is no IDX file of unsigned bytes, or its length does not fit its header.
    """
    data = pathlib.Path(path).read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} cannot be decompressed: {error}") from error
    if len(data) < 4 or data[:3] != b"\0\0\x08" or len(data) < 4 + 4 * data[3]:
        raise ValueError(f"{path} is not an IDX file of unsigned bytes")
    ndim = data[3]
    shape = struct.unpack_from(f">{ndim}I", data, 4)
    values = numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * ndim)
    if values.size != numpy.prod(shape, dtype=numpy.int64):
        raise ValueError(f"{path} holds {values.size} bytes, its header says shape {shape}")
    return values.reshape(shape)
