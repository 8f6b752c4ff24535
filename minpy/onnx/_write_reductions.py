"""Export: reductions, products of matrices, softmax and what works along the steps of a sequence."""

import math

import numpy

from minpy.onnx._writer import ROWS, row

_REDUCTIONS = {
    "sum": "ReduceSum",
    "mean": "ReduceMean",
    "max": "ReduceMax",
    "min": "ReduceMin",
    "prod": "ReduceProd",
}


def reduced(value, kind, axes, keepdims):
    """A reduction over these axes."""
    keepdims = int(bool(keepdims))
    if kind == "ReduceSum":  # the only one that has its axes as an input in the opset that is written
        return value.op(kind, list(axes), keepdims=keepdims)
    return value.op(kind, axes=list(axes), keepdims=keepdims)


def _as_named(value, dtype):
    """The value in the dtype that an attribute names, if it names one."""
    return value if dtype is None else value.cast(dtype)


def _axes(c):
    axis = c.attrs.axis
    every = list(range(c.inputs[0].rank))
    if axis is None or axis == ():
        return every
    axes = c.axes(axis)
    return [a for a in every if a not in axes] if getattr(c.attrs, "exclude", False) else axes


def _reduce(c, kind):
    x, axes = c.inputs[0], _axes(c)
    found = reduced(x, kind, axes, c.attrs.keepdims)
    if len(axes) == x.rank and not c.attrs.keepdims and c.shapes[0] == (1,):
        found = found.reshaped(1)  # MXNet has no arrays without axes
    return found


def _reduction(kind):
    return lambda c: _reduce(c, kind)


ROWS.update({name: _reduction(kind) for name, kind in _REDUCTIONS.items()})


@row("norm")
def _norm(c):
    c.require(c.attrs.ord in (1, 2), f"ord {c.attrs.ord} is not exported")
    return _as_named(_reduce(c, f"ReduceL{c.attrs.ord}"), c.attrs.out_dtype)


@row("argmax", "argmin", "argmax_channel")
def _argmax(c):
    x = c.inputs[0]
    axis = 1 if c.node.op.name == "argmax_channel" else c.attrs.axis
    keepdims = int(bool(getattr(c.attrs, "keepdims", False)))
    kind = "ArgMin" if c.node.op.name == "argmin" else "ArgMax"
    if axis is None:
        found = x.reshaped(-1).op(kind, dtype=numpy.int64, axis=0, keepdims=1)
        return c.to_shape(found).cast(numpy.float32)
    found = x.op(kind, dtype=numpy.int64, axis=axis, keepdims=keepdims).cast(numpy.float32)
    return found.reshaped(1) if x.rank == 1 and not keepdims else found


@row("_np_cumsum", "cumsum")
def _cumsum(c):
    x, axis = c.inputs[0], c.attrs.axis
    x = x.reshaped(-1) if axis is None else x
    return _as_named(x, c.attrs.dtype).op("CumSum", c.constant(axis or 0))


@row("L2Normalization")
def _l2_normalization(c):
    x, mode = c.inputs[0], c.attrs.mode
    axes = {"instance": range(1, x.rank), "channel": [1], "spatial": range(2, x.rank)}[mode]
    return x / (reduced(x * x, "ReduceSum", axes, True) + c.attrs.eps).op("Sqrt")


# --- Products ---


def _swapped(value, rank, transpose):
    return value.transposed([*range(rank - 2), rank - 1, rank - 2]) if transpose else value


@row("dot")
def _dot(c):
    a, b = c.inputs
    c.require(b.rank <= 2, "a second operand of more than two axes is not exported")
    c.require(a.rank <= 2 or not c.attrs.transpose_a, "transpose_a of more than two axes is not exported")
    left = _swapped(a, a.rank, c.attrs.transpose_a and a.rank == 2)
    found = left.op("MatMul", _swapped(b, b.rank, c.attrs.transpose_b and b.rank == 2))
    return c.to_shape(found) if a.rank == b.rank == 1 else found


@row("batch_dot", "_linalg_gemm2")
def _batch_dot(c):
    a, b = c.inputs
    c.require(getattr(c.attrs, "axis", -2) == -2, "axis is not exported")
    left = _swapped(a, a.rank, c.attrs.transpose_a)
    found = left.op("MatMul", _swapped(b, b.rank, c.attrs.transpose_b))
    alpha = getattr(c.attrs, "alpha", 1.0)
    return found if alpha == 1 else found * float(alpha)


@row("_linalg_gemm")
def _gemm(c):
    return _batch_dot_and(c, *c.inputs)


def _batch_dot_and(c, a, b, added):
    product = _swapped(a, a.rank, c.attrs.transpose_a).op("MatMul", _swapped(b, b.rank, c.attrs.transpose_b))
    return product * float(c.attrs.alpha) + added * float(c.attrs.beta)


@row("_contrib_div_sqrt_dim")
def _div_sqrt_dim(c):
    return c.inputs[0] / math.sqrt(c.known(c.inputs[0].shape[-1:], "the last axis")[0])


def _heads(c, value, count, which):
    """One of `count` interleaved projections, from (length, batch, heads * count * size) to (batch, heads, length,
    size)."""
    parts = (
        value.reshaped(0, 0, c.attrs.heads, count, -1)
        if count > 1
        else value.reshaped(0, 0, c.attrs.heads, -1)
    )
    if count > 1:
        parts = parts.op("Gather", c.constant(which), axis=3)
    return parts.transposed([1, 2, 0, 3])


