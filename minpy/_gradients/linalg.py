"""Matrix decompositions, inverses and what is made of them.

Decompositions have formulas; everything else is written in their terms. The formulas are the textbook ones, for
the pairing Re tr(G^H dA); in minpy's convention (no conjugation, as in HIPS autograd and JAX) gradients are the
conjugates of those, hence the conjugations at entry and exit.
"""

import numpy

import minpy.numpy as np
from minpy._gradients.products import tensordot
from minpy._gradients.registry import (
    composite,
    defgrad,
    direct,
    record_composite,
    record_formula,
    record_opaque,
)


def transposed(a):
    return np.swapaxes(a, -1, -2)


def adjoint(a):
    return np.conj(np.swapaxes(a, -1, -2))


def diagonal_of(a):
    return np.diagonal(a, 0, -2, -1)


def as_diagonal(v):
    """Square matrices with the vectors `v` on their diagonals."""
    return v[..., None] * np.eye(v.shape[-1], dtype=bool)


def lower(a):
    """The lower triangles, with half of the diagonals."""
    n = a.shape[-1]
    return a * np.asarray(numpy.tril(numpy.ones((n, n))) - 0.5 * numpy.eye(n))


def inverse_differences(v):
    """1 / (v_j - v_i) off the diagonal; 0 on it and for equal values."""
    differences = v[..., None, :] - v[..., :, None]
    equal = differences == 0
    return np.where(equal, 0.0, 1.0) / np.where(equal, np.ones((), dtype=v.dtype), differences)


# --- Inverses and equations ---


@defgrad("linalg.inv")
def inv(g, outputs, a):
    b = transposed(outputs)
    return -np.matmul(np.matmul(b, g), b)


@defgrad("linalg.solve")
def solve(g, outputs, a, b):
    transpose = transposed(np.asarray(a))
    if np.ndim(b) == 1:
        g_b = np.linalg.solve(transpose, g[..., None])[..., 0]
        return -g_b[..., :, None] * outputs[..., None, :], g_b
    g_b = np.linalg.solve(transpose, g)
    return -np.matmul(g_b, transposed(outputs)), g_b


@defgrad("linalg.det")
def det(g, outputs, a):
    return (g * outputs)[..., None, None] * transposed(np.linalg.inv(a))


@defgrad("linalg.slogdet")
def slogdet(g, outputs, a):
    g_sign, g_log = g
    factor = g_log
    if numpy.dtype(outputs[0].dtype).kind == "c":
        factor = g_log + 1j * np.imag(g_sign * outputs[0])
    return factor[..., None, None] * transposed(np.linalg.inv(a))


@defgrad("linalg.pinv")
def pinv(g, outputs, a, rcond=None, hermitian=False, *, rtol=None):
    p, g_t = outputs, transposed(g)
    left = np.matmul(g_t - np.matmul(np.matmul(a, p), g_t), np.matmul(p, adjoint(p)))
    right = np.matmul(np.matmul(adjoint(p), p), g_t - np.matmul(g_t, np.matmul(p, a)))
    return np.conj(left + right) - transposed(np.matmul(np.matmul(p, g_t), p))


@composite("linalg.tensorinv")
def tensorinv(a, ind=2):
    rows = int(numpy.prod(a.shape[:ind]))
    return np.reshape(np.linalg.inv(np.reshape(a, (rows, -1))), a.shape[ind:] + a.shape[:ind])


@composite("linalg.tensorsolve")
def tensorsolve(a, b, axes=None):
    a, b = np.asarray(a), np.asarray(b)
    if axes is not None:
        last = [k % a.ndim for k in axes]
        a = np.transpose(a, [k for k in range(a.ndim) if k not in last] + last)
    shape = a.shape[b.ndim :]
    return np.reshape(np.linalg.solve(np.reshape(a, (b.size, -1)), np.ravel(b)), shape)


@composite("linalg.lstsq")
def lstsq(a, b, rcond=None):
    a, b = np.asarray(a), np.asarray(b)
    cutoff = rcond if isinstance(rcond, float) else max(a.shape) * float(numpy.finfo(a.dtype).eps)
    x = tensordot(np.linalg.pinv(a, rcond=cutoff), b, 1)
    rank = int(numpy.linalg.lstsq(numpy.asarray(a.detach()), numpy.asarray(b.detach()), rcond)[2])
    if rank == a.shape[1] < a.shape[0]:
        rest = b - tensordot(a, x, 1)
        residuals = np.sum(np.real(rest * np.conj(rest)), axis=0, keepdims=b.ndim == 1)
    else:
        residuals = np.zeros(0)
    return x, residuals, None, np.linalg.svd(a, compute_uv=False)


@composite("linalg.matrix_power")
def matrix_power(a, n):
    a = np.asarray(a)
    if n == 0:
        return np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape) + 0 * a
    base, n = (np.linalg.inv(a), -n) if n < 0 else (a, n)
    result = None
    while n:
        if n & 1:
            result = base if result is None else np.matmul(result, base)
        n >>= 1
        base = np.matmul(base, base) if n else base
    return result


# --- Decompositions ---


def _from_lower_triangle(g):
    """The gradient of a function that reads the lower triangle of a Hermitian matrix, from that of the matrix."""
    return lower(g + adjoint(g))


def _hermitian_gradient(g, upper):
    """The gradient by the triangle that NumPy reads, from the (not symmetric) gradient by the whole matrix."""
    g = _from_lower_triangle(g)
    return np.conj(adjoint(g) if upper else g)


@defgrad("linalg.cholesky")
def cholesky(g, outputs, a, /, *, upper=False):
    factor, g = (adjoint(outputs), adjoint(np.conj(g))) if upper else (outputs, np.conj(g))
    middle = lower(np.matmul(adjoint(factor), g))
    inverse = np.linalg.inv(factor)
    return _hermitian_gradient(np.matmul(np.matmul(adjoint(inverse), middle), inverse), upper)


