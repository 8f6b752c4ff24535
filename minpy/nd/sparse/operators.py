"""Operators on sparse arrays: which results are sparse, and how those are computed.

`serve` is what `nd` operators call when an argument may be sparse: names in `_RULES` have a rule, the others get
dense arrays.
"""

import operator as python_operator

import numpy

from minpy import _core, autograd, nd
from minpy._operators import registry
from minpy.base import MXNetError, as_numpy
from minpy.nd.sparse.arrays import BaseSparseNDArray, CSRNDArray, RowSparseNDArray
from minpy.nd.sparse.creation import csr_matrix, places_of, row_sparse_array, zeros

__all__ = [
    "add",
    "clip",
    "concat",
    "divide",
    "dot",
    "elemwise_add",
    "elemwise_div",
    "elemwise_mul",
    "elemwise_sub",
    "multiply",
    "retain",
    "subtract",
    "zeros_like",
]

# f(0) is 0: these work on the elements that are kept.
_KEEP_ZERO = frozenset(
    """abs arcsin arcsinh arctan arctanh cbrt ceil degrees expm1 fix floor log1p negative radians relu rint round sign
    sin sinh sqrt square tan tanh trunc""".split()
)
_KEPT_BY_NUMBERS = ("mul", "truediv", "lt", "gt", "le", "ge", "ne", "eq")


def _dense(value):
    if _is_variable(value):
        return value._variable
    if isinstance(value, BaseSparseNDArray):
        return value.tostype("default")
    if isinstance(value, (list, tuple)) and any(isinstance(v, BaseSparseNDArray) for v in value):
        return type(value)(map(_dense, value))
    return value


def _is_variable(value):
    return isinstance(value, BaseSparseNDArray) and value._variable is not None and autograd.is_recording()


def _is_number(value):
    return isinstance(value, (int, float, numpy.number))


# --- Arithmetic ---


def binary(name, left, right):
    """`left` and `right` under the operator `name` of Python's module operator; one of them is sparse."""
    compute = getattr(python_operator, name)
    if _is_variable(left) or _is_variable(right):
        return compute(_dense(left), _dense(right))
    same = type(left) is type(right)
    if same and isinstance(left, BaseSparseNDArray) and name in ("add", "sub", "mul"):
        if left.shape != right.shape:
            raise MXNetError(f"Incompatible attr in node: expected {left.shape}, got {right.shape}")
        return (_rows_binary if isinstance(left, RowSparseNDArray) else _csr_binary)(compute, left, right)
    if name == "mul" and _is_number(left):
        left, right = right, left
    if isinstance(left, BaseSparseNDArray) and not isinstance(right, BaseSparseNDArray):
        if _is_number(right) and name in _KEPT_BY_NUMBERS:
            with numpy.errstate(all="ignore"):
                kept = not compute(numpy.float64(0), right)
            if kept:
                data, *rest = left._parts()
                return left._like((compute(data, right), *rest))
        elif name in ("mul", "truediv") and not _is_number(right):
            return _times_dense(compute, left, right)
    return compute(_dense(left), _dense(right))


def _times_dense(compute, left, right):
    right = nd.array(right, dtype=left.dtype) if not isinstance(right, nd.NDArray) else right
    if len(right.shape) > left.ndim or numpy.broadcast_shapes(left.shape, right.shape) != left.shape:
        return compute(left.tostype("default"), right)
    spread = numpy.broadcast_to(right.asnumpy(), left.shape)
    rows = left.indices.asnumpy()
    places = (left.row_numbers(), rows) if isinstance(left, CSRNDArray) else rows
    data, *rest = left._parts()
    return left._like((compute(data, nd.array(spread[places], ctx=left.context, dtype=right.dtype)), *rest))


def _rows_binary(compute, left, right):
    rows = numpy.union1d(left.indices.asnumpy(), right.indices.asnumpy())
    sides = []
    for side in (left, right):
        values = numpy.zeros((len(rows), *side.shape[1:]), side.dtype)
        values[numpy.searchsorted(rows, side.indices.asnumpy())] = side.data.asnumpy()
        sides.append(values)
    return row_sparse_array((compute(*sides), rows), shape=left.shape, ctx=left.context)


