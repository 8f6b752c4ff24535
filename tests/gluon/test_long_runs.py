"""What only shows over many steps: memory of training, run-ahead, memory and speed of worker processes."""

import gc
import os
import time

import numpy
import pytest

import minpy as mx
from minpy import autograd, gluon, nd
from minpy.gluon import nn

MIB = 1 << 20


def resident():
    """Bytes of memory that this process has."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def convolutional():
    net = nn.HybridSequential()
    net.add(nn.Conv2D(8, 3, activation="relu"), nn.BatchNorm(), nn.MaxPool2D(), nn.Dropout(0.2), nn.Dense(10))
    net.initialize(mx.init.Xavier())
    return net


@pytest.mark.parametrize("hybridize", [False, True])
def test_memory_of_1000_steps_is_flat(hybridize):
    """Also of forward passes alone, of new shapes now and then, and when nobody looks at a result."""
    net = convolutional()
    if hybridize:
        net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 1e-3})
    loss_fn = gluon.loss.SoftmaxCrossEntropyLoss()
    x, y = nd.random.uniform(shape=(16, 1, 12, 12)), nd.array(numpy.arange(16) % 10)

    def steps(count):
        for i in range(count):
            n = 16 - (i % 50 == 0)
            with autograd.record():
                loss = loss_fn(net(x[:n]), y[:n])
            loss.backward()
            trainer.step(n)
            net(x)
        return resident()

    before = steps(200)
    assert steps(1000) - before < 4 * MIB


def test_run_ahead_is_bounded():
    """Results that nobody reads are computed, and freed, before they pile up: no `waitall` is needed."""
    x = nd.ones((1 << 18,))  # 1 MiB
    (x + 1).wait_to_read()
    before = resident()
    peak = 0
    total = nd.zeros((1 << 18,))
    for i in range(2000):
        total = total + nd.sqrt(x * i)
        if i % 100 == 0:
            peak = max(peak, resident() - before)
    assert peak < 160 * MIB
    assert abs(total[0].asscalar() / sum(numpy.sqrt(numpy.arange(2000))) - 1) < 1e-3


def test_memory_of_100_epochs_of_workers_is_flat():
    """With augmentation in the workers, in both processes and in the files of shared memory."""
    images = numpy.random.randint(0, 255, (64, 24, 24, 3), dtype="uint8")
    transform = gluon.data.vision.transforms.Compose(
        [gluon.data.vision.transforms.RandomFlipLeftRight(), gluon.data.vision.transforms.ToTensor()]
    )
    data = gluon.data.ArrayDataset(nd.array(images, dtype="uint8"), numpy.arange(64)).transform_first(
        transform
    )
    loader = gluon.data.DataLoader(data, 8, shuffle=True, num_workers=2)
    workers = [worker.process.pid for worker in loader._workers._workers]

    def epochs(count):
        for _ in range(count):
            assert sum(len(y) for _, y in loader) == 64
        return resident(), [_resident_of(pid) for pid in workers]

    ours, theirs = epochs(10)
    now, others = epochs(100)
    assert now - ours < 4 * MIB
    assert all(after - before < 6 * MIB for before, after in zip(theirs, others))


def _resident_of(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.long
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
def test_two_workers_decode_faster_than_none(tmp_path, capsys):
    """10 000 small JPEGs of a RecordIO file, resized, flipped and made tensors; the best of three epochs each."""
    pytest.importorskip("PIL")
    if os.getloadavg()[0] > len(os.sched_getaffinity(0)) / 2:
        pytest.skip("the processors are busy")
    path = str(tmp_path / "images")
    rng = numpy.random.RandomState(0)
    with mx.recordio.MXIndexedRecordIO(f"{path}.idx", f"{path}.rec", "w") as writer:
        packed = [
            mx.recordio.pack_img(
                mx.recordio.IRHeader(0, float(i), i, 0),
                numpy.kron(rng.randint(0, 255, (12, 12, 3)), numpy.ones((8, 8, 1))).astype("uint8"),
                quality=85,
            )
            for i in range(50)
        ]
        for i in range(10_000):
            writer.write_idx(i, packed[i % 50])
    vision = gluon.data.vision
    transform = vision.transforms.Compose(
        [vision.transforms.Resize(64), vision.transforms.RandomFlipLeftRight(), vision.transforms.ToTensor()]
    )
    data = vision.ImageRecordDataset(f"{path}.rec").transform_first(transform)
    loaders = {count: gluon.data.DataLoader(data, 64, num_workers=count) for count in (0, 2)}
    best = dict.fromkeys(loaders, float("inf"))
    for _ in range(3):
        for count, loader in loaders.items():
            began = time.perf_counter()
            assert sum(len(y) for _, y in loader) == 10_000
            best[count] = min(best[count], time.perf_counter() - began)
    with capsys.disabled():
        print(f"\n10 000 images: {best[0]:.2f} s without workers, {best[2]:.2f} s with two")
    assert best[2] < best[0]
