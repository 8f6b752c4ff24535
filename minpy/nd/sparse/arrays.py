"""CSRNDArray and RowSparseNDArray.

Invariants: `data`, `indices` and `indptr` are dense NDArrays on one device; `indices` and `indptr` are int64. They are
replaced, never written to in place, so that copies may share them.
"""

import numpy

from minpy import _core, autograd, nd
from minpy.base import MXNetError
from minpy.context import Context

__all__ = ["BaseSparseNDArray", "CSRNDArray", "NotSupportedForSparseNDArray", "RowSparseNDArray"]


class NotSupportedForSparseNDArray(MXNetError):
    """Something that dense arrays have and sparse ones lack."""

    def __init__(self, function, alias, *args):
        name = getattr(function, "__name__", function) + (f" (namely operator '{alias}')" if alias else "")
        given = ", ".join(str(type(a)) for a in args)
        super().__init__(
            f"Function {name}{f' with arguments ({given})' if args else ''} is not supported for SparseNDArray and only"
            " available in NDArray."
        )


def _operators():
    from minpy.nd.sparse import operators

    return operators


def _binary(name, reflected=False):
    def call(self, other):
        left, right = (other, self) if reflected else (self, other)
        return _operators().binary(name, left, right)

    return call


def _in_place(name):
    def call(self, other):
        self._assign(_operators().binary(name, self, other).tostype(self.stype))
        return self

    return call


