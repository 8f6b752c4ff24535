"""`mxnet.np` under the switch: minpy.numpy, with MXNet's policy on new arrays.

What makes an array from no array (`zeros`, `arange`, a list) makes float32 where no dtype is given, or float64 after
`npx.set_np(dtype=True)`, and takes a device as `ctx`; arrays keep their dtype. `random` draws from the streams that
`mx.random.seed` starts. Everything else is minpy.numpy.
"""

import functools
import sys

import numpy as _numpy

from minpy import _core
from minpy import numpy as _np
from minpy.mxnet.numpy import random  # noqa: F401
from minpy.nd.ndarray import NDArray, as_context
from minpy.util import is_np_default_dtype

# The functions with a default dtype, and the position of the dtype among their arguments.
_MAKERS = {
    "arange": 3,
    "blackman": 1,
    "empty": 1,
    "eye": 3,
    "hamming": 1,
    "hanning": 1,
    "identity": 1,
    "linspace": 5,
    "logspace": 5,
    "ones": 1,
    "tri": 3,
    "zeros": 1,
}
# Those of NumPy that know no dtype.
_WITHOUT_DTYPE = ("blackman", "hamming", "hanning")


def default_dtype():
    """The dtype of new arrays."""
    return _numpy.float64 if is_np_default_dtype() else _numpy.float32


def _maker(name, position):
    compute = getattr(_np, name)

    @functools.wraps(compute)
    def make(*args, ctx=None, device=None, **kwargs):
        if ctx is not None or device is not None:
            as_context(ctx or device)
        if name in _WITHOUT_DTYPE:
            dtype = kwargs.pop("dtype", None) or (args[1] if len(args) > 1 else None)
            return compute(args[0] if args else kwargs["M"]).astype(dtype or default_dtype())
        if len(args) > position and args[position] is None:
            args = (*args[:position], default_dtype(), *args[position + 1 :])
        elif len(args) <= position and kwargs.get("dtype") is None:
            kwargs["dtype"] = default_dtype()
        return compute(*args, **kwargs)

    return make


globals().update({_name: _maker(_name, _position) for _name, _position in _MAKERS.items()})


def array(object, dtype=None, ctx=None, device=None, copy=True, **kwargs):
    """A new array.

    Parameters
    ----------
    object : array_like
        Arrays keep their dtype; lists and numbers become float32, also lists of arrays.
    dtype : dtype
        The dtype; None: as said.
    ctx, device : Context
        The device.
    copy : bool
        False: an array that fits is returned itself.
    """
    if ctx is not None or device is not None:
        as_context(ctx or device)
    if isinstance(object, NDArray):
        object = object.as_np_ndarray()
    if dtype is None and not isinstance(object, (_core.ndarray, _numpy.ndarray, _numpy.generic)):
        dtype = default_dtype()
    return _np.array(object, dtype=dtype, copy=True if copy else None, **kwargs)


def asarray(a, dtype=None, **kwargs):
    """An array of what may be one already."""
    return array(a, dtype, copy=False, **kwargs)


def full(shape, fill_value, dtype=None, order="C", ctx=None, device=None, out=None):
    """A new array of one value; True and False make booleans."""
    if ctx is not None or device is not None:
        as_context(ctx or device)
    if dtype is None and not isinstance(fill_value, (bool, _core.ndarray)):
        dtype = default_dtype()
    made = _np.full(shape, fill_value, dtype=dtype, order=order)
    if out is None:
        return made
    out[...] = made
    return out


# NumPy 2 has left these out.
_FORMER = {"product": "prod", "round_": "round", "sometrue": "any", "alltrue": "all"}


def __getattr__(name):
    return getattr(_np, _FORMER.get(name, name))


def __dir__():
    return sorted({*globals(), *dir(_np)})


__all__ = [name for name in _np.__all__ if not hasattr(sys.modules["builtins"], name)]
