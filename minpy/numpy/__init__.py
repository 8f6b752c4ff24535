"""NumPy's namespace over minpy's arrays: `import minpy.numpy as np`.

Every public name of `numpy` resolves here. Native operators and functions come from the compiled core; a
function without a native kernel runs in NumPy on the same memory and its result is wrapped; types, constants
and modules that do not touch arrays are NumPy's own.
"""

import sys as _sys

import numpy as _numpy

from minpy import _core
from minpy.numpy import _namespace

_namespace.build_namespace(globals(), _core)
_sys.meta_path.append(_namespace.TwinFinder)
from minpy.numpy._functions import *  # noqa: E402, F403  (replaces some of the names above)

__version__ = _numpy.__version__
__array_api_version__ = getattr(_numpy, "__array_api_version__", "2022.12")
if hasattr(_numpy, "__array_namespace_info__"):
    __array_namespace_info__ = _numpy.__array_namespace_info__
__all__ = [name for name in _numpy.__all__ if name not in ("show_config", "__version__")] + ["__version__"]


def __getattr__(name):
    return _namespace.lazy_attribute(name)


def __dir__():
    return sorted(set(globals()) | set(dir(_numpy)))
