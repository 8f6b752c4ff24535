"""Arrays on the mock devices, through the public contexts: where they compute, in which order, and what overlaps."""

import gc
import subprocess
import sys
import time

import numpy
import pytest

import minpy as mx
from minpy import _core, nd
from minpy.base import MXNetError

engine = _core.engine
LATENCY_MS = 80


@pytest.fixture(autouse=True)
def fast():
    mx.waitall()
    engine.set_mock_latency_us(0)
    yield
    engine.set_mock_latency_us(0)
    mx.waitall()


def slow():
    engine.set_mock_latency_us(LATENCY_MS * 1000)


def elapsed_ms(work):
    start = time.perf_counter()
    work()
    mx.waitall()
    return (time.perf_counter() - start) * 1000


def on(device, values):
    """An array that is there already."""
    a = nd.array(values, ctx=mx.mock(device))
    a += 0
    mx.waitall()
    return a


def test_the_seeds_example():
    """`a += 1` and `c *= 3` overlap, `b *= 3`, which shares memory with a, waits."""
    a, c = on(0, [1.0, 2.0, 3.0]), on(1, [5.0, 6.0])
    b = a[1:]
    want_a, want_c = numpy.float32([1, 2, 3]), numpy.float32([5, 6])

    def example():
        nonlocal a, b, c
        a += 1
        c *= 3
        b *= 3
        want_a[:] += 1
        want_a[1:] *= 3
        want_c[:] *= 3

    slow()
    together = min(elapsed_ms(example) for _ in range(4))
    engine.set_mock_latency_us(0)
    assert (a.asnumpy() == want_a).all() and (b.asnumpy() == want_a[1:]).all()
    assert (c.asnumpy() == want_c).all()
    # Device 0 takes two passes and device 1 one. One after the other they would be three.
    assert 2 * LATENCY_MS <= together < 3 * LATENCY_MS


def test_the_program_goes_on_meanwhile():
    a = on(0, numpy.ones(5))
    slow()
    start = time.perf_counter()
    for _ in range(10):
        a = a * 2 + 1
    recorded = time.perf_counter() - start
    assert recorded < 10 * LATENCY_MS / 1000
    assert (a.asnumpy() == 2047).all()


@pytest.mark.parametrize("shape", [(3,), (200, 300)])
def test_values_and_contexts(shape):
    rng = numpy.random.default_rng(0)
    x, y = rng.standard_normal(shape).astype("f4"), rng.standard_normal(shape).astype("f4")
    a, b = nd.array(x, ctx=mx.mock(0)), nd.array(y, ctx=mx.mock(0))
    c = nd.exp(a) * b - 0.5
    d = c.sum()
    e = nd.dot(c, c.T) if len(shape) > 1 else c * c  # a product is computed here
    assert c.context == d.context == e.context == mx.mock(0) == mx.Context("mock", 0)
    here = nd.exp(nd.array(x)) * nd.array(y) - 0.5
    assert c.asnumpy().tobytes() == here.asnumpy().tobytes()  # the same bits as on the host
    assert d.asnumpy().tobytes() == here.sum().asnumpy().tobytes()
    want = nd.dot(here, here.T) if len(shape) > 1 else here * here
    assert e.asnumpy().tobytes() == want.asnumpy().tobytes()
    moved = c.as_in_context(mx.cpu()) + nd.array(y)
    assert moved.context == mx.cpu() and moved.asnumpy().tobytes() == (here + nd.array(y)).asnumpy().tobytes()


def test_the_default_context():
    with mx.mock(1):
        a = nd.ones((4,))
    assert a.context == mx.mock(1)
    a += 1
    assert repr(a).endswith("@mock(1)>") and (a.asnumpy() == 2).all()
    with pytest.raises(MXNetError, match="mock"):
        nd.ones((2,), ctx=mx.mock(7))


def test_memory_is_on_the_device_while_it_computes_there():
    before = engine.mock_live_bytes(0)
    a = on(0, numpy.ones(1000))
    a *= 2
    mx.waitall()
    assert engine.mock_live_bytes(0) - before >= a.size * 4
    assert (a.asnumpy() == 2).all()  # a look brings it home
    a += 1
    mx.waitall()
    del a
    gc.collect()
    b = on(0, [1.0])
    b += 1
    mx.waitall()
    assert engine.mock_live_bytes(0) - before < 1000
    b.asnumpy()


