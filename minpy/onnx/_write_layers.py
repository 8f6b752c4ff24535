"""Export: layers of networks."""

import math

import numpy

from minpy.onnx._write_reductions import reduced
from minpy.onnx._writer import row


def _numbers(value, count, default):
    if value is None or value == ():
        return [default] * count
    return [value] * count if isinstance(value, int) else list(value)


def _require_channels_first(c):
    layout = getattr(c.attrs, "layout", None)
    c.require(layout in (None, "NCW", "NCHW", "NCDHW"), f"layout {layout!r} is not exported")


@row("FullyConnected")
def _fully_connected(c):
    x, weight = c.inputs[:2]
    bias = None if c.attrs.no_bias else c.inputs[2]
    if c.attrs.flatten or x.rank == 2:
        x = x if x.rank == 2 else x.op("Flatten", axis=1)
        return x.op("Gemm", weight, bias, transB=1)
    product = x.op("MatMul", weight.transposed([1, 0]))
    return product if bias is None else product + bias


@row("Convolution", "Convolution_v1")
def _convolution(c):
    _require_channels_first(c)
    count = c.inputs[0].rank - 2
    return c.inputs[0].op(
        "Conv", *c.inputs[1:], kernel_shape=_numbers(c.attrs.kernel, count, 1), group=c.attrs.num_group,
        strides=_numbers(c.attrs.stride, count, 1), dilations=_numbers(c.attrs.dilate, count, 1),
        pads=_numbers(c.attrs.pad, count, 0) * 2,
    )  # fmt: skip


