"""Threads in operations: the same bits for every thread count, settings, fork, affinity."""

import os
import subprocess
import sys

import numpy as np
import pytest

import minpy.numpy as mnp
from minpy import _core, config

pytestmark = pytest.mark.usefixtures("default_threads")


def run_python(code, **environment):
    clean = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    result = subprocess.run(
        [sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


SHOW = "import minpy; from minpy import config; print(config.num_threads)"
CPUS = len(os.sched_getaffinity(0))


def test_environment_sets_the_number_of_threads():
    assert run_python(SHOW, MINPY_NUM_THREADS="3") == "3"
    assert run_python(SHOW, MINPY_NUM_THREADS="3", OMP_NUM_THREADS="2") == "3"
    assert run_python(SHOW, OMP_NUM_THREADS="2,1") == "2"
    assert 1 <= int(run_python(SHOW)) <= CPUS
    assert int(run_python(SHOW, MINPY_NUM_THREADS="many")) <= CPUS


def test_affinity_limits_the_number_of_threads():
    one = min(os.sched_getaffinity(0))
    assert run_python(f"import os; os.sched_setaffinity(0, {{{one}}}); " + SHOW) == "1"


def test_setting_at_run_time():
    config.num_threads = 5
    assert config.num_threads == 5
    config.num_threads = None
    assert config.num_threads == int(os.environ.get("MINPY_NUM_THREADS", config.num_threads))
    for bad in (0, -1, 1.5, "2"):
        with pytest.raises(ValueError, match="num_threads"):
            config.num_threads = bad


# Sums of two products in float32 differ in the last bits when the order differs, so any change of method shows.
PRODUCTS = [
    ((300, 400), (400, 500)),
    ((128, 784), (784, 256)),
    ((97, 1000), (1000, 333)),
    ((2000, 1500), (1500,)),
    ((1500,), (1500, 3000)),
    ((20, 700), (700, 4000)),
    ((40, 90, 80), (40, 80, 70)),
    ((500, 7, 8), (500, 8, 7)),
    ((30, 50, 60), (60, 70)),
    ((3, 400, 300), (3, 300, 400)),
]


@pytest.mark.parametrize("dtype", "fdFD")
@pytest.mark.parametrize("shapes", PRODUCTS, ids=str)
def test_products_do_not_depend_on_the_thread_count(shapes, dtype):
    a, b = (np.random.standard_normal(s).astype(dtype) for s in shapes)
    ours = [mnp.array(a), mnp.array(b)]
    strided = [mnp.array(np.ascontiguousarray(a.T)).T, mnp.array(np.ascontiguousarray(b.T)).T]
    for left, right in [ours, strided]:
        results = []
        for n in (1, 2, 3, 8):
            config.num_threads = n
            results.append(np.asarray(left @ right).tobytes())
        assert len(set(results)) == 1
        tolerance = 1e-4 if dtype in "fF" else 1e-11
        np.testing.assert_allclose(np.asarray(left @ right), a @ b, rtol=tolerance, atol=tolerance * 100)


def test_large_products_go_parallel():
    config.num_threads = 2
    a = mnp.array(np.random.standard_normal((600, 600)))
    before = _core.engine.pool_counters()["parallel_loops"]
    a @ a
    assert _core.engine.pool_counters()["parallel_loops"] > before


def test_a_forked_child_starts_its_own_threads():
    code = """
import os, signal
import numpy
import minpy.numpy as np
from minpy import _core, config
config.num_threads = 4
a = np.array(numpy.random.default_rng(0).standard_normal((500, 500)))
expected = numpy.asarray(a @ a)
assert _core.engine.pool_counters()["started"] == 3
for generation in range(2):
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        print("ok" if generation == 0 else "")
        break
    signal.alarm(20)
    assert _core.engine.pool_counters()["started"] == 0
    for _ in range(3):
        assert (numpy.asarray(a @ a) == expected).all()
    assert _core.engine.pool_counters()["started"] == 3
else:
    os._exit(0)
"""
    assert run_python(code) == "ok"
