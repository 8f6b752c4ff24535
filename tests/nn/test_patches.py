"""Rearranged images against plain indexing and loops."""

import itertools

import numpy
import pytest
from finite_differences import check_gradients

import minpy.numpy as np
from minpy import npx


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
def test_pad(mode):
    x = numpy.random.default_rng(0).normal(size=(1, 2, 3, 4))
    width = (0, 0, 0, 0, 2, 1, 0, 3)
    fill = {"constant_values": 1.5} if mode == "constant" else {}
    want = numpy.pad(x, [(0, 0), (0, 0), (2, 1), (0, 3)], mode=mode, **fill)
    numpy.testing.assert_array_equal(npx.pad(np.array(x), mode, width, 1.5), want)
    check_gradients(lambda x: npx.pad(x, mode, width, 1.5) ** 2, x[:, :1], rtol=1e-4)


def test_spatial_crop():
    x = numpy.random.default_rng(0).normal(size=(2, 3, 6, 9))
    a = np.array(x)
    numpy.testing.assert_array_equal(npx.spatial_crop(a, h_w=(3, 4), offset=(2, 1)), x[:, :, 2:5, 1:5])
    numpy.testing.assert_array_equal(npx.spatial_crop(a, h_w=(3, 4), center_crop=True), x[:, :, 1:4, 2:6])
    like = np.ones((2, 1, 4, 5))
    numpy.testing.assert_array_equal(npx.spatial_crop(a, like, num_args=2, offset=(1, 2)), x[:, :, 1:5, 2:7])
    npx.spatial_crop(a, h_w=(6, 9))[:] = 0
    numpy.testing.assert_array_equal(a, x)
    check_gradients(
        lambda a: npx.spatial_crop(a, h_w=(1, 2), offset=(1, 1)) ** 2, x[:1, :1, :3, :4], rtol=1e-4
    )


