"""`numpy.ctypeslib` for our arrays: C functions take them as arguments and give them back as results."""

import sys

from numpy import ctypeslib as _source

from minpy import _core
from minpy.numpy._namespace import fill_module, register_twin

_pointer_types = {}  # NumPy's pointer class -> ours


def ndpointer(dtype=None, ndim=None, shape=None, flags=None):
    numpys = _source.ndpointer(dtype, ndim, _core.to_numpy(shape), getattr(flags, "num", flags))
    if numpys not in _pointer_types:
        _pointer_types[numpys] = _pointer_type(numpys)
    return _pointer_types[numpys]


def _pointer_type(numpys):
    """A subclass of NumPy's pointer class that takes and gives our arrays."""

    class Pointer(numpys):
        @classmethod
        def from_param(cls, obj):
            return super().from_param(_core.to_numpy(obj))

        if hasattr(numpys, "contents"):

            @property
            def contents(self):
                return _core.from_numpy(super().contents)

    Pointer.__name__ = Pointer.__qualname__ = numpys.__name__
    return Pointer


ndpointer.__doc__ = _source.ndpointer.__doc__
ndpointer.__wrapped__ = _source.ndpointer
register_twin(_source.ndpointer, ndpointer)
fill_module(sys.modules[__name__], _source, "ctypeslib")
