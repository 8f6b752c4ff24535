"""Pickles of states, and parameters as safetensors.

Pickles that MXNet wrote, and ours, are read without running what they may contain: only classes of MXNet (by the names
that they have here), NumPy's arrays and a few of Python's are made; anything else raises MXNetError.
"""

import importlib
import io
import json
import pickle
import pickletools
import struct

import ml_dtypes
import numpy

from minpy._files import read_file, write_atomically
from minpy.base import MXNetError, as_numpy

__all__ = ["dump_states", "load_safetensors", "restricted_loads", "safetensors_metadata", "save_safetensors"]

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


def _bytearray(*values):
    """`bytearray` of contents, not of a length."""
    if values and isinstance(values[0], int):
        raise MXNetError(f"a bytearray of length {values[0]} is asked for")
    return bytearray(*values)


def _empty_array(kind, shape, dtype):
    """The array that NumPy's pickles begin with, which gets its shape and elements later."""
    return numpy.empty(0, numpy.uint8)


def _array_class(*_):
    """Stands for the class of arrays where pickles name it; calling it would make arrays of any size."""
    raise MXNetError("an array without contents is asked for")


_REPLACED = {"bytearray": _bytearray, "_reconstruct": _empty_array, "ndarray": _array_class}


class _StatePickler(pickle._Pickler):  # the one in C does not let names of classes be changed
    """Writes MXNet's names for the classes of states, so that MXNet reads them."""

    def save_global(self, obj, name=None):
        home = _mxnet_home(obj) if isinstance(obj, type) else None
        if home is None:
            super().save_global(obj, name)
            return
        self.save(home)
        self.save(obj.__name__)
        self.write(pickle.STACK_GLOBAL)
        self.memoize(obj)

    dispatch = {**pickle._Pickler.dispatch, type: None}

    def save_type(self, obj):
        """Classes, and the types of None and its like."""
        if obj in (type(None), type(NotImplemented), type(...)):
            pickle._Pickler.save_type(self, obj)
        else:
            self.save_global(obj)

    dispatch[type] = save_type


def _mxnet_home(kind):
    """The module in which MXNet has a class of states; None for other classes."""
    from minpy import lr_scheduler, nd, optimizer
    from minpy.context import Context

    if kind is nd.NDArray:
        return "mxnet.ndarray.ndarray"
    if kind is Context:
        return "mxnet.context"
    if not kind.__module__.startswith("minpy."):
        return None
    if issubclass(kind, optimizer.Optimizer):
        return "mxnet.optimizer.optimizer"
    return "mxnet.lr_scheduler" if issubclass(kind, lr_scheduler.LRScheduler) else None


def dump_states(states):
    """The pickle of an optimizer's states, which MXNet and `restricted_loads` read."""
    file = io.BytesIO()
    _StatePickler(file, protocol=4).dump(states)
    return file.getvalue()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        module = _MODULES.get(module, module)
        if name in _REPLACED and module.split(".")[0] in ("numpy", "builtins", "__builtin__"):
            return _REPLACED[name]
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


def _check_lengths(stream):
    """Raises ValueError unless all parts of a pickle lie in it, and its numbers of places are not beyond its length.

    The reader itself would first make room for what a damaged length says.
    """
    size = len(stream.getbuffer())
    for code, argument, _ in pickletools.genops(stream):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and argument > size:
            raise ValueError(f"place {argument} in {size} bytes")


def restricted_loads(content, source="states"):
    """The object that the bytes hold.

    Parameters
    ----------
    content : bytes
    source : str
        Where they come from, for messages.

    Raises
    ------
    MXNetError
        When they are no pickle, or name anything but arrays, optimizers and their settings; names the source and the
        place.
    """
    stream = io.BytesIO(content)
    try:
        _check_lengths(stream)
        stream.seek(0)
        return _Unpickler(stream).load()
    except Exception as error:  # what damaged bytes raise is not documented
        place = stream.tell()
        raise MXNetError(f"{source}: not a file of optimizer states: before byte {place}: {error}") from error


# --- safetensors ---

SAFETENSORS = ".safetensors"
_TYPES = {
    "BOOL": numpy.bool_, "U8": numpy.uint8, "I8": numpy.int8, "U16": numpy.uint16, "I16": numpy.int16,
    "U32": numpy.uint32, "I32": numpy.int32, "U64": numpy.uint64, "I64": numpy.int64, "F16": numpy.float16,
    "BF16": ml_dtypes.bfloat16, "F32": numpy.float32, "F64": numpy.float64, "C64": numpy.complex64,
}  # fmt: skip
_KIND = "minpy.kind"  # in the metadata of files that hold a list: the names are the numbers


