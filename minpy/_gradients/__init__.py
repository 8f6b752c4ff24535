"""Gradients of the functions that run in NumPy: one chapter per file, found by the function's name.

The compiled core imports this package when a recorded computation first reaches a function without a native
kernel, and calls `hook` for every such call. What a rule may look like is told in `registry`.
"""

from minpy._gradients import (  # noqa: F401  (each chapter registers its rules)
    creation,
    fft,
    indexing,
    linalg,
    manipulation,
    norms,
    polynomial,
    products,
    reductions,
    signals,
    sorting,
    statistics,
    ufuncs,
)
from minpy._gradients.registry import defgrad, hook

__all__ = ["defgrad", "hook"]
