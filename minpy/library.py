"""Libraries with operators for MXNet: `load` says why there are none."""

import os

from minpy.base import MXNetError

__all__ = ["load"]


def load(path, verbose=True):
    """Refuses: libraries with operators are compiled against MXNet's headers, and need its engine.

    Parameters
    ----------
    path : str
        Of the library.
    verbose : bool
        Accepted as in MXNet.

    Raises
    ------
    MXNetError
        Always: for what is no library the text of MXNet, else what to do.
    """
    if not os.path.exists(path):
        raise MXNetError(f"load path {path} does NOT exist")
    if not os.path.isabs(path):
        raise MXNetError(f"load path {path} is not an absolute path")
    if os.path.splitext(path)[1] not in (".so", ".dll"):
        raise MXNetError(f"load path {path} is NOT a library file")
    raise MXNetError(
        f"{path} cannot be loaded: libraries with operators are compiled for MXNet's engine, which this is not. Write the"
        " operator with mx.operator.CustomOp, autograd.Function, or array operations, which are differentiated"
    )