def _package():
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            f"{SAFETENSORS} files need the package safetensors: pip install 'minpy[safetensors]' ({error})"
        ) from error
    return safetensors


def save_safetensors(fname, data, metadata=None):
    """Save arrays by name as a safetensors file.

    Parameters
    ----------
    fname : str
        File name or URL. The file is written under a temporary name and renamed.
    data : dict of str to array, list of array or array
        Arrays of any dtype but complex128, and complex64 with recent releases of safetensors; NDArray, `minpy.numpy` and NumPy arrays.
    metadata : dict of str to str
        Stored beside the arrays.

    Raises
    ------
    ImportError
        When the package safetensors is missing.
    MXNetError
        For dtypes that the format lacks, and sparse arrays.
    TypeError
        For anything else.
    """
    package = _package()
    metadata = dict(metadata or {})
    if not all(isinstance(part, str) for pair in metadata.items() for part in pair):
        raise TypeError("metadata must be a dict of str to str")
    if not isinstance(data, dict):
        data = {str(i): array for i, array in enumerate(data if isinstance(data, list) else [data])}
        metadata[_KIND] = "list"
    if not all(isinstance(name, str) and hasattr(array, "dtype") for name, array in data.items()):
        raise TypeError("save_safetensors only accepts a dict of str to array or a list of arrays")
    arrays = {name: _dense(name, array) for name, array in data.items()}
    try:
        content = package.numpy.save(arrays, metadata or None)
    except Exception as error:  # older releases have fewer dtypes, and raise a class of their own
        raise MXNetError(f"{fname}: cannot be saved as safetensors: {error}") from error
    write_atomically(fname, content)


def _dense(name, array):
    if getattr(array, "stype", "default") != "default":
        raise MXNetError(
            f"{name}: a {array.stype} array cannot be saved as safetensors; call tostype('default')"
        )
    values = as_numpy(array)
    if values.dtype not in _TYPES.values():
        raise MXNetError(f"{name}: arrays of dtype {values.dtype} cannot be saved as safetensors")
    return numpy.ascontiguousarray(values).reshape(values.shape)  # without axes it would get one


def load_safetensors(fname):
    """Load the arrays of a safetensors file.

    Parameters
    ----------
    fname : str
        File name or URL.

    Returns
    -------
    dict or list of NDArray
        A dict by name; a list when `save_safetensors` or `nd.save` was given one.

    Raises
    ------
    ImportError
        When the package safetensors is missing.
    MXNetError
        When the file is missing, not of this format, or has a dtype that NumPy lacks.
    """
    import minpy.numpy as np
    from minpy.nd.ndarray import to_nd

    package, content = _package(), read_file(fname)
    try:
        parts = package.deserialize(content)
    except Exception as error:  # the package has a class of its own
        raise MXNetError(f"{fname}: not a safetensors file: {error}") from None
    arrays = {}
    for name, part in parts:
        if part["dtype"] not in _TYPES:
            raise MXNetError(
                f"{fname}: array {name!r} has the dtype {part['dtype']}, which arrays do not have here"
            )
        values = numpy.frombuffer(part["data"], _TYPES[part["dtype"]]) if part["data"] else numpy.empty(0)
        arrays[name] = to_nd(
            np.array(values.astype(_TYPES[part["dtype"]], copy=False).reshape(part["shape"]))
        )
    if _metadata(content).get(_KIND) != "list":
        return arrays
    if set(arrays) != {str(i) for i in range(len(arrays))}:
        raise MXNetError(
            f"{fname}: a list of {len(arrays)} arrays is announced, but the names are {sorted(arrays)}"
        )
    return [arrays[str(i)] for i in range(len(arrays))]


def safetensors_metadata(fname):
    """The metadata of a safetensors file, a dict of str to str.

    Parameters
    ----------
    fname : str
        File name or URL.

    Raises
    ------
    MXNetError
        When the file is missing or not of this format.
    """
    content = read_file(fname)
    try:
        return {key: value for key, value in _metadata(content).items() if key != _KIND}
    except (ValueError, struct.error, AttributeError) as error:
        raise MXNetError(f"{fname}: not a safetensors file: {error}") from None


def _metadata(content):
    (length,) = struct.unpack_from("<Q", content)
    return json.loads(content[8 : 8 + length]).get("__metadata__", {})
