"""MXNet's imperative arrays: `from minpy import nd`, or `mx.nd`.

Operators are those of minpy/_operators, by MXNet's names; what an array is and does says `nd.NDArray`. Where the
behaviour differs from MXNet 1.9.1 by intention, docs/mxnet_differences.md says so.
"""

import importlib

import minpy.numpy as _np
from minpy.engine import waitall
from minpy.nd import _namespace
from minpy.nd.arithmetic import *  # noqa: F403
from minpy.nd.creation import *  # noqa: F403
from minpy.nd.host import *  # noqa: F403
from minpy.nd.ndarray import NDArray
from minpy.nd.serialization import *  # noqa: F403

_namespace.fill(__name__, "Operators of nd.{}.")
from minpy.nd import methods as _methods  # noqa: E402  (needs the filled namespace)
from minpy.nd import nn  # noqa: E402

_methods.install(NDArray)
pi = _np.pi


def concatenate(arrays, axis=0, always_copy=True):
    """Join a list of arrays along an axis; one array is returned as it is unless `always_copy`."""
    if len(arrays) == 1 and not always_copy:
        return arrays[0]
    return concat(*arrays, dim=axis)  # noqa: F405


def moveaxis(tensor, source, destination):
    """Move an axis, or several, to other places."""
    return _np.copy(_np.moveaxis(tensor, source, destination))


_SPARSE = (
    "BaseSparseNDArray",
    "CSRNDArray",
    "RowSparseNDArray",
    "cast_storage",
    "csr_matrix",
    "row_sparse_array",
)


def __getattr__(name):
    """Sparse arrays load on first use; `F.np` and `F.npx` are for hybrid blocks."""
    if name in ("np", "npx"):
        return importlib.import_module("minpy.mxnet.numpy" if name == "np" else "minpy.numpy_extension")
    if name == "sparse" or name in _SPARSE:
        module = importlib.import_module("minpy.nd.sparse")
        return module if name == "sparse" else getattr(module, name)
    raise AttributeError(f"module 'minpy.nd' has no attribute {name!r}")


__all__ = ["NDArray", "nn", "waitall"]
__all__ += {*_SPARSE, *_namespace.public_names(globals())} - {*__all__}