class BaseSparseNDArray:
    """What sparse arrays have in common.

    Methods that are not defined here are those of the dense array with the same elements.
    """

    __module__ = "minpy.nd.sparse"
    __array_ufunc__ = None  # dense arrays leave operators to this class
    stype = None

    _variable = None  # the dense array that stands for this one in recorded computations
    _owns_variable = False

    def __init__(self, data, indices, shape):
        self.data, self.indices = data, indices
        self.shape = tuple(int(n) for n in shape)

    # --- What it is ---

    @property
    def dtype(self):
        """The type of the elements, as a NumPy class."""
        return self.data.dtype

    @property
    def context(self):
        """The device that holds the array."""
        return self.data.context

    ctx = device = context

    @property
    def ndim(self):
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self):
        """The number of elements, zeros included."""
        return int(numpy.prod(self.shape))

    @property
    def grad(self):
        """The gradient that backward() fills, or None before attach_grad()."""
        return None if self._variable is None else self._variable.grad

    @property
    def T(self):
        """The dense transpose."""
        return self.tostype("default").T

    def attach_grad(self, grad_req="write", stype=None):
        """Make the array a variable: backward() fills `grad`, which is as sparse, or as `stype` says.

        What is computed from it while recording is dense.
        """
        variable = self.tostype("default")
        variable.attach_grad(grad_req, stype or self.stype)
        self._variable, self._owns_variable = variable, True

    def _standing_for(self, whole):
        """The array, with gradients that go to `whole`, of which it has a part."""
        self._variable, self._owns_variable = whole, False
        return self

    def __len__(self):
        return self.shape[0]

    def __repr__(self):
        return f"\n<{type(self).__name__} {'x'.join(map(str, self.shape))} @{self.context}>"

    def __bool__(self):
        return bool(self.tostype("default"))

    __hash__ = object.__hash__

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getattr__(self, name):
        if name.startswith("_") or not hasattr(nd.NDArray, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        operator = getattr(nd, name, None)
        if callable(operator):
            return lambda *args, **kwargs: operator(self, *args, **kwargs)
        return getattr(self.tostype("default"), name)

    def reshape(self, *shape, **kwargs):
        """Not for sparse arrays."""
        raise NotSupportedForSparseNDArray("reshape", None, *shape)

    # --- Conversion ---

    def _parts(self):
        """data, indices and what else there is, in the order of `_made_of`."""
        return (self.data, self.indices)

    def _like(self, parts):
        return type(self)(*parts, self.shape)

    def _assign(self, other):
        """Takes over the elements of an array of the same kind and shape, in the own dtype and on the own device."""
        if other.shape != self.shape:
            raise MXNetError(
                f"Incompatible attr in node  at 0-th output: expected {list(other.shape)}, got {list(self.shape)}"
            )
        moved = other.as_in_context(self.context).astype(self.dtype, copy=False)
        self.__dict__.update({name: v for name, v in vars(moved).items() if not name.startswith("_")})
        if self._owns_variable:
            with autograd.pause():
                self._variable[:] = self.tostype("default")

    # --- As a gradient ---

    def _receive(self, parts, dense, add):
        """Takes over what a backward pass found: sparse arrays and a dense array or None, whose sum it becomes."""
        if add:
            parts = [*parts, self]
        if dense is None and self.stype == "row_sparse":
            self._assign(_operators().sum_of_rows(parts, self.shape, self.context))
            return
        total = nd.zeros(self.shape, ctx=self.context, dtype=self.dtype) if dense is None else dense
        total = _core.to_nd_array(total, _core.context_of(self.data))
        for part in parts:
            total = total + part.tostype("default")
        self._assign(nd.sparse.cast_storage(total, self.stype))

    def asnumpy(self):
        """A numpy.ndarray with all elements, zeros included."""
        raise NotImplementedError

    def asscalar(self):
        """Not for sparse arrays."""
        raise NotSupportedForSparseNDArray("asscalar", None)

    def tostype(self, stype):
        """The array in another storage format: 'default', or its own, of which a copy is made.

        Raises
        ------
        ValueError
            Between 'csr' and 'row_sparse'.
        """
        if stype == self.stype:
            return self.copy()
        if stype == "default":
            return nd.array(self.asnumpy(), ctx=self.context, dtype=self.dtype)
        if stype not in ("csr", "row_sparse"):
            raise MXNetError(
                f"Invalid Input: '{stype}', valid values are: {{'csr', 'default', 'row_sparse'}}"
            )
        raise ValueError(f"cast_storage from {self.stype} to {stype} is not supported")

    def todense(self):
        """The dense array with the same elements."""
        return self.tostype("default")

    def astype(self, dtype, copy=True):
        """The array with elements of another dtype; with copy=False itself when it has that dtype."""
        if not copy and numpy.dtype(dtype) == numpy.dtype(self.dtype):
            return self
        data, *rest = self._parts()
        return self._like((data.astype(dtype), *rest))

    def copy(self):
        """A copy on the same device."""
        return self.copyto(self.context)

    __copy__ = copy

    def __deepcopy__(self, memo):
        return self.copy()

    def copyto(self, other):
        """Copy the elements to an array, which is returned, or to a new one on the device `other`."""
        if isinstance(other, Context):
            return self._like([part.copyto(other) for part in self._parts()])
        if isinstance(other, nd.NDArray):
            other[:] = self.tostype("default")
            return other
        if isinstance(other, BaseSparseNDArray):
            if other.stype != self.stype:
                raise TypeError(f"copyto does not support destination NDArray stype {other.stype}")
            if other is not self:
                other._assign(self)
            return other
        raise TypeError(f"copyto does not support type {type(other)}")

    def as_in_context(self, context):
        """The array itself when it is on that device, else a copy there."""
        return self if self.context == context else self.copyto(context)

    as_in_ctx = to_device = as_in_context

    def detach(self):
        """The array: it has no history."""
        return self

    def as_nd_ndarray(self):
        """The array itself."""
        return self

    def wait_to_read(self):
        """Wait until the elements are there."""
        for part in self._parts():
            part.wait_to_read()

    def __setitem__(self, key, value):
        if key is not Ellipsis and not (isinstance(key, slice) and key == slice(None)):
            raise TypeError(f"{type(self).__name__} only supports [:] for assignment")
        if isinstance(value, BaseSparseNDArray):
            value.copyto(self)
            return
        if isinstance(value, (int, float)) and value == 0:
            self._assign(nd.sparse.zeros(self.stype, self.shape, self.context, self.dtype))
            return
        if isinstance(value, (int, float)):
            value = numpy.full(self.shape, value, self.dtype)
        self._assign(nd.sparse.cast_storage(nd.array(value, dtype=self.dtype), self.stype))

    # --- Arithmetic ---

    def __neg__(self):
        data, *rest = self._parts()
        return self._like((-data, *rest))

    def __abs__(self):
        return nd.abs(self)


for _name in ("add", "sub", "mul", "truediv", "mod", "pow"):
    setattr(BaseSparseNDArray, f"__{_name}__", _binary(_name))
    setattr(BaseSparseNDArray, f"__r{_name}__", _binary(_name, reflected=True))
    setattr(BaseSparseNDArray, f"__i{_name}__", _in_place(_name))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(BaseSparseNDArray, f"__{_name}__", _binary(_name))


class CSRNDArray(BaseSparseNDArray):
    """A matrix in compressed rows: row i has `data[indptr[i]:indptr[i+1]]` in the columns `indices[...]`."""

    __module__ = "minpy.nd.sparse"
    stype = "csr"

    def __init__(self, data, indices, indptr, shape):
        super().__init__(data, indices, shape)
        self.indptr = indptr

    def _parts(self):
        return (self.data, self.indices, self.indptr)

    def __reduce__(self):
        return _rebuild, ("csr_matrix", tuple(p.asnumpy() for p in self._parts()), self.shape)

    def row_numbers(self):
        """The row of each element of `data`, as a numpy.ndarray."""
        return numpy.repeat(numpy.arange(self.shape[0]), numpy.diff(self.indptr.asnumpy()))

    def asnumpy(self):
        """A numpy.ndarray with all elements, zeros included."""
        dense = numpy.zeros(self.shape, self.dtype)
        dense[self.row_numbers(), self.indices.asnumpy()] = self.data.asnumpy()
        return dense

    def asscipy(self):
        """A scipy.sparse.csr_matrix with copies of the elements."""
        from scipy.sparse import csr_matrix

        return csr_matrix(tuple(part.asnumpy() for part in self._parts()), shape=self.shape)

    def __getitem__(self, key):
        rows = self.shape[0]
        if isinstance(key, (int, numpy.integer)):
            if not -rows <= key < rows:
                raise IndexError(f"index {key} is out of bounds for axis 0 with size {rows}")
            begin = int(key) % rows
            return self._rows(begin, begin + 1)
        if isinstance(key, slice):
            if key.step is not None:
                raise ValueError("CSRNDArray only supports continuous slicing on axis 0")
            if key == slice(None):
                return self
            begin, end, _ = key.indices(rows)
            return self._rows(begin, max(begin, end))
        if isinstance(key, tuple):
            raise ValueError("Multi-dimension indexing is not supported")
        raise ValueError(f"Undefined behaviour for {key}")

    def _rows(self, begin, end):
        indptr = self.indptr[begin : end + 1].asnumpy()
        first, last = int(indptr[0]), int(indptr[-1])
        pointers = nd.array(indptr - first, ctx=self.context, dtype=numpy.int64)
        data, indices = (
            self.data[first:last].copy(),
            self.indices[first:last].copy(),
        )
        return CSRNDArray(data, indices, pointers, (end - begin, self.shape[1]))

    def check_format(self, full_check=True):
        """Raise MXNetError when the parts do not make a matrix, such as columns that are not ascending."""
        data, indices, indptr = (part.asnumpy() for part in self._parts())
        if len(indptr) != self.shape[0] + 1 or len(indices) != len(data):
            raise MXNetError(
                "Check failed: err != kCSRShapeErr: Shape mismatch of the parts of a csr NDArray"
            )
        if indptr[0] != 0 or indptr[-1] != len(indices) or (numpy.diff(indptr) < 0).any():
            raise MXNetError("Check failed: err != kCSRIndPtrErr: IndPtr of csr NDArray should be non-negative, in"
                             " non-decreasing order, start with 0, and end with value equal with size of indices.")  # fmt: skip
        rows = self.row_numbers()
        falling = (numpy.diff(indices) <= 0) & (numpy.diff(rows) == 0)
        if full_check and (falling.any() or (indices < 0).any() or (indices >= self.shape[1]).any()):
            raise MXNetError("Check failed: err != kCSRIdxErr: Indices of csr NDArray should be non-negative, in ascending"
                             " order per row  and less than the number of columns.")  # fmt: skip


class RowSparseNDArray(BaseSparseNDArray):
    """An array of which only some rows are kept: row `indices[i]` is `data[i]`, the others are zero."""

    __module__ = "minpy.nd.sparse"
    stype = "row_sparse"

    def __reduce__(self):
        return _rebuild, ("row_sparse_array", tuple(p.asnumpy() for p in self._parts()), self.shape)

    def asnumpy(self):
        """A numpy.ndarray with all elements, zeros included."""
        dense = numpy.zeros(self.shape, self.dtype)
        dense[self.indices.asnumpy()] = self.data.asnumpy()
        return dense

    def __getitem__(self, key):
        if isinstance(key, slice):
            if key == slice(None):
                return self
            raise ValueError("RowSparseNDArray only supports [:] for __getitem__")
        raise TypeError(
            f"__getitem__ with {type(key).__name__} key is not implemented for RowSparseNDArray yet"
        )

    def retain(self, indices):
        """The array with only these rows, see `sparse.retain`."""
        return _operators().retain(self, indices)

    def check_format(self, full_check=True):
        """Raise MXNetError when the parts do not make an array, such as rows that are not ascending."""
        data, indices = (part.asnumpy() for part in self._parts())
        if len(indices) != len(data) or data.shape[1:] != self.shape[1:]:
            raise MXNetError(
                "Check failed: err != kRSPShapeErr: Shape mismatch of the parts of a row_sparse NDArray"
            )
        falling = (numpy.diff(indices) <= 0).any() or (indices < 0).any() or (indices >= self.shape[0]).any()
        if full_check and falling:
            raise MXNetError("Check failed: err != kRSPIdxErr: Indices of row_sparse NDArray should be non-negative, less"
                             " than the size of first dimension and in ascending order")  # fmt: skip


def _rebuild(maker, parts, shape):
    from minpy.nd import sparse

    makers = {"csr_matrix": sparse.csr_matrix, "row_sparse_array": sparse.row_sparse_array}
    return makers[maker](tuple(parts), shape=shape)
