"""NumPy's protocols: which of our functions serves a call that NumPy hands over to our arrays."""

import contextlib
import importlib

import numpy

from minpy import _core
from minpy.numpy._namespace import known_twin, make_fallback


def function_twin(function):
    """Our function for NumPy's `function`, made on the spot when its module has no twin."""
    found = known_twin(function)
    if found is not None:
        return found
    module = getattr(function, "__module__", None) or "numpy"
    name = getattr(function, "__name__", repr(function))
    if module.startswith("numpy."):
        with contextlib.suppress(ModuleNotFoundError):  # perhaps a module that was not asked for yet
            importlib.import_module(f"minpy.{module}")
        found = known_twin(function)
        if found is not None:
            return found
        name = f"{module[len('numpy.') :]}.{name}"
    elif module != "numpy":
        name = f"{module}.{name}"
    return make_fallback(name, getattr(function, "_implementation", function))


def ufunc_twin(ufunc, method):
    """Our callable for a method of a ufunc that is no operator of ours (matmul, scipy.special, frompyfunc)."""
    if method == "__call__":
        return function_twin(ufunc)
    name = f"{ufunc.__name__}.{method}"
    return _core.make_fallback(name, getattr(ufunc, method), 0 if method == "at" else -1)


def _holds_ours_plainly(args, kwargs):
    return any(isinstance(value, (_core.ndarray, list, tuple)) for value in (*args, *kwargs.values()))


def array_function(function, types, args, kwargs):
    """`__array_function__`: numpy.concatenate([ours]) and the like."""
    if not all(issubclass(t, _core.ndarray) for t in types):
        return NotImplemented
    twin = function_twin(function)
    # A fallback unwraps arrays in lists and tuples only. Were ours left inside something else, NumPy would come
    # back here; its undispatched implementation does not.
    implementation = getattr(function, "_implementation", None)
    if implementation is not None and (
        isinstance(twin, _core.fallback_function) or not _holds_ours_plainly(args, kwargs)
    ):
        twin = make_fallback(getattr(twin, "__name__", function.__name__), implementation)
    return twin(*args, **kwargs)


class ReadableInNumPy:
    """Stands for an object whose `__array__` gives our array, which NumPy would refuse."""

    def __init__(self, original):
        self._original = original
        if hasattr(original, "__array_wrap__"):
            self.__array_wrap__ = self._wrap

    def __array__(self, *args, **kwargs):
        return _core.to_numpy(self._original.__array__(*args, **kwargs))

    def __getattr__(self, name):
        return getattr(self._original, name)

    def _wrap(self, array, context=None, *args):
        if context is not None:
            ufunc, operands, position = context
            operands = tuple(x._original if type(x) is ReadableInNumPy else x for x in operands)
            context = (function_twin(ufunc), _core.from_numpy(operands), position)
        return self._original.__array_wrap__(_core.from_numpy(array), context, *args)


def array_namespace(api_version=None):
    """`__array_namespace__`: the module that implements the array API for our arrays."""
    if hasattr(
        numpy.ndarray, "__array_namespace__"
    ):  # NumPy knows which versions it follows, and words the error
        numpy.empty(0).__array_namespace__(api_version=api_version)
    elif api_version not in (None, "2021.12", "2022.12"):
        raise ValueError(f'Version "{api_version}" of the Array API Standard is not supported.')
    return importlib.import_module("minpy.numpy")
