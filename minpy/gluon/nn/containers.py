"""Blocks made of blocks, one after the other."""

import warnings

from minpy.gluon.block import Block
from minpy.gluon.hybrid import HybridBlock

__all__ = ["HybridSequential", "Sequential"]


class _Chain:
    """What both containers share: children that run in order."""

    def add(self, *blocks):
        """Put blocks at the end."""
        for block in blocks:
            self.register_child(block)

    def forward(self, x, *args):
        for child in self._children.values():
            x = child(x, *args)
            args = ()
            if isinstance(x, (tuple, list)):
                args, x = x[1:], x[0]
        return (x, *args) if args else x

    def __getitem__(self, key):
        children = list(self._children.values())[key]
        if not isinstance(children, list):
            return children
        part = type(self)(prefix=self._prefix)
        part.add(*children)
        return part

    def __len__(self):
        return len(self._children)

    def __iter__(self):
        return iter(self._children.values())


class Sequential(_Chain, Block):
    """Blocks that run one after the other.

    Examples
    --------
    >>> net = nn.Sequential()
    >>> with net.name_scope():
    ...     net.add(nn.Dense(10, activation="relu"), nn.Dense(20))
    """

    def hybridize(self, active=True, **kwargs):
        """Have the hybrid blocks below compiled."""
        if self._children and all(isinstance(child, HybridBlock) for child in self._children.values()):
            warnings.warn(
                f"All children of this Sequential layer '{self.prefix}' are HybridBlocks. Consider using"
                " HybridSequential for the best performance.",
                stacklevel=2,
            )
        super().hybridize(active, **kwargs)


class HybridSequential(_Chain, HybridBlock):
    """Hybrid blocks that run one after the other; the whole can be hybridized."""
