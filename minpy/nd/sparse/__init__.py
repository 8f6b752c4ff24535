"""Sparse NDArrays: CSR matrices and row-sparse arrays, `mx.nd.sparse`.

They keep their elements and places in dense NDArrays. Operators have results of the kind that MXNet gives them where
these rules say so (`operators.py`), and are dense otherwise. `nd` operators take sparse arrays too.
"""

from minpy.nd.sparse.arrays import (
    BaseSparseNDArray,
    CSRNDArray,
    NotSupportedForSparseNDArray,
    RowSparseNDArray,
)
from minpy.nd.sparse.creation import array, cast_storage, csr_matrix, empty, row_sparse_array, zeros
from minpy.nd.sparse.operators import (
    add,
    clip,
    concat,
    divide,
    dot,
    elemwise_add,
    elemwise_div,
    elemwise_mul,
    elemwise_sub,
    multiply,
    retain,
    subtract,
    zeros_like,
)

__all__ = [
    "BaseSparseNDArray",
    "CSRNDArray",
    "NotSupportedForSparseNDArray",
    "RowSparseNDArray",
    "add",
    "array",
    "cast_storage",
    "clip",
    "concat",
    "csr_matrix",
    "divide",
    "dot",
    "elemwise_add",
    "elemwise_div",
    "elemwise_mul",
    "elemwise_sub",
    "empty",
    "multiply",
    "retain",
    "row_sparse_array",
    "subtract",
    "zeros",
    "zeros_like",
]


def __getattr__(name):
    """The other names are those of `nd`, whose operators take sparse arrays."""
    from minpy import nd

    if not name.startswith("_") and callable(getattr(nd, name, None)):
        return getattr(nd, name)
    raise AttributeError(f"module 'minpy.nd.sparse' has no attribute {name!r}")