def _scores(c, queries, keys):
    size = (
        c.known(c.inputs[0].shape[2:], "the projections")[0]
        // (3 if len(c.inputs) == 1 else 1)
        // c.attrs.heads
    )
    scores = (queries / math.sqrt(size)).op("MatMul", keys.transposed([0, 1, 3, 2]))
    return scores.reshaped(-1, scores.lengths(2))


def _attended(c, attention, values):
    weights = attention.reshaped(-1, c.attrs.heads, attention.lengths(1))
    return weights.op("MatMul", values).transposed([2, 0, 1, 3]).reshaped(0, 0, -1)


@row("_contrib_interleaved_matmul_selfatt_qk")
def _selfatt_qk(c):
    return _scores(c, _heads(c, c.inputs[0], 3, 0), _heads(c, c.inputs[0], 3, 1))


@row("_contrib_interleaved_matmul_selfatt_valatt")
def _selfatt_valatt(c):
    return _attended(c, c.inputs[1], _heads(c, c.inputs[0], 3, 2))


@row("_contrib_interleaved_matmul_encdec_qk")
def _encdec_qk(c):
    return _scores(c, _heads(c, c.inputs[0], 1, 0), _heads(c, c.inputs[1], 2, 0))


@row("_contrib_interleaved_matmul_encdec_valatt")
def _encdec_valatt(c):
    return _attended(c, c.inputs[1], _heads(c, c.inputs[0], 2, 1))


# --- Softmax ---


def _softmax(c, kind, negated=False):
    x = -c.inputs[0] if negated else c.inputs[0]
    temperature = getattr(c.attrs, "temperature", None)
    if temperature not in (None, 1):
        x = x / float(temperature)
    axis = c.axes(c.attrs.axis)[0]
    if getattr(c.attrs, "use_length", False):
        inside = before(c, axis, c.inputs[1].unsqueezed(axis))
        x = inside.op("Where", x, c.constant(-numpy.inf, x.dtype), dtype=x.dtype).op(kind, axis=axis)
        return _as_named(inside.op("Where", x, c.constant(0, x.dtype), dtype=x.dtype), c.attrs.dtype)
    return _as_named(x.op(kind, axis=axis), c.attrs.dtype)


@row("softmax")
def _plain_softmax(c):
    return _softmax(c, "Softmax")


@row("softmin")
def _softmin(c):
    return _softmax(c, "Softmax", negated=True)


@row("log_softmax")
def _log_softmax(c):
    return _softmax(c, "LogSoftmax")


def _over_instances(x):
    """Softmax over all but the first axis."""
    if x.rank == 2:
        return x.op("Softmax", axis=1)
    return x.op("Flatten", axis=1).op("Softmax", axis=1).op("Reshape", x.lengths())


@row("SoftmaxActivation")
def _softmax_activation(c):
    x = c.inputs[0]
    return x.op("Softmax", axis=1) if c.attrs.mode == "channel" else _over_instances(x)


@row("SoftmaxOutput")
def _softmax_output(c):
    x = c.inputs[0]
    if c.attrs.multi_output:
        return x.op("Softmax", axis=1)
    return x.op("Softmax", axis=-1) if c.attrs.preserve_shape else _over_instances(x)


# --- Sequences ---


def before(c, axis, limits):
    """Whether the index along an axis of the first input is less than `limits`, which has its number of axes."""
    x = c.inputs[0]
    length = x.lengths().op("Gather", c.constant(axis), axis=0)
    index = c.constant(0).op("Range", length, c.constant(1))
    trailing = x.rank - axis - 1
    index = index.reshaped(-1, *[1] * trailing) if trailing else index
    return index.op("Less", limits.cast(numpy.int64), dtype=numpy.bool_)


def _sequence_limits(c, axis):
    """The lengths of the sequences, with as many axes as the data."""
    limits = c.inputs[1].unsqueezed(axis)
    return limits.unsqueezed(*range(2, c.inputs[0].rank)) if c.inputs[0].rank > 2 else limits


@row("SequenceMask")
def _sequence_mask(c):
    x = c.inputs[0]
    if not c.attrs.use_sequence_length:
        return x
    inside = before(c, c.attrs.axis, _sequence_limits(c, c.attrs.axis))
    return inside.op("Where", x, c.constant(c.attrs.value, x.dtype), dtype=x.dtype)


@row("SequenceLast")
def _sequence_last(c):
    x, axis = c.inputs[0], c.attrs.axis
    if not c.attrs.use_sequence_length:
        return x.op("Gather", c.constant(-1), axis=axis)
    limits = _sequence_limits(c, axis).cast(numpy.int64)
    last = before(c, axis, limits).op("Xor", before(c, axis, limits - 1))
    return reduced(last.op("Where", x, c.constant(0, x.dtype), dtype=x.dtype), "ReduceSum", [axis], False)


@row("SequenceReverse")
def _sequence_reverse(c):
    x = c.inputs[0]
    c.require(c.attrs.axis == 0, "axis 1 is not exported")
    if not c.attrs.use_sequence_length:
        from minpy.onnx._write_shapes import sliced

        return sliced(x, [None], [None], [0], [-1])
    return x.op("ReverseSequence", c.inputs[1].cast(numpy.int64), batch_axis=1, time_axis=0)
