"""What npx has besides operators; the numbers are MXNet 1.9.1's."""

import numpy
import pytest

import minpy as mx
from minpy import context, engine, np, npx, util


def test_names():
    for name in ("Context", "cpu", "cpu_pinned", "gpu", "num_gpus", "current_context", "gpu_memory_info"):
        assert getattr(npx, name) is getattr(context, name)
    for name in ("set_np", "reset_np", "is_np_array", "is_np_shape", "use_np", "get_cuda_compute_capability"):
        assert getattr(npx, name) is getattr(util, name)
    assert npx.waitall is engine.waitall
    npx.set_np()
    try:
        assert npx.is_np_array() and npx.is_np_shape()
    finally:
        npx.reset_np()
    assert not npx.is_np_array()


def test_random():
    npx.random.seed(1)
    drawn = npx.random.uniform_n(0, 1, 5)
    expected = numpy.array([0.52383333, 0.05501367, 0.03996297, 0.59453225, 0.18596531], "float32")
    assert type(drawn) is np.ndarray and drawn.dtype == numpy.float32
    numpy.testing.assert_allclose(drawn, expected, rtol=1e-7)
    npx.random.seed(1)
    drawn = npx.random.normal_n(batch_shape=5)
    expected = [-0.6776515, 0.03629481, 0.10073948, -0.4902442, 0.5759544]
    numpy.testing.assert_allclose(drawn, expected, rtol=2e-7)
    mx.random.seed(1)
    ones = npx.random.bernoulli(0.5, size=8)
    assert type(ones) is np.ndarray and ones.tolist() == [0, 1, 1, 0, 1, 0, 0, 0]


def test_random_shapes():
    low = np.array([0.0, 10.0])
    drawn = npx.random.uniform_n(low, low + 1, (3, 4), dtype="float64")
    assert drawn.shape == (3, 4, 2) and drawn.dtype == numpy.float64
    assert (drawn[..., 1] >= 10).all() and (drawn[..., 0] < 1).all()
    assert npx.random.normal_n(low, 1.0).shape == (2,) and npx.random.uniform_n().shape == ()
    assert npx.random.bernoulli(np.array([0.0, 1.0])).tolist() == [0, 1]
    assert npx.random.bernoulli(logit=100.0, size=(2, 2), dtype="int32").tolist() == [[1, 1], [1, 1]]
    with pytest.raises(ValueError, match="Either `prob` or `logit` must be specified"):
        npx.random.bernoulli(0.5, 0.5)


@pytest.mark.parametrize(
    ("shape", "codes", "reverse", "expected"),
    [
        ((2, 3, 8), (-2, -2, 2, -1), False, (2, 3, 2, 4)),
        ((8, 3, 3, 3, 4, 4), (-6, 2, -1, -4), False, (2, 4, 3, 3, 3, 4, 4)),
        ((8, 3, 3, 3, 4, 4), (-5, -4), False, (24, 3, 3, 4, 4)),
        ((8, 1, 1, 1, 3), (-2, -3, -3, -3, -2), False, (8, 3)),
        ((8, 3, 3, 3, 3, 8), (-4, -5), True, (8, 3, 3, 3, 24)),
        ((8, 3, 2, 4, 8), (-4, -1, 2, -6), True, (8, 3, 2, 4, 4, 2)),
        ((2, 3), -1, False, (6,)),
        ((2, 3), (-2, -2, -2), False, None),
        ((30, 7), (-6, 2, -1, -1), False, (2, 15, 7)),
    ],
)
def test_reshape_codes(shape, codes, reverse, expected):
    a = np.arange(int(numpy.prod(shape))).reshape(shape)
    if expected is None:
        with pytest.raises((ValueError, IndexError)):
            npx.reshape(a, codes, reverse=reverse)
    else:
        made = npx.reshape(a, codes, reverse=reverse)
        assert made.shape == expected and made.ravel().tolist() == a.ravel().tolist()


def test_places_and_slices():
    a = np.array([[0, 1], [2, 0]])
    assert npx.nonzero(a).tolist() == [[0, 1], [1, 0]]
    assert npx.slice(a, (0, 1), (None, 2)).tolist() == [[1], [0]]
    assert npx.batch_flatten(np.ones((2, 3, 4))).shape == (2, 12)
    assert npx.cast(a, "float16").dtype == "float16"
    assert npx.reshape_like(np.ones(4), a).shape == (2, 2)
    assert npx.topk(np.array([3.0, 1.0]), k=1).tolist() == [0]
