"""What `mx.base` has for calling C: conversions by ctypes, which scripts use on their own data.

There is no library of MXNet behind them: `_LIB` does not exist.
"""

import ctypes

import numpy

from minpy.base import MXNetError

mx_float_p = ctypes.POINTER(ctypes.c_float)
mx_uint = ctypes.c_uint
mx_int = ctypes.c_int
mx_float = ctypes.c_float
NDArrayHandle = SymbolHandle = ctypes.c_void_p


class MXCallbackList(ctypes.Structure):
    """A list of callbacks and their contexts, as C took it."""

    _fields_ = [
        ("num_callbacks", ctypes.c_int),
        ("callbacks", ctypes.POINTER(ctypes.CFUNCTYPE(ctypes.c_int))),
        ("contexts", ctypes.POINTER(ctypes.c_void_p)),
    ]


def check_call(ret):
    """Raise MXNetError for a status that is not 0."""
    if ret != 0:
        raise MXNetError(f"a call of a C function returned {ret}")


def get_last_ffi_error():
    """An MXNetError without text: no C function keeps one."""
    return MXNetError("")


def c2pyerror(err_msg):
    """The text of a C error, and the name of the Python error in it or None."""
    kind, _, rest = err_msg.partition(":")
    return (err_msg, kind) if rest and kind.isidentifier() else (err_msg, None)


def c_str(string):
    """A char* of a text."""
    return ctypes.c_char_p(string.encode("utf-8"))


def py_str(x):
    """The text of bytes."""
    return x.decode("utf-8")


def c_str_array(strings):
    """A char*[] of texts."""
    return c_array(ctypes.c_char_p, [s.encode("utf-8") for s in strings])


def c_array(ctype, values):
    """A C array of values."""
    return (ctype * len(values))(*values)


def c_array_buf(ctype, buf):
    """A C array over the memory of a buffer."""
    return (ctype * len(buf)).from_buffer(buf)


def c_handle_array(objs):
    """A void*[] of the addresses of arrays."""
    return c_array(
        ctypes.c_void_p, [o.asnumpy().ctypes.data if hasattr(o, "asnumpy") else id(o) for o in objs]
    )


def ctypes2buffer(cptr, length):
    """A bytearray with a copy of `length` bytes behind a char pointer."""
    if not isinstance(cptr, ctypes.POINTER(ctypes.c_char)):
        raise TypeError("expected char pointer")
    return bytearray(cptr[:length])


def ctypes2numpy_shared(cptr, shape):
    """A numpy.ndarray over the floats behind a pointer."""
    if not isinstance(cptr, mx_float_p):
        raise RuntimeError("expected float pointer")
    return numpy.ctypeslib.as_array(cptr, shape=tuple(shape))


def add_fileline_to_docstring(module, incursive=True):
    """Leaves docstrings as they are; editors find sources themselves."""


def with_metaclass(meta, *bases):
    """A class to derive from, by a metaclass, as in Python 2 and 3 alike."""

    class Metaclass(meta):
        def __new__(cls, name, this_bases, d):
            return meta(name, bases, d)

        @classmethod
        def __prepare__(cls, name, this_bases):
            return meta.__prepare__(name, bases)

    return type.__new__(Metaclass, "temporary_class", (), {})


class classproperty:
    """A property of the class itself."""

    def __init__(self, fget=None, fset=None):
        self.fget, self.fset = fget, fset

    def __get__(self, instance, owner=None):
        return self.fget(type(instance) if owner is None else owner)

    def setter(self, func):
        """The same with a function that sets it."""
        return type(self)(self.fget, func)
