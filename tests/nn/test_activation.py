"""Activations with parameters, and dropout. Those without are tested in tests/test_own_ops.py."""

import numpy
import pytest
from finite_differences import check_gradients

import minpy.numpy as np
from minpy import autograd, npx
from minpy.random import seed

X = numpy.random.default_rng(0).normal(size=(4, 3))


def test_activation():
    for name, f in {"relu": lambda x: numpy.maximum(x, 0), "tanh": numpy.tanh}.items():
        numpy.testing.assert_allclose(npx.activation(np.array(X), act_type=name), f(X), rtol=1e-14)
    for name in ("relu", "sigmoid", "softrelu", "softsign", "tanh", "log_sigmoid", "mish"):
        check_gradients(lambda x: npx.activation(x, name), X)
    with pytest.raises(ValueError, match="act_type must be one of"):
        npx.activation(np.array(X), "step")
    with autograd.record():
        zero = np.zeros(1)
        zero.attach_grad()
        npx.relu(zero).backward()
    assert zero.grad[0] == 0


def test_leaky_relu():
    x = np.array([-2.0, -1, 0, 1, 2])
    for name, want in {
        "leaky": [-0.5, -0.25, 0, 1, 2],
        "elu": [-0.2161661792, -0.1580301397, 0, 1, 2],
        "selu": [-1.5201664686, -1.1113307378, 0, 1.0507009874, 2.1014019747],
        "gelu": [-0.0455002639, -0.1586552539, 0, 0.8413447461, 1.9544997361],
    }.items():
        numpy.testing.assert_allclose(npx.leaky_relu(x, act_type=name), want, atol=1e-9)
        check_gradients(lambda v: npx.leaky_relu(v, act_type=name), X)
    got = npx.leaky_relu(np.array([[[-1.0, -2], [1, -2]]]), np.array([0.1, 0.5]), act_type="prelu")
    numpy.testing.assert_allclose(got, [[[-0.1, -0.2], [1, -1]]])
    check_gradients(lambda v, g: npx.leaky_relu(v, g, act_type="prelu"), X, [0.1, 0.2, 0.3])
    check_gradients(lambda v, g: npx.leaky_relu(v, g, act_type="prelu"), X, [0.1])
    with pytest.raises(ValueError, match="gamma must have shape"):
        npx.leaky_relu(np.array(X), np.ones(2), act_type="prelu")


def test_rrelu():
    x = np.array(numpy.linspace(-5, -1, 1000).astype("float32"))
    numpy.testing.assert_allclose(npx.leaky_relu(x, act_type="rrelu"), 0.2295 * numpy.asarray(x), rtol=1e-5)
    with autograd.train_mode():
        slope = numpy.asarray(npx.leaky_relu(x, act_type="rrelu")) / numpy.asarray(x)
    assert (
        0.125 <= slope.min() < 0.13 and 0.329 < slope.max() <= 0.334001 and abs(slope.mean() - 0.2295) < 0.01
    )


def test_hard_sigmoid():
    got = npx.hard_sigmoid(np.array([-3, -2.5, 0, 1, 2.5, 3]))
    numpy.testing.assert_allclose(got, [0, 0, 0.5, 0.7, 1, 1])
    check_gradients(npx.hard_sigmoid, X)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_dropout(dtype, p):
    x = np.ones((100, 200), dtype=dtype)
    assert npx.dropout(x, p) is x
    for mode in ("training", "always"):
        seed(3)
        x.attach_grad()
        with autograd.record(train_mode=mode == "training"):
            out = npx.dropout(x, p, mode=mode)
        out.backward()
        values = numpy.asarray(out)
        assert out.dtype == dtype
        kept = values != 0
        numpy.testing.assert_allclose(values[kept].astype("f8"), 1 / (1 - p), rtol=1e-3)
        assert abs(kept.mean() - (1 - p)) < 0.015
        numpy.testing.assert_array_equal(values, x.grad)
    seed(3)
    with autograd.train_mode():
        again, other = npx.dropout(x, p), npx.dropout(x, p)
    numpy.testing.assert_array_equal(again, values)
    assert (numpy.asarray(other) != values).any()


def test_dropout_arguments():
    with autograd.train_mode():
        together = numpy.asarray(npx.dropout(np.ones((50, 40, 3)), axes=(0, 2)))
        assert (together == together[:1, :, :1]).all() and 0 < (together[0, :, 0] == 0).sum() < 40
        assert not numpy.asarray(npx.dropout(np.ones(5), p=1)).any()
        x = np.ones(5)
        assert npx.dropout(x, p=0) is x
        assert npx.dropout(np.ones((0, 3))).shape == (0, 3)
    with pytest.raises(ValueError, match="p must be between 0 and 1"):
        npx.dropout(np.ones(3), p=1.5)
    with pytest.raises(ValueError, match="mode must be"):
        npx.dropout(np.ones(3), mode="never")
