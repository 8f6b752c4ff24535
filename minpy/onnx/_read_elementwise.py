"""Import: operators on single elements."""

import functools

import numpy

from minpy.onnx._reader import ROWS, row

_UNARY = {
    "Abs": "abs", "Acos": "arccos", "Acosh": "arccosh", "Asin": "arcsin", "Asinh": "arcsinh", "Atan": "arctan",
    "Atanh": "arctanh", "Ceil": "ceil", "Cos": "cos", "Cosh": "cosh", "Erf": "erf",
    "Exp": "exp", "Floor": "floor", "Identity": "_copy", "Log": "log", "Neg": "negative", "Not": "logical_not",
    "Reciprocal": "reciprocal", "Relu": "relu", "Sigmoid": "sigmoid", "Sign": "sign", "Sin": "sin",
    "Sinh": "sinh", "Softplus": "softrelu", "Softsign": "softsign", "Sqrt": "sqrt", "Tan": "tan", "Tanh": "tanh",
    "IsNaN": "_contrib_isnan", "Mish": "mish",
}  # fmt: skip
# The operator on two arrays, with a number on the right, and with a number on the left.
_PAIRS = {
    "Add": ("broadcast_add", "_plus_scalar", "_plus_scalar"),
    "Sub": ("broadcast_sub", "_minus_scalar", "_rminus_scalar"),
    "Mul": ("broadcast_mul", "_mul_scalar", "_mul_scalar"),
    "Div": ("broadcast_div", "_div_scalar", "_rdiv_scalar"),
    "Pow": ("broadcast_power", "_power_scalar", "_rpower_scalar"),
    "Max": ("broadcast_maximum", "_maximum_scalar", "_maximum_scalar"),
    "Min": ("broadcast_minimum", "_minimum_scalar", "_minimum_scalar"),
    "Equal": ("broadcast_equal", "_equal_scalar", "_equal_scalar"),
    "Greater": ("broadcast_greater", "_greater_scalar", "_lesser_scalar"),
    "GreaterOrEqual": ("broadcast_greater_equal", "_greater_equal_scalar", "_lesser_equal_scalar"),
    "Less": ("broadcast_lesser", "_lesser_scalar", "_greater_scalar"),
    "LessOrEqual": ("broadcast_lesser_equal", "_lesser_equal_scalar", "_greater_equal_scalar"),
    "And": ("broadcast_logical_and", "_logical_and_scalar", "_logical_and_scalar"),
    "Or": ("broadcast_logical_or", "_logical_or_scalar", "_logical_or_scalar"),
    "Xor": ("broadcast_logical_xor", "_logical_xor_scalar", "_logical_xor_scalar"),
}


def _unary(name):
    return lambda c: c.op(name, c.sym(0))


def _pair(both, right, left):
    def read(c):
        if len(c.inputs) == 1:
            return c.op("_copy", c.sym(0))
        if len(c.inputs) > 2:
            return functools.reduce(lambda x, y: c.op(both, x, y), c.syms())
        second, first = c.number(1), c.number(0)
        if second is not None:
            return c.op(right, c.sym(0), scalar=_real(second))
        return c.op(left, c.sym(1), scalar=_real(first)) if first is not None else c.op(both, *c.syms())

    return read


def _real(number):
    return float(number) if isinstance(number, bool) else number


ROWS.update({kind: _unary(name) for kind, name in _UNARY.items()})
ROWS.update({kind: _pair(*names) for kind, names in _PAIRS.items()})


@row("Sum", "Mean")
def _sum(c):
    total = functools.reduce(lambda x, y: c.op("broadcast_add", x, y), c.syms())
    return total / len(c.inputs) if c.kind == "Mean" else total


@row("Mod")
def _mod(c):
    x, y = c.syms()
    if not c.attr("fmod", 0):
        return c.op("broadcast_mod", x, y)
    return c.op("broadcast_sub", x, c.op("broadcast_mul", c.op("fix", c.op("broadcast_div", x, y)), y))


@row("Cast")
def _cast(c):
    dtype = c.reader.onnx.helper.tensor_dtype_to_np_dtype(c.attr("to"))
    return c.op("Cast", c.sym(0), dtype=numpy.dtype(dtype).name)


