"""Resampling against its formulas in double precision."""

import numpy
import pytest
from finite_differences import check_gradients
from threads import assert_same_bits

import minpy.numpy as np
from minpy import autograd, npx
from minpy._operators import find

RTOL = {"float64": 1e-12, "float32": 3e-6, "float16": 3e-3}


def positions(n, m, align_corners):
    if align_corners:
        return [o * (n - 1) / (m - 1) if m > 1 else 0.0 for o in range(m)]
    return [min(max((o + 0.5) * n / m - 0.5, 0), n - 1) for o in range(m)]


def at(x, row, column):
    """The images at fractional coordinates; zero outside."""
    top, left = int(numpy.floor(row)), int(numpy.floor(column))
    total = numpy.zeros(x.shape[:-2])
    for i, wi in ((top, top + 1 - row), (top + 1, row - top)):
        for j, wj in ((left, left + 1 - column), (left + 1, column - left)):
            if 0 <= i < x.shape[-2] and 0 <= j < x.shape[-1]:
                total += wi * wj * x[..., i, j]
    return total


def resized(x, size, align_corners):
    x = x.astype(numpy.float64)
    out = numpy.empty(x.shape[:2] + tuple(size))
    for i, row in enumerate(positions(x.shape[2], size[0], align_corners)):
        for j, column in enumerate(positions(x.shape[3], size[1], align_corners)):
            out[:, :, i, j] = at(x, row, column)
    return out


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(
    "shape, size",
    [
        ((2, 3, 5, 7), (9, 4)),
        ((1, 2, 4, 4), (4, 4)),
        ((1, 1, 1, 1), (3, 2)),
        ((1, 2, 3, 6), (1, 1)),
        ((0, 2, 3, 3), (2, 5)),
    ],
)
def test_bilinear_resize(shape, size, align_corners, dtype):
    x = numpy.random.default_rng(0).normal(size=shape).astype(dtype)
    got = npx.bilinear_resize2d(np.array(x), height=size[0], width=size[1], align_corners=align_corners)
    assert got.dtype == dtype
    numpy.testing.assert_allclose(got, resized(x, size, align_corners), rtol=RTOL[dtype], atol=RTOL[dtype])


@pytest.mark.parametrize(
    "attributes, size",
    [
        ({"mode": "odd_scale", "scale_height": 2.0, "scale_width": 1.5}, (5, 6)),
        ({"scale_height": 2.0, "scale_width": 1.5}, (6, 6)),
        ({"mode": "to_even_down"}, (2, 4)),
        ({"mode": "to_even_up"}, (4, 4)),
        ({"mode": "to_odd_down"}, (3, 3)),
        ({"mode": "to_odd_up"}, (3, 5)),
        ({"mode": "like", "like": np.ones((1, 1, 8, 2))}, (8, 2)),
    ],
)
def test_sizes_of_bilinear_resize(attributes, size):
    x = numpy.arange(12.0).reshape(1, 1, 3, 4)
    numpy.testing.assert_allclose(
        npx.bilinear_resize2d(np.array(x), **attributes), resized(x, size, True), atol=1e-12
    )


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("size", [(5, 2), (2, 6), (1, 1)])
def test_gradients_of_bilinear_resize(size, align_corners):
    x = numpy.random.default_rng(0).normal(size=(1, 2, 3, 4))
    check_gradients(
        lambda x: npx.bilinear_resize2d(x, height=size[0], width=size[1], align_corners=align_corners) ** 2,
        x,
        rtol=1e-4,
    )


