"""NumPy's namespace over minpy's arrays: `import minpy.numpy as np`.

Every public name of `numpy` resolves here. Native operators and functions come from the compiled core; a
function without a native kernel runs in NumPy on the same memory and its result is wrapped; types, constants
and modules that do not touch arrays are NumPy's own.
"""

import numpy as _numpy

from minpy import _core
from minpy.numpy._namespace import build_namespace as _build_namespace

_build_namespace(globals(), _numpy, _core)
__version__ = _numpy.__version__


def __getattr__(name):
    from minpy.numpy._namespace import lazy_attribute

    return lazy_attribute(name)


def __dir__():
    return sorted(set(globals()) | set(dir(_numpy)))
