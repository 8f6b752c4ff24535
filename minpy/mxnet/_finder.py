"""Finds `mxnet.X`: the module of minpy that stands for it, one object under both names."""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys

from minpy.mxnet._names import complete

__all__ = ["Finder", "public_module"]

# MXNet's names for modules that are called otherwise here, and its inner modules where the package around them has
# their contents here.
ALIASES = {
    "attr": "attribute",
    "contrib.amp": "amp",
    "device": "context",
    "gluon.contrib.cnn.conv_layers": "gluon.contrib.cnn",
    "gluon.nn.basic_layers": "gluon.nn",
    "gluon.nn.conv_layers": "gluon.nn",
    "gluon.rnn.rnn_cell": "gluon.rnn",
    "gluon.rnn.rnn_layer": "gluon.rnn",
    "gluon.data.dataloader": "gluon.data",
    "gluon.data.dataset": "gluon.data",
    "gluon.data.sampler": "gluon.data",
    "gluon.metric": "metric",
    "image.image": "image",
    "init": "initializer",
    "io.io": "io",
    "io.utils": "io",
    "kv": "kvstore",
    "kvstore_server": "kvstore",
    "metric.metric": "metric",
    "mod": "module",
    "module.base_module": "module",
    "module.bucketing_module": "module",
    "module.module": "module",
    "module.sequential_module": "module",
    "mon": "monitor",
    "nd": "nd",
    "ndarray": "nd",
    "np": "mxnet.numpy",
    "np.linalg": "numpy.linalg",
    "np.multiarray": "mxnet.numpy",
    "numpy": "mxnet.numpy",
    "numpy.linalg": "numpy.linalg",
    "numpy.multiarray": "mxnet.numpy",
    "npx": "numpy_extension",
    "opt": "optimizer",
    "optimizer.optimizer": "optimizer",
    "rnd": "random",
    "rnn.io": "rnn",
    "rnn.rnn": "rnn",
    "rnn.rnn_cell": "rnn",
    "sym": "symbol",
    "symbol.symbol": "symbol",
    "viz": "visualization",
}


def public_module(name):
    """The name of the module that `mxnet.<name>` stands for, or None."""
    parent, _, last = name.rpartition(".")
    if parent:
        package = public_module(parent)
        if package is None:
            return None
        if _exists(f"{package}.{last}"):
            return f"{package}.{last}"
    candidate = "minpy." + ALIASES.get(name, name)
    return candidate if _exists(candidate) else None


def _exists(name):
    if name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and loads what lies below `mxnet`."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        """The specification of `mxnet.X`; None for modules of others.

        Raises
        ------
        ModuleNotFoundError
            For what minpy has not.
        """
        root, _, name = fullname.partition(".")
        if root != "mxnet" or not name:
            return None
        found = public_module(name)
        if found is None:
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: `mxnet` is minpy here, which has no such module",
                name=fullname,
            )
        return importlib.machinery.ModuleSpec(fullname, Finder, origin=found)

    @staticmethod
    def create_module(spec):
        """None: an empty module is made, and replaced by `exec_module`."""
        return None

    @staticmethod
    def exec_module(module):
        """Puts the module of minpy under the name of MXNet's."""
        sys.modules[module.__spec__.name] = complete(importlib.import_module(module.__spec__.origin))
