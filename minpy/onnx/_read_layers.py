"""Import: layers of networks."""

import numpy

from minpy.onnx._read_shapes import padded
from minpy.onnx._reader import row


def _spatial(c):
    """The spatial axes' number, lengths of the kernel, strides and dilations."""
    kernel = c.attr("kernel_shape")
    if kernel is None:
        kernel = c.known(1, "a kernel")[2:]
    count = len(kernel)
    return (
        count,
        tuple(kernel),
        tuple(c.attr("strides", [1] * count)),
        tuple(c.attr("dilations", [1] * count)),
    )


def _pads(c, count, kernel, strides, dilations):
    """How much is put before and after each spatial axis."""
    kind = c.attr("auto_pad", "NOTSET")
    if kind in ("NOTSET", ""):
        pads = c.attr("pads", [0] * (2 * count))
        c.require(len(pads) == 2 * count, f"{len(pads)} pads for {count} axes")
        return tuple(pads[:count]), tuple(pads[count:])
    if kind == "VALID":
        return (0,) * count, (0,) * count
    sizes = c.known(0, f"auto_pad {kind}")[2:]
    total = [
        max(0, (-(-n // s) - 1) * s + (k - 1) * d + 1 - n)
        for n, k, s, d in zip(sizes, kernel, strides, dilations)
    ]
    less, more = tuple(n // 2 for n in total), tuple(n - n // 2 for n in total)
    return (less, more) if kind == "SAME_UPPER" else (more, less)


@row("Conv")
def _conv(c):
    count, kernel, strides, dilations = _spatial(c)
    before, after = _pads(c, count, kernel, strides, dilations)
    x, weight = c.sym(0), c.known(1, "a convolution")
    if before != after:
        x, before = padded(c, x, (0, 0, *before), (0, 0, *after)), (0,) * count
    inputs = [x, c.sym(1), *([c.sym(2)] if c.has(2) else [])]
    return c.op("Convolution", *inputs, kernel=kernel, stride=strides, dilate=dilations, pad=before,
                num_filter=weight[0], num_group=c.attr("group", 1), no_bias=not c.has(2))  # fmt: skip


@row("ConvTranspose")
def _conv_transpose(c):
    count, kernel, strides, dilations = _spatial(c)
    options = {"kernel": kernel, "stride": strides, "dilate": dilations, "num_group": c.attr("group", 1)}
    options["num_filter"] = c.known(1, "a convolution")[1] * options["num_group"]
    if c.attr("output_shape") is not None:
        options["target_shape"] = tuple(c.attr("output_shape")[-count:])
    else:
        before, after = _pads(c, count, kernel, strides, dilations)
        c.require(before == after, "pads that differ at the two ends have no counterpart")
        options |= {"pad": before, "adj": tuple(c.attr("output_padding", [0] * count))}
    inputs = [c.sym(0), c.sym(1), *([c.sym(2)] if c.has(2) else [])]
    return c.op("Deconvolution", *inputs, no_bias=not c.has(2), **options)


# --- Pooling ---

_POOLS = {"MaxPool": "max", "AveragePool": "avg", "LpPool": "lp"}


@row(*_POOLS)
def _pool(c):
    count, kernel, strides, dilations = _spatial(c)
    c.require(set(dilations) == {1} and len(c.outputs) == 1, "dilations and indices have no counterpart")
    before, after = _pads(c, count, kernel, strides, dilations)
    kind, x = _POOLS[c.kind], c.sym(0)
    options = {"pool_type": kind, "kernel": kernel, "stride": strides, "pooling_convention": "valid"}
    if kind == "lp":
        options["p_value"] = c.attr("p", 2)
    if kind == "avg":
        options["count_include_pad"] = bool(c.attr("count_include_pad", 0))
    if c.attr("ceil_mode", 0):
        options["pooling_convention"] = "full"
    if before != after:
        if kind == "avg" and not options["count_include_pad"]:
            c.require(_is_full(c, kernel, strides, before, after), "such pads have no counterpart")
            options["pooling_convention"] = "full"
        else:
            value = float(numpy.finfo("float32").min) if kind == "max" else 0.0
            x, before = padded(c, x, (0, 0, *before), (0, 0, *after), value=value), (0,) * count
    return c.op("Pooling", x, pad=before, **options)


def _is_full(c, kernel, strides, before, after):
    """Whether these pads are what the convention 'full' amounts to."""
    sizes = c.known(0, "pads that differ at the two ends")[2:]
    for n, k, s, p, q in zip(sizes, kernel, strides, before, after):
        if (n + p + q - k) // s != -(-(n + 2 * p - k) // s):
            return False
    return True


_GLOBAL_POOLS = {"GlobalMaxPool": "max", "GlobalAveragePool": "avg", "GlobalLpPool": "lp"}


@row(*_GLOBAL_POOLS)
def _global_pool(c):
    kind = _GLOBAL_POOLS[c.kind]
    more = {"p_value": c.attr("p", 2)} if kind == "lp" else {}
    return c.op("Pooling", c.sym(0), pool_type=kind, global_pool=True, kernel=(1,) * (c.rank() - 2), **more)


@row("Resize")
def _resize(c):
    mode, kind = c.attr("mode", "nearest"), c.attr("coordinate_transformation_mode", "half_pixel")
    shape = c.known(0, "a resize")
    scales, sizes = c.constant(2), c.ints(3)
    if sizes is None:
        sizes = [int(n * s) for n, s in zip(shape, scales.tolist())]
    c.require(len(shape) == 4 and sizes[:2] == list(shape[:2]), "only images can be resized")
    if mode == "linear" and kind in ("align_corners", "half_pixel"):
        return c.op("_contrib_BilinearResize2D", c.sym(0), height=sizes[2], width=sizes[3],
                    align_corners=kind == "align_corners")  # fmt: skip
    factor = sizes[2] // max(shape[2], 1)
    c.require(
        mode == "nearest" and [n * factor for n in shape[2:]] == sizes[2:],
        f"mode {mode} with {kind} has no counterpart",
    )
    return c.op("UpSampling", c.sym(0), scale=factor, sample_type="nearest", num_args=1)


# --- Normalisation ---


@row("BatchNormalization")
def _batch_norm(c):
    c.require(not c.attr("training_mode", 0) and len(c.outputs) == 1, "training mode has no counterpart")
    inputs = [c.sym(0), c.sym(1), c.sym(2), c.auxiliary(3), c.auxiliary(4)]
    return c.op(
        "BatchNorm", *inputs, eps=c.attr("epsilon", 1e-5), momentum=c.attr("momentum", 0.9), fix_gamma=False
    )


@row("LayerNormalization")
def _layer_norm(c):
    rank = c.rank()
    c.require(
        c.attr("axis", -1) % rank == rank - 1 and len(c.outputs) == 1, "only the last axis has a counterpart"
    )
    beta = c.sym(2) if c.has(2) else c.stored(numpy.zeros(c.known(1, "beta"), "float32"), "beta")
    return c.op("LayerNorm", c.sym(0), c.sym(1), beta, axis=-1, eps=c.attr("epsilon", 1e-5))


@row("InstanceNormalization")
def _instance_norm(c):
    return c.op("InstanceNorm", *c.syms(), eps=c.attr("epsilon", 1e-5))


@row("LRN")
def _lrn(c):
    return c.op("LRN", c.sym(0), nsize=c.attr("size"), alpha=c.attr("alpha", 1e-4), beta=c.attr("beta", 0.75),
                knorm=c.attr("bias", 1.0))  # fmt: skip


# --- Recurrent layers ---

_ORDER = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}  # where MXNet's gates are among ONNX's


def _mode(c, directions):
    given = [a.decode() if isinstance(a, bytes) else a for a in c.attr("activations", [])]
    usual = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}[
        c.kind
    ] * directions
    if c.kind == "RNN" and given == ["Relu"] * directions:
        return "rnn_relu"
    c.require(given in ([], usual), f"activations {given} have no counterpart")
    c.require(
        c.kind != "GRU" or c.attr("linear_before_reset", 0), "linear_before_reset of 0 has no counterpart"
    )
    return {"LSTM": "lstm", "GRU": "gru", "RNN": "rnn_tanh"}[c.kind]


@row("LSTM", "GRU", "RNN")
def _recurrent(c):
    direction = c.attr("direction", "forward")
    c.require(direction in ("forward", "bidirectional"), f"direction {direction} has no counterpart")
    for name in ("clip", "layout", "input_forget"):
        c.require(not c.attr(name), f"{name} has no counterpart")
    c.require(not c.has(7), "peepholes have no counterpart")
    size, directions = c.attr("hidden_size"), 2 if direction == "bidirectional" else 1
    mode, cell = _mode(c, directions), c.kind == "LSTM"
    states = [_first_state(c, i, size, directions) for i in (5, 6)[: 1 + cell]]
    inputs = [c.sym(0), c.stored(_packed(c, size, directions), "parameters"), *states]
    options = {"state_size": size, "num_layers": 1, "mode": mode, "bidirectional": directions == 2}
    if c.has(4):
        inputs.append(c.op("Cast", c.sym(4), dtype="float32"))
        options["use_sequence_length"] = True
    names = ("data", "parameters", "state", "state_cell" if cell else "sequence_length", "sequence_length")
    found = c.op("RNN", **dict(zip(names, inputs)), state_outputs=True, **options)
    steps = c.op("transpose", c.op("Reshape", found[0], shape=(0, 0, directions, size)), axes=(0, 2, 1, 3))
    return [steps, *[found[i] for i in range(1, 2 + cell)]]


def _first_state(c, position, size, directions):
    if c.has(position):
        return c.sym(position)
    batch = c.op("slice", c.sym(0), begin=(0, None, 0), end=(1, None, 1))
    return c.op("broadcast_axis", c.op("zeros_like", batch), axis=(0, 2), size=(directions, size))


def _packed(c, size, directions):
    """MXNet's vector of all weights and biases."""
    order = numpy.concatenate([numpy.arange(size) + gate * size for gate in _ORDER[c.kind]])
    weights = [c.constant(i) for i in (1, 2)]
    rows = len(order)
    biases = c.constant(3, numpy.zeros((directions, 2 * rows), weights[0].dtype))
    shapes = [(directions, rows, weights[0].shape[-1]), (directions, rows, size)]
    c.require(
        [w.shape for w in weights] == shapes and biases.shape == (directions, 2 * rows),
        "weights of other shapes",
    )
    parts = [w[d][order] for d in range(directions) for w in weights]
    parts += [biases[d, i * rows : (i + 1) * rows][order] for d in range(directions) for i in range(2)]
    return numpy.concatenate([part.reshape(-1) for part in parts])
