"""MXNet's linear algebra on stacks of matrices: factorisations, triangular products and equations, triangles.

All compose operations of minpy.numpy, so that they have gradients of every order. Factorisations of symmetric matrices
have symmetric gradients; triangular operands have gradients in their triangle.
"""

import math

import numpy

import minpy.numpy as np
from minpy._operators.reduction import finish
from minpy._operators.registry import operator
from minpy._operators.repetition import beside


def _linalg(name, inputs=1):
    return operator(f"_linalg_{name}", f"linalg_{name}", inputs=inputs, npx=False)


def _transposed(a):
    return np.swapaxes(a, -1, -2)


def _triangle(a, lower):
    return np.tril(a) if lower else np.triu(a)


def _symmetric(a):
    return (a + _transposed(a)) * 0.5


def _vector(result, a):
    """One number for each matrix; outside of NumPy shape semantics a single one has shape (1,)."""
    axes = (np.ndim(a) - 2, np.ndim(a) - 1)
    return beside(a, finish(np.reshape(result, (*np.shape(a)[:-2], 1, 1)), a, axes, False))


def _square(name, a):
    shape = np.shape(a)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError(f"linalg_{name}: square matrices are required, the shape is {shape}")


@_linalg("potrf")
def linalg_potrf(A):
    """The lower triangular L with L L^T = A, of symmetric positive definite matrices."""
    _square("potrf", A)
    return np.linalg.cholesky(_symmetric(A))


@_linalg("potri")
def linalg_potri(A):
    """The inverses of L L^T, from lower triangular matrices L."""
    _square("potri", A)
    inverse = np.linalg.inv(np.tril(A))
    return np.matmul(_transposed(inverse), inverse)


@_linalg("trmm", inputs=2)
def linalg_trmm(A, B, transpose=False, rightside=False, lower=True, alpha=1.0):
    """Multiply by triangular matrices: alpha * A B, or alpha * B A.

    Parameters
    ----------
    A, B : ndarray
        Stacks of square and of rectangular matrices.
    transpose : bool
        Use A^T.
    rightside : bool
        A is the right factor.
    lower : bool
        Which triangle of A is used; the other counts as zero.
    alpha : float
        A factor.

    Returns
    -------
    ndarray
        Of the shape of B.
    """
    _square("trmm", A)
    triangle = _triangle(A, lower)
    triangle = _transposed(triangle) if transpose else triangle
    out = np.matmul(B, triangle) if rightside else np.matmul(triangle, B)
    return out if alpha == 1 else out * float(alpha)


@_linalg("trsm", inputs=2)
def linalg_trsm(A, B, transpose=False, rightside=False, lower=True, alpha=1.0):
    """Solve triangular equations: X with A X = alpha * B, or X A = alpha * B; parameters as for `linalg_trmm`."""
    _square("trsm", A)
    triangle = _triangle(A, lower)
    if rightside:
        out = _transposed(np.linalg.solve(triangle if transpose else _transposed(triangle), _transposed(B)))
    else:
        out = np.linalg.solve(_transposed(triangle) if transpose else triangle, B)
    return out if alpha == 1 else out * float(alpha)


@_linalg("syrk")
def linalg_syrk(A, transpose=False, alpha=1.0):
    """alpha * A A^T, or alpha * A^T A with `transpose`."""
    left, right = (_transposed(A), A) if transpose else (A, _transposed(A))
    return np.matmul(left, right) * float(alpha)


@_linalg("gelqf")
def linalg_gelqf(A):
    """Q and L with A = L Q, where the rows of Q are orthonormal and L is lower triangular.

    Parameters
    ----------
    A : ndarray
        Of shape (..., m, n), with m at most n.

    Returns
    -------
    list of ndarray
        Q of shape (..., m, n), and L of shape (..., m, m).
    """
    if np.shape(A)[-2] > np.shape(A)[-1]:
        raise ValueError(
            f"linalg_gelqf: at most as many rows as columns are possible, the shape is {np.shape(A)}"
        )
    q, r = np.linalg.qr(_transposed(A))
    return [np.copy(_transposed(q)), np.copy(_transposed(r))]


