"""Export: operators that move, choose and repeat elements."""

import math

import numpy

from minpy.onnx._writer import row

_LAST, _BEFORE_FIRST = numpy.iinfo(numpy.int64).max, numpy.iinfo(numpy.int64).min


def sliced(value, starts, ends, axes, steps=None):
    """Part of a value; None stands for the start or the end of the axis."""
    steps = steps or [1] * len(axes)
    starts = [(0 if s > 0 else _LAST) if n is None else n for n, s in zip(starts, steps)]
    ends = [(_LAST if s > 0 else _BEFORE_FIRST) if n is None else n for n, s in zip(ends, steps)]
    return value.op("Slice", starts, ends, list(axes), list(steps))


@row("Flatten")
def _flatten(c):
    return c.inputs[0].op("Flatten", axis=1)


@row("Reshape")
def _reshape(c):
    x, codes = c.inputs[0], c.attrs.shape
    codes = [codes] if isinstance(codes, int) else list(codes)
    if codes and min(codes) >= -1 and codes.count(-1) < 2 and not c.attrs.reverse and 0 not in x.shape:
        return x.op("Reshape", codes)
    copied = 0
    if not c.attrs.reverse:
        while copied < len(codes) and codes[copied] == 0:
            copied += 1
        if copied < len(codes) and codes[copied] == -2:
            copied = len(c.shapes[0]) if len(codes) == copied + 1 else copied
    return c.to_shape(x, copied)


@row("reshape_like")
def _reshape_like(c):
    parts = ("lhs_begin", "lhs_end", "rhs_begin", "rhs_end")
    if any(getattr(c.attrs, part, None) is not None for part in parts):
        return c.to_shape(c.inputs[0])
    return c.inputs[0].op("Reshape", c.inputs[1].lengths())


@row("transpose")
def _transpose(c):
    x, axes = c.inputs[0], c.attrs.axes
    return x.op("Transpose", perm=c.axes(axes) if axes else list(range(x.rank))[::-1])


@row("SwapAxis")
def _swap_axis(c):
    axes = list(range(c.inputs[0].rank))
    a, b = c.axes((c.attrs.dim1, c.attrs.dim2))
    axes[a], axes[b] = axes[b], axes[a]
    return c.inputs[0].transposed(axes)


@row("expand_dims")
def _expand_dims(c):
    return c.inputs[0].unsqueezed(c.attrs.axis)


@row("squeeze")
def _squeeze(c):
    axis = c.attrs.axis
    if axis is None:
        return c.inputs[0].squeezed(*[i for i, n in enumerate(c.inputs[0].shape) if n == 1])
    return c.inputs[0].squeezed(*c.axes(axis))


@row("Concat")
def _concat(c):
    return c.inputs[0].op("Concat", *c.inputs[1:], axis=c.attrs.dim)


@row("stack")
def _stack(c):
    parts = [x.unsqueezed(c.attrs.axis) for x in c.inputs]
    return parts[0].op("Concat", *parts[1:], axis=c.attrs.axis)


def _split(c, sizes, axis):
    x = c.inputs[0]
    parts = x.op("Split", sizes, outputs=len(c.shapes), axis=axis) if len(c.shapes) > 1 else [x]
    return [part.squeezed(axis) for part in parts] if c.attrs.squeeze_axis else parts


@row("SliceChannel")
def _slice_channel(c):
    return _split(c, None, c.axes(c.attrs.axis)[0])


@row("_split_v2")
def _split_v2(c):
    axis = c.axes(c.attrs.axis)[0]
    if c.attrs.sections:
        return _split(c, None, axis)
    length = c.known(c.inputs[0].shape[axis : axis + 1], "the split axis")[0]
    bounds = [*c.attrs.indices, length]
    return _split(c, [b - a for a, b in zip(bounds, bounds[1:])], axis)


@row("slice")
def _slice(c):
    begin, end, step = ([v] if isinstance(v, int) or v is None else list(v) for v in _bounds(c.attrs))
    steps = [1 if s is None else s for s in step] or [1] * len(begin)
    return sliced(c.inputs[0], begin, end, range(len(begin)), steps)


def _bounds(attrs):
    return attrs.begin, attrs.end, attrs.step if attrs.step is not None else ()