def test_devices_that_depend_on_each_other():
    a, b = on(0, [1.0, 2.0]), on(1, [10.0, 20.0])
    c = a + b.as_in_context(mx.mock(0))
    a += 1
    d = b * a.as_in_context(mx.mock(1))
    assert (c.asnumpy() == [11, 22]).all() and (d.asnumpy() == [20, 60]).all()


def test_a_wait_is_for_forgotten_results_too():
    a, b = on(0, numpy.zeros(5)), on(1, numpy.ones(5))
    slow()
    a /= a
    for _ in range(256):  # as many as make the window run
        a += 1
    del a
    engine.set_mock_latency_us(0)
    b += 1
    with pytest.warns(RuntimeWarning, match="invalid value"):
        mx.waitall()
    assert (b.asnumpy() == 2).all()


def test_a_failure_is_raised_by_the_next_wait():
    a, b = on(0, [1.0]), on(1, [1.0])
    a += 1
    engine.mock_fail_next("the device is gone")
    with pytest.raises(MXNetError, match="the device is gone"):
        mx.waitall()
    with pytest.raises(MXNetError, match="the device is gone"):
        a.wait_to_read()
    del a
    gc.collect()
    b += 1  # the other device goes on
    mx.waitall()
    assert (b.asnumpy() == 2).all()


def test_warnings_come_with_the_wait():
    a = on(0, [0.0, 1.0])
    with pytest.warns(RuntimeWarning, match="divide by zero encountered in divide"):
        b = 1 / a
        mx.waitall()
    assert numpy.isinf(b.asnumpy()[0])


def test_gradients():
    x = nd.array([1.0, 2.0, 3.0], ctx=mx.mock(0))
    x.attach_grad()
    with mx.autograd.record():
        y = (nd.exp(x) * x).sum()
    y.backward()
    want = numpy.exp(numpy.float32([1, 2, 3])) * [2, 3, 4]
    numpy.testing.assert_allclose(x.grad.asnumpy(), want, rtol=1e-6)


RANDOM = """
import random, numpy, minpy as mx
from minpy import nd
for seed in range(150):
    r = random.Random(seed)
    size = r.choice([3, 50, 20_000])
    ours = [nd.array(numpy.arange(size) % 7 + k, ctx=mx.mock(k % 2)) for k in range(4)]
    theirs = [nd.array(numpy.arange(size) % 7 + k) for k in range(4)]
    for _ in range(25):
        i, j = r.randrange(4), r.randrange(4)
        what = r.choice(["add", "copy", "view", "read", "mix", "scale", "wait"])
        for v in (ours, theirs):
            c = v[i].context
            if what == "add":
                v[i] = v[i] + v[i] * 0.5
            elif what == "copy":
                v[i] = v[j].copy().as_in_context(c)
            elif what == "view":
                w = v[i][1:]
                w *= 0.5
            elif what == "read":
                v[j].asnumpy().sum()
            elif what == "mix":
                v[i][:] = v[j].as_in_context(c) + 1
            elif what == "scale":
                v[i] *= 0.75
            else:
                mx.waitall()
    for a, b in zip(ours, theirs):
        assert a.asnumpy().tobytes() == b.asnumpy().tobytes(), seed
print("ok")
"""


def test_random_programs_on_two_devices():
    out = subprocess.run([sys.executable, "-c", RANDOM], capture_output=True, text=True, timeout=300)
    assert out.stdout == "ok\n", out.stderr[-2000:]


FORK = """
import os, minpy as mx
from minpy import nd
a = nd.ones((5,), ctx=mx.mock(0))
a += 1
mx.waitall()
child = os.fork()
if child == 0:
    a *= 2
    os._exit(0 if (a.asnumpy() == 4).all() else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
a += 3
print((a.asnumpy() == 5).all())
"""


def test_fork():
    out = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60)
    assert out.stdout == "True\n", out.stderr[-2000:]
