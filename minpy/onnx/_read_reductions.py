"""Import: reductions, products of matrices and softmax."""

from minpy.onnx._reader import row

_REDUCTIONS = {
    "ReduceSum": "sum",
    "ReduceMean": "mean",
    "ReduceMax": "max",
    "ReduceMin": "min",
    "ReduceProd": "prod",
}


def _axes(c):
    axes = c.ints(1, "axes")
    return None if not axes else tuple(axes)


@row(*_REDUCTIONS, "ReduceL1", "ReduceL2", "ReduceSumSquare")
def _reduce(c):
    axes, keepdims, x = _axes(c), bool(c.attr("keepdims", 1)), c.sym(0)
    if axes is None and c.attr("noop_with_empty_axes", 0):
        return c.op("_copy", x)
    if c.kind in ("ReduceL1", "ReduceL2"):
        return c.op("norm", x, ord=int(c.kind[-1]), axis=axes, keepdims=keepdims)
    if c.kind == "ReduceSumSquare":
        return c.op("sum", c.op("square", x), axis=axes, keepdims=keepdims)
    return c.op(_REDUCTIONS[c.kind], x, axis=axes, keepdims=keepdims)


@row("ArgMax", "ArgMin")
def _argmax(c):
    c.require(not c.attr("select_last_index", 0), "select_last_index has no counterpart")
    options = {"axis": c.attr("axis", 0), "keepdims": bool(c.attr("keepdims", 1))}
    return c.op("Cast", c.op(c.kind.lower(), c.sym(0), **options), dtype="int64")


@row("CumSum")
def _cumsum(c):
    c.require(
        not c.attr("exclusive", 0) and not c.attr("reverse", 0), "exclusive and reverse have no counterpart"
    )
    return c.op("cumsum", c.sym(0), axis=c.ints(1)[0])


# --- Products ---


@row("Gemm")
def _gemm(c):
    alpha, beta = c.attr("alpha", 1.0), c.attr("beta", 1.0)
    plain = alpha == beta == 1 and not c.attr("transA", 0) and c.inputs[1] in c.reader.constants
    if plain and (not c.has(2) or len(c.shape(2) or ()) == 1):
        return _dense(c)
    options = {
        "transpose_a": bool(c.attr("transA", 0)),
        "transpose_b": bool(c.attr("transB", 0)),
        "alpha": alpha,
    }
    product = c.op("_linalg_gemm2", c.sym(0), c.sym(1), **options)
    if not c.has(2):
        return product
    return c.op("broadcast_add", product, c.sym(2) if beta == 1 else c.sym(2) * beta)


def _dense(c):
    weight = c.constant(1)
    if c.attr("transB", 0):
        variable = c.sym(1)
    else:
        weight = weight.T.copy()
        variable = c.stored(weight, "weight")
    inputs = [c.sym(0), variable, *([c.sym(2)] if c.has(2) else [])]
    return c.op("FullyConnected", *inputs, num_hidden=weight.shape[0], no_bias=not c.has(2), flatten=False)


@row("MatMul")
def _matmul(c):
    a, b = c.syms()
    ranks = c.rank(0), c.rank(1)
    if ranks[1] <= 2:
        return c.op("dot", a, b)
    if ranks[0] == 2:  # the same by the transposed matrices
        found = c.op("dot", c.op("SwapAxis", b, dim1=ranks[1] - 2, dim2=ranks[1] - 1), a, transpose_b=True)
        return c.op("SwapAxis", found, dim1=ranks[1] - 2, dim2=ranks[1] - 1)
    shapes = c.shape(0)[:-2], c.shape(1)[:-2]
    same = len(shapes[0]) == len(shapes[1]) and all(m is None or n is None or m == n for m, n in zip(*shapes))
    c.require(same, "stacks of different shapes have no counterpart")
    return c.op("_linalg_gemm2", a, b)


# --- Softmax ---

_SOFTMAX = {"Softmax": "softmax", "LogSoftmax": "log_softmax"}


@row(*_SOFTMAX)
def _softmax(c):
    axis = c.attr("axis", -1 if c.reader.opset >= 13 else 1)
    x = c.sym(0)
    if c.reader.opset >= 13 or axis in (-1, c.rank() - 1):
        return c.op(_SOFTMAX[c.kind], x, axis=axis)
    c.require(axis == 1, "before opset 13 only the axes 1 and -1 have a counterpart")
    return c.op("reshape_like", c.op(_SOFTMAX[c.kind], c.op("Flatten", x), axis=1), x)
