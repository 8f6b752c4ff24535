"""Weights stay packed between calls: while they are the same, as long as they exist, within bounds."""

import gc

import numpy
import pytest

import minpy.numpy as np
from minpy import gluon, memory, nd
from minpy._core import engine, kernels
from minpy.core import grad

PAD = {"pad": (1, 1), "size": (16, 16)}
WRITES = {
    "assign": lambda w: w.__setitem__(..., 0.5),
    "part": lambda w: w[3].__setitem__(..., 0.5),
    "element": lambda w: w.__setitem__((3, 2, 1, 1), 40.0),
    "operator": lambda w: w.__imul__(3.0),
    "out": lambda w: np.multiply(w, 3.0, out=w),
    "view": lambda w: np.add(w.reshape(-1)[::3], 1.0, out=w.reshape(-1)[::3]),
    "foreign": lambda w: numpy.asarray(w).__setitem__(..., 0.25),
    "at": lambda w: np.add.at(w, 3, 1.0),
    "copyto": lambda w: np.copyto(w, 0.125),
}


def data(*shape, seed=0):
    return np.array(numpy.random.default_rng(seed).standard_normal(shape).astype("float32"))


def counted(call):
    before = engine.packed_weights()
    result = call()
    after = engine.packed_weights()
    return result, after["found"] - before["found"], after["made"] - before["made"]


@pytest.fixture(autouse=True)
def nothing_packed():
    gc.collect()
    memory.empty_cache()
    assert engine.packed_weights()["entries"] == 0


@pytest.mark.parametrize("algorithm", ["winograd", "direct", "implicit_gemm"])
@pytest.mark.parametrize("operator", [kernels.convolution, kernels.deconvolution])
def test_the_second_call_finds_them(operator, algorithm):
    x, w = data(8, 64, 16, 16), data(64, 64, 3, 3, seed=1)
    call = lambda: operator(x, w, None, algorithm=algorithm, **PAD)  # noqa: E731
    first, found, made = counted(call)
    assert (found, made) == (0, 1)
    second, found, made = counted(call)
    assert (found, made) == (1, 0)
    assert first.tobytes() == second.tobytes()
    assert memory.stats()["packed"] >= w.nbytes


def test_uses_are_told_apart():
    x, w = data(8, 32, 16, 16), data(32, 32, 3, 3, seed=1)
    fresh = lambda f, **attributes: f(x, w.copy(), None, **attributes).tobytes()  # noqa: E731
    calls = [
        (kernels.convolution, PAD),
        (kernels.deconvolution, PAD),
        (kernels.convolution, {"algorithm": "implicit_gemm", **PAD}),
        (kernels.deconvolution, {"algorithm": "implicit_gemm", **PAD}),
        (kernels.convolution, {"stride": (2, 2)}),
        (kernels.deconvolution, {"stride": (2, 2), "size": (33, 33)}),
        (kernels.convolution_relu, PAD),
    ]
    for _ in range(2):
        for f, attributes in calls:
            assert f(x, w, None, **attributes).tobytes() == fresh(f, **attributes)


@pytest.mark.parametrize("write", WRITES)
def test_writes_are_seen(write):
    x, w = data(2, 24, 8, 8), data(24, 24, 3, 3, seed=1)
    before = kernels.convolution(x, w, None, algorithm="implicit_gemm").tobytes()
    WRITES[write](w)
    after, found, made = counted(lambda: kernels.convolution(x, w, None, algorithm="implicit_gemm"))
    assert (found, made) == (0, 1)
    assert after.tobytes() != before
    assert after.tobytes() == kernels.convolution(x, w.copy(), None, algorithm="implicit_gemm").tobytes()


def test_memory_that_others_can_write_to_is_not_kept():
    x, w = data(2, 24, 8, 8), data(24, 24, 3, 3, seed=1)
    kernels.convolution(x, w, None)
    view = numpy.asarray(w)
    for value in (1.0, 2.0):
        view[...] = value
        got, found, made = counted(lambda: kernels.convolution(x, w, None))
        assert (found, made) == (0, 0)
        assert got.tobytes() == kernels.convolution(x, w.copy(), None).tobytes()
    assert engine.packed_weights()["entries"] == 1


def test_views_at_other_places_are_told_apart():
    x, both = data(2, 24, 8, 8), data(2, 24, 24, 3, 3, seed=1)
    results = [kernels.convolution(x, both[i], None).tobytes() for i in (0, 1, 0, 1)]
    assert results[:2] == results[2:]
    assert results[0] != results[1]
    assert results[1] == kernels.convolution(x, both[1].copy(), None).tobytes()


def test_copies_made_for_a_call_are_not_kept():
    x, w = data(2, 24, 8, 8), data(3, 3, 24, 24, seed=1)
    _, found, made = counted(lambda: kernels.convolution(x, w.transpose(3, 2, 0, 1), None))
    assert (found, made) == (0, 0)


@pytest.mark.parametrize("channels", [3, 32])  # in a small storage, and in a large one
def test_memory_used_again_is_not_mistaken(channels):
    x = data(2, channels, 8, 8)
    for seed in range(8):
        w = data(channels, channels, 3, 3, seed=seed)
        got = kernels.convolution(x, w, None)
        expected = kernels.convolution(x, w, None, algorithm="reference")
        numpy.testing.assert_allclose(got, expected, atol=1e-4)
        del w


def test_freed_with_the_weights():
    x, w = data(2, 32, 8, 8), data(32, 32, 3, 3, seed=1)
    kernels.convolution(x, w, None)
    kernels.deconvolution(x, w, None, size=(10, 10))
    assert engine.packed_weights()["entries"] == 2
    del w
    assert engine.packed_weights() | {"found": 0, "made": 0} == {
        "entries": 0,
        "bytes": 0,
        "found": 0,
        "made": 0,
    }


def test_bounded():
    x, alive = data(1, 2048, 1, 1), []
    for _ in range(10):
        alive.append(np.zeros((4096, 2048, 1, 1), "float32"))  # 32 MiB
        kernels.convolution(x, alive[-1], None)
    stats = engine.packed_weights()
    assert stats["bytes"] == 256 << 20
    # A cycle through all of them still finds those that are there.
    _, found, _ = counted(lambda: [kernels.convolution(x, w, None) for w in alive])
    assert found == 8


def test_training_replaces_what_it_wrote_to():
    x, w = data(4, 16, 12, 12), data(16, 16, 3, 3, seed=1)
    loss = lambda w: np.sum(kernels.convolution(x, w, None) ** 2)  # noqa: E731
    sizes = []
    for _ in range(4):
        w -= 1e-4 * grad(loss)(w)
        sizes.append(engine.packed_weights()["bytes"])
    assert sizes[0] > 0
    assert len(set(sizes)) == 1


def test_inference_of_layers_packs_once():
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Conv2D(16, 3), gluon.nn.Conv2D(24, 3))
    net.initialize()
    x = nd.array(numpy.ones((1, 8, 12, 12)))
    net(x)
    for hybrid in (False, True):
        net.hybridize(hybrid)
        net(x).asnumpy()
        _, found, made = counted(lambda: net(x).asnumpy())
        assert (found, made) == (2, 0)
