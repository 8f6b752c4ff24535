"""Loops and branches as operators."""

import numpy
import pytest
from finite_differences import check_gradients

import minpy.numpy as np
from minpy import npx


def test_foreach_is_a_scan():
    data = numpy.arange(12.0).reshape(4, 3)
    totals, last = npx.foreach(lambda x, s: (x + s, x + s), np.array(data), np.zeros(3))
    numpy.testing.assert_array_equal(numpy.asarray(totals), data.cumsum(0))
    numpy.testing.assert_array_equal(numpy.asarray(last), data.sum(0))


def test_foreach_keeps_the_form_of_nested_lists():
    a, b = np.arange(6.0).reshape(3, 2), np.arange(3.0)

    def body(slices, states):
        x, (y,) = slices
        assert x.shape == (2,) and y.shape == ()
        return [x * y, [x, y]], [states[0] + y]

    (product, (x, y)), (count,) = npx.foreach(body, [a, [b]], [np.zeros(())])
    assert numpy.array_equal(numpy.asarray(product), numpy.asarray(a) * numpy.asarray(b)[:, None])
    assert numpy.array_equal(numpy.asarray(x), numpy.asarray(a)) and y.shape == (3,)
    assert float(count) == 3


def test_foreach_gradients():
    def scan(data, state):
        outputs, last = npx.foreach(lambda x, s: (np.tanh(x * s), s + x * x), data, state)
        return np.concatenate([outputs, last[None]])

    random = numpy.random.default_rng(0)
    check_gradients(scan, random.normal(size=(4, 3)), random.normal(size=3))


def test_foreach_errors():
    with pytest.raises(ValueError, match=r"one length along the first axis, not \[2, 3\]"):
        npx.foreach(lambda x, s: (x, s), [np.ones(2), np.ones(3)], [])
    with pytest.raises(TypeError, match="data must be an array"):
        npx.foreach(lambda x, s: (x, s), 3, [])
    with pytest.raises(TypeError, match="what body returns must be an array"):
        npx.foreach(lambda x, s: ("text", s), np.ones(2), [])


def halvings(x, n):
    return [x, [n]], (x / 2, n + 1)


def test_while_loop_pads_with_zeros():
    (xs, (ns,)), (x, n) = npx.while_loop(
        lambda x, n: x > 1, halvings, (np.array(8.0), np.array(0)), max_iterations=5
    )
    assert numpy.asarray(xs).tolist() == [8, 4, 2, 0, 0] and numpy.asarray(ns).tolist() == [0, 1, 2, 0, 0]
    assert float(x) == 1 and int(n) == 3


def test_while_loop_stops_at_the_limit():
    outputs, x = npx.while_loop(lambda x: True, lambda x: (None, x * 2), np.array([1.0]), max_iterations=3)
    assert outputs == [] and numpy.asarray(x).tolist() == [8]


def test_while_loop_gradients():
    def powers(x):
        outputs, last = npx.while_loop(
            lambda y, n: n < 3, lambda y, n: (y, [y * x, n + 1]), [x, np.array(0)], max_iterations=4
        )
        return np.concatenate([outputs, last[0][None]])

    check_gradients(powers, numpy.array([0.5, -1.3]))


def test_while_loop_errors():
    with pytest.raises(ValueError, match="max_iterations must be given"):
        npx.while_loop(lambda x: x, lambda x: (x, x), np.ones(()))
    with pytest.raises(ValueError, match="at least one array"):
        npx.while_loop(lambda: True, lambda: ([], []), [], max_iterations=2)
    with pytest.raises(ValueError, match="as many loop_vars as it gets, 1, not 2"):
        npx.while_loop(lambda x: True, lambda x: (x, [x, x]), [np.ones(2)], max_iterations=2)
    with pytest.raises(ValueError, match="what cond returns must be a number"):
        npx.while_loop(lambda x: x, lambda x: (x, x), np.ones(2), max_iterations=2)


@pytest.mark.parametrize("flag", [True, False])
def test_cond(flag):
    x = np.array([2.0, 3.0])
    out = npx.cond(np.array([flag]), lambda: x * 2, lambda: -x)
    assert numpy.asarray(out).tolist() == ([4, 6] if flag else [-2, -3])
    with pytest.raises(ValueError, match="pred must be"):
        npx.cond(x, lambda: 1, lambda: 2)
