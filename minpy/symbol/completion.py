"""Constants whose shape the graph tells: ``mx.sym.zeros(shape=(0, 20))`` stands for as many rows as its use needs.

A shape has 0 for such a length. Before the graph runs, it is copied with the shapes that follow from its arguments'.
"""

import ast

from minpy.symbol import inference
from minpy.symbol.node import copied

__all__ = ["completed", "is_incomplete"]

_CONSTANTS = frozenset(["_zeros", "_ones", "_full"])


def _unknown(node):
    if node.op is None or node.op.name not in _CONSTANTS:
        return False
    shape = ast.literal_eval(str(node.attrs.get("shape", "()")))
    return 0 in (shape if isinstance(shape, (tuple, list)) else (shape,))


def is_incomplete(order):
    """Whether there are such constants among the nodes."""
    return any(map(_unknown, order))


def completed(symbol, shapes):
    """A copy of the graph in which its constants have all lengths.

    Parameters
    ----------
    symbol : Symbol
    shapes : dict of str to tuple of int
        Those of its variables.

    Returns
    -------
    Symbol
    """
    order = symbol._order()
    found = inference.output_shapes(symbol, shapes)
    heads = [node for node, _, _ in symbol._outputs]
    copies = copied(heads, {})
    for node in order:
        if _unknown(node) and inference.complete(found.get((id(node), 0))):
            copies[id(node)].attrs["shape"] = str(found[id(node), 0])
    return type(symbol)([(copies[id(node)], i, version) for node, i, version in symbol._outputs])
