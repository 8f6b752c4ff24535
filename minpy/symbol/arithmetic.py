"""Operators between symbols and numbers, which MXNet names in its own way."""

import numbers

import numpy

from minpy.symbol.compose import compose

# Method: (operator of two symbols, its hint, with a number, its hint, with the number on the left, its hint).
_METHODS = {
    "add": ("elemwise_add", "_plus", "_plus_scalar", "_plusscalar", "_plus_scalar", "_plusscalar"),
    "sub": ("elemwise_sub", "_minus", "_minus_scalar", "_minusscalar", "_rminus_scalar", "_rminusscalar"),
    "mul": ("elemwise_mul", "_mul", "_mul_scalar", "_mulscalar", "_mul_scalar", "_mulscalar"),
    "truediv": ("elemwise_div", "_div", "_div_scalar", "_divscalar", "_rdiv_scalar", "_rdivscalar"),
    "mod": ("_mod", "_mod", "_mod_scalar", "_modscalar", "_rmod_scalar", "_rmodscalar"),
    "pow": ("_power", "_power", "_power_scalar", "_powerscalar", "_rpower_scalar", "_rpower_scalar"),
}
_COMPARISONS = {
    "eq": ("_equal", "_equal"),
    "ne": ("_not_equal", "_not_equal"),
    "gt": ("_greater", "_lesser"),
    "ge": ("_greater_equal", "_lesser_equal"),
    "lt": ("_lesser", "_greater"),
    "le": ("_lesser_equal", "_greater_equal"),
}


def is_number(value):
    """Whether the value is a number."""
    return isinstance(value, (numbers.Number, numpy.generic))


def _binary(names, lhs, rhs):
    pair, pair_hint, scalar, scalar_hint, reverse, reverse_hint = names
    if is_number(rhs):
        return compose(scalar, scalar_hint, (lhs,), {"scalar": rhs})
    if is_number(lhs):
        return compose(reverse, reverse_hint, (rhs,), {"scalar": lhs})
    for value in (lhs, rhs):
        if not hasattr(value, "_outputs"):
            raise TypeError(f"type {type(value)} not supported")
    return compose(pair, pair_hint, (lhs, rhs), {})


def _forward(names):
    return lambda self, other: _binary(names, self, other)


def _reflected(names):
    return lambda self, other: _binary(names, other, self)


def _comparison_names(name, reverse):
    return (name, name, f"{name}_scalar", f"{name}_scalar", f"{reverse}_scalar", f"{reverse}_scalar")


def install(symbol):
    """Gives Symbol its arithmetic and comparisons."""
    for method, names in _METHODS.items():
        setattr(symbol, f"__{method}__", _forward(names))
        setattr(symbol, f"__r{method}__", _reflected(names))
    for method, (name, reverse) in _COMPARISONS.items():
        setattr(symbol, f"__{method}__", _forward(_comparison_names(name, reverse)))
    symbol.__neg__ = lambda self: compose("_mul_scalar", "_mulscalar", (self,), {"scalar": -1.0})
    symbol.__abs__ = lambda self: compose("abs", "abs", (self,), {})


def _function(name, names, compute, sentence):
    def call(lhs, rhs):
        if is_number(lhs) and is_number(rhs):
            return compute(lhs, rhs)
        return _binary(names, lhs, rhs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"""{sentence}

    Parameters
    ----------
    lhs, rhs : Symbol or number
        Two numbers give a number.
    """
    return call


def _names(name, hint):
    return (f"_{name}", f"_{name}", f"_{name}_scalar", hint, f"_{name}_scalar", hint)


power = pow = _function("power", _METHODS["pow"], lambda a, b: a**b, "`lhs` to the power of `rhs`.")
maximum = _function("maximum", _names("maximum", "_maximumscalar"), max, "The larger of the elements.")
minimum = _function("minimum", _names("minimum", "_minimumscalar"), min, "The smaller of the elements.")
hypot = _function(
    "hypot", _names("hypot", "_hypotscalar"), lambda a, b: float(numpy.hypot(a, b)), "The hypotenuse."
)
