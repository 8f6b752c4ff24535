"""Convolutions with displaced taps, which MXNet has on GPUs only, against plain loops."""

import math

import numpy
import pytest

from minpy import nd


def _sample(plane, y, x):
    total = 0.0
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < plane.shape[0] and 0 <= column < plane.shape[1]:
                total += plane[row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
    return total


def test_modulated_taps():
    rng = numpy.random.default_rng(2)
    x, offset = rng.normal(size=(1, 2, 4, 5)), rng.normal(size=(1, 16, 3, 4)) * 2
    mask, weight, bias = rng.random((1, 8, 3, 4)), rng.normal(size=(3, 2, 2, 2)), rng.normal(size=3)
    expected = numpy.zeros((1, 3, 3, 4)) + bias[:, None, None]
    for row, column in numpy.ndindex(3, 4):
        for channel in range(2):
            for a, b in numpy.ndindex(2, 2):
                tap = channel * 4 + a * 2 + b  # a group of displacements for each channel
                y = row + a + offset[0, 2 * tap, row, column]
                at = column + b + offset[0, 2 * tap + 1, row, column]
                value = _sample(x[0, channel], y, at) * mask[0, tap, row, column]
                expected[0, :, row, column] += weight[:, channel, a, b] * value
    arrays = [nd.array(a, dtype="float64") for a in (x, offset, mask, weight, bias)]
    out = nd.contrib.ModulatedDeformableConvolution(
        *arrays, kernel=(2, 2), num_filter=3, num_deformable_group=2
    )
    numpy.testing.assert_allclose(out.asnumpy(), expected, rtol=1e-12, atol=1e-12)


def test_without_displacement_it_is_convolution():
    rng = numpy.random.default_rng(3)
    x, weight = nd.array(rng.normal(size=(2, 4, 6, 6))), nd.array(rng.normal(size=(6, 2, 3, 3)))
    settings = {"kernel": (3, 3), "pad": (1, 1), "stride": (2, 2), "num_filter": 6, "num_group": 2}
    out = nd.contrib.DeformableConvolution(x, nd.zeros((2, 18, 3, 3)), weight, no_bias=True, **settings)
    expected = nd.Convolution(x, weight, no_bias=True, **settings)
    numpy.testing.assert_allclose(out.asnumpy(), expected.asnumpy(), rtol=1e-5, atol=1e-5)


def test_wrong_shapes_are_named():
    x, weight = nd.ones((1, 1, 4, 4)), nd.ones((1, 1, 3, 3))
    with pytest.raises(
        ValueError, match=r"offset must have shape \(1, 18, 2, 2\), its shape is \(1, 2, 2, 2\)"
    ):
        nd.contrib.DeformableConvolution(x, nd.ones((1, 2, 2, 2)), weight, kernel=(3, 3), no_bias=True)
    with pytest.raises(ValueError, match="need 4 channels"):
        nd.contrib.PSROIPooling(x, nd.ones((1, 5)), 1.0, output_dim=1, pooled_size=2)


def test_candidates_by_zipf():
    import minpy as mx

    mx.random.seed(4)
    sampled, true_count, sampled_count = nd.contrib.rand_zipfian(nd.array([3]), 2000, 5)
    assert sampled.dtype is numpy.int64
    p = numpy.log((numpy.arange(5) + 2) / (numpy.arange(5) + 1)) / math.log(6)
    counts = numpy.bincount(sampled.asnumpy(), minlength=5)
    assert numpy.abs(counts / 2000 - p).max() < 0.04
    assert true_count.asscalar() == pytest.approx(2000 * p[3])
    assert sampled_count.asnumpy() == pytest.approx(2000 * p[sampled.asnumpy()])
