"""Matrix products, and the layer made of one."""

import math

import minpy.numpy as np
from minpy import _core
from minpy._operators.registry import operator

_kernels = _core.kernels


@operator("FullyConnected", inputs=3)
def fully_connected(data, weight, bias=None, num_hidden=None, no_bias=False, flatten=True, act_type=None):
    """Apply a linear map: `data @ weight.T + bias`.

    Parameters
    ----------
    data : ndarray
        Of shape (batch, ...) with `flatten`, whose axes after the first count as one; else (..., features).
    weight : ndarray
        Of shape (num_hidden, features).
    bias : ndarray
        Of shape (num_hidden,); required unless `no_bias`.
    num_hidden : int
        The number of results; None: as many as `weight` has rows.
    no_bias : bool
        Add no bias.
    flatten : bool
        See `data`.
    act_type : {None, 'relu', 'tanh', 'sigmoid'}
        What is applied to the results, in the same pass.

    Returns
    -------
    ndarray
        Of shape (batch, num_hidden) with `flatten`, else (..., num_hidden).
    """
    if bias is None and not no_bias:
        raise TypeError("fully_connected: a bias is required; without one, pass no_bias=True")
    shape, hidden = np.shape(data), np.shape(weight)[0]
    if not shape:
        raise ValueError("fully_connected: data must have at least one axis")
    if num_hidden is not None and num_hidden != hidden:
        raise ValueError(
            f"fully_connected: weight must have num_hidden={num_hidden} rows, its shape is {np.shape(weight)}"
        )
    lead = shape[:1] if flatten else shape[:-1]
    rows = math.prod(lead)
    x = np.reshape(data, (rows, math.prod(shape[len(lead) :])))
    out = _kernels.fully_connected(x, weight, None if no_bias else bias, act_type=act_type or "")
    return np.reshape(out, (*lead, hidden))


@operator("batch_dot", inputs=2)
def batch_dot(lhs, rhs, transpose_a=False, transpose_b=False, forward_stype=None):
    """Multiply the matrices of two stacks.

    Parameters
    ----------
    lhs, rhs : ndarray
        Of shapes (..., m, k) and (..., k, n) after transposition, with the same leading axes.
    transpose_a, transpose_b : bool
        Transpose the matrices of that operand first; nothing is copied.
    forward_stype : str
        Results are dense: None or 'default'.

    Returns
    -------
    ndarray
        Of shape (..., m, n).
    """
    _require_dense("batch_dot", forward_stype)
    return _kernels.gemm(lhs, rhs, transpose_a=transpose_a, transpose_b=transpose_b)


@operator("dot", inputs=2)
def dot(lhs, rhs, transpose_a=False, transpose_b=False, forward_stype=None):
    """Sum products over the last axis of `lhs` and the first axis of `rhs`, as MXNet's `dot`.

    Parameters
    ----------
    lhs, rhs : ndarray
        Of any number of axes, at least one.
    transpose_a : bool
        Sum over the first axis of `lhs` instead.
    transpose_b : bool
        Sum over the last axis of `rhs` instead.
    forward_stype : str
        Results are dense: None or 'default'.

    Returns
    -------
    ndarray
        The other axes of `lhs`, then those of `rhs`.
    """
    _require_dense("dot", forward_stype)
    a, b = np.shape(lhs), np.shape(rhs)
    if not a or not b:
        raise ValueError("dot: both operands must have at least one axis")
    summed_a, summed_b = a[0 if transpose_a else -1], b[-1 if transpose_b else 0]
    if summed_a != summed_b:
        raise ValueError(
            f"dot: shapes {a} (transpose_a={bool(transpose_a)}) and {b} (transpose_b={bool(transpose_b)}) do not fit:"
            f" {summed_a} != {summed_b}"
        )
    free_a, free_b = (a[1:] if transpose_a else a[:-1]), (b[:-1] if transpose_b else b[1:])
    m, n = math.prod(free_a), math.prod(free_b)
    x = np.reshape(lhs, (summed_a, m) if transpose_a else (m, summed_a))
    y = np.reshape(rhs, (n, summed_b) if transpose_b else (summed_b, n))
    out = _kernels.gemm(x, y, transpose_a=transpose_a, transpose_b=transpose_b)
    return np.reshape(out, (*free_a, *free_b))


@operator("_linalg_gemm2", "linalg_gemm2", inputs=2)
def linalg_gemm2(A, B, transpose_a=False, transpose_b=False, alpha=1.0, axis=-2):
    """Multiply the matrices of two stacks by each other and by `alpha`.

    Parameters
    ----------
    A, B : ndarray
        Of shapes (..., m, k) and (..., k, n) after transposition, with the same leading axes.
    transpose_a, transpose_b : bool
        Transpose the matrices of that operand first; nothing is copied.
    alpha : float
        Factor of the result.
    axis : int
        The axis of the rows of all matrices; the columns are the last axis.

    Returns
    -------
    ndarray
        Of shape (..., m, n).
    """
    if axis != -2:
        A, B = np.moveaxis(A, axis, -2), np.moveaxis(B, axis, -2)
    out = _kernels.gemm(A, B, transpose_a=transpose_a, transpose_b=transpose_b)
    if alpha != 1:
        out = out * float(alpha)
    return out if axis == -2 else np.moveaxis(out, -2, axis)


@operator("_linalg_gemm", "linalg_gemm", inputs=3)
def linalg_gemm(A, B, C, transpose_a=False, transpose_b=False, alpha=1.0, beta=1.0, axis=-2):
    """Multiply the matrices of two stacks and add a third: `alpha * A @ B + beta * C`.

    Parameters
    ----------
    A, B, C : ndarray
        Of shapes (..., m, k), (..., k, n) and (..., m, n) after transposition, with the same leading axes.
    transpose_a, transpose_b : bool
        Transpose the matrices of that operand first; nothing is copied.
    alpha, beta : float
        Factors of the product and of `C`.
    axis : int
        The axis of the rows of all matrices; the columns are the last axis.

    Returns
    -------
    ndarray
        Of the shape of `C`.
    """
    out = linalg_gemm2(A, B, transpose_a, transpose_b, alpha, axis)
    if np.shape(C) != out.shape:
        raise ValueError(f"linalg_gemm: C must have the shape of the product, {out.shape}, not {np.shape(C)}")
    return out + (C if beta == 1 else C * float(beta))


def _require_dense(name, forward_stype):
    if forward_stype not in (None, "default"):
        raise ValueError(
            f"{name}: forward_stype must be None or 'default' for dense arrays, got {forward_stype!r}"
        )