@row("slice_axis")
def _slice_axis(c):
    return sliced(c.inputs[0], [c.attrs.begin], [c.attrs.end], c.axes(c.attrs.axis))


@row("slice_like")
def _slice_like(c):
    x, like = c.inputs
    axes = c.axes(c.attrs.axes) if c.attrs.axes not in (None, ()) else list(range(like.rank))
    ends = like.lengths().op("Gather", axes, axis=0)
    return x.op("Slice", [0] * len(axes), ends, axes)


@row("reverse")
def _reverse(c):
    axes = c.axes(c.attrs.axis)
    return sliced(c.inputs[0], [None] * len(axes), [None] * len(axes), axes, [-1] * len(axes))


@row("broadcast_to")
def _broadcast_to(c):
    return c.inputs[0].op("Expand", [n or 1 for n in c.attrs.shape])


@row("broadcast_axis")
def _broadcast_axis(c):
    sizes = [c.attrs.size] if isinstance(c.attrs.size, int) else c.attrs.size
    lengths = [1] * c.inputs[0].rank
    for axis, size in zip(c.axes(c.attrs.axis), sizes):
        lengths[axis] = size
    return c.inputs[0].op("Expand", lengths)


@row("broadcast_like")
def _broadcast_like(c):
    if c.attrs.lhs_axes is None:
        return c.inputs[0].op("Expand", c.inputs[1].lengths())
    return c.inputs[0].op("Expand", list(c.known(c.shapes[0], "broadcast_like with axes")))


@row("tile")
def _tile(c):
    x, reps = c.inputs[0], [c.attrs.reps] if isinstance(c.attrs.reps, int) else list(c.attrs.reps)
    missing = len(reps) - x.rank
    if missing > 0:
        x = x.unsqueezed(*range(missing))
    return x.op("Tile", [1] * -min(missing, 0) + reps)


@row("repeat")
def _repeat(c):
    x, times, axis = c.inputs[0], c.attrs.repeats, c.attrs.axis
    rank = x.rank
    if axis is None:
        x, axis, rank = x.reshaped(-1), 0, 1
    axis = axis % rank
    counts = [1] * (rank + 1)
    counts[axis + 1] = times
    return c.to_shape(x.unsqueezed(axis + 1).op("Tile", counts), copied=axis)


@row("Pad")
def _pad(c):
    width, mode = c.attrs.pad_width, c.attrs.mode
    value = c.attrs.constant_value if mode == "constant" else None
    return c.inputs[0].op("Pad", list(width[::2] + width[1::2]), value, mode=mode)


@row("Crop")
def _crop(c):
    c.require(len(c.inputs) == 1 or not c.attrs.center_crop, "center_crop is not exported")
    height, width = c.known(c.shapes[0][2:], "a crop")
    top, left = c.attrs.offset
    return sliced(c.inputs[0], [top, left], [top + height, left + width], [2, 3])


# --- By index ---


def _clipped(c, index, length, mode):
    """Indices as int64 within the axis."""
    index = index.cast(numpy.int64)
    if mode == "raise":
        return index
    length = c.known((length,), "the axis of a choice")[0]
    return index.op("Mod", length) if mode == "wrap" else index.op("Clip", 0, length - 1)


@row("take")
def _take(c):
    data, index = c.inputs
    axis = c.axes(c.attrs.axis)[0]
    return data.op("Gather", _clipped(c, index, data.shape[axis], c.attrs.mode), axis=axis)


@row("Embedding")
def _embedding(c):
    index, weight = c.inputs
    return weight.op("Gather", index.cast(numpy.int64), axis=0)


@row("pick")
def _pick(c):
    data, index = c.inputs
    axis = data.rank - 1 if c.attrs.axis is None else c.axes(c.attrs.axis)[0]
    index_rank = index.rank
    index = _clipped(c, index, data.shape[axis], c.attrs.mode)
    found = data.op("GatherElements", index if index_rank == data.rank else index.unsqueezed(axis), axis=axis)
    return found if c.attrs.keepdims else found.squeezed(axis)


@row("batch_take")
def _batch_take(c):
    data, index = c.inputs
    index = _clipped(c, index, data.shape[1], "clip").reshaped(-1, 1)
    return data.op("GatherElements", index, axis=1).squeezed(1)


