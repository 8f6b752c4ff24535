"""Random arrays, shapes and matrices for tests, drawn from NumPy's global generator."""

import numpy

from minpy import nd
from minpy.test_utils._comparison import default_context, default_dtype

__all__ = [
    "assign_each",
    "assign_each2",
    "collapse_sum_like",
    "create_2d_tensor",
    "create_vector",
    "get_identity_mat",
    "get_identity_mat_batch",
    "new_matrix_with_real_eigvals_2d",
    "new_matrix_with_real_eigvals_nd",
    "new_orthonormal_matrix_2d",
    "new_sym_matrix_with_real_eigvals_2d",
    "new_sym_matrix_with_real_eigvals_nd",
    "np_reduce",
    "rand_coord_2d",
    "rand_ndarray",
    "rand_shape_2d",
    "rand_shape_3d",
    "rand_shape_nd",
    "random_arrays",
    "random_sample",
    "random_uniform_arrays",
]


def random_arrays(*shapes):
    """Arrays of normal numbers, float32; the array itself when only one shape is given."""
    arrays = [numpy.array(numpy.random.randn(*shape), dtype=default_dtype()) for shape in shapes]
    return arrays[0] if len(arrays) == 1 else arrays


def random_uniform_arrays(*shapes, low=0.0, high=1.0, dtype=None):
    """A list of arrays of uniform numbers."""
    return [numpy.random.uniform(low, high, shape).astype(dtype or default_dtype()) for shape in shapes]


def random_sample(population, k):
    """k elements of a sequence in random order, each at most once."""
    assert 0 <= k <= len(population)
    chosen = population[:]
    numpy.random.shuffle(chosen)
    return chosen[:k]


def rand_ndarray(
    shape,
    stype="default",
    density=None,
    dtype=None,
    modifier_func=None,
    shuffle_csr_indices=False,
    distribution=None,
    ctx=None,
):
    """An NDArray of normal numbers.

    Parameters
    ----------
    shape : tuple of int
    stype : {'default'}
    dtype : dtype
    ctx : Context
        By default the current one.
    density, modifier_func, shuffle_csr_indices, distribution
        Of sparse arrays only.

    Raises
    ------
    NotImplementedError
        For sparse storage.
    """
    if stype != "default":
        raise NotImplementedError(f"rand_ndarray makes dense arrays, stype={stype!r} was asked for")
    return nd.array(random_arrays(shape), dtype=dtype, ctx=ctx or default_context())


def rand_shape_2d(dim0=10, dim1=10, allow_zero_size=False):
    """A random shape of two axes, each at most as long as given."""
    return _rand_shape(allow_zero_size, dim0, dim1)


def rand_shape_3d(dim0=10, dim1=10, dim2=10, allow_zero_size=False):
    """A random shape of three axes, each at most as long as given."""
    return _rand_shape(allow_zero_size, dim0, dim1, dim2)


def rand_shape_nd(num_dim, dim=10, allow_zero_size=False):
    """A random shape of `num_dim` axes, each at most `dim` long."""
    return tuple(int(n) for n in numpy.random.randint(0 if allow_zero_size else 1, dim + 1, size=num_dim))


def _rand_shape(allow_zero_size, *longest):
    return tuple(int(numpy.random.randint(0 if allow_zero_size else 1, n + 1)) for n in longest)


def rand_coord_2d(x_low, x_high, y_low, y_high):
    """Two random integers, each from its range."""
    return tuple(
        numpy.random.randint(low, high, dtype=numpy.int64) for low, high in ((x_low, x_high), (y_low, y_high))
    )


def assign_each(the_input, function):
    """What a function makes of each element; a copy for None."""
    if function is None:
        return numpy.array(the_input)
    return numpy.array([function(x) for x in numpy.ravel(the_input)], dtype=float).reshape(
        numpy.shape(the_input)
    )


def assign_each2(input1, input2, function):
    """What a function makes of each pair of elements; a copy of the first array for None."""
    if function is None:
        return numpy.array(input1)
    assert input1.shape == input2.shape
    pairs = zip(numpy.ravel(input1), numpy.ravel(input2), strict=True)
    return numpy.array([function(x, y) for x, y in pairs], dtype=float).reshape(input1.shape)


def create_2d_tensor(rows, columns, dtype=numpy.int64):
    """An array whose element (i, j) is i."""
    return nd.broadcast_to(nd.arange(0, rows, dtype=dtype).reshape((rows, 1)), shape=(rows, columns))


def create_vector(size, dtype=numpy.int64):
    """The numbers 0 to size - 1."""
    return nd.arange(0, size, dtype=dtype)


def get_identity_mat(size):
    """Ones on the diagonal, else zeros."""
    return nd.eye(size)


def get_identity_mat_batch(size):
    """Two of `get_identity_mat`."""
    return nd.array([numpy.eye(size)] * 2)


def np_reduce(dat, axis, keepdims, numpy_reduce_func):
    """A reduction of NumPy over several axes, one after the other.

    Parameters
    ----------
    dat : numpy.ndarray
    axis : int, list of int, or None for all
    keepdims : bool
    numpy_reduce_func : callable
        Such as numpy.sum.
    """
    axes = range(dat.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    axes = sorted((i % dat.ndim for i in axes), reverse=True)
    result = dat
    for i in axes:
        result = numpy_reduce_func(result, axis=i)
    return numpy.expand_dims(result, tuple(axes)) if keepdims else result


def collapse_sum_like(a, shape):
    """The sum over the axes along which an array of `shape` would be broadcast to `a`."""
    assert a.ndim >= len(shape)
    if a.size == 0 or numpy.prod(shape) == 0:
        return numpy.zeros(shape, dtype=a.dtype)
    extra = a.ndim - len(shape)
    axes = list(range(extra))
    for i, length in enumerate(shape, extra):
        if length != a.shape[i]:
            assert length == 1
            axes.append(i)
    return numpy.sum(a, axis=tuple(axes)).reshape(shape)


def new_matrix_with_real_eigvals_2d(n):
    """A well-conditioned n by n matrix with real eigenvalues between -10 and 10."""
    while True:
        v = numpy.random.uniform(-1.0, 1.0, (n, 1))
        v /= numpy.linalg.norm(v)
        basis = (numpy.eye(n) - 2 * v @ v.T) * numpy.random.uniform(-1.0, 1.0, n)
        if numpy.linalg.cond(basis, 2) < 3:
            break
    return numpy.linalg.inv(basis) * numpy.random.uniform(-10.0, 10.0, n) @ basis


def new_orthonormal_matrix_2d(n):
    """An n by n matrix whose inverse is its transpose."""
    x = numpy.random.randn(n, n)
    return numpy.linalg.qr(x.T @ x)[0]


def new_sym_matrix_with_real_eigvals_2d(n):
    """A symmetric n by n matrix with eigenvalues between -10 and 10."""
    q = new_orthonormal_matrix_2d(n)
    return q.T * numpy.random.uniform(-10.0, 10.0, n) @ q


def _stacked(matrix, shape):
    count = int(numpy.prod(shape[:-2]))
    return numpy.array([matrix(shape[-1]) for _ in range(count)]).reshape(shape)


def new_matrix_with_real_eigvals_nd(shape):
    """Matrices of `new_matrix_with_real_eigvals_2d` in an array of a shape."""
    return _stacked(new_matrix_with_real_eigvals_2d, shape)


def new_sym_matrix_with_real_eigvals_nd(shape):
    """Matrices of `new_sym_matrix_with_real_eigvals_2d` in an array of a shape."""
    return _stacked(new_sym_matrix_with_real_eigvals_2d, shape)
