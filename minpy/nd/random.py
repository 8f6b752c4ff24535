"""`nd.random`: what `mx.random` has, but for the seed."""

from minpy import random as _random
from minpy.random import *  # noqa: F403

__all__ = [name for name in _random.__all__ if name != "seed"]
del seed  # noqa: F821