@row("gather_nd")
def _gather_nd(c):
    data, index = c.inputs
    return data.op("GatherND", index.cast(numpy.int64).transposed([*range(1, index.rank), 0]))


@row("one_hot")
def _one_hot(c):
    dtype = numpy.dtype(c.attrs.dtype)
    values = c.constant([c.attrs.off_value, c.attrs.on_value], dtype)
    index = c.inputs[0].cast(numpy.int64)
    # ONNX counts negative indices from the end; here they give a row of off_value.
    index = index.op("Less", 0, dtype=numpy.bool_).op(
        "Where", c.constant(c.attrs.depth), index, dtype=numpy.int64
    )
    return index.op("OneHot", c.attrs.depth, values, dtype=dtype, axis=-1)


@row("topk")
def _topk(c):
    x, k, kind = c.inputs[0], c.attrs.k, c.attrs.ret_typ
    c.require(kind in ("value", "indices", "both"), f"ret_typ {kind!r} is not exported")
    shape, axis = x.shape, c.attrs.axis
    if axis is None:
        x, axis, shape = x.reshaped(-1), 0, (math.prod(c.known(shape, "topk")),)
    k = k if k > 0 else c.known(shape, "topk of all")[axis]
    values, places = x.op("TopK", [k], outputs=2, axis=axis % len(shape), largest=int(not c.attrs.is_ascend))
    places.dtype = numpy.dtype(numpy.int64)
    return {"value": [values], "indices": [places.cast(c.attrs.dtype)]}.get(kind) or [
        values,
        places.cast(c.attrs.dtype),
    ]


@row("sort", "argsort")
def _sort(c):
    x, axis = c.inputs[0], c.attrs.axis
    c.require(axis is not None, "axis None is not exported")
    axis = c.axes(axis)[0]
    length = c.known(x.shape[axis : axis + 1], "sorting")[0]
    values, places = x.op("TopK", [length], outputs=2, axis=axis, largest=int(not c.attrs.is_ascend))
    places.dtype = numpy.dtype(numpy.int64)
    return values if c.node.op.name == "sort" else places.cast(c.attrs.dtype)


@row("depth_to_space")
def _depth_to_space(c):
    return c.inputs[0].op("DepthToSpace", blocksize=c.attrs.block_size, mode="DCR")


@row("space_to_depth")
def _space_to_depth(c):
    return c.inputs[0].op("SpaceToDepth", blocksize=c.attrs.block_size)


# --- Shapes and constants ---


@row("shape_array")
def _shape_array(c):
    return c.inputs[0].lengths()


@row("size_array")
def _size_array(c):
    return c.inputs[0].op("Size", dtype=numpy.int64).reshaped(1)


@row("zeros_like", "ones_like")
def _constant_like(c):
    number = c.writer.onnx.numpy_helper.from_array(
        numpy.full((1,), c.node.op.name == "ones_like", c.inputs[0].dtype)
    )
    return c.inputs[0].lengths().op("ConstantOfShape", dtype=c.inputs[0].dtype, value=number)


@row("_zeros", "_ones", "_full")
def _filled(c):
    number = {"_zeros": 0, "_ones": 1}.get(c.node.op.name)
    number = c.attrs.value if number is None else number
    if None in c.shapes[0]:  # first states of a recurrent layer, which ONNX does without
        return c.unknown(c.attrs.dtype)
    return c.constant(numpy.full(c.known(c.shapes[0], "a constant"), number), c.attrs.dtype)


@row("_arange", "_linspace", "_eye")
def _evaluated(c):
    arguments = c.node.op.arguments(c.node.attrs)
    return c.constant(c.node.op.row.function(**arguments).asnumpy(), c.attrs.dtype)


@row("_contrib_arange_like")
def _arange_like(c):
    x, axis = c.inputs[0], c.attrs.axis
    c.require(c.attrs.repeat == 1, "repeat is not exported")
    count = x.op("Size", dtype=numpy.int64) if axis is None else x.lengths().op("Gather", c.constant(axis))
    numbers = c.constant(0).op("Range", count, c.constant(1)).cast(x.dtype)
    if c.attrs.step != 1:
        numbers = numbers * c.attrs.step
    if c.attrs.start != 0:
        numbers = numbers + c.attrs.start
    return numbers if axis is not None else numbers.op("Reshape", x.lengths())