def _csr_binary(compute, left, right):
    keys = [side.row_numbers() * left.shape[1] + side.indices.asnumpy() for side in (left, right)]
    places = numpy.union1d(*keys)
    sides = []
    for side, key in zip((left, right), keys):
        values = numpy.zeros(len(places), side.dtype)
        values[numpy.searchsorted(places, key)] = side.data.asnumpy()
        sides.append(values)
    result = compute(*sides)
    kept = numpy.flatnonzero(result)
    rows, columns = numpy.divmod(places[kept], left.shape[1])
    return csr_matrix((result[kept], (rows, columns)), shape=left.shape, ctx=left.context)


def _function(python_name, doc):
    def call(lhs, rhs, out=None, name=None):
        if isinstance(lhs, BaseSparseNDArray) or isinstance(rhs, BaseSparseNDArray):
            result = binary(python_name, lhs, rhs)
        else:
            result = getattr(python_operator, python_name)(lhs, rhs)
        return result if out is None else result.copyto(out)

    call.__doc__ = doc + " Of two sparse arrays of one kind it is sparse."
    return call


add = elemwise_add = _function("add", "The sum of the elements.")
subtract = elemwise_sub = _function("sub", "The difference of the elements.")
multiply = elemwise_mul = _function("mul", "The product of the elements.")
divide = elemwise_div = _function("truediv", "The quotient of the elements; dense for two sparse arrays.")


# --- Products ---


class _Product(autograd.Function):
    """A csr matrix, given by its parts and number of columns, or its transpose, times a dense matrix."""

    def __init__(self, parts, width, transpose):
        super().__init__()
        self._parts, self._width, self._transpose = parts, width, transpose
        self._by_rows = False

    def forward(self, dense):
        self._by_rows = not self._transpose and isinstance(dense.grad, RowSparseNDArray)
        parts = _transposed(*self._parts, self._width) if self._transpose else self._parts
        return nd.array(_product(*parts, dense.asnumpy()), ctx=dense.context, dtype=dense.dtype)

    def backward(self, grad):
        if self._by_rows and not autograd.is_recording():
            values, columns, pointers = self._parts
            rows, numbers = numpy.unique(columns, return_inverse=True)
            sums = _product(*_transposed(values, numbers, pointers, len(rows)), grad.asnumpy())
            return row_sparse_array((sums, rows), shape=(self._width, grad.shape[1]), ctx=grad.context)
        return _Product(self._parts, self._width, not self._transpose)(grad)


def _transposed(values, columns, pointers, width):
    order = numpy.argsort(columns, kind="stable")
    rows = numpy.repeat(numpy.arange(len(pointers) - 1), numpy.diff(pointers))
    found = numpy.concatenate([[0], numpy.cumsum(numpy.bincount(columns, minlength=width))])
    return values[order], rows[order], found


_BLOCK = 1 << 22  # products that are held at once


