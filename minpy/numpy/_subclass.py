"""What `class Sub(np.ndarray)` derives from: numpy.ndarray, taught to work together with our arrays.

See Note [Subclasses are NumPy's].
"""

import numpy

from minpy import _core


def _numpys(value):
    """Our type and our arrays become NumPy's."""
    return numpy.ndarray if value is _core.ndarray else _core.to_numpy(value)


class ndarray(numpy.ndarray):
    __slots__ = ()

    def view(self, *args, **kwargs):
        result = super().view(*map(_numpys, args), **{key: _numpys(value) for key, value in kwargs.items()})
        return _core.from_numpy(result)


class overriding_ndarray(ndarray):
    """The base of classes with `__array_ufunc__` or `__array_function__` of their own: `super()` accepts our arrays."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        inputs, kwargs = _core.to_numpy(inputs), _core.to_numpy(kwargs)
        return _core.from_numpy(super().__array_ufunc__(ufunc, method, *inputs, **kwargs))

    def __array_function__(self, function, types, args, kwargs):
        types = [numpy.ndarray if t is _core.ndarray else t for t in types]
        args, kwargs = _core.to_numpy(tuple(args)), _core.to_numpy(dict(kwargs))
        return _core.from_numpy(super().__array_function__(function, types, args, kwargs))


overriding_ndarray.__module__ = ndarray.__module__ = "minpy.numpy"
