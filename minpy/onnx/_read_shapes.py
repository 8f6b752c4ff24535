"""Import: operators that move, choose and repeat elements, and constants."""

import numpy

from minpy.onnx._reader import MOST_FOLDED, row

_FAR = 1 << 31  # slices that end beyond this mean the end of the axis


@row("Constant")
def _constant(c):
    if c.attr("value") is not None:
        return c.reader.array(c.attr("value"))
    for name, dtype in (("value_float", "float32"), ("value_floats", "float32"), ("value_int", "int64"), ("value_ints", "int64")):  # fmt: skip
        if c.attr(name) is not None:
            return numpy.array(c.attr(name), dtype)
    return c.require(False, "a constant of this kind has no counterpart")


@row("ConstantOfShape")
def _constant_of_shape(c):
    value = c.attr("value")
    value = numpy.zeros(1, "float32") if value is None else c.reader.array(value)
    source = c.reader.shape_sources.get(c.inputs[0])
    if source is not None:
        like = c.op("Cast", c.op("zeros_like", c.reader.symbol(source)), dtype=value.dtype.name)
        return like + value.reshape(-1)[0].item()
    lengths = c.ints(0)
    c.require(numpy.prod(lengths, dtype=float) <= MOST_FOLDED, f"a constant of shape {lengths} is too large")
    return numpy.full(lengths, value.reshape(-1)[0])


@row("Range")
def _range(c):
    source = c.reader.length_sources.get(c.inputs[1])
    if source is not None and c.number(0) == 0 and c.number(2) == 1:
        numbers = c.op("_contrib_arange_like", c.reader.symbol(source[0]), axis=source[1])
        return c.op("Cast", numbers, dtype="int64")
    start, limit, step = (c.constant(i).reshape(-1)[0] for i in range(3))
    c.require(step != 0 and abs((limit - start) / step) <= MOST_FOLDED, "the range is too large")
    return numpy.arange(start, limit, step, dtype=start.dtype)


@row("Shape")
def _shape(c):
    shape = c.shape(0)
    begin, end = c.attr("start", 0), c.attr("end")
    part = shape[begin:end] if shape is not None else (None,)
    if None not in part:
        return numpy.array(part, "int64")
    found = c.op("shape_array", c.sym(0))
    if begin == 0 and end is None:
        c.reader.shape_sources[c.outputs[0]] = c.inputs[0]
        return found
    return c.op("slice_axis", found, axis=0, begin=begin, end=end)


@row("Size")
def _size(c):
    shape = c.shape(0)
    if shape is not None and None not in shape:
        return numpy.array(numpy.prod(shape, dtype="int64"))
    return c.op("size_array", c.sym(0))


@row("Reshape")
def _reshape(c):
    source = c.reader.shape_sources.get(c.inputs[1])
    if source is not None:
        return c.op("reshape_like", c.sym(0), c.reader.symbol(source))
    known = c.reader.shape(c.outputs[0])
    if c.inputs[1] not in c.reader.constants and known is not None and list(known).count(None) < 2:
        lengths = [-1 if n is None else n for n in known]
    else:
        lengths = c.ints(1)
    c.require(not c.attr("allowzero", 0) or 0 not in lengths, "a shape with zeros has no counterpart")
    return c.op("Reshape", c.sym(0), shape=tuple(lengths))


@row("Flatten")
def _flatten(c):
    axis = c.attr("axis", 1)
    if axis == 1:
        return c.op("Flatten", c.sym(0))
    shape = c.known(0, "an axis other than 1")
    return c.op("Reshape", c.sym(0), shape=(int(numpy.prod(shape[:axis], dtype=int)), -1))


@row("Transpose")
def _transpose(c):
    return c.op("transpose", c.sym(0), axes=tuple(c.attr("perm", ())))


@row("Squeeze")
def _squeeze(c):
    axes = c.ints(1, "axes")
    return c.op("squeeze", c.sym(0), axis=None if axes is None else tuple(axes))


@row("Unsqueeze")
def _unsqueeze(c):
    axes = c.ints(1, "axes")
    if any(a < 0 for a in axes) and len(axes) > 1:
        axes = [a % (c.rank() + len(axes)) for a in axes]
    found = c.sym(0)
    for axis in sorted(axes):
        found = c.op("expand_dims", found, axis=axis)
    return found


@row("Concat")
def _concat(c):
    return c.op("Concat", *c.syms(), dim=c.attr("axis", 1))


