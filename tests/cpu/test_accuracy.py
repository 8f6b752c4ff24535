"""The elementary functions against longdouble, over their whole domains (tests/bench/accuracy.py, docs/accuracy.md)."""

import pathlib
import sys

import numpy
import pytest

import minpy

BENCH = pathlib.Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))
import accuracy  # noqa: E402

pytestmark = pytest.mark.skipif(
    numpy.finfo(numpy.longdouble).nmant < 60, reason="longdouble is no wider than double"
)

# Largest error in units in the last place: (float32, float64).
MAX_ULP = {
    "sqrt": (0.5, 0.5), "cbrt": (0.51, 0.51), "exp": (1.0, 1.0), "exp2": (1.1, 0.9), "expm1": (1.2, 1.5),
    "log": (0.9, 0.9), "log2": (0.51, 0.8), "log10": (0.51, 0.7), "log1p": (0.51, 0.9),
    "sin": (1.6, 0.9), "cos": (1.6, 0.9), "tan": (0.51, 1.1), "arcsin": (0.51, 0.65), "arccos": (0.51, 0.65),
    "arctan": (0.51, 1.7), "sinh": (1.6, 1.6), "cosh": (1.5, 1.5), "tanh": (1.6, 1.6),
    "arcsinh": (0.51, 1.7), "arccosh": (0.51, 2.0), "arctanh": (0.51, 1.8), "arctan2": (0.51, 1.2),
    "hypot": (1.0, 0.8), "power": (0.51, 1.1), "logaddexp": (0.6, 10), "erf": (1.1, 1.4),
    "sigmoid": (2.0, 2.0), "softplus": (1.5, 1.5), "gelu": (1.9, 1.9),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("function", accuracy.FUNCTIONS, ids=lambda f: f.name)
def test_accuracy(function, dtype):
    """At most the stated error, by the loops and by emitted code, whose bits are the same."""
    error, operands, group = accuracy.worst(function, dtype, minpy, 4000, seed=1)
    assert 0 < error <= MAX_ULP[function.name][dtype == "float64"], (operands, group)


def test_the_measure_finds_errors():
    """One float off is one unit, an infinity or a NaN for a number is out of any bounds."""
    exact = numpy.array([1, 1.5, 2.0**-148, 2.0**127], numpy.longdouble)
    got = exact.astype("f4")
    assert (accuracy.errors(got, exact, "f4") == 0).all()
    assert (accuracy.errors(numpy.nextafter(got, numpy.float32(9)), exact, "f4")[:3] == [1, 1, 1]).all()
    assert accuracy.errors(numpy.float32([numpy.inf]), exact[:1], "f4")[0] > 1e6
    assert accuracy.errors(numpy.float32([numpy.nan]), exact[:1], "f4")[0] == numpy.inf
    assert (
        accuracy.errors(numpy.float32([1]), numpy.array([numpy.nan], numpy.longdouble), "f4")[0] == numpy.inf
    )


def test_the_references():
    """The error functions in longdouble against the C library's, and their values in the tail."""
    import math

    x = numpy.linspace(-3.4, 6, 997).astype(numpy.longdouble)
    numpy.testing.assert_allclose(
        accuracy.exact_erf(x).astype(float), [math.erf(v) for v in x.astype(float)], 4e-16
    )
    numpy.testing.assert_allclose(
        accuracy.erfc(x).astype(float), [math.erfc(v) for v in x.astype(float)], 1e-15
    )
    assert abs(float(accuracy.erfc(numpy.longdouble([20]))[0]) / 5.3958656116079005e-176 - 1) < 1e-15