@row("Deconvolution")
def _deconvolution(c):
    _require_channels_first(c)
    x = c.inputs[0]
    count = x.rank - 2
    kernel, stride = _numbers(c.attrs.kernel, count, 1), _numbers(c.attrs.stride, count, 1)
    dilate, pad = _numbers(c.attrs.dilate, count, 1), _numbers(c.attrs.pad, count, 0)
    more = _numbers(c.attrs.adj, count, 0)
    if c.attrs.target_shape not in (None, ()):
        sizes = zip(
            c.known(x.shape[2:], "target_shape"),
            c.known(c.shapes[0][2:], "target_shape"),
            stride,
            kernel,
            dilate,
        )
        excess = [s * (n - 1) + (k - 1) * d + 1 - out for n, out, s, k, d in sizes]
        pad, more = [(e + 1) // 2 for e in excess], [e % 2 for e in excess]
    return x.op("ConvTranspose", *c.inputs[1:], kernel_shape=kernel, strides=stride, dilations=dilate, pads=pad * 2,
                output_padding=more, group=c.attrs.num_group)  # fmt: skip


# --- Pooling ---


@row("Pooling", "Pooling_v1")
def _pooling(c):
    _require_channels_first(c)
    kind = c.attrs.pool_type
    power = c.attrs.p_value if kind == "lp" else None
    if c.attrs.global_pool:
        if kind == "sum":
            return reduced(c.inputs[0], "ReduceSum", range(2, c.inputs[0].rank), True)
        return c.inputs[0].op(
            {"max": "GlobalMaxPool", "avg": "GlobalAveragePool", "lp": "GlobalLpPool"}[kind], p=power
        )
    return _windows(c, kind, power)


def _windows(c, kind, power):
    x = c.inputs[0]
    count = x.rank - 2
    kernel, stride = _numbers(c.attrs.kernel, count, 1), _numbers(c.attrs.stride, count, 1)
    pad = _numbers(c.attrs.pad, count, 0)
    sizes, out = x.shape[2:], c.shapes[0][2:]
    beyond = [0] * count  # how far the last windows reach beyond the padding
    if c.attrs.pooling_convention != "valid":
        c.known(sizes + out, "this pooling convention")
        beyond = [
            max(0, (o - 1) * s + k - n - 2 * p) for n, o, k, s, p in zip(sizes, out, kernel, stride, pad)
        ]
    options = {"kernel_shape": kernel, "strides": stride, "pads": pad + [p + b for p, b in zip(pad, beyond)]}
    if kind == "max":
        return x.op("MaxPool", **options)
    if kind == "lp":
        return x.op("LpPool", p=power, **options)
    include = kind == "sum" or c.attrs.count_include_pad is not False
    found = x.op("AveragePool", count_include_pad=int(include), **options)
    if kind == "sum":
        return found * float(math.prod(kernel))
    if not include or not any(beyond):
        return found
    return found * c.constant(_corrections(sizes, out, kernel, stride, pad), x.dtype)


def _corrections(sizes, out, kernel, stride, pad):
    """The size of the kernel over the number of elements of each window that the padding has room for."""
    factors = numpy.ones((1, 1, *out))
    for axis, (n, o, k, s, p) in enumerate(zip(sizes, out, kernel, stride, pad)):
        starts = numpy.arange(o) * s - p
        inside = numpy.minimum(starts + k, n + p) - starts
        factors *= (k / inside).reshape([-1 if a == axis + 2 else 1 for a in range(len(out) + 2)])
    return factors


@row("_contrib_AdaptiveAvgPooling2D")
def _adaptive_pooling(c):
    x = c.inputs[0]
    out = c.known(c.shapes[0][2:], "adaptive pooling")
    if out == (1, 1):
        return x.op("GlobalAveragePool")
    sizes = c.known(x.shape[2:], "adaptive pooling")
    if all(n % o == 0 for n, o in zip(sizes, out)):
        steps = [n // o for n, o in zip(sizes, out)]
        return x.op("AveragePool", kernel_shape=steps, strides=steps)
    rows, columns = (_averages(n, o) for n, o in zip(sizes, out))
    return c.constant(rows, x.dtype).op("MatMul", x).op("MatMul", c.constant(columns.T, x.dtype))


def _averages(size, out):
    """The matrix that averages over the windows of one axis."""
    matrix = numpy.zeros((out, size))
    for i in range(out):
        start, end = i * size // out, -(-(i + 1) * size // out)
        matrix[i, start:end] = 1 / (end - start)
    return matrix


@row("UpSampling")
def _upsampling(c):
    c.require(
        c.attrs.sample_type == "nearest" and len(c.inputs) == 1, "only 'nearest' of one input is exported"
    )
    scale = float(c.attrs.scale)
    scales = c.constant([1, 1, scale, scale], numpy.float32)
    return c.inputs[0].op("Resize", None, scales, mode="nearest", coordinate_transformation_mode="asymmetric",
                          nearest_mode="floor")  # fmt: skip


@row("_contrib_BilinearResize2D")
def _bilinear_resize(c):
    x = c.inputs[0]
    out = c.constant(c.known(c.shapes[0][2:], "a resize"))
    sizes = x.lengths(0, 2).op("Concat", out, axis=0)
    corners = "align_corners" if c.attrs.align_corners else "half_pixel"
    return x.op("Resize", None, None, sizes, mode="linear", coordinate_transformation_mode=corners)


# --- Normalisation ---


@row("BatchNorm", "BatchNorm_v1", "_contrib_SyncBatchNorm")
def _batch_norm(c):
    c.require(len(c.shapes) == 1, "output_mean_var is not exported")
    x, gamma, *others = c.inputs
    if c.attrs.fix_gamma:
        gamma = c.constant(numpy.ones(gamma.shape), gamma.dtype)
    axis = c.axes(getattr(c.attrs, "axis", 1))[0]
    c.require(axis > 0, "normalisation along axis 0 is not exported")
    order = list(range(x.rank))
    order[1:] = [axis, *[a for a in order[1:] if a != axis]]
    options = {"epsilon": float(c.attrs.eps), "momentum": float(c.attrs.momentum)}
    found = x.transposed(order).op("BatchNormalization", gamma, *others, **options)
    return found.transposed(numpy.argsort(order).tolist())


@row("LayerNorm")
def _layer_norm(c):
    c.require(len(c.shapes) == 1, "output_mean_var is not exported")
    x, gamma, beta = c.inputs
    axis, eps = c.axes(c.attrs.axis)[0], float(c.attrs.eps)
    if axis == x.rank - 1:
        return x.op("LayerNormalization", gamma, beta, axis=-1, epsilon=eps)
    lengths = [-1, *[1] * (x.rank - axis - 1)]
    centred = x - reduced(x, "ReduceMean", [axis], True)
    deviation = (reduced(centred * centred, "ReduceMean", [axis], True) + eps).op("Sqrt")
    return centred / deviation * gamma.reshaped(*lengths) + beta.reshaped(*lengths)


@row("InstanceNorm")
def _instance_norm(c):
    return c.inputs[0].op("InstanceNormalization", *c.inputs[1:], epsilon=float(c.attrs.eps))


@row("GroupNorm")
def _group_norm(c):
    c.require(len(c.shapes) == 1, "output_mean_var is not exported")
    x, gamma, beta = c.inputs
    groups, channels = c.attrs.num_groups, c.known(x.shape[1:2], "the channels")[0]
    one, zero = (c.constant(numpy.full(groups, n), x.dtype) for n in (1, 0))
    found = x.reshaped(0, groups, -1).op("InstanceNormalization", one, zero, epsilon=float(c.attrs.eps))
    found = found.op("Reshape", x.lengths())
    trailing = [1] * (x.rank - 2)
    if gamma.shape == (channels,):
        return found * gamma.reshaped(-1, *trailing) + beta.reshaped(-1, *trailing)
    every = [
        v.unsqueezed(1).op("Tile", [1, channels // groups]).reshaped(-1, *trailing) for v in (gamma, beta)
    ]
    return found * every[0] + every[1]


@row("LRN")
def _lrn(c):
    options = {"alpha": c.attrs.alpha, "beta": c.attrs.beta, "bias": c.attrs.knorm}
    return c.inputs[0].op("LRN", size=c.attrs.nsize, **{key: float(n) for key, n in options.items()})
