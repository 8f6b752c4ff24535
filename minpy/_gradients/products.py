"""Products of arrays: inner, outer, tensordot, einsum, kron, cross and the like."""

import functools

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._gradients.registry import composite, direct, record


@composite("inner")
def inner(a, b):
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    return tensordot(a, b, (-1, -1))


@composite("outer", "linalg.outer")
def outer(a, b, out=None):
    return np.ravel(np.asarray(a))[:, None] * np.ravel(np.asarray(b))


@composite("vdot")
def vdot(a, b):
    return np.sum(np.conj(np.ravel(np.asarray(a))) * np.ravel(np.asarray(b)))


@composite("vecdot", "linalg.vecdot")
def vecdot(a, b, axis=-1, **kwargs):
    return np.sum(np.conj(a) * np.asarray(b), axis=axis)


@composite("matvec")
def matvec(a, b, **kwargs):
    return np.matmul(np.asarray(a), np.asarray(b)[..., None])[..., 0]


@composite("vecmat")
def vecmat(a, b, **kwargs):
    return np.matmul(np.conj(np.asarray(a))[..., None, :], np.asarray(b))[..., 0, :]


@composite("matmul", "linalg.matmul")
def matmul(a, b, **kwargs):
    if kwargs.keys() - {"dtype", "casting", "order"}:
        raise NotImplementedError(f"numpy.matmul has no gradient rule for {', '.join(kwargs)}")
    a, b = np.asarray(a), np.asarray(b)
    dtype = np.result_type(a, b) if kwargs.get("dtype") is None else numpy.dtype(kwargs["dtype"])
    native = dtype if numpy.dtype(dtype).itemsize > 2 else numpy.float32
    return np.matmul(a.astype(native), b.astype(native)).astype(dtype)


@composite("dot")
def dot(a, b, out=None):
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    return tensordot(a, b, (-1, max(b.ndim - 2, 0)))


def _axes_pair(axes, a, b):
    if isinstance(axes, (int, numpy.integer)):
        return list(range(a.ndim - axes, a.ndim)), list(range(axes))
    first, second = ([int(k) for k in numpy.atleast_1d(_core.to_numpy(part))] for part in axes)
    return [k % a.ndim for k in first], [k % b.ndim for k in second]


@composite("tensordot", "linalg.tensordot")
def tensordot(a, b, axes=2):
    a, b = np.asarray(a), np.asarray(b)
    summed_a, summed_b = _axes_pair(axes, a, b)
    free_a = [k for k in range(a.ndim) if k not in summed_a]
    free_b = [k for k in range(b.ndim) if k not in summed_b]
    length = int(numpy.prod([a.shape[k] for k in summed_a]))
    left = np.reshape(
        np.transpose(a, free_a + summed_a), (int(numpy.prod([a.shape[k] for k in free_a])), length)
    )
    right = np.reshape(
        np.transpose(b, summed_b + free_b), (length, int(numpy.prod([b.shape[k] for k in free_b])))
    )
    dtype = np.result_type(a, b)
    product = np.matmul(left.astype(dtype), right.astype(dtype))
    return np.reshape(product, [a.shape[k] for k in free_a] + [b.shape[k] for k in free_b])


@composite("kron")
def kron(a, b):
    a, b = np.asarray(a), np.asarray(b)
    ndim = max(a.ndim, b.ndim)
    shape_a = (1,) * (ndim - a.ndim) + a.shape
    shape_b = (1,) * (ndim - b.ndim) + b.shape
    spread_a = np.reshape(a, [n for size in shape_a for n in (size, 1)])
    spread_b = np.reshape(b, [n for size in shape_b for n in (1, size)])
    return np.reshape(spread_a * spread_b, [m * n for m, n in zip(shape_a, shape_b)])


@composite("linalg.cross")
def linalg_cross(x1, x2, /, *, axis=-1):
    return cross(x1, x2, axis=axis)


