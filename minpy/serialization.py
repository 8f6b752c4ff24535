"""Reading pickles that MXNet wrote, and ours, without running what they may contain.

Only classes of MXNet (by the names that they have here), NumPy's arrays and a few of Python's are made; anything else
raises MXNetError.
"""

import importlib
import io
import pickle

from minpy.base import MXNetError

__all__ = ["restricted_loads"]

_MODULES = {
    "mxnet.optimizer.optimizer": "minpy.optimizer",
    "mxnet.optimizer": "minpy.optimizer",
    "mxnet.lr_scheduler": "minpy.lr_scheduler",
    "mxnet.ndarray.ndarray": "minpy.nd",
    "mxnet.ndarray": "minpy.nd",
    "mxnet.gluon.parameter": "minpy.gluon",
    "mxnet.context": "minpy.context",
    "mxnet.optimizer.contrib": "minpy.optimizer",
}
_PLAIN = {
    ("builtins", name)
    for name in ("bytearray", "complex", "dict", "frozenset", "int", "list", "set", "tuple")
} | {
    ("collections", "OrderedDict"),
    ("collections", "defaultdict"),
    ("copyreg", "_reconstructor"),
    ("builtins", "object"),
    ("_codecs", "encode"),
}
_NUMPY = {
    "_reconstruct",
    "ndarray",
    "dtype",
    "scalar",
    "float32",
    "float64",
    "float16",
    "int32",
    "int64",
    "_frombuffer",
}


def _is_state(found):
    """Whether this is a class of what states consist of, or a function that makes arrays from their parts."""
    from minpy import gluon, lr_scheduler, nd, optimizer
    from minpy.context import Context
    from minpy.nd import ndarray

    if not isinstance(found, type):
        return found in (ndarray._rebuild, nd.sparse.arrays._rebuild)
    kinds = (
        optimizer.Optimizer,
        optimizer.Updater,
        lr_scheduler.LRScheduler,
        gluon.Parameter,
        Context,
        nd.NDArray,
    )
    return issubclass(found, kinds)


def _registered(module, name):
    """An optimizer that a program registered, wherever its class is defined."""
    from minpy.optimizer import Optimizer

    found = Optimizer.opt_registry.get(name.lower())
    return found if found is not None and (found.__module__, found.__qualname__) == (module, name) else None


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        module = _MODULES.get(module, module)
        if module.startswith("minpy."):
            found = getattr(importlib.import_module(module), name, None)
            if found is not None and _is_state(found):
                return found
        elif (module, name) in _PLAIN or (module.split(".")[0] == "numpy" and name in _NUMPY):
            return super().find_class(module, name)
        found = _registered(module, name)
        if found is None:
            raise MXNetError(f"the file names {module}.{name}, which states and checkpoints do not contain")
        return found


def restricted_loads(content):
    """The object that the bytes hold.

    Raises
    ------
    MXNetError
        When they are no pickle, or name anything but arrays, optimizers and their settings.
    """
    try:
        return _Unpickler(io.BytesIO(content)).load()
    except MXNetError:
        raise
    except Exception as error:
        raise MXNetError(f"not a file of optimizer states: {error}") from error
