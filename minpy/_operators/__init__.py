"""The operators that NumPy lacks: neural networks and what belongs to them, and MXNet's operators.

Each public operator is a function of one chapter of this package, declared by `registry.operator`. It checks and
completes its arguments and calls a kernel of the core (`minpy._core.kernels`), or is composed of operations that
exist. One callable serves every front end: `npx.layer_norm` and `nd.LayerNorm` are the same.
"""

import importlib
import pkgutil

from minpy._operators.registry import find, legacy_names, operators

for _chapter in pkgutil.iter_modules(__path__):  # each declares its operators when it is imported
    importlib.import_module(f"{__name__}.{_chapter.name}")

__all__ = ["find", "legacy_names", "operators"]