def sampled(x, grid):
    out = numpy.empty(x.shape[:2] + grid.shape[2:])
    for n, i, j in numpy.ndindex(x.shape[0], *grid.shape[2:]):
        column, row = ((grid[n, k, i, j] + 1) * (x.shape[3 - k] - 1) / 2 for k in (0, 1))
        out[n, :, i, j] = at(x[n], row, column)
    return out


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("extent", [0.8, 1.7])
@pytest.mark.parametrize(
    "shape, points",
    [((2, 3, 5, 7), (4, 6)), ((1, 20, 9, 8), (17, 33)), ((1, 1, 1, 1), (2, 2)), ((0, 2, 3, 3), (2, 2))],
)
def test_bilinear_sampler(shape, points, extent, dtype):
    random = numpy.random.default_rng(0)
    x = random.normal(size=shape).astype(dtype)
    grid = random.uniform(-extent, extent, (shape[0], 2, *points)).astype(dtype)
    got = npx.bilinear_sampler(np.array(x), np.array(grid))
    rtol = {"float64": 1e-12, "float32": 1e-5}[dtype]
    numpy.testing.assert_allclose(
        got, sampled(x.astype("float64"), grid.astype("float64")), rtol=rtol, atol=rtol
    )


@pytest.mark.parametrize("extent", [0.8, 1.7])
def test_gradients_of_bilinear_sampler(extent):
    random = numpy.random.default_rng(3)
    x, grid = random.normal(size=(2, 2, 4, 3)), random.uniform(-extent, extent, (2, 2, 2, 3))
    check_gradients(lambda x, grid: npx.bilinear_sampler(x, grid) ** 2, x, grid, rtol=1e-4, atol=1e-5)


def test_bilinear_sampler_at_centres_and_outside():
    """Values and gradients of MXNet 1.9.1, whose grid gradient at a centre is the one from the right and below."""
    x = np.array(numpy.arange(12.0).reshape(1, 1, 3, 4))
    grid = np.array([[[[-1, 1, 0, 1 / 3, 2.0, numpy.nan]], [[-1, 1, 0, 0, 1, 0]]]])
    x.attach_grad()
    grid.attach_grad()
    with autograd.record():
        y = npx.bilinear_sampler(x, grid)
    y.backward()
    numpy.testing.assert_allclose(y[0, 0, 0], [0, 11, 5.5, 6, 0, 0])
    numpy.testing.assert_allclose(grid.grad[0, 0, 0], [1.5, -16.5, 1.5, 1.5, 0, 0])
    numpy.testing.assert_allclose(grid.grad[0, 1, 0], [4, -11, 4, 4, 0, 0])
    numpy.testing.assert_allclose(x.grad[0, 0], [[1, 0, 0, 0], [0, 0.5, 1.5, 0], [0, 0, 0, 1]])


def test_affine_grid_and_spatial_transformer():
    theta = numpy.array([[1, 0.1, 0.2, 0.3, 1, -0.1], [0.5, 0, 0, 0, 0.5, 0]])
    grid = npx.grid_generator(np.array(theta), "affine", (2, 3))
    numpy.testing.assert_allclose(
        grid[0], [[[-0.9, 0.1, 1.1], [-0.7, 0.3, 1.3]], [[-1.4, -1.1, -0.8], [0.6, 0.9, 1.2]]]
    )
    x = numpy.random.default_rng(0).normal(size=(2, 3, 4, 5))
    want = sampled(x, numpy.asarray(grid))
    got = npx.spatial_transformer(np.array(x), np.array(theta), (2, 3))
    numpy.testing.assert_allclose(got, want, rtol=1e-12)
    assert npx.spatial_transformer(np.array(x), np.array(theta)).shape == x.shape
    check_gradients(
        lambda x, theta: npx.spatial_transformer(x, theta, (2, 3)) ** 2,
        x[:, :1],
        theta + [[0.011, -0.02, 0.013, 0.017, -0.019, 0.023]],
        rtol=1e-4,
        atol=1e-5,
    )


def test_warp_grid():
    flow = numpy.random.default_rng(0).normal(size=(2, 2, 3, 4))
    rows, columns = numpy.indices((3, 4))
    want = numpy.stack([(flow[:, 0] + columns) / 1.5 - 1, (flow[:, 1] + rows) / 1 - 1], axis=1)
    numpy.testing.assert_allclose(npx.grid_generator(np.array(flow), "warp"), want, atol=1e-12)
    check_gradients(lambda f: npx.grid_generator(f, "warp") ** 2, flow[:1], rtol=1e-4)


