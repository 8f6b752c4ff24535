"""Losses: their values and gradients are MXNet 1.9.1's, and formulas where there are some."""

import itertools

import numpy
import pytest
from finite_differences import check_gradients

import minpy.numpy as np
from minpy import autograd, npx

X = [[1.0, 2, 3], [0, 1, 0]]


def run(f, x, *others, head=7.0):
    """The output and the gradient of `head` times it."""
    x = np.array(numpy.asarray(x, dtype="float64"))
    x.attach_grad()
    with autograd.record():
        out = f(x, *[np.array(numpy.asarray(o, dtype="float64")) for o in others])
    out.backward(np.full(out.shape, head))
    return numpy.asarray(out), numpy.asarray(x.grad)


def softmax(x, axis=-1):
    e = numpy.exp(x - numpy.max(x, axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@pytest.mark.parametrize(
    "options, want",
    [
        ({}, [[0.09003, 0.24473, -0.33476], [-0.78806, 0.57612, 0.21194]]),
        ({"normalization": "batch"}, [[0.04502, 0.12236, -0.16738], [-0.39403, 0.28806, 0.10597]]),
        ({"smooth_alpha": 0.1}, [[0.04003, 0.19473, -0.23476], [-0.68806, 0.52612, 0.16194]]),
        (
            {"use_ignore": True, "ignore_label": 0, "normalization": "valid"},
            [[0.09003, 0.24473, -0.33476], [0, 0, 0]],
        ),
        ({"out_grad": True}, [[0.63021, 1.71309, -2.34330], [-5.51642, 4.03282, 1.48360]]),
    ],
)
def test_softmax_output(options, want):
    out, grad = run(lambda x, y: npx.softmax_output(x, y, **options), X, [2, 0])
    numpy.testing.assert_allclose(out, softmax(X), rtol=1e-12)
    numpy.testing.assert_allclose(grad, want, atol=2e-5)


def test_softmax_output_of_places():
    x, label = numpy.random.default_rng(0).normal(size=(2, 3, 2)), numpy.array([[0, 1], [2, 1]])
    delta = softmax(x, 1) - numpy.moveaxis(numpy.eye(3)[label], -1, 1)
    for normalization, divisor in (("null", 2), ("batch", 4), ("valid", 4)):
        f = lambda a, y: npx.softmax_output(a, y, multi_output=True, normalization=normalization)
        out, grad = run(f, x, label)
        numpy.testing.assert_allclose(out, softmax(x, 1), rtol=1e-12)
        numpy.testing.assert_allclose(grad, delta / divisor, atol=1e-12)
    out, grad = run(
        lambda a, y: npx.softmax_output(a, y, preserve_shape=True, normalization="batch"), x, [[0, 1, 1]] * 2
    )
    numpy.testing.assert_allclose(grad, (softmax(x) - numpy.eye(2)[[[0, 1, 1]] * 2]) / 6, atol=1e-12)
    weights = softmax(x[::-1])
    _, grad = run(lambda a, y: npx.softmax_output(a, y, grad_scale=2), x, weights)
    numpy.testing.assert_allclose(grad, 2 * (softmax(x) - weights), atol=1e-12)
    with pytest.raises(IndexError, match="label 3 at position"):
        run(npx.softmax_output, X, [3, 0])


def test_regression_outputs():
    label, x = numpy.array([[1.0, 2, 1], [0, 1, 3]]), numpy.array(X)
    for f, value, slope in (
        (npx.linear_regression_output, lambda v: v, lambda o: o - label),
        (npx.logistic_regression_output, lambda v: 1 / (1 + numpy.exp(-v)), lambda o: o - label),
        (npx.mae_regression_output, lambda v: v, lambda o: numpy.where(o > label, 1, -1)),
    ):
        out, grad = run(lambda a, y: f(a, y, grad_scale=2), x, label)
        numpy.testing.assert_allclose(out, value(x), rtol=1e-12)
        numpy.testing.assert_allclose(grad, slope(value(x)) * 2 / 3, rtol=1e-12)
    _, grad = run(npx.linear_regression_output, [3.0, 5.0], [1.0, 2.0])
    numpy.testing.assert_array_equal(grad, [2, 3])
    _, grad = run(npx.linear_regression_output, [[3.0], [5.0]], [1.0, 2.0])
    numpy.testing.assert_array_equal(grad, [[2], [3]])


@pytest.mark.parametrize(
    "options, want",
    [
        ({}, [[4, 6, 0], [-2, 4, 2.4]]),
        ({"use_linear": True}, [[1, 1, 0], [-1, 1, 1]]),
        ({"margin": 0.5, "regularization_coefficient": 2}, [[6, 10, 0], [-2, 6, 2.8]]),
    ],
)
def test_svm_output(options, want):
    out, grad = run(lambda x, y: npx.svm_output(x, y, **options), [[1, 2, 2.5], [0, 1, 0.2]], [2, 0])
    numpy.testing.assert_array_equal(out, [[1, 2, 2.5], [0, 1, 0.2]])
    numpy.testing.assert_allclose(grad, want, rtol=1e-12)


def test_make_loss_and_block_grad():
    for options, want in (
        ({"grad_scale": 3}, 3),
        ({"normalization": "batch"}, 0.5),
        ({"normalization": "valid", "valid_thresh": 0.5}, 0.25),
    ):
        out, grad = run(lambda x: npx.make_loss(x, **options), X)
        numpy.testing.assert_array_equal(out, X)
        numpy.testing.assert_array_equal(grad, numpy.full((2, 3), want))
    out, grad = run(lambda x: x * npx.block_grad(x), X)
    numpy.testing.assert_array_equal(grad, 7 * out / numpy.where(numpy.array(X) == 0, 1, X))


def test_smooth_l1():
    out, grad = run(lambda x: npx.smooth_l1(x, scalar=2.0), [-2, -0.25, -0.1, 0, 0.1, 0.25, 2])
    numpy.testing.assert_allclose(out, [1.875, 0.125, 0.02, 0, 0.02, 0.125, 1.875], rtol=1e-12)
    numpy.testing.assert_allclose(grad, [-7, -7, -2.8, 0, 2.8, 7, 7], rtol=1e-12)
    check_gradients(lambda x: npx.smooth_l1(x, 1.5), numpy.linspace(-2, 2, 9))


def ctc_by_enumeration(logits, label, blank):
    """The definition: all paths that collapse to the label."""
    p = softmax(logits)
    total = 0.0
    for path in itertools.product(range(p.shape[1]), repeat=len(p)):
        collapsed = [c for i, c in enumerate(path) if c != blank and (i == 0 or c != path[i - 1])]
        if collapsed == list(label):
            total += numpy.prod(p[numpy.arange(len(p)), list(path)])
    return -numpy.log(total) if total else 0.0


@pytest.mark.parametrize("dtype, rtol", [("float64", 1e-10), ("float32", 1e-5)])
def test_ctc_loss(dtype, rtol):
    x = numpy.random.default_rng(1).normal(0, 2, (5, 6, 4)).astype(dtype)
    rows = [[1, 2, 0], [3, 3, 0], [0, 0, 0], [1, 2, 3], [2, 2, 2], [3, 1, 3]]
    lengths, steps = [2, 2, 0, 3, 3, 3], [5, 4, 3, 3, 4, 5]
    want = [ctc_by_enumeration(x[:, i], r[:n], 0) for i, (r, n) in enumerate(zip(rows, lengths))]
    got = npx.ctc_loss(np.array(x), np.array(rows))
    assert got.dtype == dtype and got.shape == (6,)
    numpy.testing.assert_allclose(got, want, rtol=rtol)
    want = [ctc_by_enumeration(x[:t, i], r[:n], 0) for i, (r, n, t) in enumerate(zip(rows, lengths, steps))]
    arrays = [np.array(a) for a in (x, rows, steps, lengths)]
    got = npx.ctc_loss(*arrays, use_data_lengths=True, use_label_lengths=True)
    numpy.testing.assert_allclose(got, want, rtol=rtol)
    assert want[4] == 0  # three equal labels need five steps
    last = [[v - 1 for v in r] for r in rows]
    want = [ctc_by_enumeration(x[:, i], r[:n], 3) for i, (r, n) in enumerate(zip(last, lengths))]
    got = npx.ctc_loss(np.array(x), np.array(last, dtype="float32"), blank_label="last")
    numpy.testing.assert_allclose(got, want, rtol=rtol)


def test_ctc_gradients_and_errors():
    x, label = numpy.random.default_rng(2).normal(size=(4, 2, 3)), np.array([[1, 2], [2, 2]])
    check_gradients(lambda v: npx.ctc_loss(v, label), x)
    with pytest.raises(IndexError, match=r"label 3 at position \(0, 1\) is not in 1..2"):
        npx.ctc_loss(np.array(x), np.array([[1, 3], [2, 2]]))
    with pytest.raises(ValueError, match="data must have shape"):
        npx.ctc_loss(np.array(x), np.array([1, 2]))