@row("Split")
def _split(c):
    axis, count = c.attr("axis", 0), len(c.outputs)
    sizes = c.ints(1, "split")
    if c.attr("num_outputs") is not None:
        length = c.known(0, "num_outputs")[axis]
        each = -(-length // count)
        sizes = [each] * (count - 1) + [length - each * (count - 1)]
    if count == 1:
        return c.op("_copy", c.sym(0))
    if sizes is None or len(set(sizes)) == 1:
        parts = c.op("SliceChannel", c.sym(0), num_outputs=count, axis=axis)
    else:
        parts = c.op("_split_v2", c.sym(0), indices=(0, *numpy.cumsum(sizes)[:-1].tolist()), axis=axis)
    return list(parts)


@row("Slice")
def _slice(c):
    starts, ends = c.ints(1, "starts"), c.ints(2, "ends")
    axes, steps = c.ints(3, "axes", list(range(len(starts)))), c.ints(4, default=[1] * len(starts))
    if any(a < 0 for a in axes):
        axes = [a % c.rank() for a in axes]
    c.require(
        len(starts) == len(ends) == len(axes) == len(steps), "starts, ends, axes and steps differ in length"
    )
    count = max(axes) + 1
    begin, end, step = [None] * count, [None] * count, [1] * count
    for axis, first, last, by in zip(axes, starts, ends, steps):
        begin[axis] = None if abs(first) >= _FAR else first
        end[axis] = None if abs(last) >= _FAR else last
        step[axis] = by
    return c.op("slice", c.sym(0), begin=tuple(begin), end=tuple(end), step=tuple(step))


@row("Expand")
def _expand(c):
    source = c.reader.shape_sources.get(c.inputs[1])
    if source is not None:
        return c.op("broadcast_like", c.sym(0), c.reader.symbol(source))
    lengths, x = c.ints(1), c.sym(0)
    missing = len(lengths) - c.rank()
    for _ in range(missing):
        x = c.op("expand_dims", x, axis=0)
    lengths = [1] * -missing + lengths
    return c.op("broadcast_to", x, shape=tuple(0 if n == 1 else n for n in lengths))


@row("Tile")
def _tile(c):
    return c.op("tile", c.sym(0), reps=tuple(c.ints(1)))


@row("Pad")
def _pad(c):
    pads, mode, rank = c.ints(1, "pads"), c.attr("mode", "constant"), c.rank()
    axes = c.ints(3)
    if axes is not None:
        every = [0] * (2 * rank)
        for axis, less, more in zip(axes, pads[: len(axes)], pads[len(axes) :]):
            every[axis % rank], every[axis % rank + rank] = less, more
        pads = every
    c.require(len(pads) == 2 * rank, "pads must be given for every axis")
    if not any(pads):
        return c.op("_copy", c.sym(0))
    c.require(min(pads) >= 0, "negative pads have no counterpart")
    value = c.constant(2)
    value = c.attr("value", 0.0) if value is None else value.reshape(-1)[0].item()
    return padded(c, c.sym(0), pads[:rank], pads[rank:], mode, value)


def padded(c, x, before, after, mode="constant", value=0.0):
    """A Symbol with more elements around it."""
    width = tuple(n for pair in zip(before, after) for n in pair)
    return c.op("Pad", x, mode=mode, pad_width=width, constant_value=value)


@row("Gather")
def _gather(c):
    axis, index = c.attr("axis", 0), c.reader.constants.get(c.inputs[1])
    if index is not None and index.ndim == 0:
        start = int(index)
        source = c.reader.shape_sources.get(c.inputs[0])
        if source is not None:
            c.reader.length_sources[c.outputs[0]] = source, start
        part = c.op("slice_axis", c.sym(0), axis=axis, begin=start, end=None if start == -1 else start + 1)
        return c.op("squeeze", part, axis=axis) if c.rank() > 1 else part
    # Indices below zero count from the end; those in range stay as they are.
    return c.op("take", c.sym(0), c.sym(1), axis=axis, mode="wrap")


@row("GatherND")
def _gather_nd(c):
    c.require(c.attr("batch_dims", 0) == 0, "batch_dims have no counterpart")
    rank = c.rank(1)
    return c.op("gather_nd", c.sym(0), c.op("transpose", c.sym(1), axes=(rank - 1, *range(rank - 1))))


@row("GatherElements")
def _gather_elements(c):
    axis, index = c.attr("axis", 0) % c.rank(), c.shape(1)
    c.require(index is not None and index[axis] == 1, "only one element along the axis has a counterpart")
    return c.op("pick", c.sym(0), c.sym(1), axis=axis, keepdims=True, mode="wrap")


@row("OneHot")
def _one_hot(c):
    c.require(c.attr("axis", -1) == -1, "an axis other than the last has no counterpart")
    off, on = c.constant(2).tolist()
    depth, dtype = int(c.constant(1).reshape(-1)[0]), c.constant(2).dtype.name
    return c.op("one_hot", c.sym(0), depth=depth, on_value=on, off_value=off, dtype=dtype)


@row("TopK")
def _topk(c):
    options = {
        "axis": c.attr("axis", -1),
        "is_ascend": not c.attr("largest", 1),
        "ret_typ": "both",
        "dtype": "int64",
    }
    return list(c.op("topk", c.sym(0), k=c.ints(1, "k")[0], **options))


@row("DepthToSpace")
def _depth_to_space(c):
    size = c.attr("blocksize")
    if c.attr("mode", "DCR") == "DCR":
        return c.op("depth_to_space", c.sym(0), block_size=size)
    parts = c.op("Reshape", c.sym(0), shape=(0, -4, -1, size * size, 0, 0))
    parts = c.op("Reshape", parts, shape=(0, 0, -4, size, size, 0, 0))
    return c.op("Reshape", c.op("transpose", parts, axes=(0, 1, 4, 2, 5, 3)), shape=(0, 0, -3, -3))


@row("SpaceToDepth")
def _space_to_depth(c):
    c.require(c.attr("mode", "DCR") == "DCR", "mode CRD has no counterpart")
    return c.op("space_to_depth", c.sym(0), block_size=c.attr("blocksize"))


@row("ReverseSequence")
def _reverse_sequence(c):
    axes = c.attr("time_axis", 0), c.attr("batch_axis", 1)
    c.require(axes in ((0, 1), (1, 0)), "other axes have no counterpart")
    x = c.sym(0) if axes[0] == 0 else c.op("SwapAxis", c.sym(0), dim1=0, dim2=1)
    found = c.op("SequenceReverse", x, c.op("Cast", c.sym(1), dtype="float32"), use_sequence_length=True)
    return found if axes[0] == 0 else c.op("SwapAxis", found, dim1=0, dim2=1)
