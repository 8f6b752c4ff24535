"""What `class Sub(np.ndarray)` derives from: numpy.ndarray, taught to work together with our arrays.

See Note [Subclasses are NumPy's].
"""

import functools

import numpy

from minpy import _core
from minpy.numpy._namespace import known_twin


def _numpys(value):
    """Our type and our arrays become NumPy's."""
    return numpy.ndarray if value is _core.ndarray else _core.to_numpy(value)


class ndarray(numpy.ndarray):
    __slots__ = ()

    def view(self, *args, **kwargs):
        result = super().view(*map(_numpys, args), **{key: _numpys(value) for key, value in kwargs.items()})
        return _core.from_numpy(result)

    def nonzero(self):
        return _core.from_numpy(super().nonzero())

    def __array_wrap__(self, array, *args):
        return super().__array_wrap__(_core.to_numpy(array), *args)


def _on_our_arrays(override):
    """The `__array_ufunc__` of a subclass, called with our operator and our arrays instead of NumPy's."""

    @functools.wraps(override)
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        kwargs = {key: _core.from_numpy(value) for key, value in kwargs.items()}
        return override(self, known_twin(ufunc) or ufunc, method, *_core.from_numpy(inputs), **kwargs)

    return __array_ufunc__


class overriding_ndarray(ndarray):
    """The base of classes with `__array_ufunc__` or `__array_function__` of their own: `super()` accepts our arrays."""

    __slots__ = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        override = vars(cls).get("__array_ufunc__")
        if callable(override):
            cls.__array_ufunc__ = _on_our_arrays(override)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        ufunc = getattr(ufunc, "__wrapped__", ufunc)
        inputs, kwargs = _core.to_numpy(inputs), _core.to_numpy(kwargs)
        return _core.from_numpy(super().__array_ufunc__(ufunc, method, *inputs, **kwargs))

    def __array_function__(self, function, types, args, kwargs):
        types = [numpy.ndarray if t is _core.ndarray else t for t in types]
        args, kwargs = _core.to_numpy(tuple(args)), _core.to_numpy(dict(kwargs))
        return _core.from_numpy(super().__array_function__(function, types, args, kwargs))


overriding_ndarray.__module__ = ndarray.__module__ = "minpy.numpy"
