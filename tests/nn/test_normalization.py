"""Normalisation against its formula in double precision."""

import numpy
import pytest
from derivatives import check_gradients

import minpy.numpy as np
from minpy import npx


def layer_norm(x, gamma, beta, axis=-1, eps=1e-5):
    x = numpy.moveaxis(x.astype(numpy.float64), axis, -1)
    y = (x - x.mean(-1, keepdims=True)) / numpy.sqrt(x.var(-1, keepdims=True) + eps)
    return numpy.moveaxis(y * gamma + beta, -1, axis)


@pytest.mark.parametrize("dtype, rtol", [("float64", 1e-12), ("float32", 2e-6), ("float16", 2e-3)])
@pytest.mark.parametrize(
    "shape, axis", [((3, 5), -1), ((2, 3, 17), 1), ((0, 4), -1), ((1, 1), 0), ((5, 1000), -1)]
)
def test_layer_norm(shape, axis, dtype, rtol):
    random = numpy.random.default_rng(0)
    x = random.normal(2, 3, shape).astype(dtype)
    gamma, beta = random.normal(size=(2, shape[axis])).astype(dtype)
    got = npx.layer_norm(np.array(x), np.array(gamma), np.array(beta), axis=axis)
    assert got.dtype == dtype
    numpy.testing.assert_allclose(got, layer_norm(x, gamma, beta, axis), rtol=rtol, atol=4 * rtol)


def test_layer_norm_gradients():
    random = numpy.random.default_rng(1)
    check_gradients(npx.layer_norm, random.normal(size=(3, 5)), random.normal(size=5), random.normal(size=5))


def test_layer_norm_errors():
    with pytest.raises(ValueError, match=r"gamma must have shape \(4,\)"):
        npx.layer_norm(np.ones((2, 4)), np.ones(3), np.ones(4))
