"""Python objects with arrays, passed between processes through anonymous shared memory.

`send` writes an object into a file without a name: its pickle, and behind it the bytes of its arrays. The other
process gets a descriptor of that file over a socket, and its arrays lie in the mapped file without a further copy.
What has no name cannot be left behind: the system frees it with the last descriptor or mapping, however the processes
end. Where descriptors cannot be passed, the bytes go through the pipe.
"""

import io
import mmap
import os
import pickle
import tempfile
from multiprocessing import reduction

import numpy

import minpy.numpy as np
from minpy import nd
from minpy.gluon.utils import is_array

CAN_SHARE = getattr(reduction, "HAVE_SEND_HANDLE", False) and os.name == "posix"
_ALIGNMENT = 64
_POPULATE = getattr(mmap, "MAP_POPULATE", 0)


def _rebuild(kind, values):
    array = np.asarray(values)
    return nd.from_numpy(array) if kind == "nd" else array


class _Pickler(pickle.Pickler):
    """Arrays as views of NumPy, whose bytes protocol 5 leaves out of the stream."""

    def reducer_override(self, obj):
        if is_array(obj):
            kind = "nd" if isinstance(obj, nd.NDArray) else "np"
            return _rebuild, (kind, numpy.ascontiguousarray(numpy.asarray(obj)))
        return NotImplemented


def _aligned(size):
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _anonymous_file():
    if hasattr(os, "memfd_create"):
        return os.memfd_create("minpy-batch", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def dump(obj):
    """The pickle of an object and the memoryviews of its arrays."""
    stream = io.BytesIO()
    buffers = []
    _Pickler(stream, 5, buffer_callback=buffers.append).dump(obj)
    return stream.getbuffer(), [buffer.raw() for buffer in buffers]


def send(connection, head, dumped):
    """Send an object that `dump` has taken apart.

    Parameters
    ----------
    connection : multiprocessing.connection.Connection
        Of ``Pipe(duplex=True)``.
    head : object
        Small and picklable; `receive` gives it without loading the object.
    dumped : tuple
    """
    stream, buffers = dumped
    if not CAN_SHARE:
        connection.send((head, bytes(stream), [bytes(buffer) for buffer in buffers]))
        return
    sizes = [stream.nbytes, *(buffer.nbytes for buffer in buffers)]
    file = _anonymous_file()
    try:
        os.ftruncate(file, sum(map(_aligned, sizes)))
        offset = 0
        for piece, size in zip([stream, *buffers], sizes, strict=True):
            _write(file, piece, offset)
            offset += _aligned(size)
        connection.send((head, sizes))
        reduction.send_handle(connection, file, None)
    finally:
        os.close(file)


def _write(file, piece, offset):
    """Writing costs less than copying into a mapping, whose pages would be faulted in one by one."""
    while piece.nbytes:
        done = os.pwrite(file, piece, offset)
        piece, offset = piece[done:], offset + done


def receive(connection):
    """What `send` sent.

    Returns
    -------
    tuple of object and callable
        `head`, and a function that makes the object; it may raise what unpickling raises.
    """
    if not CAN_SHARE:
        head, stream, buffers = connection.recv()
        return head, lambda: pickle.loads(stream, buffers=map(bytearray, buffers))
    head, sizes = connection.recv()
    file = reduction.recv_handle(connection)
    try:
        total = sum(map(_aligned, sizes))
        shared = mmap.mmap(file, total, flags=mmap.MAP_SHARED | _POPULATE)
    finally:
        os.close(file)
    return head, lambda: _load(shared, sizes)


def _load(shared, sizes):
    pieces, offset = [], 0
    view = memoryview(shared)
    for size in sizes:
        pieces.append(view[offset : offset + size])
        offset += _aligned(size)
    return pickle.loads(pieces[0], buffers=pieces[1:])
