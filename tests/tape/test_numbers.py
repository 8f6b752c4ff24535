"""Operators on single numbers: nodes hold values there, and gradients are numbers. They must give what arrays give."""

import operator
import warnings

import numpy
import pytest

import minpy
import minpy.numpy as np
from minpy import autograd
from minpy.core import grad, grad_and_loss

UNARY = (
    "negative positive absolute fabs square reciprocal exp exp2 expm1 log log2 log10 log1p sqrt cbrt sin cos tan "
    "arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh deg2rad rad2deg conjugate"
).split()
BINARY = "add subtract multiply divide power remainder fmod maximum minimum fmax fmin copysign arctan2 hypot logaddexp".split()
POINTS = (0.3, 0.75, 1.5, -0.6, 0.0, -0.0, numpy.inf, numpy.nan, 1e-42, 3e38)


def gradients(gradient, values, dtype, shape):
    """The bytes of the gradients, of whichever NaN, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = [numpy.array(r) for r in gradient(*(np.full(shape, v, dtype) for v in values))]
    for r in result:
        assert r.shape == shape and r.dtype == dtype
        r[numpy.isnan(r)] = numpy.nan
    return [r.tobytes() for r in result], {str(w.message) for w in caught}


def agree(gradient, *values, dtype):
    return gradients(gradient, values, dtype, ()) == gradients(gradient, values, dtype, (1,))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", UNARY)
def test_unary_gradients_are_those_of_arrays(name, dtype):
    gradient = grad(lambda x: getattr(np, name)(x * 1.25), argnum=(0,))
    for x in POINTS:
        assert agree(gradient, x, dtype=dtype), x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BINARY)
def test_binary_gradients_are_those_of_arrays(name, dtype):
    gradient = grad(lambda x, y: getattr(np, name)(x * 1.25, y), argnum=(0, 1))
    for x in POINTS:
        for y in POINTS:
            assert agree(gradient, x, y, dtype=dtype), (x, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_one_element_has_the_bits_of_many(name, dtype):
    rng = numpy.random.default_rng(1)
    x = numpy.concatenate([3 * rng.standard_normal(60), 10.0 ** rng.uniform(-37, 37, 60), POINTS]).astype(
        dtype
    )
    operands = (x,) if name in UNARY else (x, rng.permutation(x))
    with np.errstate(all="ignore"):
        many = numpy.array(getattr(np, name)(*operands))
        one = numpy.array([getattr(np, name)(*(o[i] for o in operands)) for i in range(len(x))])
    numpy.testing.assert_array_equal(one, many)
    finite = ~numpy.isnan(many)
    assert one[finite].tobytes() == many[finite].tobytes()


def test_gradients_of_a_variable_that_is_old():
    x = np.array(2.0)
    x.attach_grad()
    other = np.array(1.0)
    other.attach_grad()
    with autograd.record():
        for _ in range(5000):
            other * 2.0
        y = np.sin(x) * x + other
    y.backward()
    numpy.testing.assert_allclose(float(x.grad), numpy.sin(2.0) + 2 * numpy.cos(2.0), rtol=1e-12)
    assert other.grad == 1
    with autograd.record():
        old = np.exp(x)
        for _ in range(5000):
            other * 2.0
        y = old * x  # an operator that is old: nodes are sorted
    y.backward()
    numpy.testing.assert_allclose(float(x.grad), 3 * numpy.exp(2.0), rtol=1e-12)


@pytest.mark.parametrize("other", [0.01, 3, -2, numpy.float32(1.5), numpy.float64(0.7), 1e300, 2**70, True])
@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_operands_of_other_kinds(op, other, dtype):
    def number(f, x):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            value = f(x)
        return value, {str(w.message) for w in caught}

    def close(got, expected):
        ulp = 2 if op is operator.pow else 0
        if numpy.isfinite(expected):
            numpy.testing.assert_array_max_ulp(numpy.asarray(got), expected, ulp)
        else:
            numpy.testing.assert_array_equal(got, expected)

    x = numpy.asarray(0.375, dtype)
    for f in (lambda x: op(x, other), lambda x: op(other, x)):
        expected, expected_warnings = number(f, x)
        got, got_warnings = number(f, np.array(x))
        assert type(got) is type(expected) and got.dtype == expected.dtype
        close(got, expected)
        assert got_warnings == expected_warnings
        with autograd.record():
            variable = np.array(x)
            variable.attach_grad()
            recorded = f(variable)
        assert recorded.dtype == expected.dtype
        close(recorded, expected)


def test_numpy_scalars_give_numpy_scalars():
    for scalar in (numpy.float32(0.5), numpy.float64(0.5)):
        result = np.sin(scalar)
        assert type(result) is type(scalar)
        numpy.testing.assert_array_max_ulp(result, numpy.sin(scalar), 2)
    assert type(np.add(numpy.float32(1), numpy.float64(1))) is numpy.float64
    assert type(np.greater(numpy.float32(1), numpy.float32(0))) is numpy.bool_


def test_higher_orders():
    def f(x):
        return np.sin(x * x) / np.exp(x) + x**3

    derivative = f
    point, h = 0.7, 1e-5
    for _ in range(4):
        lower, derivative = derivative, grad(derivative)
        slope = (float(lower(point + h)) - float(lower(point - h))) / (2 * h)
        assert float(derivative(point)) == pytest.approx(slope, rel=1e-6, abs=1e-6)


def test_an_operand_twice_and_shared_results():
    def f(x):
        y = x * x
        return y * y + y + x

    assert grad(f)(3.0) == 4 * 27 + 6 + 1


def test_numbers_among_arrays():
    def f(x, a):
        s = np.sin(x) * a.sum()
        return (a * s + x).sum() * s

    a = numpy.array([1.0, 2.0, 4.0])
    for argnum in (0, 1):
        gradient = numpy.asarray(grad(f, argnum)(0.4, a))
        basis = [numpy.float64(1)] if argnum == 0 else numpy.eye(3)
        h = 1e-6
        for i, e in enumerate(basis):
            up = f(0.4 + h * e, a) if argnum == 0 else f(0.4, a + h * e)
            down = f(0.4 - h * e, a) if argnum == 0 else f(0.4, a - h * e)
            assert gradient.reshape(-1)[i] == pytest.approx((up - down) / (2 * h), rel=1e-6)


def test_values_are_those_of_the_time_of_the_operator():
    x = np.array(3.0)
    x.attach_grad()
    with autograd.record():
        y = x * x
    x[...] = 100.0
    y.backward()
    assert x.grad == 6.0


def test_requests_and_second_passes():
    x = np.array(2.0)
    x.attach_grad(grad_req="add")
    with autograd.record():
        y = np.exp(x) * x
    y.backward(retain_graph=True)
    y.backward()
    numpy.testing.assert_allclose(float(x.grad), 2 * 3 * numpy.exp(2.0))
    with pytest.raises(minpy.base.MXNetError, match="not in a computational graph"):
        y.backward()
    x.attach_grad()
    with autograd.record():
        y = np.exp(x) * x
    y.backward(np.array(10.0))
    numpy.testing.assert_allclose(float(x.grad), 30 * numpy.exp(2.0))


def test_recorded_numbers_are_immutable_numbers():
    x = np.array(2.0)
    x.attach_grad()
    with autograd.record():
        y = z = x * 3
        y += 1
        assert isinstance(y, np.ndarray) and y.shape == ()
        assert float(z) == 6 and float(y) == 7 and hash(z) == hash(6.0) and f"{z:.1f}" == "6.0"


@pytest.mark.parametrize("how", ["warn", "raise", "ignore"])
def test_errors_within_the_gradient(how):
    # The value is finite, the derivative of sqrt at 0 is not.
    with np.errstate(divide=how), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if how == "raise":
            with pytest.raises(FloatingPointError, match="divide by zero encountered in divide"):
                grad(np.sqrt)(0.0)
        else:
            assert grad(np.sqrt)(0.0) == numpy.inf
    assert [str(w.message) for w in caught] == (
        ["divide by zero encountered in divide"] if how == "warn" else []
    )


def test_an_overflow_within_a_sum_of_gradients_is_reported():
    huge = numpy.float32(3e38)

    def f(x):
        return x * huge + x * huge

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert grad(f)(numpy.float32(0)) == numpy.inf
    assert [str(w.message) for w in caught] == ["overflow encountered in add"]


def test_flags_of_the_past_are_not_reported():
    gradient = grad(lambda x: np.sin(x) * 2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value in (1e308, 2.0):
            value * 1e10  # Python leaves the processor's flags up
            assert gradient(0.0) == 2.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_flags_of_the_way_to_a_result_are_not_reported(dtype):
    # Squares of the tiny ones underflow, and comparisons with NaN are invalid operations.
    with np.errstate(all="raise"):
        for x in (1e-30, 1e-12, numpy.nan) if dtype == "float32" else (1e-200, 1e-100, numpy.nan):
            x = np.array(x, dtype)
            for f in (np.sin, np.cos, np.exp, np.log1p):
                numpy.testing.assert_array_equal(f(x), f(x.reshape(1))[0])
                numpy.testing.assert_array_equal(grad(f)(x), grad(f)(x.reshape(1))[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_error_amid_a_chain_is_reported_once(dtype):
    def f(x):
        y = x * 1.0
        for step in range(20):
            y = y + 0.5 * np.sin(y) + (np.sqrt(y - y) if step == 10 else 0.0)
        return y

    variables = [np.full(shape, 0.5, dtype) for shape in [(), (1,)]]
    for x in variables:
        x.attach_grad()
        with autograd.record():
            y = f(x)
        for _ in range(2):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                y.backward(retain_graph=True)
            assert [str(w.message) for w in caught] == [
                "divide by zero encountered in divide",
                "invalid value encountered in add",
            ]
        with np.errstate(all="ignore"):
            y.backward()
        with pytest.raises(minpy.base.MXNetError, match="not in a computational graph"):
            y.backward()
    assert numpy.isnan(variables[0].grad) and numpy.isnan(variables[1].grad[0])


def test_without_native_operators():
    gradient = grad(lambda x: np.sin(x) * x)
    with autograd.record():
        x = np.array(0.5)
        x.attach_grad()
        y = np.sin(x) * x
    minpy.set_global_policy("only_numpy")
    try:
        y.backward()
    finally:
        minpy.set_global_policy("prefer_native")
    assert x.grad == gradient(0.5)


def test_a_long_chain():
    def f(x):
        y = x
        for _ in range(100_000):
            y = y + x * 1e-5
        return y

    gradient, value = grad_and_loss(f)(1.0)
    assert gradient == pytest.approx(2.0) and value == pytest.approx(2.0)
