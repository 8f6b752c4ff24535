"""DataLoader: order, random numbers, failing and dying workers, and that nothing is left behind."""

import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import numpy
import pytest

from minpy import nd
from minpy.gluon.data import ArrayDataset, DataLoader, SimpleDataset

KINDS = [{}, {"num_workers": 2}, {"num_workers": 2, "thread_pool": True}]
WORKERS = KINDS[1:]


def dataset(n=20):
    return ArrayDataset(numpy.arange(2 * n, dtype="float32").reshape(n, 2), numpy.arange(n))


def flat(loader):
    return [int(value) for _, labels in loader for value in labels.asnumpy()]


@pytest.mark.parametrize("kind", KINDS)
def test_batches(kind):
    loader = DataLoader(dataset(), 6, **kind)
    assert len(loader) == 4
    for _ in range(2):
        batches = list(loader)
        assert all(isinstance(batch, list) for batch in batches)
        assert [batch[0].shape for batch in batches] == [(6, 2)] * 3 + [(2, 2)]
        assert batches[0][0].dtype == numpy.float32 and batches[0][1].dtype == numpy.int64
        assert isinstance(batches[0][0], nd.NDArray)
        assert flat(batches) == list(range(20))
        assert batches[1][0].asnumpy().tolist() == [[2 * i, 2 * i + 1] for i in range(6, 12)]


@pytest.mark.parametrize("kind", KINDS)
def test_shuffles_as_numpy_does(kind):
    numpy.random.seed(7)
    loader = DataLoader(dataset(), 6, shuffle=True, last_batch="discard", **kind)
    found = [flat(loader), flat(loader)]
    numpy.random.seed(7)
    for epoch in found:
        expected = numpy.arange(20)
        numpy.random.shuffle(expected)
        assert epoch == expected[:18].tolist()


@pytest.mark.parametrize("kind", WORKERS)
def test_batches_are_ordinary_arrays(kind):
    batches = [x for x, _ in DataLoader(dataset(), 5, **kind)]
    gc.collect()
    batches[0] += 1
    batches[0][0, 0] = 50
    assert batches[0].asnumpy()[0].tolist() == [50, 2]
    assert (batches[1] * 2).asnumpy()[0].tolist() == [20, 22]


@pytest.mark.parametrize("kind", WORKERS)
def test_two_iterators_and_unfinished_epochs(kind):
    loader = DataLoader(dataset(), 2, prefetch=6, **kind)
    for _ in loader:
        break
    first, second = iter(loader), iter(loader)
    pairs = [(next(first)[1].asnumpy()[0], next(second)[1].asnumpy()[0]) for _ in range(10)]
    assert pairs == [(2 * i, 2 * i) for i in range(10)]
    assert flat(loader) == list(range(20))


@pytest.mark.parametrize("prefetch", [0, 1, 100])
def test_prefetch(prefetch):
    assert flat(DataLoader(dataset(200), 2, num_workers=1, prefetch=prefetch)) == list(range(200))


def test_auto_reload_begins_in_advance():
    calls = []
    data = SimpleDataset(list(range(4))).transform(lambda x: calls.append(x) or x)
    loader = DataLoader(data, 2, num_workers=1, thread_pool=True, auto_reload=True)
    time.sleep(0.2)
    assert sorted(calls) == [0, 1, 2, 3]
    assert [batch.asnumpy().tolist() for batch in loader] == [[0, 1], [2, 3]]
    time.sleep(0.2)
    assert sorted(calls) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_pinned_memory():
    (x, y), *_ = DataLoader(dataset(), 4, pin_memory=True)
    assert str(x.context) == str(y.context) == "cpu_pinned(0)"


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, "batch_size must be specified unless batch_sampler is specified"),
        ({"batch_size": 2, "shuffle": True, "sampler": [1]}, "shuffle must not be specified if sampler is"),
        ({"batch_size": 2, "batch_sampler": [[1]]}, "must not be specified if batch_sampler is specified"),
    ],
)
def test_arguments_that_exclude_each_other(kwargs, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(dataset(), **kwargs)


class _Unportable(Exception):
    def __init__(self, a, b):
        super().__init__(a)


def _fail_at_seven(x):
    if x == 7:
        raise KeyError("sample seven is bad")
    if x == 9:
        raise _Unportable("cannot travel", 2)
    return x


@pytest.mark.parametrize("kind", WORKERS)
def test_what_a_worker_raises_is_raised_here(kind):
    loader = DataLoader(SimpleDataset(list(range(20))).transform(_fail_at_seven), 2, **kind)
    batches = iter(loader)
    assert [next(batches).asnumpy()[0] for _ in range(3)] == [0, 2, 4]
    with pytest.raises(KeyError, match="sample seven is bad") as caught:
        next(batches)
    cause = caught.value.__cause__
    assert kind.get("thread_pool") or "in _fail_at_seven" in str(cause)
    assert next(iter(loader)).asnumpy().tolist() == [0, 1]


def test_an_exception_that_cannot_be_pickled_comes_as_text():
    data = SimpleDataset([9]).transform(_fail_at_seven)
    with pytest.raises(RuntimeError, match="(?s)in _fail_at_seven.*_Unportable: cannot travel"):
        list(DataLoader(data, 1, num_workers=1))


def test_a_batch_that_cannot_be_pickled():
    data = SimpleDataset([1]).transform(lambda x: (i for i in range(x)))
    with pytest.raises(TypeError, match="generator"):
        list(DataLoader(data, 1, num_workers=1, batchify_fn=list))


@pytest.mark.parametrize(
    ("death", "message"),
    [
        (lambda: os._exit(3), "ended with exit code 3"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), r"ended with signal SIGKILL \(the system does that"),
        (lambda: sys.exit(5), "ended with exit code 5"),
    ],
)
def test_a_worker_that_dies_is_an_error_and_not_a_hang(death, message):
    def sample(x):
        if x == 8 and flag.value:
            death()
        return x

    flag = multiprocessing.Value("i", 1)
    loader = DataLoader(SimpleDataset(list(range(20))).transform(sample), 4, num_workers=2)
    start = time.monotonic()
    with pytest.raises(
        RuntimeError, match=message + r".*while it made the batch of the samples \[8, 9, 10, 11\]"
    ):
        list(loader)
    assert time.monotonic() - start < 10
    flag.value = 0
    assert [batch.asnumpy()[0] for batch in loader] == [0, 4, 8, 12, 16]


