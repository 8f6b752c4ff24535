"""Attributes for all symbols that are made inside a ``with`` block."""

from collections import defaultdict

from minpy.base import Scope, ThreadValue

__all__ = ["AttrScope"]


class AttrScope(Scope):
    """The attributes that new symbols get inside ``with AttrScope(...)``; blocks inside add to those around.

    Parameters
    ----------
    **kwargs : str
        Attributes and their values.

    Raises
    ------
    ValueError
        For a value that is not text.

    Examples
    --------
    >>> with mx.AttrScope(ctx_group="stage1", __lr_mult__="0.1"):
    ...     weight = mx.sym.Variable("weight")
    """

    _subgraph_names = defaultdict(int)
    _deprecated_current = (
        "current",
        "_current",
        "It is advised to use the `with` statement with AttrScope.",
    )

    def __init__(self, **kwargs):
        if not all(isinstance(value, str) for value in kwargs.values()):
            raise ValueError("Attributes need to be string")
        self._attr = kwargs

    def get(self, attr):
        """The scope's attributes with those of `attr` (a dict or None), which win."""
        return {**self._attr, **(attr or {})}

    def __enter__(self):
        self._attr = {**AttrScope._current.value._attr, **self._attr}
        return super().__enter__()


AttrScope._current = ThreadValue(AttrScope)
