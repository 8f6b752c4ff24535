"""Operators that NumPy lacks, against a formula in NumPy: values, layouts, arguments of ufuncs, derivatives."""

import pickle

import numpy
import pytest
import scipy.special

import minpy.numpy as np
from minpy import _core, npx
from minpy.core import grad


def in_long_double(f):
    def reference(x):
        with numpy.errstate(all="ignore"):
            return f(x.astype(numpy.longdouble)).astype(numpy.exp(x[:0]).dtype)

    return reference


def log1p_exp(x):
    return numpy.maximum(x, 0) + numpy.log1p(numpy.exp(-abs(x)))


def times(x, factor):  # 0 at minus infinity
    return numpy.where(x == -numpy.inf, 0, x * factor)


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


def mish(x):
    return times(x, numpy.tanh(log1p_exp(x)))


def selu(x):
    scale, alpha = numpy.longdouble(1.0507009873554805), numpy.longdouble(1.6732632423543772)
    return scale * numpy.where(x > 0, x, alpha * numpy.expm1(numpy.minimum(x, 0)))


def erfc(x):
    return scipy.special.erfc(x.astype(numpy.float64)).astype(numpy.longdouble)


def gelu(x):
    return times(x, erfc(-x / numpy.sqrt(numpy.longdouble(2))) / 2)


def gelu_tanh(x):
    return times(x, sigmoid(2 * numpy.sqrt(2 / numpy.longdouble(numpy.pi)) * (x + 0.044715 * x**3)))


REFERENCE = {
    "sigmoid": in_long_double(sigmoid),
    "relu": lambda x: numpy.maximum(x, x.dtype.type(0)),
    "softsign": in_long_double(lambda x: numpy.where(numpy.isinf(x), numpy.sign(x), x / (1 + abs(x)))),
    "softrelu": in_long_double(log1p_exp),
    "log_sigmoid": in_long_double(lambda x: -log1p_exp(-x)),
    "silu": in_long_double(lambda x: times(x, sigmoid(x))),
    "mish": in_long_double(mish),
    "selu": in_long_double(selu),
    "gelu": in_long_double(gelu),
    "gelu_tanh": in_long_double(gelu_tanh),
    "erf": in_long_double(lambda x: scipy.special.erf(x.astype(numpy.float64))),
    "erfinv": in_long_double(lambda x: scipy.special.erfinv(x.astype(numpy.float64))),
}
BOUND = {"erfinv": 0.999}  # of the arguments; 9 by default
DTYPES = ("i1", "u2", "i4", "i8", "f2", "f4", "f8")
TOLERANCE = {"f2": 1e-3, "f4": 5e-7, "f8": 1e-15}

names = pytest.mark.parametrize("name", sorted(REFERENCE))


def sample(dtype, shape=(37,), name=None):
    bound = BOUND.get(name, 9)
    values = numpy.random.RandomState(3).uniform(-bound, bound, shape)
    return values.astype(dtype) if dtype[0] != "u" else numpy.abs(values).astype(dtype)


def test_every_operator_has_a_reference():
    assert set(REFERENCE) == set(_core.own_ufuncs) == set(_core.own_ufuncs)


@names
@pytest.mark.parametrize("dtype", DTYPES)
def test_values(name, dtype):
    x = sample(dtype, name=name)
    result, expected = getattr(npx, name)(np.array(x)), REFERENCE[name](x)
    assert result.dtype == expected.dtype
    tolerance = TOLERANCE.get(expected.dtype.str[1:], 0)
    numpy.testing.assert_allclose(numpy.asarray(result), expected, rtol=tolerance, atol=tolerance)


@names
def test_special_values(name):
    x = numpy.array([numpy.nan, numpy.inf, -numpy.inf, 0.0, -0.0, 1e300, -1e300, 5e-324])
    with numpy.errstate(all="raise"):
        result = getattr(npx, name)(np.array(x))
    with numpy.errstate(over="ignore"):
        expected = REFERENCE[name](x)
    numpy.testing.assert_array_equal(numpy.asarray(result), expected)


@pytest.mark.parametrize("name", ["erf", "gelu", "erfinv", "softrelu", "log_sigmoid", "silu", "mish"])
@pytest.mark.parametrize("dtype, ulps", [("f4", 4), ("f8", 4)])
def test_relative_errors(name, dtype, ulps):
    bound = 1 if name == "erfinv" else 30
    x = numpy.concatenate([numpy.linspace(-bound, bound, 20001), numpy.linspace(-0.01, 0.01, 101)]).astype(
        dtype
    )
    x = x[abs(x) < bound]
    expected = REFERENCE[name](x)
    normal = abs(expected) > (1e-300 if dtype == "f8" else 1e-37)
    x, expected = x[normal], expected[normal]
    got = numpy.asarray(getattr(npx, name)(np.array(x)))
    condition = 2 * x.astype("f8") ** 2 if name == "gelu" else 0  # roundings of x, here and in the reference
    allowed = numpy.finfo(dtype).eps * (ulps + condition)
    assert (abs(got - expected) <= allowed * abs(expected)).all()


@names
def test_layouts_and_arguments(name):
    operator, x = getattr(npx, name), sample("f8", (6, 8), name)
    expected = REFERENCE[name](x)
    for view in (lambda a: a.T, lambda a: a[::-2, 1::3], lambda a: a[:, 0], lambda a: a[2, 3]):
        numpy.testing.assert_allclose(numpy.asarray(operator(view(np.array(x)))), view(expected), rtol=1e-14)
    out = np.full((6, 8), 7.0)
    mask = np.array(x > 0.1)
    assert operator(np.array(x), out=out, where=mask) is out
    numpy.testing.assert_allclose(numpy.asarray(out), numpy.where(x > 0.1, expected, 7.0), rtol=1e-14)
    in_place = np.array(x)
    operator(in_place, in_place)
    numpy.testing.assert_allclose(numpy.asarray(in_place), expected, rtol=1e-14)
    assert operator(np.array(x), dtype="f4").dtype == "f4"
    assert operator([1.0, 2.0]).shape == (2,)
    assert pickle.loads(pickle.dumps(operator)) is operator
    assert operator.__doc__.startswith(name)
    with pytest.raises(TypeError):
        operator(np.array(x), np.array(x), np.array(x))
    with pytest.raises(TypeError):
        operator("text")


@names
def test_derivatives(name):
    operator, x = getattr(npx, name), numpy.array([-2.5, -0.3, 0.4, 1.7]) * BOUND.get(name, 3) / 3
    step, weights = 1e-5, numpy.array([1.0, -2.0, 0.5, 3.0])
    function = lambda a: (operator(a) * weights).sum()
    first = grad(function)
    second = grad(lambda a: (first(a) * weights).sum())
    for derivative, of in (
        (first, lambda a: REFERENCE[name](a) * weights),
        (second, lambda a: numpy.asarray(first(np.array(a))) * weights),
    ):
        expected = (of(x + step) - of(x - step)) / (2 * step)
        numpy.testing.assert_allclose(numpy.asarray(derivative(np.array(x))), expected, rtol=1e-6, atol=1e-8)
