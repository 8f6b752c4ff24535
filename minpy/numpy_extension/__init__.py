"""Operators that NumPy lacks, over the same arrays: `from minpy import npx`.

Elementwise ones (`npx.sigmoid`) have everything that a ufunc has. Those of neural networks (`npx.layer_norm`) are
declared in minpy/_operators.
"""

from minpy import _core, _operators

_public = dict(_core.own_ufuncs)
_public.update({name: row.function for name, row in _operators.operators().items()})
globals().update(_public)
__all__ = sorted(_public)
