"""Operators that NumPy lacks, over the same arrays and with everything that a ufunc has: `from minpy import npx`."""

from minpy import _core

globals().update(_core.own_ufuncs)
__all__ = sorted(_core.own_ufuncs)
