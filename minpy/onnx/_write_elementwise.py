"""Export: operators on single elements, as tables of ONNX operators and formulas."""

import math

import numpy

from minpy.onnx._writer import ROWS, row

_UNARY = {
    "abs": "Abs", "arccos": "Acos", "arccosh": "Acosh", "arcsin": "Asin", "arcsinh": "Asinh", "arctan": "Atan",
    "arctanh": "Atanh", "ceil": "Ceil", "cos": "Cos", "cosh": "Cosh", "erf": "Erf", "exp": "Exp", "floor": "Floor",
    "log": "Log", "negative": "Neg", "reciprocal": "Reciprocal", "relu": "Relu",
    "sigmoid": "Sigmoid", "sign": "Sign", "sin": "Sin", "sinh": "Sinh", "softrelu": "Softplus",
    "softsign": "Softsign", "sqrt": "Sqrt", "tan": "Tan", "tanh": "Tanh", "LogisticRegressionOutput": "Sigmoid",
}  # fmt: skip
# What leaves its first input as it is when a network is used.
_SAME = (
    "_copy", "BlockGrad", "Dropout", "MakeLoss", "make_loss", "LinearRegressionOutput", "MAERegressionOutput",
    "IdentityAttachKLSparseReg", "cast_storage", "_contrib_gradientmultiplier",
)  # fmt: skip


def _toward_zero(x):
    return x.op("Sign") * abs(x).op("Floor")


def _log_sigmoid(x):
    return -(-x).op("Softplus")


def _mish(x):
    return x * x.op("Softplus").op("Tanh")


def gelu(x):
    """x times the normal distribution function of x."""
    return x * 0.5 * ((x * math.sqrt(0.5)).op("Erf") + 1)


_FORMULAS = {
    "cbrt": lambda x: x.op("Sign") * abs(x) ** (1 / 3),
    "degrees": lambda x: x * (180 / math.pi),
    "expm1": lambda x: x.op("Exp") - 1,
    "fix": _toward_zero,
    "log10": lambda x: x.op("Log") * (1 / math.log(10)),
    "log1p": lambda x: (x + 1).op("Log"),
    "log2": lambda x: x.op("Log") * (1 / math.log(2)),
    "log_sigmoid": _log_sigmoid,
    "mish": _mish,
    "radians": lambda x: x * (math.pi / 180),
    "rcbrt": lambda x: 1 / (x.op("Sign") * abs(x) ** (1 / 3)),
    "rint": lambda x: (x - 0.5).op("Ceil"),  # halves go down, where ONNX's Round takes them to even numbers
    "round": lambda x: x.op("Sign") * (abs(x) + 0.5).op("Floor"),
    "rsqrt": lambda x: 1 / x.op("Sqrt"),
    "square": lambda x: x * x,
    "trunc": _toward_zero,
}

_ACTIVATIONS = {
    "relu": lambda x: x.op("Relu"),
    "sigmoid": lambda x: x.op("Sigmoid"),
    "tanh": lambda x: x.op("Tanh"),
    "softrelu": lambda x: x.op("Softplus"),
    "softsign": lambda x: x.op("Softsign"),
    "log_sigmoid": _log_sigmoid,
    "mish": _mish,
}


def _remainder(x, y):
    """x modulo y, with the sign of y."""
    if x.dtype.kind in "iu":
        return x.op("Mod", y)
    return x - (x / y).op("Floor") * y


def _comparison(kind, negated=False):
    def compare(x, y):
        found = x.op(kind, y, dtype=numpy.bool_)
        return found.op("Not") if negated else found

    return compare


def _logical(kind):
    return lambda x, y: x.cast(bool).op(kind, y.cast(bool))


_PAIRS = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "mod": _remainder,
    "power": lambda x, y: x**y,
    "maximum": lambda x, y: x.op("Max", y),
    "minimum": lambda x, y: x.op("Min", y),
    "hypot": lambda x, y: (x * x + y * y).op("Sqrt"),
    "equal": _comparison("Equal"),
    "not_equal": _comparison("Equal", negated=True),
    "greater": _comparison("Greater"),
    "greater_equal": _comparison("GreaterOrEqual"),
    "lesser": _comparison("Less"),
    "lesser_equal": _comparison("LessOrEqual"),
    "logical_and": _logical("And"),
    "logical_or": _logical("Or"),
    "logical_xor": _logical("Xor"),
}
# Operators with a number are named after these; the number is on the left in those with an r.
_WITH_NUMBER = {"plus": "add", "minus": "sub", "mul": "mul", "div": "div", "mod": "mod", "power": "power",
                "rminus": "sub", "rdiv": "div", "rmod": "mod", "rpower": "power"}  # fmt: skip


