"""Random sparse arrays."""

import numpy

from minpy import nd
from minpy.test_utils._comparison import default_context, default_dtype
from minpy.test_utils._random_data import assign_each

__all__ = [
    "create_sparse_array",
    "create_sparse_array_zd",
    "rand_sparse_ndarray",
    "shuffle_csr_column_indices",
]


def rand_sparse_ndarray(shape, stype, density=None, dtype=None, distribution=None, data_init=None, rsp_indices=None,
                        modifier_func=None, shuffle_csr_indices=False, ctx=None):  # fmt: skip
    """A random sparse array.

    Parameters
    ----------
    shape : tuple of int
    stype : {'row_sparse', 'csr'}
    density : float
        The share of rows, or of elements, that are kept; by default random.
    dtype : dtype
    distribution : {'uniform', 'powerlaw'}
        'powerlaw', for csr: each row keeps twice as many elements as the one before.
    data_init : float
        What all kept elements are; by default random.
    rsp_indices : array_like
        The rows to keep.
    modifier_func : callable
        Of each kept element of a row-sparse array.
    shuffle_csr_indices : bool
        Have the columns of a row in any order.
    ctx : Context

    Returns
    -------
    array : RowSparseNDArray or CSRNDArray
    parts : tuple
        Values and rows, or row pointers, columns and values.
    """
    ctx = ctx or default_context()
    density = numpy.random.rand() if density is None else density
    dtype = default_dtype() if dtype is None else dtype
    distribution = distribution or "uniform"
    if stype == "row_sparse":
        assert distribution == "uniform", f"Distribution {distribution} not supported for row_sparse"
        return _row_sparse(shape, density, dtype, data_init, rsp_indices, modifier_func, ctx)
    assert stype == "csr", "unknown storage type"
    assert len(shape) == 2
    if distribution == "uniform":
        kept = numpy.random.rand(*shape) < density
    else:
        assert distribution == "powerlaw", f"Distribution not supported: {distribution}"
        kept = _power_law(shape, density)
    dense = numpy.where(kept, numpy.random.rand(*shape) + 1e-6 if data_init is None else data_init, 0)
    array = nd.sparse.csr_matrix(dense.astype(dtype), ctx=ctx, dtype=dtype)
    if shuffle_csr_indices:
        shuffle_csr_column_indices(array)
    return array, (array.indptr, array.indices, array.data)


def _row_sparse(shape, density, dtype, data_init, rows, modifier_func, ctx):
    rows = numpy.flatnonzero(numpy.random.rand(shape[0]) < density) if rows is None else numpy.asarray(rows)
    assert len(rows) <= shape[0]
    if not len(rows):
        return nd.zeros(shape, stype="row_sparse", dtype=dtype, ctx=ctx), (
            numpy.array([], dtype),
            numpy.array([]),
        )
    values = numpy.random.rand(len(rows), *shape[1:]).astype(dtype)
    if data_init is not None:
        values.fill(data_init)
    if modifier_func is not None:
        values = assign_each(values, modifier_func)
    return nd.sparse.row_sparse_array((values, rows), shape=shape, dtype=dtype, ctx=ctx), (values, rows)


def _power_law(shape, density):
    """Which elements are kept: one in the first row, then twice as many in each, until there are enough."""
    rows, columns = shape
    left = int(rows * columns * density)
    if left < rows:
        raise ValueError(f"not supported for this density: {density} for this shape ({rows}, {columns})")
    kept = numpy.zeros(shape, bool)
    for i, row in enumerate(kept):
        count = min(2**i, columns, left)
        row[:count] = True
        left -= count
    return kept


def create_sparse_array(shape, stype, data_init=None, rsp_indices=None, dtype=None, modifier_func=None, density=0.5,
                        shuffle_csr_indices=False):  # fmt: skip
    """`rand_sparse_ndarray`'s array alone; of a row-sparse one the rows may be given in any order."""
    assert stype in ("row_sparse", "csr"), f"Unknown storage type: {stype}"
    rows = None if rsp_indices is None else numpy.sort(numpy.asarray(rsp_indices))
    return rand_sparse_ndarray(
        shape, stype, density, dtype, None, data_init, rows, modifier_func, shuffle_csr_indices
    )[0]


def create_sparse_array_zd(shape, stype, density, data_init=None, rsp_indices=None, dtype=None, modifier_func=None,
                           shuffle_csr_indices=False):  # fmt: skip
    """The same, in which a row-sparse array without given rows has none."""
    if stype == "row_sparse":
        density = 0.0
        assert rsp_indices is None or len(rsp_indices) <= shape[0]
    return create_sparse_array(
        shape, stype, data_init, rsp_indices, dtype, modifier_func, density, shuffle_csr_indices
    )


def shuffle_csr_column_indices(csr):
    """Bring the columns of each row of a csr matrix into any order."""
    pointers, columns = csr.indptr.asnumpy(), csr.indices.asnumpy()
    for begin, end in zip(pointers[:-1], pointers[1:]):
        numpy.random.shuffle(columns[begin:end])
    csr.indices = nd.array(columns, ctx=csr.context, dtype=columns.dtype)
