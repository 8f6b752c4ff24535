"""The switches between MXNet's legacy arrays and its NumPy arrays, per thread, and a few small helpers.

NumPy *shape* semantics say that ``()`` and ``(0, 2)`` are shapes and not "unknown"; NumPy *array* semantics say that
Gluon makes ``mx.np.ndarray`` instead of ``mx.nd.NDArray``. ``npx.set_np()`` turns both on.
"""

import functools
import inspect
import logging
import os

import numpy as _np

from minpy.base import ThreadValue

__all__ = [
    "get_cuda_compute_capability",
    "get_gpu_count",
    "get_gpu_memory",
    "getenv",
    "is_np_array",
    "is_np_default_dtype",
    "is_np_shape",
    "makedirs",
    "np_array",
    "np_shape",
    "reset_np",
    "set_module",
    "set_np",
    "set_np_shape",
    "setenv",
    "use_np",
    "use_np_array",
    "use_np_shape",
]


def _keep_results_arrays(active):
    """With array semantics, a result without dimensions is an array and no NumPy scalar."""
    from minpy import _core

    if active:
        import minpy.numpy_extension  # noqa: F401  (members of mx.np.ndarray)
    _core.set_scalar_arrays(active)


class _Switch(ThreadValue):
    """A flag per thread; the first time that it goes on, a line is logged. `effect` is told each value."""

    def __init__(self, notice, effect=None):
        super().__init__(bool)
        self._notice = notice
        self._effect = effect

    def set(self, active):
        """Returns the value before."""
        if self._effect is not None:
            self._effect(bool(active))
        if active and self._notice not in _logged:
            _logged.add(self._notice)
            logging.info(self._notice)
        before, self.value = self.value, bool(active)
        return before


_logged = set()
_shape = _Switch(
    "NumPy-shape semantics has been activated in your code. This is required for creating and manipulating "
    "scalar and zero-size tensors, which were not supported in MXNet before, as in the official NumPy library. "
    "Please DO NOT manually deactivate this semantics while using `mxnet.numpy` and `mxnet.numpy_extension` "
    "modules."
)
_array = _Switch(
    "NumPy array semantics has been activated in your code. This allows you to use operators from MXNet NumPy "
    "and NumPy Extension modules as well as MXNet NumPy `ndarray`s.",
    _keep_results_arrays,
)
_default_dtype = _Switch("NumPy array default dtype has been changed from float32 to float64 in your code.")


class _SwitchScope:
    """Sets a switch for a ``with`` block; None leaves it as it is."""

    def __init__(self, set_switch, active):
        self._set = set_switch
        self._active = active
        self._before = []

    def __enter__(self):
        self._before.append(None if self._active is None else self._set(self._active))
        return self

    def __exit__(self, *exc_info):
        before = self._before.pop()
        if before is not None:
            self._set(before)


def set_np_shape(active):
    """Turn NumPy shape semantics on or off; returns what they were.

    Raises
    ------
    ValueError
        When they would go off while array semantics are on.
    """
    if not active and is_np_array():
        raise ValueError(
            "Deactivating NumPy shape semantics while NumPy array semantics is still active is not allowed. "
            "Please consider calling `npx.reset_np()` to deactivate both of them."
        )
    return _shape.set(active)


def is_np_shape():
    """Whether NumPy shape semantics are on in this thread."""
    return _shape.value


def np_shape(active=True):
    """A ``with`` block in which NumPy shape semantics are on, or off."""
    return _SwitchScope(set_np_shape, active)


def is_np_array():
    """Whether NumPy array semantics are on in this thread."""
    return _array.value


def np_array(active=True):
    """A ``with`` block in which NumPy array semantics are on, or off."""
    return _SwitchScope(_array.set, active)


def is_np_default_dtype():
    """Whether ``mx.np`` makes float64 arrays, as NumPy does, where no dtype is given; else float32."""
    return _default_dtype.value


def set_np(shape=True, array=True, dtype=False):
    """Turn NumPy shape and array semantics on or off in this thread.

    Parameters
    ----------
    shape, array : bool
        The two semantics. Array semantics need shape semantics.
    dtype : bool
        Whether ``mx.np`` makes float64 arrays where no dtype is given, as NumPy does; else float32.

    Raises
    ------
    ValueError
        For array semantics without shape semantics.
    """
    if not shape and array:
        raise ValueError("NumPy Shape semantics is required in using NumPy array semantics.")
    _array.set(array)
    set_np_shape(shape)
    _default_dtype.set(dtype)


def reset_np():
    """Turn NumPy shape and array semantics off in this thread."""
    set_np(shape=False, array=False)


