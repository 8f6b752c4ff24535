"""Blocks side by side, whose outputs are joined, and the block that does nothing."""

from minpy.gluon.hybrid import HybridBlock, front_end
from minpy.gluon.nn.containers import HybridSequential, Sequential

__all__ = ["Concurrent", "HybridConcurrent", "Identity"]


class _Branches:
    """Children that all get the input."""

    def __init__(self, axis=-1, prefix=None, params=None):
        super().__init__(prefix=prefix, params=params)
        self.axis = axis

    def forward(self, x):
        outputs = [child(x) for child in self._children.values()]
        return front_end(x).concat(*outputs, dim=self.axis)


class Concurrent(_Branches, Sequential):
    """Blocks that all get the input; their outputs are joined along an axis.

    Parameters
    ----------
    axis : int
        The axis.
    prefix, params
        See Block.
    """


class HybridConcurrent(_Branches, HybridSequential):
    """Hybrid blocks that all get the input; their outputs are joined along an axis.

    Parameters
    ----------
    axis : int
        The axis.
    prefix, params
        See Block.
    """


class Identity(HybridBlock):
    """Gives its input; for a branch that goes past the others."""

    def hybrid_forward(self, F, x):
        return x