@defgrad("linalg.eigh")
def eigh(g, outputs, a, UPLO="L"):
    w, v = outputs
    g_w, g_v = g
    middle = as_diagonal(g_w) + np.matmul(adjoint(v), np.conj(g_v)) * inverse_differences(w)
    return _hermitian_gradient(np.matmul(np.matmul(v, middle), adjoint(v)), UPLO.upper() == "U")


@composite("linalg.eigvalsh")
def eigvalsh(a, UPLO="L"):
    return np.linalg.eigh(a, UPLO)[0]


def _phase_gradient(v, g):
    """What LAPACK's choice of the vectors' phase adds to their gradient: the largest component is real."""
    size = numpy.abs(numpy.asarray(v.detach()))
    largest = np.asarray(numpy.arange(size.shape[-2])[:, None] == numpy.argmax(size, axis=-2)[..., None, :])
    turn = np.imag(np.sum(np.conj(g) * v, axis=-2, keepdims=True))
    return np.where(largest, 1j * turn / np.where(largest, np.real(v), 1.0), 0.0)


@defgrad("linalg.eig")
def eig(g, outputs, a):
    w, v = outputs
    g_w, g_v = (np.conj(part) for part in g)
    if numpy.dtype(v.dtype).kind == "c":
        g_v = g_v + _phase_gradient(v, g_v)
    projected = np.matmul(adjoint(v), g_v)
    length = np.real(diagonal_of(projected))[..., None, :]  # NumPy scales the vectors to length 1
    middle = (projected - np.matmul(adjoint(v), v) * length) * np.conj(inverse_differences(w)) + as_diagonal(
        g_w
    )
    return np.conj(np.matmul(np.linalg.solve(adjoint(v), middle), adjoint(v)))


@composite("linalg.eigvals")
def eigvals(a):
    return np.linalg.eig(a)[0]


def _svd_core(g_u, g_s, g_vh, u, s, vh):
    """The gradient by U^H A V."""
    left, right = np.matmul(adjoint(u), g_u), np.matmul(vh, adjoint(g_vh))
    left, right = left - adjoint(left), right - adjoint(right)
    rows, columns = s[..., :, None], s[..., None, :]
    core = (left * columns + rows * right) * inverse_differences(s * s) + as_diagonal(g_s)
    return core + as_diagonal(diagonal_of(left) / (2 * s)) if numpy.dtype(u.dtype).kind == "c" else core


def svd_vjp(g, outputs, a, full_matrices=True, compute_uv=True, hermitian=False):
    u, s, vh = outputs
    g_u, g_s, g_vh = (np.conj(part) for part in g)
    k = s.shape[-1]
    for rest in (g_u[..., k:], g_vh[..., k:, :]):
        if full_matrices and numpy.asarray(rest.detach()).any():
            raise NotImplementedError(
                "numpy.linalg.svd: singular vectors beyond the singular values have no gradient; use full_matrices=False"
            )
    u, vh, g_u, g_vh = u[..., :k], vh[..., :k, :], g_u[..., :k], g_vh[..., :k, :]
    inner = np.matmul(_svd_core(g_u, g_s, g_vh, u, s, vh), vh)
    if a.shape[-1] > k:
        scaled = g_vh / s[..., :, None]
        inner = inner + scaled - np.matmul(np.matmul(scaled, adjoint(vh)), vh)
    result = np.matmul(u, inner)
    if a.shape[-2] > k:
        scaled = g_u / s[..., None, :]
        result = result + np.matmul(scaled - np.matmul(u, np.matmul(adjoint(u), scaled)), vh)
    return np.conj(result)


@direct("linalg.svd")
def svd(fallback, a, full_matrices=True, compute_uv=True, hermitian=False):
    if compute_uv:
        return record_formula(svd_vjp, fallback, (a, full_matrices, compute_uv, hermitian), {})
    value = fallback.call_numpy(a, full_matrices, compute_uv, hermitian)
    return record_composite(svdvals, fallback.__name__, value, (a,), {})


@composite("linalg.svdvals")
def svdvals(x, /):
    return np.linalg.svd(x, full_matrices=False)[1]


def _qr_tall(g, outputs, a, mode="reduced"):
    q, r = outputs
    g_q, g_r = (np.conj(part) for part in g)
    n = r.shape[-1]
    middle = (np.matmul(g_r, adjoint(r)) - np.matmul(adjoint(q), g_q)) * np.asarray(
        numpy.triu(numpy.ones((n, n))) - 0.5 * numpy.eye(n)
    )
    right = g_q + np.matmul(q, middle + adjoint(middle))
    return np.conj(adjoint(np.linalg.solve(r, adjoint(right))))


def _qr_wide(a, mode):
    square, rest = a[..., : a.shape[-2]], a[..., a.shape[-2] :]
    q, r = np.linalg.qr(square)
    return q, np.concatenate([r, np.matmul(adjoint(q), rest)], axis=-1)


@direct("linalg.qr")
def qr(fallback, a, mode="reduced"):
    rows, columns = a.shape[-2:]
    if mode == "r":
        return record_composite(
            lambda a: np.linalg.qr(a)[1], "linalg.qr", fallback.call_numpy(a, mode), (a,), {}
        )
    if mode == "raw" or (mode == "complete" and rows > columns):
        return record_opaque(fallback, (a, mode), {})
    if rows >= columns:
        return record_formula(_qr_tall, fallback, (a, mode), {})
    return record_composite(_qr_wide, "linalg.qr", fallback.call_numpy(a, mode), (a, mode), {})
