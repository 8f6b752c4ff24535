"""Attention: fused, and MXNet's operators for its parts."""

import math

import minpy.numpy as np
from minpy import _core, autograd
from minpy._operators.registry import composite, operator

_kernels = _core.kernels


@operator(inputs=4)
def scaled_dot_product_attention(query, key, value, mask=None, causal=False, scale=None):
    """Weigh values by the softmax of scaled products of queries and keys.

    Computes `softmax(scale * query @ key.T + mask) @ value` in blocks: neither scores nor weights are ever stored as a
    whole, forward or in the gradient, which computes the blocks again.

    Parameters
    ----------
    query : ndarray
        Of shape (..., queries, width).
    key : ndarray
        Of shape (..., keys, width).
    value : ndarray
        Of shape (..., keys, value_width). Leading axes of all broadcast.
    mask : ndarray
        Broadcastable to (..., queries, keys). Booleans: True where a query sees a key; numbers are added to the scores.
    causal : bool
        Query i sees only the keys 0 to i.
    scale : float
        None: 1 / sqrt(width).

    Returns
    -------
    ndarray
        Of shape (..., queries, value_width); zero for queries that see no key.

    References
    ----------
    Dao: FlashAttention-2, arXiv:2307.08691.
    """
    query, key, value = np.asarray(query), np.asarray(key), np.asarray(value)
    for name, a in (("query", query), ("key", key), ("value", value)):
        if a.ndim < 2:
            raise ValueError(
                f"scaled_dot_product_attention: {name} must have at least two axes, its shape is {a.shape}"
            )
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1]) if query.shape[-1] else 1.0
    lead = _broadcast(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    query, key, value = (_with_lead(a, lead) for a in (query, key, value))
    if mask is not None:
        mask = np.asarray(mask)
        if mask.dtype == bool:
            mask = np.where(mask, 0.0, -np.inf)
        mask = np.broadcast_to(mask.astype(query.dtype), (*lead, query.shape[-2], key.shape[-2]))
    return _kernels.attention(query, key, value, mask, scale=scale, causal=causal)[0]


def _broadcast(*shapes):
    return shapes[0] if all(s == shapes[0] for s in shapes) else np.broadcast_shapes(*shapes)


def _with_lead(a, lead):
    return a if a.shape[:-2] == lead else np.broadcast_to(a, (*lead, *a.shape[-2:]))


@composite("attention")
def _attention(query, key, value, mask, scale, causal):
    scores = scale * _kernels.gemm(query, key, transpose_b=True)
    if mask is not None:
        scores = scores + mask
    if causal:
        queries, keys = scores.shape[-2:]
        seen = np.expand_dims(np.arange(keys), 0) <= np.expand_dims(np.arange(queries), 1)
        scores = np.where(seen, scores, -np.inf)
    with autograd.pause():
        most = np.max(scores, axis=-1, keepdims=True)
        most = np.where(most == -np.inf, 0.0, most)
    weights = np.exp(scores - most)
    total = np.sum(weights, axis=-1, keepdims=True)
    return _kernels.gemm(weights / np.where(total == 0, 1.0, total), value), None


@operator("_contrib_div_sqrt_dim")
def div_sqrt_dim(data):
    """Divide by the square root of the length of the last axis.

    Parameters
    ----------
    data : ndarray
        Of shape (..., n).

    Returns
    -------
    ndarray
        Of the shape of `data`.
    """
    return data / math.sqrt(np.shape(data)[-1])


def _split(name, data, heads, parts):
    """(length, batch, heads * parts * width) as `parts` views (batch, heads, length, width)."""
    data = np.asarray(data)
    if data.ndim != 3 or heads < 1 or data.shape[2] % (heads * parts):
        raise ValueError(
            f"{name}: an array of shape (length, batch, heads * {parts} * width) is required with heads={heads}, its"
            f" shape is {data.shape}"
        )
    length, batch, features = data.shape
    split = np.reshape(data, (length, batch, heads, parts, features // (heads * parts)))
    return [np.transpose(split[:, :, :, i], (1, 2, 0, 3)) for i in range(parts)]


def _scores(queries, keys):
    batch, heads, length, width = queries.shape
    scores = _kernels.gemm(queries * (1 / math.sqrt(width)), keys, transpose_b=True)
    return np.reshape(scores, (batch * heads, length, keys.shape[2]))


def _weighted(name, attention, values):
    batch, heads, keys, width = values.shape
    shape = np.shape(attention)
    if len(shape) != 3 or shape[0] != batch * heads or shape[2] != keys:
        raise ValueError(
            f"{name}: attention must have shape ({batch * heads}, queries, {keys}), its shape is {shape}"
        )
    out = _kernels.gemm(np.reshape(attention, (batch, heads, shape[1], keys)), values)
    return np.reshape(np.transpose(out, (2, 0, 1, 3)), (shape[1], batch, heads * width))


@operator("_contrib_interleaved_matmul_selfatt_qk")
def interleaved_matmul_selfatt_qk(queries_keys_values, heads):
    """Multiply queries by keys that lie side by side, for self-attention.

    Parameters
    ----------
    queries_keys_values : ndarray
        Of shape (length, batch, heads * 3 * width): for each head its query, key and value.
    heads : int
        The number of heads.

    Returns
    -------
    ndarray
        The products divided by sqrt(width), of shape (batch * heads, length, length).
    """
    q, k, _ = _split("interleaved_matmul_selfatt_qk", queries_keys_values, heads, 3)
    return _scores(q, k)


@operator("_contrib_interleaved_matmul_selfatt_valatt", inputs=2)
def interleaved_matmul_selfatt_valatt(queries_keys_values, attention, heads):
    """Weigh values that lie beside queries and keys, for self-attention.

    Parameters
    ----------
    queries_keys_values : ndarray
        Of shape (length, batch, heads * 3 * width): for each head its query, key and value.
    attention : ndarray
        The weights, of shape (batch * heads, length, length).
    heads : int
        The number of heads.

    Returns
    -------
    ndarray
        Of shape (length, batch, heads * width).
    """
    name = "interleaved_matmul_selfatt_valatt"
    return _weighted(name, attention, _split(name, queries_keys_values, heads, 3)[2])


@operator("_contrib_interleaved_matmul_encdec_qk", inputs=2)
def interleaved_matmul_encdec_qk(queries, keys_values, heads):
    """Multiply queries by keys that lie beside values, for attention between encoder and decoder.

    Parameters
    ----------
    queries : ndarray
        Of shape (queries, batch, heads * width).
    keys_values : ndarray
        Of shape (keys, batch, heads * 2 * width): for each head its key and value.
    heads : int
        The number of heads.

    Returns
    -------
    ndarray
        The products divided by sqrt(width), of shape (batch * heads, queries, keys).
    """
    name = "interleaved_matmul_encdec_qk"
    return _scores(_split(name, queries, heads, 1)[0], _split(name, keys_values, heads, 2)[0])


@operator("_contrib_interleaved_matmul_encdec_valatt", inputs=2)
def interleaved_matmul_encdec_valatt(keys_values, attention, heads):
    """Weigh values that lie beside keys, for attention between encoder and decoder.

    Parameters
    ----------
    keys_values : ndarray
        Of shape (keys, batch, heads * 2 * width): for each head its key and value.
    attention : ndarray
        The weights, of shape (batch * heads, queries, keys).
    heads : int
        The number of heads.

    Returns
    -------
    ndarray
        Of shape (queries, batch, heads * width).
    """
    name = "interleaved_matmul_encdec_valatt"
    return _weighted(name, attention, _split(name, keys_values, heads, 2)[1])