@row("Dropout")
def _dropout(c):
    ratio, training = c.number(1) if c.has(1) else c.attr("ratio", 0.5), c.number(2) if c.has(2) else False
    c.require((training is not None and not training) or ratio == 0, "training mode has no counterpart")
    return c.op("_copy", c.sym(0))


@row("IsInf")
def _is_infinite(c):
    c.require(c.attr("detect_positive", 1) and c.attr("detect_negative", 1), "one sign has no counterpart")
    return c.op("_contrib_isinf", c.sym(0))


@row("Round")
def _round(c):
    """Halves go to even numbers; `rint` takes them down."""
    down, x = c.op("rint", c.sym(0)), c.sym(0)
    half = c.op("_equal_scalar", c.op("elemwise_sub", x, c.op("floor", x)), scalar=0.5)
    return c.op("elemwise_add", down, c.op("elemwise_mul", half, c.op("_mod_scalar", down, scalar=2.0)))


@row("Clip")
def _clip(c):
    limits = []
    for position, attribute in ((1, "min"), (2, "max")):
        found = c.constant(position)
        limits.append(c.attr(attribute) if found is None else found.reshape(-1)[0].item())
    low, high = limits
    if low is None or high is None:
        if low is None and high is None:
            return c.op("_copy", c.sym(0))
        name = "_maximum_scalar" if high is None else "_minimum_scalar"
        return c.op(name, c.sym(0), scalar=low if high is None else high)
    return c.op("clip", c.sym(0), a_min=low, a_max=high)


@row("HardSigmoid")
def _hard_sigmoid(c):
    return c.op("hard_sigmoid", c.sym(0), alpha=c.attr("alpha", 0.2), beta=c.attr("beta", 0.5))


@row("HardSwish")
def _hard_swish(c):
    return c.sym(0) * c.op("hard_sigmoid", c.sym(0), alpha=1 / 6, beta=0.5)


@row("LeakyRelu")
def _leaky_relu(c):
    return c.op("LeakyReLU", c.sym(0), act_type="leaky", slope=c.attr("alpha", 0.01))


@row("Elu")
def _elu(c):
    return c.op("LeakyReLU", c.sym(0), act_type="elu", slope=c.attr("alpha", 1.0))


_SELU = 1.67326319217681884765625, 1.05070102214813232421875  # ONNX's defaults of alpha and gamma


@row("Selu")
def _selu(c):
    alpha, gamma = c.attr("alpha"), c.attr("gamma")
    if alpha is None and gamma is None:
        return c.op("LeakyReLU", c.sym(0), act_type="selu")
    alpha, gamma = _SELU[0] if alpha is None else alpha, _SELU[1] if gamma is None else gamma
    return c.op("LeakyReLU", c.sym(0), act_type="elu", slope=alpha) * gamma


@row("Gelu")
def _gelu(c):
    c.require(c.attr("approximate", "none") == "none", "the approximation by tanh has no counterpart")
    return c.op("LeakyReLU", c.sym(0), act_type="gelu")


@row("PRelu")
def _prelu(c):
    slope = c.constant(1)
    old = c.reader.opset < 7 and slope.shape == (c.known(0, "a slope")[1],)  # one axis meant channels
    channels = old or (
        c.rank() > 1 and slope.ndim in (c.rank() - 1, c.rank()) and slope.size == slope.shape[-(c.rank() - 1)]
    )
    c.require(slope.size == 1 or channels or c.rank() == 1, "the slope must be one for each channel")
    return c.op("LeakyReLU", c.sym(0), c.stored(slope.reshape(-1), "gamma"), act_type="prelu")


@row("Where")
def _where(c):
    condition, x, y = c.syms()
    shapes = [c.shape(i) for i in range(3)]
    if any(s is None or None in s for s in shapes) or len(set(shapes)) > 1:
        # The shape of the result, by an operator that has it.
        zeros = [c.op("zeros_like", s) for s in (x, y, c.op("Cast", condition, dtype="float32"))]
        like = functools.reduce(lambda a, b: c.op("broadcast_add", a, b), zeros)
        condition, x, y = (c.op("broadcast_like", s, like) for s in (condition, x, y))
    return c.op("where", condition, x, y)
