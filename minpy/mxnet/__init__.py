"""The switch: after `install()`, `import mxnet` means minpy, for programs written for MXNet 1.x.

    python -m minpy.mxnet script.py arguments...    # a program, or -m module, or -c code
    import minpy.mxnet; minpy.mxnet.install()       # a notebook
    pytest -p minpy.mxnet.pytest_plugin             # tests

This module is then `mxnet` itself. Its names are those of `minpy`, besides `mx.np`, whose functions make float32
arrays where no dtype is given (minpy/mxnet/numpy).
"""

import importlib
import sys

import minpy
from minpy.libinfo import __version__
from minpy.mxnet._finder import Finder, public_module
from minpy.mxnet._names import complete

__all__ = ["install", "installed", "uninstall"]


def install():
    """Have `import mxnet`, and everything below it, mean minpy in this process.

    Raises
    ------
    RuntimeError
        When another mxnet was imported already.
    """
    if installed():
        return
    if "mxnet" in sys.modules:
        raise RuntimeError(
            "mxnet was imported before minpy.mxnet.install() was called: call it first, or start the program with "
            "python -m minpy.mxnet"
        )
    importlib.import_module("minpy._array_members").install_representations()
    sys.meta_path.insert(0, Finder)
    sys.modules["mxnet"] = sys.modules[__name__]


def uninstall():
    """Undo `install`: a later `import mxnet` looks for MXNet again."""
    if installed():
        sys.meta_path.remove(Finder)
    for name in [name for name in sys.modules if name == "mxnet" or name.startswith("mxnet.")]:
        del sys.modules[name]


def installed():
    """Whether `import mxnet` means minpy."""
    return Finder in sys.meta_path


def __getattr__(name):
    module = None if name.startswith("_") else public_module(name)
    try:
        found = complete(importlib.import_module(module)) if module else getattr(minpy, name)
    except AttributeError:
        raise AttributeError(
            f"module 'mxnet' has no attribute {name!r}: this is minpy {minpy.__version__}, which stands in for MXNet "
            f"{__version__}"
        ) from None
    globals()[name] = found
    return found


def __dir__():
    return sorted({*globals(), *dir(minpy)})