@composite("cross")
def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(np.asarray(a), axisa, 0), np.moveaxis(np.asarray(b), axisb, 0)
    if len(a) == 2 and len(b) == 2:
        return a[0] * b[1] - a[1] * b[0]
    zero = np.zeros((), dtype=np.result_type(a, b))
    a, b = ([*x, zero] if len(x) == 2 else list(x) for x in (a, b))
    parts = [a[i] * b[j] - a[j] * b[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return np.moveaxis(np.stack(np.broadcast_arrays(*parts)), 0, axisc)


@composite("linalg.multi_dot")
def multi_dot(arrays, *, out=None):
    return functools.reduce(np.dot, [np.asarray(a) for a in arrays])


# --- einsum ---
# A term is a tuple of labels; ellipses become labels of their own before anything else.


def _parse(operands):
    """Terms of the inputs, the term of the output, and the operands of an einsum call."""
    if isinstance(operands[0], str):
        text, arrays = operands[0].replace(" ", ""), operands[1:]
        inputs, arrow, output = text.partition("->")
        terms = [_labels(part) for part in inputs.split(",")]
        return terms, _labels(output) if arrow else None, [np.asarray(a) for a in arrays]
    arrays, terms = operands[: len(operands) // 2 * 2 : 2], operands[1::2]
    output = operands[-1] if len(operands) % 2 else None
    terms = [_listed(term) for term in terms]
    return terms, None if output is None else _listed(output), [np.asarray(a) for a in arrays]


def _labels(text):
    parts = text.split("...")
    return list(parts[0]) + ([...] + list(parts[1]) if len(parts) == 2 else [])


def _listed(term):
    return [
        label if label is Ellipsis else chr(97 + label) if label < 26 else chr(39 + label) for label in term
    ]


def _expand(terms, output, arrays):
    """Replaces every ellipsis by labels (negative numbers, counted from the right)."""
    extra = 0
    for term, a in zip(terms, arrays):
        if Ellipsis in term:
            extra = max(extra, a.ndim - len(term) + 1)

    def expand(term, count):
        return tuple(x for label in term for x in (range(-count, 0) if label is Ellipsis else (label,)))

    if output is None:
        flat = [label for term in terms for label in term if label is not Ellipsis]
        output = [...] * (extra > 0) + sorted(label for label in set(flat) if flat.count(label) == 1)
    terms = [expand(term, a.ndim - len(term) + 1) for term, a in zip(terms, arrays)]
    return terms, expand(output, extra)


def _without_repetition(term, a):
    """Diagonals in place of labels that an operand has twice."""
    for label in dict.fromkeys(term):
        while term.count(label) > 1:
            first = term.index(label)
            second = term.index(label, first + 1)
            a = np.diagonal(a, 0, first, second)
            term = tuple(x for k, x in enumerate(term) if k not in (first, second)) + (label,)
    return term, a


def _without_ones(term, a, sizes):
    """Axes of length 1 that broadcast against longer ones are dropped."""
    for k in reversed(range(len(term))):
        if a.shape[k] == 1 and sizes[term[k]] > 1:
            a = np.squeeze(a, k)
            term = term[:k] + term[k + 1 :]
    return term, a


def _contract(terms, output, arrays):
    """The einsum of operands without repeated labels, with a gradient that is einsums again."""
    numbers = {
        label: k for k, label in enumerate(dict.fromkeys(x for term in [*terms, output] for x in term))
    }
    spec = [[numbers[x] for x in term] for term in terms]
    plain = [part for a, term in zip(arrays, spec) for part in (numpy.asarray(a.detach()), term)]
    value = np.asarray(numpy.einsum(*plain, [numbers[x] for x in output]))
    shapes = [a.shape for a in arrays]

    def vjp(gradients, *arrays):
        return tuple(_gradient(k, terms, output, gradients[0], arrays, shapes[k]) for k in range(len(arrays)))

    return record("einsum", arrays, value, vjp, arrays)


def _gradient(k, terms, output, g, arrays, shape):
    others = [i for i in range(len(arrays)) if i != k]
    known = {x for i in others for x in terms[i]} | set(output)
    target = tuple(x for x in terms[k] if x in known)
    found = _contract([output, *(terms[i] for i in others)], target, [g, *(arrays[i] for i in others)])
    missing = tuple(axis for axis, x in enumerate(terms[k]) if x not in known)
    return np.broadcast_to(np.expand_dims(found, missing), shape)


def einsum_of(*operands):
    terms, output, arrays = _parse(operands)
    terms, output = _expand(terms, output, arrays)
    sizes = {}
    for term, a in zip(terms, arrays):
        for label, size in zip(term, a.shape):
            sizes[label] = max(sizes.get(label, 1), size)
    pairs = [_without_repetition(*_without_ones(term, a, sizes)) for term, a in zip(terms, arrays)]
    present = {x for term, _ in pairs for x in term}
    pairs += [((x,), np.ones(sizes.get(x, 1), dtype=arrays[0].dtype)) for x in output if x not in present]
    return _contract([term for term, _ in pairs], output, [a for _, a in pairs])


@composite("einsum")
def einsum(*operands, out=None, optimize=False, dtype=None, **kwargs):
    if dtype is not None:
        operands = [a.astype(dtype) if isinstance(a, _core.ndarray) else a for a in operands]
    return einsum_of(*operands)


@direct("einsum_path")
def einsum_path(fallback, *operands, **kwargs):
    return fallback.call_numpy(*operands, **kwargs)
