"""Copies with some elements replaced, and arrays in another storage format."""

import minpy.numpy as np
from minpy._operators.registry import operator
from minpy._operators.shape import index_of


def _assigned(data, value, begin, end, step):
    out = np.copy(data)
    out[index_of(begin, end, step)] = value
    return out


@operator("_slice_assign", inputs=2, npx=False)
def slice_assign(lhs, rhs, begin, end, step=()):
    """A copy of `lhs` where `rhs` is in the place of `slice(lhs, begin, end, step)`."""
    return _assigned(lhs, rhs, begin, end, step)


@operator("_slice_assign_scalar", npx=False)
def slice_assign_scalar(data, scalar=0.0, begin=(), end=(), step=()):
    """A copy of the data where one number is in the place of `slice(data, begin, end, step)`."""
    return _assigned(data, scalar, begin, end, step)


@operator("cast_storage", npx=False)
def cast_storage(data, stype):
    """The array in a storage format: 'default', 'row_sparse' or 'csr'."""
    if stype not in ("default", "row_sparse", "csr"):
        raise ValueError(f"cast_storage: stype must be 'default', 'row_sparse' or 'csr', got {stype!r}")
    return data.tostype(stype) if hasattr(data, "tostype") else data