def _wrap(func, scope, decorator_name):
    """`func`, a function or all functions and properties of a class, run inside a scope."""
    if inspect.isclass(func):
        for name, member in inspect.getmembers(
            func, lambda f: inspect.isfunction(f) or inspect.ismethod(f) or isinstance(f, property)
        ):
            if isinstance(member, property):
                getter = member.fget and _wrap(member.fget, scope, decorator_name)
                wrapped = property(getter, member.fset, member.fdel, member.__doc__)
            else:
                bound = inspect.getattr_static(func, name)
                kind = type(bound) if isinstance(bound, (classmethod, staticmethod)) else lambda f: f
                wrapped = kind(_wrap(getattr(member, "__func__", member), scope, decorator_name))
            setattr(func, name, wrapped)
        return func
    if not callable(func):
        raise TypeError(
            f"{decorator_name} can only decorate classes and callable objects, while received a {type(func)}"
        )

    @functools.wraps(func)
    def inside(*args, **kwargs):
        with scope(True):
            return func(*args, **kwargs)

    return inside


def use_np_shape(func):
    """A decorator: the function, or the methods of the class, run with NumPy shape semantics."""
    return _wrap(func, np_shape, "use_np_shape")


def use_np_array(func):
    """A decorator: the function, or the methods of the class, run with NumPy array semantics."""
    return _wrap(func, np_array, "use_np_array")


def use_np(func):
    """A decorator: the function, or the methods of the class, run with NumPy shape and array semantics."""
    return use_np_shape(use_np_array(func))


def set_module(module):
    """A decorator that says in which module a function or class is to be seen; None leaves it."""

    def decorator(func):
        if module is not None:
            func.__module__ = module
        return func

    return decorator


_UFUNC_DEFAULTS = {"where": True, "casting": "same_kind", "order": "K", "dtype": None, "subok": True}
_UFUNC_DTYPES = ("int8", "uint8", "int32", "int64", "float16", "float32", "float64")
_CASTINGS = ("no", "equiv", "safe", "same_kind", "unsafe")


def np_ufunc_legal_option(key, value):
    """Whether NumPy's ufuncs know this keyword and could take this value."""
    if key == "where":
        return True
    if key == "casting":
        return value in _CASTINGS
    if key == "order":
        return isinstance(value, str)
    if key == "dtype":
        return value in _UFUNC_DTYPES or value in [getattr(_np, name) for name in _UFUNC_DTYPES]
    return key == "subok" and isinstance(value, bool)


def _check_ufunc_options(name, options):
    for key, value in options.items():
        if key not in _UFUNC_DEFAULTS:
            raise TypeError(f"{key} is an invalid keyword to function '{name}'")
        if value != _UFUNC_DEFAULTS[key]:
            if np_ufunc_legal_option(key, value):
                raise NotImplementedError(f"{key}={value} is not implemented yet for operator {name}")
            raise TypeError(f"{key}={value} not understood for operator {name}")


def wrap_np_unary_func(func):
    """A decorator for ``func(x, out)`` that takes NumPy's ufunc keywords at their default values."""

    @functools.wraps(func)
    def wrapped(x, out=None, **kwargs):
        _check_ufunc_options(func.__name__, kwargs)
        return func(x, out=out)

    return wrapped


def wrap_np_binary_func(func):
    """A decorator for ``func(x1, x2, out)`` that takes NumPy's ufunc keywords at their default values."""

    @functools.wraps(func)
    def wrapped(x1, x2, out=None, **kwargs):
        _check_ufunc_options(func.__name__, kwargs)
        return func(x1, x2, out=out)

    return wrapped


def get_gpu_count():
    """The number of GPUs that arrays can be put on."""
    from minpy.context import num_gpus

    return num_gpus()


def get_gpu_memory(gpu_dev_id):
    """Free and total memory of a GPU in bytes."""
    from minpy.context import gpu_memory_info

    return gpu_memory_info(gpu_dev_id)


def get_cuda_compute_capability(ctx):
    """The compute capability of a GPU as a number like 70 for sm_70.

    Raises
    ------
    ValueError
        When `ctx` is no GPU.
    OSError
        When there is no CUDA driver.
    RuntimeError
        When the driver has no such GPU.
    """
    import ctypes

    if ctx.device_type != "gpu":
        raise ValueError(f"Expecting a gpu context to get cuda compute capability, while received ctx {ctx}")
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise OSError("could not load libcuda.so.1, the CUDA driver") from error
    device, values = ctypes.c_int(), [ctypes.c_int(), ctypes.c_int()]
    status = driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), ctx.device_id)
    for attribute, value in zip((75, 76), values):  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
        status = status or driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
    if status:
        raise RuntimeError(f"the CUDA driver answered error {status} for {ctx}")
    return values[0].value * 10 + values[1].value


def getenv(name):
    """The value of an environment variable, None when it is not set."""
    return os.environ.get(name)


def setenv(name, value):
    """Set an environment variable; None removes it."""
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def makedirs(d):
    """Make a folder, and those around it, unless it is there."""
    os.makedirs(os.path.expanduser(d), exist_ok=True)
