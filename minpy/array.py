"""MinPy's names for its values: `Array` and `Number`, both a `Value`, and `wrap`."""

import abc

import numpy as _numpy

from minpy._core import ndarray as Array  # noqa: N812
from minpy.core import numpy_to_minpy as wrap

__all__ = ["Array", "Number", "Value", "wrap"]

Number = _numpy.number


class Value(abc.ABC):  # noqa: B024  (its kinds are registered)
    """What functions of `minpy.numpy` return: arrays and numbers. For ``isinstance``."""


Value.register(Array)
Value.register(Number)