def test_depth_to_space_and_back():
    x = numpy.random.default_rng(0).normal(size=(2, 8, 3, 4))
    got = npx.depth_to_space(np.array(x), 2)
    assert got.shape == (2, 2, 6, 8)
    for n, c, i, j in numpy.ndindex(got.shape):
        assert got[n, c, i, j] == x[n, (i % 2 * 2 + j % 2) * 2 + c, i // 2, j // 2]
    numpy.testing.assert_array_equal(npx.space_to_depth(got, 2), x)
    check_gradients(
        lambda x: npx.space_to_depth(npx.depth_to_space(x, 2) ** 2, 2), x[:1, :4, :2, :2], rtol=1e-4
    )


PATCHES = [
    ((2, 3, 6, 7), {"kernel": (2, 3)}),
    ((1, 2, 6, 5), {"kernel": (3, 2), "stride": (2, 1), "pad": (1, 1), "dilate": (1, 2)}),
    ((2, 2, 9), {"kernel": (3,), "stride": (2,), "pad": (1,)}),
    ((1, 1, 3, 4, 5), {"kernel": (2, 2, 2), "stride": (1, 2, 1)}),
    ((0, 2, 4, 4), {"kernel": (2, 2)}),
]


def columns(x, kernel, stride=None, dilate=None, pad=None):
    axes = x.ndim - 2
    stride, dilate, pad = stride or (1,) * axes, dilate or (1,) * axes, pad or (0,) * axes
    x = numpy.pad(x, [(0, 0), (0, 0)] + [(p, p) for p in pad])
    out = [(n - (k - 1) * d - 1) // s + 1 for n, k, d, s in zip(x.shape[2:], kernel, dilate, stride)]
    found = []
    for patch in itertools.product(*map(range, out)):
        where = [
            slice(o * s, o * s + (k - 1) * d + 1, d) for o, s, k, d in zip(patch, stride, kernel, dilate)
        ]
        found.append(x[(..., *where)].reshape(x.shape[0], x.shape[1] * numpy.prod(kernel)))
    return numpy.stack(found, axis=-1)


@pytest.mark.parametrize("shape, attributes", PATCHES)
def test_patches(shape, attributes):
    random = numpy.random.default_rng(0)
    x = random.normal(size=shape)
    want = columns(x, **attributes)
    got = npx.im2col(np.array(x), **attributes)
    numpy.testing.assert_array_equal(got, want)
    y = random.normal(size=want.shape)
    back = npx.col2im(np.array(y), shape[2:], **attributes)
    assert back.shape == shape
    numpy.testing.assert_allclose((numpy.asarray(back) * x).sum(), (y * want).sum(), rtol=1e-10)


def test_gradients_of_patches():
    x = numpy.random.default_rng(0).normal(size=(1, 2, 4, 3))
    attributes = {"kernel": (2, 2), "stride": (2, 1), "pad": (1, 0)}
    check_gradients(lambda x: npx.im2col(x, **attributes) ** 2, x, rtol=1e-4)
    y = columns(x, **attributes)
    check_gradients(lambda y: npx.col2im(y, (4, 3), **attributes) ** 2, y, rtol=1e-4)


def correlated(a, b, kernel_size, max_displacement, stride1, stride2, pad_size, is_multiply):
    a, b = (numpy.pad(x, [(0, 0), (0, 0), (pad_size,) * 2, (pad_size,) * 2]) for x in (a, b))
    border = max_displacement + kernel_size // 2
    out = [-(-(n - 2 * border) // stride1) for n in a.shape[2:]]
    reach = max_displacement // stride2
    found = numpy.empty((len(a), (2 * reach + 1) ** 2, *out))
    for k, i, j in numpy.ndindex(*found.shape[1:]):
        y, x = i * stride1 + max_displacement, j * stride1 + max_displacement
        dy, dx = ((v - reach) * stride2 for v in divmod(k, 2 * reach + 1))
        p = a[:, :, y : y + kernel_size, x : x + kernel_size]
        q = b[:, :, y + dy : y + dy + kernel_size, x + dx : x + dx + kernel_size]
        found[:, k, i, j] = (p * q if is_multiply else abs(p - q)).mean((1, 2, 3))
    return found


@pytest.mark.parametrize("settings", [(1, 2, 1, 1, 2, True), (3, 2, 2, 1, 3, True), (1, 4, 1, 2, 4, False)])
def test_correlation(settings):
    random = numpy.random.default_rng(0)
    a, b = random.normal(size=(2, 2, 3, 7, 8))
    got = npx.correlation(np.array(a), np.array(b), *settings)
    numpy.testing.assert_allclose(got, correlated(a, b, *settings), rtol=1e-12, atol=1e-14)
    if settings[5]:
        f = lambda a, b: npx.correlation(a, b, settings[0], 1, 1, 1, 1) ** 2  # noqa: E731
        check_gradients(f, a[:1, :2, :3, :4], b[:1, :2, :3, :4], rtol=1e-4)


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: npx.pad(np.ones((1, 2)), "wrap", (0,) * 4), "mode must be"),
        (lambda: npx.pad(np.ones((1, 2)), "edge", (0, 1)), "4 integers"),
        (lambda: npx.spatial_crop(np.ones((1, 1, 3, 3)), h_w=(3, 3), offset=(1, 0)), "not within"),
        (lambda: npx.depth_to_space(np.ones((1, 3, 2, 2)), 2), "multiple of 4"),
        (lambda: npx.space_to_depth(np.ones((1, 3, 3, 2)), 2), "multiples of 2"),
        (lambda: npx.im2col(np.ones((1, 1, 3, 3)), (4, 4)), "exceeds"),
        (lambda: npx.im2col(np.ones((1, 1, 3, 3)), (2,)), "2 integers"),
        (lambda: npx.col2im(np.ones((1, 4, 5)), (3, 3), (2, 2)), r"\(batch, multiple of 4, 4\)"),
        (lambda: npx.correlation(np.ones((1, 1, 3, 3)), np.ones((1, 1, 3, 4))), "one shape"),
        (lambda: npx.correlation(np.ones((1, 1, 3, 3)), np.ones((1, 1, 3, 3)), 2), "odd"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()
