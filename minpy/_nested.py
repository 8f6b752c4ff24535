"""One value or several, and values nested in lists and tuples, namedtuples among them.

No function here is a nested one that calls itself: that would keep the arrays of a call until a garbage collection.
Calls of hybridized blocks come through here, so that leaves are dealt with in the loop over their list.
"""

import numpy

__all__ = ["as_list", "leaves", "like_sequence", "per_axis", "replaced"]


def as_list(value):
    """A list of a list's or tuple's items; else a list of the one value."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def per_axis(value, axes=1):
    """A tuple of integers for axes, from one for that many axes or from several."""
    return (int(value),) * axes if isinstance(value, (int, numpy.integer)) else tuple(value)


def like_sequence(sequence, items):
    """The items in a list or tuple of the class of `sequence`."""
    return sequence._make(items) if hasattr(sequence, "_make") else type(sequence)(items)


def leaves(value):
    """A list of the values that are neither lists nor tuples, in order."""
    found = []
    _append_leaves(value if isinstance(value, (list, tuple)) else (value,), found)
    return found


def _append_leaves(sequence, found):
    for item in sequence:
        if isinstance(item, (list, tuple)):
            _append_leaves(item, found)
        else:
            found.append(item)


def replaced(value, replace):
    """The same nesting, with `replace(leaf)` in the place of each leaf."""
    if not isinstance(value, (list, tuple)):
        return replace(value)
    items = [replaced(item, replace) if isinstance(item, (list, tuple)) else replace(item) for item in value]
    return items if type(value) is list else like_sequence(value, items)
