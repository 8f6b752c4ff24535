"""What MinPy's arrays and MXNet's `mx.np.ndarray` have besides NumPy's: members of ndarray from the import of
`minpy.core` or `minpy.npx` on.

An `np.ndarray` lies on the CPU; a copy to `cpu(1)` is one more array there, and tells its device as `cpu(0)`.
"""

import numpy as _numpy

from minpy import _core
from minpy import numpy as np
from minpy.context import Context, cpu

__all__ = ["install"]


def asnumpy(self):
    """A numpy.ndarray with a copy of the elements; waits for them."""
    return _numpy.array(_core.to_numpy(self))


def as_np_ndarray(self):
    """The array itself."""
    return self


def as_nd_ndarray(self):
    """An nd.NDArray over the same memory; gradients flow through."""
    from minpy.nd.ndarray import to_nd

    return to_nd(self, cpu(0))


def as_in_ctx(self, ctx):
    """The array itself when it is on that device, else a copy there."""
    return self if ctx == self.context else self.copyto(ctx)


def copyto(self, other):
    """Copy the elements to an array, which is returned, or to a new one on the device `other`."""
    from minpy.nd.ndarray import as_context

    if isinstance(other, Context):
        as_context(other)
        return np.copy(self)
    if isinstance(other, _core.ndarray):
        if other is not self:
            other[...] = self
        return other
    raise TypeError(f"copyto does not support type {type(other)}")


def wait_to_read(self):
    """Wait until the elements are there; errors of their computation are raised here."""
    _core.to_numpy(self)


def _context(self):
    """The device that holds the array."""
    return cpu(0)


def _stype(self):
    """The storage format: 'default', dense."""
    return "default"


class _Representations(dict):
    """What MinPy kept of an array: an NDArray (1) and a NumPy array (0), here over one memory.

    numpy.ma takes `_data` of what it is given for the array itself: so this converts to it, and has its attributes.
    """

    def __init__(self, array):
        super().__init__({1: array.as_nd_ndarray(), 0: _core.to_numpy(array)})

    def __array__(self, dtype=None, copy=None):
        return _numpy.array(self[0], dtype=dtype, copy=bool(copy))

    def __getattr__(self, name):
        return getattr(self[0], name)


def install_representations():
    """Gives ndarray MinPy's private `_data`, which its documents look into; only programs under the switch get it."""
    _core.add_array_members({"_data": property(_Representations)})


def install():
    """Gives ndarray the members."""
    functions = (asnumpy, as_np_ndarray, as_nd_ndarray, as_in_ctx, copyto, wait_to_read)
    members = {function.__name__: function for function in functions}
    members |= {"as_in_context": as_in_ctx, "wait_to_write": wait_to_read, "stype": property(_stype)}
    members |= {"context": property(_context), "ctx": property(_context)}
    _core.add_array_members(members)


install()
