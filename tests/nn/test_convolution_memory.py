"""Convolutions take no more work memory than backend/cpu/conv/conv.h says."""

import pathlib
import subprocess
import sys

import pytest

import minpy.numpy as np
from minpy import config, memory
from minpy._core import engine, kernels

HERE = str(pathlib.Path(__file__).parent)
MIB = 1 << 20
# batch, channels, filters, groups, extents, kernel, stride, pad
SHAPES = {
    "LeNet": (64, 20, 50, 1, (12, 12), 5, 1, 0),
    "large images": (2, 3, 64, 1, (224, 224), 7, 2, 3),
    "winograd": (16, 128, 128, 1, (28, 28), 3, 1, 1),
    "many channels": (4, 512, 512, 1, (7, 7), 3, 1, 1),
    "winograd, many channels": (8, 384, 384, 1, (28, 28), 3, 1, 1),
    "pointwise": (8, 256, 512, 1, (28, 28), 1, 1, 0),
    "large and deep": (1, 64, 64, 1, (256, 256), 3, 1, 1),
    "depthwise": (16, 256, 256, 256, (28, 28), 3, 1, 1),
}


def documented(batch, channels, filters, groups, extents, kernel, stride, pad, out, threads):
    """What a call may take at once, by conv.h."""
    weights = 4 * filters * channels // groups * kernel**2
    if kernel == 3:
        weights = -(-weights * 16 // 9)
    padded = 4 * channels * (extents[0] + 2 * pad + 16) * (extents[1] + 2 * pad + 16)
    results = 4 * filters * (out[0] + 8) * (out[1] + 8)
    each = max(padded + results, 4 * MIB, 18 * 1024 * (channels + filters) if kernel == 3 else 0)
    return {
        "forward": weights + threads * each,
        "data gradient": weights + threads * each,
        "weight gradient": max(weights, 16 * MIB) + threads * each,
    }


@pytest.fixture(params=[1, 2])
def threads(request):
    config.num_threads = request.param
    yield request.param
    config.num_threads = None


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("name", SHAPES)
def test_workspace(name, layout, threads):
    batch, channels, filters, groups, extents, kernel, stride, pad = SHAPES[name]
    out = tuple((n + 2 * pad - kernel) // stride + 1 for n in extents)
    last = layout == "NHWC"
    order = (lambda n, c, e: (n, *e, c)) if last else (lambda n, c, e: (n, c, *e))
    x = np.ones(order(batch, channels, extents), "float32")
    w = np.ones(order(filters, channels // groups, (kernel, kernel)), "float32")
    g = np.ones(order(batch, filters, out), "float32")
    attributes = {"stride": (stride,) * 2, "pad": (pad,) * 2, "groups": groups, "channels_last": last}
    calls = {
        "forward": lambda: kernels.convolution(x, w, None, **attributes),
        "data gradient": lambda: kernels.deconvolution(g, w, None, size=extents, **attributes),
        "weight gradient": lambda: kernels.conv_weight_gradient(x, g, kernel=(kernel,) * 2, **attributes),
    }
    bounds = documented(*SHAPES[name], out, threads)
    taken = {}
    for what, call in calls.items():
        memory.empty_cache()
        engine.reset_convolution_memory()
        before = engine.convolution_memory()["live"]
        call()
        taken[what] = engine.convolution_memory()["peak"] - before
    assert all(taken[what] <= bound for what, bound in bounds.items()), (taken, bounds)


def test_what_is_kept_is_bounded():
    """In a process of its own: each thread that ever computed keeps some, also those of other tests."""
    code = f"import sys; sys.path.insert(0, {str(HERE)!r}); from {__name__} import *; keep_within_bounds()"
    subprocess.run([sys.executable, "-c", code], check=True)


def keep_within_bounds():
    memory.empty_cache()
    before = engine.convolution_memory()["live"]
    x, w = np.ones((1, 16, 1, 1 << 20), "float32"), np.ones((4, 16, 1, 3), "float32")
    for _ in range(3):
        kernels.convolution(x, w, None, algorithm="reference")
        kernels.conv_weight_gradient(x, np.ones((1, 4, 1, (1 << 20) - 2), "float32"), kernel=(1, 3))
    kept = engine.convolution_memory()["live"] - before
    assert 0 < kept <= 32 * MIB * config.num_threads
    assert memory.empty_cache() >= kept // config.num_threads
    assert engine.convolution_memory()["live"] < before + kept


def test_the_counter_counts():
    memory.empty_cache()
    x, w = np.ones((1, 2048, 1, 1), "float32"), np.ones((1024, 2048, 1, 1), "float32")
    kernels.convolution(x, w, None)
    assert engine.packed_weights()["bytes"] == w.nbytes
    assert engine.convolution_memory()["peak"] >= engine.convolution_memory()["live"] >= w.nbytes