def _product(values, columns, pointers, dense):
    out = numpy.zeros((len(pointers) - 1, dense.shape[1]), numpy.result_type(values, dense))
    filled = numpy.flatnonzero(numpy.diff(pointers))
    if len(filled):
        width = max(1, _BLOCK // len(values))
        for start in range(0, dense.shape[1], width):
            part = dense[:, start : start + width]
            terms = values[:, None] * part[columns]
            out[filled, start : start + width] = numpy.add.reduceat(terms, pointers[filled], axis=0)
    return out


def dot(lhs, rhs, transpose_a=False, transpose_b=False, forward_stype=None, out=None, name=None):
    """The product of matrices, one of which may be csr.

    Parameters
    ----------
    lhs, rhs : CSRNDArray, RowSparseNDArray or NDArray
        Of two axes; beside a csr matrix `rhs` may be a vector. The gradient of the dense one is there.
    transpose_a, transpose_b : bool
        Take the transpose.
    forward_stype : {'default', 'csr', 'row_sparse'}
        Storage format of the result. None, and not recording: row_sparse for a transposed csr `lhs`, csr for a csr
        `rhs` of a dense matrix; else dense.
    """
    lhs, rhs = (_dense(side) if _is_variable(side) else side for side in (lhs, rhs))
    if isinstance(lhs, CSRNDArray) == isinstance(rhs, CSRNDArray):
        result = nd.dot(_dense(lhs), _dense(rhs), transpose_a=transpose_a, transpose_b=transpose_b)
        wanted = "default"
    elif isinstance(lhs, CSRNDArray):
        result = _csr_times_dense(lhs, _dense(rhs), transpose_a, transpose_b)
        wanted = "row_sparse" if transpose_a and not isinstance(rhs, RowSparseNDArray) else "default"
    else:
        lhs = _dense(lhs).T if transpose_a else _dense(lhs)
        result = _csr_times_dense(rhs, lhs, not transpose_b, True).T
        wanted = "default" if transpose_a else "csr"
    if forward_stype is None and (autograd.is_recording() or len(result.shape) != 2):
        wanted = "default"
    wanted = forward_stype or wanted
    result = result if wanted == "default" else result.tostype(wanted)
    return result if out is None else result.copyto(out)


def _csr_times_dense(matrix, dense, transpose, transpose_dense):
    vector = len(dense.shape) == 1
    if vector:
        dense = dense.reshape((-1, 1))
    elif transpose_dense:
        dense = dense.T
    if len(dense.shape) != 2 or matrix.shape[0 if transpose else 1] != dense.shape[0]:
        raise MXNetError(
            f"dot shape error: {list(matrix.shape)}{'.T' if transpose else ''} X {list(dense.shape)}"
        )
    parts = tuple(part.asnumpy() for part in matrix._parts())
    result = _Product(parts, matrix.shape[1], transpose)(dense)
    return result.reshape((-1,)) if vector else result


# --- The others ---


def retain(data, indices, out=None, name=None):
    """The row-sparse array with only the rows of these numbers; those that it does not have are kept as zeros.

    Parameters
    ----------
    data : RowSparseNDArray
        Array.
    indices : NDArray of one axis
        Numbers of rows.

    Raises
    ------
    IndexError
        When a number is negative or too large.
    """
    data = _dense(data) if _is_variable(data) else data
    if autograd.is_recording() and isinstance(data, nd.NDArray):
        return data * nd.array(numpy.isin(numpy.arange(len(data)), as_numpy(indices))).reshape(
            (-1, *[1] * (data.ndim - 1))
        )
    if not isinstance(data, RowSparseNDArray):
        raise MXNetError("retain: a row_sparse array is required")
    wanted = places_of(indices, data.context).asnumpy()
    outside = (wanted < 0) | (wanted >= data.shape[0])
    if outside.any():
        raise IndexError(f"retain: there is no row {wanted[outside][0]} in an array of {data.shape[0]} rows")
    own = data.indices.asnumpy()
    order = numpy.argsort(own, kind="stable")
    found = numpy.searchsorted(own, wanted, sorter=order)
    values = numpy.zeros((len(wanted), *data.shape[1:]), data.dtype)
    if len(own):
        places = order[numpy.minimum(found, len(own) - 1)]
        hit = own[places] == wanted
        values[hit] = data.data.asnumpy()[places[hit]]
    result = row_sparse_array((values, wanted), shape=data.shape, ctx=data.context)
    return result if out is None else result.copyto(out)


def sum_of_rows(arrays, shape, ctx):
    """The sum of row-sparse arrays of one shape."""
    if len(arrays) == 1:
        return arrays[0].as_in_context(ctx)
    if not arrays:
        return zeros("row_sparse", shape, ctx)
    rows = numpy.concatenate([a.indices.asnumpy() for a in arrays])
    values = numpy.concatenate([a.data.asnumpy() for a in arrays])
    return _rows_with_sums(nd.array(values, ctx=ctx, dtype=values.dtype), rows, shape, ctx)


def _rows_with_sums(values, rows, shape, ctx):
    """The row-sparse array that has `values[i]` added to row `rows[i]`, for all i."""
    found, sums = _core.kernels.take_grad_rows(values, rows, mode="raise", size=shape[0])
    return RowSparseNDArray(sums, found, shape).as_in_context(ctx)


def embedding(function, data, weight, *args, sparse_grad=False, **kwargs):
    """Rows of a table; with `sparse_grad` the gradient of a variable has the rows that were looked up."""
    weight = _dense(weight)
    if not (sparse_grad and autograd.is_recording() and isinstance(weight.grad, RowSparseNDArray)):
        return function(data, weight, *args, sparse_grad=sparse_grad, **kwargs)
    data = nd.array(data) if not isinstance(data, nd.NDArray) else data
    return _Rows(function, data, args, kwargs)(weight)


class _Rows(autograd.Function):
    def __init__(self, function, numbers, args, kwargs):
        super().__init__()
        self._forward = lambda weight: function(numbers, weight, *args, **kwargs)
        self._numbers = numbers.detach().copy()
        self._shape = self._context = None

    def forward(self, weight):
        self._shape, self._context = weight.shape, weight.context
        return self._forward(weight)

    def backward(self, grad):
        if autograd.is_recording():
            return _core.kernels.take_grad(grad, self._numbers, axis=0, mode="raise", size=self._shape[0])
        return _rows_with_sums(grad, self._numbers, self._shape, self._context)


def zeros_like(data, out=None, name=None):
    """Zeros of the shape, dtype, device and storage format of `data`."""
    if not isinstance(data, BaseSparseNDArray):
        return nd.zeros_like(data, out=out)
    result = zeros(data.stype, data.shape, data.context, data.dtype)
    return result if out is None else result.copyto(out)


def clip(data, a_min, a_max, out=None, name=None):
    """Limit elements to [a_min, a_max]; sparse when 0 stays 0."""
    if isinstance(data, BaseSparseNDArray) and a_min <= 0 <= a_max:
        values, *rest = data._parts()
        result = data._like((nd.clip(values, a_min, a_max), *rest))
        return result if out is None else result.copyto(out)
    return nd.clip(_dense(data), a_min, a_max, out=out)


def concat(*data, dim=1, out=None, name=None, num_args=None):
    """Join arrays along an axis; csr matrices one below the other give one."""
    if dim == 0 and all(isinstance(d, CSRNDArray) for d in data):
        sizes = numpy.cumsum([0] + [d.data.shape[0] for d in data])
        pointers = [d.indptr.asnumpy()[1:] + start for d, start in zip(data, sizes)]
        result = csr_matrix(
            (
                numpy.concatenate([d.data.asnumpy() for d in data]),
                numpy.concatenate([d.indices.asnumpy() for d in data]),
                numpy.concatenate([[0], *pointers]),
            ),
            shape=(sum(d.shape[0] for d in data), data[0].shape[1]),
            ctx=data[0].context,
        )
        return result if out is None else result.copyto(out)
    return nd.concat(*map(_dense, data), dim=dim, out=out)


def _slice(data, begin, end, step=None):
    """Rows of a csr matrix, and columns of them."""
    begin, end = (tuple(v) if isinstance(v, (list, tuple)) else (v,) for v in (begin, end))
    if not isinstance(data, CSRNDArray) or any(step or ()):
        return nd.slice(_dense(data), begin=begin, end=end, step=step)
    rows = data[begin[0] : end[0]]
    if len(begin) == 1:
        return rows
    first, last, _ = slice(begin[1], end[1]).indices(data.shape[1])
    columns = rows.indices.asnumpy()
    kept = (columns >= first) & (columns < last)
    return csr_matrix(
        (rows.data.asnumpy()[kept], (rows.row_numbers()[kept], columns[kept] - first)),
        shape=(rows.shape[0], last - first),
        ctx=data.context,
    )


def _sum_all(*args, num_args=None):
    arrays = args[0] if len(args) == 1 and isinstance(args[0], (list, tuple)) else args
    total = arrays[0]
    for other in arrays[1:]:
        total = total + other
    return total.copy() if total is arrays[0] else total


_RULES = {
    "broadcast_add": add,
    "broadcast_sub": subtract,
    "broadcast_mul": multiply,
    "broadcast_div": divide,
    "dot": dot,
    "clip": clip,
    "concat": concat,
    "slice": _slice,
    "add_n": _sum_all,
}


def _is_sparse(value):
    return isinstance(value, BaseSparseNDArray) or (
        isinstance(value, (list, tuple)) and any(isinstance(v, BaseSparseNDArray) for v in value)
    )


def serve(name, function, args, kwargs):
    """The result of an operator when an argument is sparse, else NotImplemented."""
    if name == "embedding" and (
        kwargs.get("sparse_grad") or any(map(_is_sparse, args)) or _is_sparse(kwargs.get("weight"))
    ):
        return embedding(function, *args, **kwargs)
    if not (any(map(_is_sparse, args)) or any(map(_is_sparse, kwargs.values()))):
        return NotImplemented
    if any(map(_is_variable, args)) and name != "dot":
        return function(*map(_dense, args), **{key: _dense(value) for key, value in kwargs.items()})
    if name in _RULES:
        return _RULES[name](*args, **kwargs)
    first = args[0] if args else None
    if name in _KEEP_ZERO and isinstance(first, BaseSparseNDArray):
        data, *rest = first._parts()
        return first._like((function(data), *rest))
    return function(*map(_dense, args), **{key: _dense(value) for key, value in kwargs.items()})


registry.serve_sparse = serve
