"""What MXNet's Python modules share: the error classes, the placeholder ``_Null`` and a few type tuples."""

import os
import threading

import numpy as _np

__all__ = ["MXNetError"]

integer_types = (int, _np.int32, _np.int64)
numeric_types = (float, int, _np.generic)
string_types = (str,)
mx_real_t = _np.float32
error_types = {}

__version__ = "1.9.1"  # the release of MXNet that the mx names follow


class MXNetError(RuntimeError):
    """Base class of the errors that MXNet's own code raises: what its ``except`` clauses name."""


class _NullType:
    """The type of ``_Null``, which stands for a parameter that the caller left to the operator's default."""

    def __repr__(self):
        return "_Null"

    def __reduce__(self):
        return "_Null"


_Null = _NullType()


def register_error(func_name=None, cls=None):
    """Let an error class be found by its name.

    Parameters
    ----------
    func_name : str or type, optional
        The name; by default that of the class. A class here is registered at once, as by a plain decorator.
    cls : type, optional
        The class to register. Without it a decorator is returned.

    Examples
    --------
    >>> @mx.error.register
    ... class DataError(mx.MXNetError):
    ...     pass
    """
    if isinstance(func_name, type):
        func_name, cls = func_name.__name__, func_name

    def register(error):
        error_types[func_name if isinstance(func_name, str) else error.__name__] = error
        return error

    return register if cls is None else register(cls)


class _UnsupportedOperand(MXNetError):
    """An operator that the kind of its arguments does not have."""

    _reason = ""

    def __init__(self, function, alias, *args):
        super().__init__()
        self.function = function.__name__
        self.alias = alias
        self.args = tuple(str(type(arg)) for arg in args)

    def __str__(self):
        alias = f' (namely operator "{self.alias}")' if self.alias else ""
        arguments = f" with arguments ({', '.join(self.args)})" if self.args else ""
        return f"Function {self.function}{alias}{arguments} {self._reason} and only available in NDArray."


@register_error
class NotImplementedForSymbol(_UnsupportedOperand):
    """Raised by what an array can do and a Symbol cannot."""

    _reason = "is not implemented for Symbol"


class NotSupportedForSparseNDArray(_UnsupportedOperand):
    """Raised by what a dense array can do and a sparse one cannot."""

    _reason = "is not supported for SparseNDArray"


def as_numpy(array):
    """The values of an array, dense or sparse, or of what NumPy makes one of, as a numpy.ndarray."""
    return array.asnumpy() if hasattr(array, "asnumpy") else _np.asarray(array)


def is_nd_array(value):
    """Whether the value is an array, dense or sparse, as against a number, a list or NumPy's."""
    return hasattr(value, "stype")


def py_str(x):
    """The text of UTF-8 encoded bytes; text stays as it is."""
    return x if isinstance(x, str) else x.decode("utf-8")


def data_dir_default():
    """The folder for downloads when the environment names none: ``~/.mxnet``."""
    return os.path.join(os.path.expanduser("~"), ".mxnet")


def data_dir():
    """The folder for downloads: ``$MXNET_HOME``, else `data_dir_default`."""
    return os.getenv("MXNET_HOME", data_dir_default())


def build_param_doc(arg_names, arg_types, arg_descs, remove_dup=True):
    """The "Parameters" section of a docstring.

    Parameters
    ----------
    arg_names, arg_types, arg_descs : sequence of str
        Name, type and description of each parameter.
    remove_dup : bool
        Whether to leave out names that came before.
    """
    rows, seen = [], set()
    for name, kind, text in zip(arg_names, arg_types, arg_descs):
        if (name in seen and remove_dup) or name == "num_args":
            continue
        seen.add(name)
        rows.append(f"{name} : {kind}" + (f"\n    {text}" if text else ""))
    return "\n".join(["Parameters", "----------", *rows, ""])


class ThreadValue(threading.local):
    """A value per thread, which starts as what ``make`` returns, and those that wait to come back."""

    def __init__(self, make):
        self.value = make()
        self.outer = []


class ScopeMeta(type):
    """Metaclass of scopes: gives the class MXNet's deprecated property for the thread's current instance.

    The class keeps its current instance in a `ThreadValue` and names both in ``_deprecated_current``: the
    property, the attribute with the `ThreadValue`, and what to use instead.
    """

    def __getattr__(cls, name):
        return cls._current_holder(name).value

    def __setattr__(cls, name, value):
        if name == cls.__dict__.get("_deprecated_current", (None,))[0]:
            cls._current_holder(name).value = value
        else:
            super().__setattr__(name, value)

    def _current_holder(cls, name):
        import warnings

        known, holder, advice = next(
            (c.__dict__["_deprecated_current"] for c in cls.__mro__ if "_deprecated_current" in c.__dict__),
            (None, None, None),
        )
        if name != known:
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        warnings.warn(
            f"{cls.__name__}.{name} has been deprecated. {advice}", DeprecationWarning, stacklevel=3
        )
        return getattr(cls, holder)


class Scope(metaclass=ScopeMeta):
    """What ``with`` makes the current instance of its class, in this thread and until the block ends."""

    _deprecated_current = (None, None, None)

    def _holder(self):
        return getattr(type(self), self._deprecated_current[1])

    def __enter__(self):
        # Kept per thread and not here: one object may be entered by several threads, and inside its own block.
        holder = self._holder()
        holder.outer.append(holder.value)
        holder.value = self
        return self

    def __exit__(self, *exc_info):
        holder = self._holder()
        holder.value = holder.outer.pop()