def _unary(kind):
    return lambda c: c.inputs[0].op(kind)


def _formula(function):
    return lambda c: function(c.inputs[0])


def _same(c):
    return c.inputs[0]


def _pair(function):
    def export(c):
        x, y = c.inputs
        common = numpy.promote_types(x.dtype, y.dtype)
        return function(x.cast(common), y.cast(common)).cast(common)

    return export


def _with_number(function, reflected):
    def export(c):
        x = c.inputs[0]
        number = c.constant(c.attrs.scalar, x.dtype)
        return function(*((number, x) if reflected else (x, number))).cast(x.dtype)

    return export


ROWS.update({name: _unary(kind) for name, kind in _UNARY.items()})
ROWS.update({name: _formula(function) for name, function in _FORMULAS.items()})
ROWS.update(dict.fromkeys(_SAME, _same))
for _name, _function in _PAIRS.items():
    for _full in (f"broadcast_{_name}", f"elemwise_{_name}", f"_{_name}"):
        ROWS[_full] = _pair(_function)
    ROWS[f"_{_name}_scalar"] = _with_number(_function, False)
for _name, _target in _WITH_NUMBER.items():
    ROWS[f"_{_name}_scalar"] = _with_number(_PAIRS[_target], _name.startswith("r"))


@row("logical_not")
def _logical_not(c):
    return c.inputs[0].cast(bool).op("Not").cast(c.inputs[0].dtype)


@row("_contrib_isnan", "_contrib_isinf", "_contrib_isfinite")
def _is_special(c):
    x = c.inputs[0]
    found = [x.op(kind, dtype=numpy.bool_) for kind in ("IsNaN", "IsInf")]
    kind = c.node.op.name.removeprefix("_contrib_is")
    finite = found[0].op("Or", found[1]).op("Not")
    return {"nan": found[0], "inf": found[1], "finite": finite}[kind].cast(x.dtype)


@row("Cast", "amp_cast")
def _cast(c):
    return c.inputs[0].cast(c.attrs.dtype)


@row("clip")
def _clip(c):
    return c.inputs[0].op("Clip", c.attrs.a_min, c.attrs.a_max)


@row("add_n")
def _add_n(c):
    return c.inputs[0].op("Sum", *c.inputs[1:])


@row("hard_sigmoid")
def _hard_sigmoid(c):
    return c.inputs[0].op("HardSigmoid", alpha=float(c.attrs.alpha), beta=float(c.attrs.beta))


@row("smooth_l1")
def _smooth_l1(c):
    x, scale = c.inputs[0], float(c.attrs.scalar) ** 2
    size = abs(x)
    near = size.op("Less", 1 / scale, dtype=numpy.bool_)
    return near.op("Where", x * x * (0.5 * scale), size - 0.5 / scale, dtype=x.dtype)


@row("Activation")
def _activation(c):
    kind = c.attrs.act_type
    c.require(kind in _ACTIVATIONS, f"act_type {kind!r} is not exported")
    return _ACTIVATIONS[kind](c.inputs[0])


@row("LeakyReLU")
def _leaky_relu(c):
    x, kind, slope = c.inputs[0], c.attrs.act_type, float(c.attrs.slope)
    if kind == "gelu":
        return gelu(x)
    if kind == "prelu":
        gamma = c.inputs[1]
        return x.op("PRelu", gamma.reshaped(-1, *[1] * (x.rank - 2)) if x.rank > 2 else gamma)
    if kind == "rrelu":
        slope, kind = (float(c.attrs.lower_bound) + float(c.attrs.upper_bound)) / 2, "leaky"
    kinds = {"leaky": ("LeakyRelu", slope), "elu": ("Elu", slope), "selu": ("Selu", None)}
    c.require(kind in kinds, f"act_type {kind!r} is not exported")
    return x.op(kinds[kind][0], alpha=kinds[kind][1])


@row("where")
def _where(c):
    condition, x, y = c.inputs
    condition = condition.cast(bool)
    if c.inputs[0].rank == 1 and x.rank > 1:  # whole rows are chosen
        condition = condition.reshaped(-1, *[1] * (x.rank - 1))
    common = numpy.promote_types(x.dtype, y.dtype)
    return condition.op("Where", x.cast(common), y.cast(common), dtype=common)
