"""Names of minpy.numpy that need a few lines of Python: callbacks must see our arrays, and objects that make
arrays when indexed or opened (`r_`, `mgrid`, `.npz` files) must make ours.
"""

import numpy

from minpy import _core
from minpy.numpy._namespace import make_fallback, register_twin

__all__ = [
    "apply_along_axis",
    "apply_over_axes",
    "c_",
    "fromfunction",
    "load",
    "mgrid",
    "ndenumerate",
    "ogrid",
    "piecewise",
    "r_",
    "vectorize",
]


def on_our_arrays(function):
    """`function` made callable by NumPy code: it gets our arrays and NumPy gets back its own."""

    def call(*args, **kwargs):
        return _core.to_numpy(function(*_core.from_numpy(args), **kwargs))

    call.on_our_arrays = function  # for the gradient rules, which do without NumPy
    return call


def _documented_as(original, twin):
    """Give `twin` the presentation of NumPy's `original`."""
    for attribute in ("__doc__", "__name__", "__qualname__"):
        setattr(twin, attribute, getattr(original, attribute))
    twin.__module__ = "minpy.numpy"
    twin.__wrapped__ = original
    return register_twin(original, twin)


def _with_callback(name, position):
    """numpy.<name>, whose argument number `position` is called with arrays."""
    original = getattr(numpy, name)
    run = make_fallback(name, original)

    def call(*args, **kwargs):
        if _core.is_recording():  # the callback may use recorded arrays that are no arguments
            from minpy._gradients import hook

            return hook(run, *args, **kwargs)
        if len(args) > position and callable(args[position]):
            args = (*args[:position], on_our_arrays(args[position]), *args[position + 1 :])
        return run(*args, **kwargs)

    return _documented_as(original, call)


apply_along_axis = _with_callback("apply_along_axis", 0)
apply_over_axes = _with_callback("apply_over_axes", 0)
fromfunction = _with_callback("fromfunction", 0)

_piecewise = make_fallback("piecewise", numpy.piecewise)


def piecewise(x, condlist, funclist, *args, **kw):
    if _core.is_recording():
        from minpy._gradients import hook

        return hook(_piecewise, x, condlist, funclist, *args, **kw)
    callables = [on_our_arrays(f) if callable(f) else f for f in funclist]
    return _piecewise(x, condlist, callables, *args, **kw)


_documented_as(numpy.piecewise, piecewise)


class vectorize(numpy.vectorize):
    __doc__ = numpy.vectorize.__doc__

    def __init__(
        self, pyfunc=numpy._NoValue, otypes=None, doc=None, excluded=None, cache=False, signature=None
    ):
        # With a signature the function gets sub-arrays; without one it gets scalars.
        if signature is not None and callable(pyfunc):
            ours, pyfunc = pyfunc, on_our_arrays(pyfunc)
            pyfunc.__wrapped__ = ours
            pyfunc.__name__ = getattr(ours, "__name__", "vectorized")
            pyfunc.__doc__ = getattr(ours, "__doc__", None)
        super().__init__(pyfunc, otypes=otypes, doc=doc, excluded=excluded, cache=cache, signature=signature)

    def __call__(self, *args, **kwargs):
        if _core.is_recording():
            from minpy._gradients.indexing import vectorized

            return vectorized(self, args, kwargs)
        result = super().__call__(*_core.to_numpy(args), **_core.to_numpy(kwargs))
        return _core.from_numpy(result)


vectorize.__module__ = "minpy.numpy"
register_twin(numpy.vectorize, vectorize)


class ndenumerate:
    __doc__ = numpy.ndenumerate.__doc__

    def __init__(self, arr):
        self.iter = (
            _core.from_numpy(numpy.asarray(arr)).flat if not isinstance(arr, _core.ndarray) else arr.flat
        )

    def __next__(self):
        return self.iter.coords, next(self.iter)

    def __iter__(self):
        return self


ndenumerate.__module__ = "minpy.numpy"
register_twin(numpy.ndenumerate, ndenumerate)


class IndexTrick:
    """An object of NumPy that makes arrays when it is indexed: r_, c_, mgrid, ogrid."""

    def __init__(self, name):
        self._original = getattr(numpy, name)
        self._getitem = make_fallback(f"{name}.__getitem__", self._original.__getitem__)
        self.__doc__ = self._original.__doc__

    def __getitem__(self, key):
        return self._getitem(key)

    def __len__(self):
        return 0

    def __getattr__(self, name):
        return getattr(self._original, name)


r_, c_, mgrid, ogrid = (IndexTrick(name) for name in ("r_", "c_", "mgrid", "ogrid"))

_load = make_fallback("load", numpy.load)


def load(*args, **kwargs):
    result = _load(*args, **kwargs)
    if type(result) is numpy.lib.npyio.NpzFile:
        result.__class__ = _npz_file()
    return result


_documented_as(numpy.load, load)


def _npz_file():
    """The class of opened .npz archives whose members are our arrays."""
    global _NpzFile
    if _NpzFile is None:

        class NpzFile(numpy.lib.npyio.NpzFile):
            def __getitem__(self, key):
                return _core.from_numpy(super().__getitem__(key))

        _NpzFile = NpzFile
    return _NpzFile


_NpzFile = None
