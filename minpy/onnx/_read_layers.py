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
        c.require(not c.attr("auto_pad", "NOTSET").startswith("SAME"), "auto_pad has no counterpart")
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
    if c.attr("ceil_mode", 0) and _rounded_up(c, kernel, strides, before, after):
        options["pooling_convention"] = "full"
    if before != after:
        excluded = kind == "avg" and not options["count_include_pad"]
        if excluded and _is_full(c, kernel, strides, before, after):
            options["pooling_convention"] = "full"
        elif excluded:
            return _mean_inside(c, kernel, strides, before, after)
        else:
            value = float(numpy.finfo("float32").min) if kind == "max" else 0.0
            x, before = padded(c, x, (0, 0, *before), (0, 0, *after), value=value), (0,) * count
    return c.op("Pooling", x, pad=before, **options)


def _mean_inside(c, kernel, strides, before, after):
    """Means of windows without what lies in the padding, which differs at the two ends."""
    c.require(not c.attr("ceil_mode", 0), "ceil_mode with such pads has no counterpart")
    counts = numpy.ones((1, 1))
    for n, k, s, p, q in zip(c.known(0, "such pads")[2:], kernel, strides, before, after):
        starts = numpy.arange((n + p + q - k) // s + 1) * s - p
        inside = numpy.minimum(starts + k, n) - numpy.maximum(starts, 0)
        counts = counts[..., None] * inside
    x = padded(c, c.sym(0), (0, 0, *before), (0, 0, *after))
    sums = c.op("Pooling", x, pool_type="sum", kernel=kernel, stride=strides, pooling_convention="valid")
    return c.op("broadcast_div", sums, c.stored(counts.astype("float32"), "counts"))


def _rounded_up(c, kernel, strides, before, after):
    """Whether ceil_mode amounts to the convention 'full'; it leaves out windows that begin in the padding."""
    sizes = c.known(0, "ceil_mode")[2:]
    found = {"up": [], "down": [], "full": []}
    for n, k, s, p, q in zip(sizes, kernel, strides, before, after):
        up = -(-(n + p + q - k) // s)
        found["up"].append(up - 1 if up * s >= n + p else up)
        found["down"].append((n + p + q - k) // s)
        found["full"].append(-(-(n + 2 * p - k) // s))
    if found["up"] == found["down"]:
        return False
    c.require(before == after and found["up"] == found["full"], "such a ceil_mode has no counterpart")
    return True


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
    for name in ("antialias", "axes", "keep_aspect_ratio_policy"):
        c.require(c.attr(name) in (None, 0, "stretch"), f"{name} has no counterpart")
    if sizes is None:
        exact = [n * s for n, s in zip(shape, scales.tolist())]
        sizes = [round(n) for n in exact]
        c.require(numpy.allclose(sizes, exact), f"scales {scales} give no whole sizes")
    c.require(len(shape) == 4 and sizes[:2] == list(shape[:2]), "only images can be resized")
    if mode == "linear" and kind == "pytorch_half_pixel" and min(sizes[2:]) > 1:
        kind = "half_pixel"
    if mode == "linear" and kind in ("align_corners", "half_pixel"):
        return c.op("_contrib_BilinearResize2D", c.sym(0), height=sizes[2], width=sizes[3],
                    align_corners=kind == "align_corners")  # fmt: skip
    factor = sizes[2] // max(shape[2], 1)
    rounding = c.attr("nearest_mode", "round_prefer_floor")
    # Both repeat every element when the factor is a whole number.
    repeats = (kind, rounding) in (("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"))
    c.require(
        mode == "nearest" and repeats and factor > 0 and [n * factor for n in shape[2:]] == sizes[2:],
        f"mode {mode} with {kind} and {rounding} has no counterpart",
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
    rank, eps = c.rank(), c.attr("epsilon", 1e-5)
    first = c.attr("axis", -1) % rank
    c.require(
        not any(c.reader.uses.get(name) for name in c.outputs[1:]), "mean and deviation have no counterpart"
    )
    if first != rank - 1:
        return _norm_over(c, tuple(range(first, rank)), eps)
    beta = c.sym(2) if c.has(2) else c.stored(numpy.zeros(c.known(1, "beta"), "float32"), "beta")
    return c.op("LayerNorm", c.sym(0), c.sym(1), beta, axis=-1, eps=eps)


def _norm_over(c, axes, eps):
    """LayerNormalization over several axes."""
    centred = c.op("broadcast_sub", c.sym(0), c.op("mean", c.sym(0), axis=axes, keepdims=True))
    variance = c.op("mean", c.op("square", centred), axis=axes, keepdims=True)
    found = c.op("broadcast_mul", centred, c.op("rsqrt", c.op("_plus_scalar", variance, scalar=eps)))
    found = c.op("broadcast_mul", found, c.sym(1))
    return c.op("broadcast_add", found, c.sym(2)) if c.has(2) else found


@row("InstanceNormalization")
def _instance_norm(c):
    return c.op("InstanceNorm", *c.syms(), eps=c.attr("epsilon", 1e-5))


@row("LRN")
def _lrn(c):
    return c.op("LRN", c.sym(0), nsize=c.attr("size"), alpha=c.attr("alpha", 1e-4), beta=c.attr("beta", 0.75),
                knorm=c.attr("bias", 1.0))  # fmt: skip
