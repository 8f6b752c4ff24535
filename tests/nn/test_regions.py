"""Pooled regions against loops over bins in double precision."""

import math

import numpy
import pytest
from finite_differences import check_gradients
from threads import assert_same_bits

import minpy.numpy as np
from minpy import autograd, npx


def away_from_zero(v):
    return math.floor(abs(v) + 0.5) * (1 if v >= 0 else -1)


def pooled(x, rois, size, scale):
    out = numpy.zeros((len(rois), x.shape[1], *size))
    for n, (image, *corners) in enumerate(rois):
        if image < 0:
            continue
        left, top, right, bottom = (away_from_zero(c * scale) for c in corners)
        bins = [max(b - a + 1, 1) / m for a, b, m in ((top, bottom, size[0]), (left, right, size[1]))]
        for i, j in numpy.ndindex(*size):
            spans = []
            for k, bin_size, start, limit in ((i, bins[0], top, x.shape[2]), (j, bins[1], left, x.shape[3])):
                ends = math.floor(k * bin_size) + start, math.ceil((k + 1) * bin_size) + start
                spans.append(slice(*(min(max(e, 0), limit) for e in ends)))
            box = x[int(image), :, spans[0], spans[1]]
            if box[0].size:
                out[n, :, i, j] = box.max((1, 2))
    return out


def bilinear(image, y, x):
    height, width = image.shape[1:]
    if not (-1 <= y <= height and -1 <= x <= width):
        return numpy.zeros(len(image))
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    fy, fx = y - top, x - left
    upper = (1 - fx) * image[:, top, left] + fx * image[:, top, right]
    return (1 - fy) * upper + fy * ((1 - fx) * image[:, bottom, left] + fx * image[:, bottom, right])


def aligned_mean(x, rois, size, scale, samples, sensitive, aligned):
    channels = x.shape[1] // (size[0] * size[1] if sensitive else 1)
    out = numpy.zeros((len(rois), channels, *size))
    for n, (image, *corners) in enumerate(rois):
        if image < 0:
            continue
        left, top, right, bottom = (c * scale - (0.5 if aligned else 0) for c in corners)
        extents = [right - left, bottom - top]
        width, height = extents if aligned else [max(e, 1) for e in extents]
        sizes = height / size[0], width / size[1]
        counts = [samples if samples > 0 else math.ceil(s) for s in sizes]
        for i, j in numpy.ndindex(*size):
            data = x[int(image)]
            if sensitive:
                data = data[i * size[1] + j :: size[0] * size[1]]
            total = numpy.zeros(channels)
            for k, m in numpy.ndindex(*counts):
                y = top + (i + (k + 0.5) / counts[0]) * sizes[0]
                total += bilinear(data, y, left + (j + (m + 0.5) / counts[1]) * sizes[1])
            out[n, :, i, j] = total / math.prod(counts)
    return out


def some_regions(random, images, extent, count):
    corners = numpy.sort(random.uniform(-2, extent, (count, 2, 2)), axis=1).reshape(count, 4)
    return numpy.concatenate([random.integers(0, images, (count, 1)), corners], axis=1)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("size, scale", [((2, 2), 1.0), ((3, 5), 0.6), ((1, 1), 0.25)])
def test_roi_pooling(size, scale, dtype):
    random = numpy.random.default_rng(0)
    x = random.normal(size=(2, 3, 11, 13)).astype(dtype)
    rois = some_regions(random, 2, 16, 9)
    rois[4, 0] = -1
    rois[5, 1:] = [5, 5, 2, 2]
    got = npx.roi_pooling(np.array(x), np.array(rois), size, scale)
    assert got.dtype == dtype
    numpy.testing.assert_array_equal(got, pooled(x.astype("float64"), rois, size, scale))


@pytest.mark.parametrize("dtype, rtol", [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("samples", [-1, 1, 2])
@pytest.mark.parametrize("sensitive", [False, True])
def test_roi_align(samples, sensitive, aligned, dtype, rtol):
    random = numpy.random.default_rng(0)
    size = (2, 3)
    x = random.normal(size=(2, 12, 11, 13)).astype(dtype)
    rois = some_regions(random, 2, 16, 7).astype(dtype)
    rois[4, 0] = -1
    got = npx.roi_align(np.array(x), np.array(rois), size, 0.7, samples, sensitive, aligned)
    want = aligned_mean(x.astype("float64"), rois.astype("float64"), size, 0.7, samples, sensitive, aligned)
    assert got.dtype == dtype
    numpy.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)


def test_gradients():
    random = numpy.random.default_rng(0)
    x, rois = random.normal(size=(2, 4, 4, 5)), np.array(some_regions(random, 2, 5, 3))
    for f in (
        lambda x: npx.roi_pooling(x, rois, (2, 2), 1.0) ** 2,
        lambda x: npx.roi_align(x, rois, (2, 2), 0.8, 2) ** 2,
        lambda x: npx.roi_align(x, rois, (2, 2), 0.8, -1, True) ** 2,
    ):
        check_gradients(f, x, rtol=1e-4, atol=1e-5)


def test_gradient_of_a_tie_goes_to_the_first():
    x = np.zeros((1, 1, 3, 3))
    x.attach_grad()
    with autograd.record():
        y = npx.roi_pooling(x, np.array([[0, 1, 1, 2, 2]]), (1, 1), 1.0)
    y.backward()
    numpy.testing.assert_array_equal(x.grad[0, 0], [[0, 0, 0], [0, 1, 0], [0, 0, 0]])


def test_no_regions_and_no_images():
    x = np.ones((2, 3, 4, 4))
    assert npx.roi_pooling(x, np.zeros((0, 5)), (2, 2), 1.0).shape == (0, 3, 2, 2)
    assert npx.roi_align(x, np.zeros((0, 5)), (2, 2), 1.0).shape == (0, 3, 2, 2)


def test_threads_do_not_matter():
    random = numpy.random.default_rng(0)
    x = random.normal(size=(2, 40, 50, 50)).astype("float32")
    rois = np.array(some_regions(random, 2, 50, 60))

    def run():
        results = []
        for f in (npx.roi_pooling, npx.roi_align):
            a = np.array(x)
            a.attach_grad()
            with autograd.record():
                y = f(a, rois, (7, 7), 1.0)
            y.backward()
            results += [y, a.grad]
        return results

    assert_same_bits(run)


@pytest.mark.parametrize("f", [npx.roi_pooling, npx.roi_align])
def test_errors(f):
    x = np.ones((2, 3, 4, 4))
    with pytest.raises(IndexError, match="region 1 is of image 2, but there are 2 images"):
        f(x, np.array([[1, 0, 0, 2, 2], [2, 0, 0, 2, 2]]), (2, 2), 1.0)
    with pytest.raises(ValueError, match=r"\(n, 5\)"):
        f(x, np.ones((2, 4)), (2, 2), 1.0)
    with pytest.raises(ValueError, match="not finite"):
        f(x, np.array([[0, 0, 0, 2, numpy.nan]]), (2, 2), 1.0)
    with pytest.raises(ValueError, match="at least 1"):
        f(x, np.array([[0, 0, 0, 2, 2]]), (2, 0), 1.0)
    with pytest.raises(ValueError, match="no extent"):
        npx.roi_align(x, np.array([[0, 2, 0, 2, 2]]), (2, 2), 1.0, aligned=True)
