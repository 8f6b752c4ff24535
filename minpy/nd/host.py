"""Exchange with other libraries, and functions of `mx.nd` that are not operators."""

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._operators.shape import index_of
from minpy.nd.ndarray import NDArray, to_nd

__all__ = [
    "from_dlpack",
    "imdecode",
    "onehot_encode",
    "to_dlpack_for_read",
    "to_dlpack_for_write",
]


def onehot_encode(indices, out):
    """Write rows that are 1 at the places `indices` and 0 elsewhere into a matrix, which is returned."""
    return np.onehot_encode(indices.astype("int64"), out)


def to_dlpack_for_read(data):
    """A DLPack capsule over the memory of an array whose elements are there."""
    data.wait_to_read()
    return np.ndarray.__dlpack__(_core.plain_array(data))


def to_dlpack_for_write(data):
    """A DLPack capsule over the memory of an array, for writing."""
    return to_dlpack_for_read(data)


class _Capsule:
    """What array libraries ask for a capsule; the memory is the CPU's."""

    def __init__(self, capsule):
        self._capsule = capsule

    def __dlpack__(self, **kwargs):
        return self._capsule

    def __dlpack_device__(self):
        return 1, 0


class _Writable:
    """The memory of an array for writing: capsules of the first version do not say whether that is allowed."""

    def __init__(self, array):
        self._array = array
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface


def from_dlpack(dlpack):
    """An NDArray over the memory of a DLPack capsule or of an object that exports one."""
    source = dlpack if hasattr(dlpack, "__dlpack__") else _Capsule(dlpack)
    return to_nd(np.asarray(numpy.asarray(_Writable(numpy.from_dlpack(source)))))


def imdecode(str_img, clip_rect=(0, 0, 0, 0), out=None, index=0, channels=3, mean=None):
    """Decode an image, in the oldest spelling.

    Parameters
    ----------
    str_img : bytes
        A compressed image.
    clip_rect : tuple of int
        (x0, y0, x1, y1) of the part that is wanted; zeros: all of it.
    out : NDArray
        Of shape (n, channels, height, width); image `index` of it is written. None: a new array.
    index : int
        See `out`.
    channels : {1, 3}
        Grey or colours: red, green, blue.
    mean : NDArray
        Of shape (channels, height, width); it is subtracted.

    Returns
    -------
    NDArray
        Of shape (1, channels, height, width), float32.
    """
    from minpy._image_codec import decode

    image = np.asarray(decode(str_img, channels == 3))
    image = np.reshape(image, (*image.shape[:2], -1))[:, :, ::-1]
    x0, y0, x1, y1 = clip_rect
    if x1 and y1:
        image = image[y0:y1, x0:x1]
    result = np.transpose(image, (2, 0, 1)).astype("float32")
    if mean is not None:
        result = result - mean
    result = to_nd(np.copy(result[None]))
    if out is None:
        return result
    out[index] = result[0]
    return out


def _exported(self):
    """A DLPack capsule over the memory of the array."""
    return to_dlpack_for_read(self)


def _slice_assign(self, rhs, begin, end, step):
    """Write `rhs` to ranges of the leading axes, in place; returns the array."""
    self[index_of(begin, end, step)] = rhs
    return self


NDArray.slice_assign = NDArray.slice_assign_scalar = _slice_assign
NDArray.to_dlpack_for_read = NDArray.to_dlpack_for_write = _exported