def test_upsampling_nearest():
    random = numpy.random.default_rng(0)
    a, b = random.normal(size=(2, 3, 4, 6)), random.normal(size=(2, 3, 2, 3))
    repeated = a.repeat(2, axis=2).repeat(2, axis=3)
    numpy.testing.assert_array_equal(npx.upsampling(np.array(a), scale=2, sample_type="nearest"), repeated)
    both = [repeated, b.repeat(4, axis=2).repeat(4, axis=3)]
    got = npx.upsampling(np.array(a), np.array(b), scale=2, sample_type="nearest", num_args=2)
    numpy.testing.assert_array_equal(got, numpy.concatenate(both, axis=1))
    got = npx.upsampling(np.array(a), np.array(b), scale=2, sample_type="nearest", multi_input_mode="sum")
    numpy.testing.assert_array_equal(got, both[0] + both[1])
    check_gradients(
        lambda a: npx.upsampling(a, scale=3, sample_type="nearest") ** 2, a[:1, :1, :2, :3], rtol=1e-4
    )


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_upsampling_by_a_weight(scale):
    random = numpy.random.default_rng(0)
    size = 2 * scale - scale % 2
    x, weight = random.normal(size=(2, 3, 4, 5)), random.normal(size=(3, 1, size, size))
    margin = scale // 2
    full = numpy.zeros((2, 3, 4 * scale + size, 5 * scale + size))
    for i, j in numpy.ndindex(4, 5):
        full[:, :, i * scale : i * scale + size, j * scale : j * scale + size] += (
            x[:, :, i, j, None, None] * weight[:, 0]
        )
    want = full[:, :, margin : margin + 4 * scale, margin : margin + 5 * scale]
    attributes = {"scale": scale, "sample_type": "bilinear"}
    got = npx.upsampling(np.array(x), np.array(weight), num_filter=3, **attributes)
    numpy.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)
    check_gradients(
        lambda x, w: npx.upsampling(x, w, **attributes) ** 2,
        x[:1, :1, :2, :2],
        weight[:1],
        rtol=1e-4,
        atol=1e-5,
    )


def test_threads_do_not_matter():
    random = numpy.random.default_rng(0)
    x = random.normal(size=(4, 24, 60, 61)).astype("float32")
    grid = random.uniform(-1.1, 1.1, (4, 2, 70, 71)).astype("float32")

    def run():
        a, g = np.array(x), np.array(grid)
        a.attach_grad()
        g.attach_grad()
        with autograd.record():
            big = npx.bilinear_resize2d(a, height=100, width=90)
            y = npx.bilinear_sampler(big, g)
        y.backward()
        return [big, y, a.grad, g.grad]

    assert_same_bits(run)


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: npx.bilinear_resize2d(np.ones((2, 3, 4))), "4 axes"),
        (lambda: npx.bilinear_resize2d(np.ones((1, 1, 3, 4)), height=0, width=2), "at least 1"),
        (lambda: npx.bilinear_resize2d(np.ones((1, 1, 3, 4)), mode="half"), "mode 'half' is not known"),
        (
            lambda: npx.bilinear_sampler(np.ones((2, 1, 3, 4)), np.ones((1, 2, 3, 4))),
            r"\(2, 2, height, width\)",
        ),
        (lambda: npx.grid_generator(np.ones((2, 5)), "affine", (2, 2)), r"\(batch, 6\)"),
        (lambda: npx.grid_generator(np.ones((2, 6)), "affine"), "at least"),
        (lambda: npx.upsampling(np.ones((1, 1, 2, 2)), scale=0, sample_type="nearest"), "at least 1"),
        (
            lambda: npx.upsampling(
                np.ones((1, 1, 2, 2)), np.ones((1, 1, 3, 2)), scale=2, sample_type="nearest"
            ),
            "whole factor",
        ),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_legacy_names():
    assert find("UpSampling").function is npx.upsampling
    assert find("SpatialTransformer").inputs == ("data", "loc")