@pytest.mark.parametrize("kind", WORKERS)
def test_timeout(kind):
    data = SimpleDataset([0.0, 1.5]).transform(lambda x: time.sleep(x) or x)
    loader = DataLoader(data, 1, timeout=0.3, **kind)
    with pytest.raises(multiprocessing.TimeoutError, match="Worker timed out after 0.3 seconds"):
        list(loader)


def test_workers_draw_random_numbers_of_their_own():
    data = SimpleDataset([0] * 12).transform(lambda _: (numpy.random.rand(), random.random()))

    def epochs():
        numpy.random.seed(5)
        random.seed(6)
        loader = DataLoader(data, 2, num_workers=2)
        return [[x.asnumpy().tolist() for x in batch] for _ in range(2) for batch in loader]

    first = epochs()
    numbers = numpy.array(first).reshape(12, 2, 2)
    assert len(numpy.unique(numbers[:, 0])) == len(numpy.unique(numbers[:, 1])) == 24
    assert epochs() == first


def test_a_loader_inherited_by_a_worker_leaves_its_workers_alone():
    others = [DataLoader(dataset(), 5, num_workers=1)]

    def sample(x):
        others.clear()
        gc.collect()
        return x

    list(DataLoader(SimpleDataset([1, 2]).transform(sample), 1, num_workers=1))
    assert flat(others[0]) == list(range(20))


def _open_files():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files in /proc")
def test_nothing_grows_over_epochs():
    loader = DataLoader(dataset(64), 4, num_workers=2)
    flat(loader)
    gc.collect()
    before, files = _resident(), _open_files()
    for _ in range(100):
        flat(loader)
    gc.collect()
    assert _open_files() == files
    assert _resident() - before < 4 << 20
    children = len(multiprocessing.active_children())
    del loader
    gc.collect()
    assert len(multiprocessing.active_children()) == children - 2


def _resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


_SCRIPT = textwrap.dedent(
    """
    import numpy, time
    from minpy.gluon.data import ArrayDataset, DataLoader
    data = ArrayDataset(numpy.zeros((64, 50_000), "float32"), numpy.arange(64))
    loader = DataLoader(data, 8, num_workers=2)
    kept = []
    print(*[worker.process.pid for worker in loader._workers._workers], flush=True)
    while True:
        for x, y in loader:
            kept = [x]
            time.sleep(0.01)
    """
)


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="looks into /dev/shm")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_at_any_moment_leaves_nothing_behind(how):
    before = set(os.listdir("/dev/shm"))
    process = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    pids = [int(pid) for pid in process.stdout.readline().split()]
    time.sleep(0.5)
    assert len(pids) == 2 and all(map(_alive, pids))
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does: to the workers too
    else:
        process.send_signal(how)
    _, errors = process.communicate(timeout=20)
    assert how != signal.SIGINT or "KeyboardInterrupt" in errors
    assert "resource_tracker" not in errors and "Process DataLoader" not in errors
    end = time.monotonic() + 10
    while any(map(_alive, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(_alive, pids))
    assert set(os.listdir("/dev/shm")) <= before


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