@_linalg("syevd")
def linalg_syevd(A):
    """Eigenvectors as rows of U, and eigenvalues L in ascending order, with A = U^T diag(L) U.

    The component of each eigenvector that is largest in size is positive.

    Parameters
    ----------
    A : ndarray
        Symmetric matrices, of shape (..., n, n).

    Returns
    -------
    list of ndarray
        U of shape (..., n, n), and L of shape (..., n).
    """
    _square("syevd", A)
    values, vectors = np.linalg.eigh(_symmetric(A))
    rows = _transposed(vectors)
    largest = np.argmax(np.abs(rows.detach()), axis=-1, keepdims=True)
    return [rows * np.sign(np.take_along_axis(rows.detach(), largest, -1)), values]


@_linalg("sumlogdiag")
def linalg_sumlogdiag(A):
    """The sum of the logarithms of the diagonal of each matrix."""
    _square("sumlogdiag", A)
    return _vector(np.sum(np.log(np.diagonal(A, 0, -2, -1)), axis=-1), A)


@_linalg("inverse")
def linalg_inverse(A):
    """The inverse of each matrix."""
    return np.linalg.inv(A)


@_linalg("det")
def linalg_det(A):
    """The determinant of each matrix."""
    return _vector(np.linalg.det(A), A)


@_linalg("slogdet")
def linalg_slogdet(A):
    """The signs of the determinants, and the logarithms of their absolute values."""
    sign, logarithm = np.linalg.slogdet(A)
    return [_vector(sign, A), _vector(logarithm, A)]


# --- Diagonals and triangles as vectors ---


def _diagonal_places(n, offset):
    """The places, in flat matrices of n rows, of a diagonal."""
    rows = numpy.arange(max(0, n - abs(offset)))
    return rows * (n + 1) + (offset if offset > 0 else -offset * n)


def _triangle_places(n, offset, lower):
    """The places of a triangle: the lower one, also of offsets below zero, row by row, the upper one by columns."""
    rows, columns = numpy.tril_indices(n, -abs(offset))
    return rows * n + columns if offset < 0 or (offset == 0 and lower) else columns * n + rows


def _extract(a, places):
    n = np.shape(a)[-1]
    return np.take(np.reshape(a, (*np.shape(a)[:-2], n * n)), np.asarray(places), axis=-1)


def _spread(vectors, places, n):
    """Matrices of n rows with the elements of vectors at the places, zeros elsewhere."""
    count = np.shape(vectors)[-1]
    source = numpy.full(n * n, count)
    source[places] = numpy.arange(count)
    padded = np.concatenate([vectors, np.zeros_like(vectors[..., :1])], axis=-1)
    return np.reshape(np.take(padded, np.asarray(source), axis=-1), (*np.shape(vectors)[:-1], n, n))


@_linalg("extractdiag")
def linalg_extractdiag(A, offset=0):
    """A diagonal of each matrix; those above the main one have a positive `offset`."""
    _square("extractdiag", A)
    return _extract(A, _diagonal_places(np.shape(A)[-1], offset))


@_linalg("makediag")
def linalg_makediag(A, offset=0):
    """Square matrices with the vectors on one of their diagonals."""
    n = np.shape(A)[-1] + abs(offset)
    return _spread(A, _diagonal_places(n, offset), n)


@_linalg("extracttrian")
def linalg_extracttrian(A, offset=0, lower=True):
    """A triangle of each matrix as a vector, the lower one row by row, the upper one column by column.

    Parameters
    ----------
    A : ndarray
        Of shape (..., n, n).
    offset : int
        The diagonal at which the triangle ends: below zero the lower triangle, above zero the upper one.
    lower : bool
        Which triangle, where `offset` is 0.

    Returns
    -------
    ndarray
        Of shape (..., k (k + 1) / 2) with k = n - abs(offset).
    """
    _square("extracttrian", A)
    return _extract(A, _triangle_places(np.shape(A)[-1], offset, lower))


@_linalg("maketrian")
def linalg_maketrian(A, offset=0, lower=True):
    """The triangular matrices from which `linalg_extracttrian` with these arguments makes the vectors."""
    count = np.shape(A)[-1]
    k = (math.isqrt(8 * count + 1) - 1) // 2
    if k * (k + 1) // 2 != count:
        raise ValueError(f"linalg_maketrian: {count} elements do not fill a triangle")
    n = k + abs(offset)
    return _spread(A, _triangle_places(n, offset, lower), n)
