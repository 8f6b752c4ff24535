"""Operators that NumPy lacks, against a formula in NumPy: values, layouts, arguments of ufuncs, derivatives."""

import pickle

import numpy
import pytest

import minpy.numpy as np
from minpy import _core, npx
from minpy.core import grad

REFERENCE = {
    "sigmoid": lambda x: (1 / (1 + numpy.exp(-x.astype(numpy.longdouble)))).astype(numpy.exp(x[:0]).dtype),
}
DTYPES = ("i1", "u2", "i4", "i8", "f2", "f4", "f8")
TOLERANCE = {"f2": 1e-3, "f4": 5e-7, "f8": 1e-15}

names = pytest.mark.parametrize("name", sorted(REFERENCE))


def sample(dtype, shape=(37,)):
    values = numpy.random.RandomState(3).uniform(-9, 9, shape)
    return values.astype(dtype) if dtype[0] != "u" else numpy.abs(values).astype(dtype)


def test_every_operator_has_a_reference():
    assert set(REFERENCE) == set(_core.own_ufuncs) == set(_core.own_ufuncs)


@names
@pytest.mark.parametrize("dtype", DTYPES)
def test_values(name, dtype):
    x = sample(dtype)
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


@names
def test_layouts_and_arguments(name):
    operator, x = getattr(npx, name), sample("f8", (6, 8))
    expected = REFERENCE[name](x)
    for view in (lambda a: a.T, lambda a: a[::-2, 1::3], lambda a: a[:, 0], lambda a: a[2, 3]):
        numpy.testing.assert_allclose(numpy.asarray(operator(view(np.array(x)))), view(expected), rtol=1e-14)
    out = np.full((6, 8), 7.0)
    mask = np.array(x > 1)
    assert operator(np.array(x), out=out, where=mask) is out
    numpy.testing.assert_allclose(numpy.asarray(out), numpy.where(x > 1, expected, 7.0), rtol=1e-14)
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
    operator, x = getattr(npx, name), numpy.array([-2.5, -0.3, 0.4, 1.7])
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
