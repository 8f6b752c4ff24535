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


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        module = _MODULES.get(module, module)
        if module.startswith("minpy."):
            found = getattr(importlib.import_module(module), name, None)
            if found is not None:
                return found
        elif (module, name) in _PLAIN or (module.split(".")[0] == "numpy" and name in _NUMPY):
            return super().find_class(module, name)
        raise MXNetError(f"the file names {module}.{name}, which states and checkpoints do not contain")


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
