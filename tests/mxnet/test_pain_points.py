"""What users of MXNet complained of in its issue tracker: one test for each, by the number of an issue about it."""

import multiprocessing
import resource

import numpy
import pytest

import minpy as mx
from minpy import autograd, gluon, nd
from minpy.gluon import nn


def test_arrays_without_axes_and_of_size_0():
    """14253: no scalar tensors, no zero-size arrays."""
    x = nd.array(3)
    assert (x + 1).shape == ()
    assert float(x * 2) == 6
    assert nd.zeros((0, 2)).sum().asscalar() == 0
    assert nd.ones((2, 0)).T.shape == (0, 2)


def test_mixed_dtypes_are_promoted():
    """16048: int32 + float32 was an error that named an attribute of a node."""
    assert (nd.array([1], dtype="int32") + nd.array([0.5])).asscalar() == 1.5
    assert (nd.array([1], dtype="int32") + nd.array([1], dtype="int64")).dtype is numpy.int64
    assert (nd.array([1.5]) + numpy.array([1.0])).dtype is numpy.float64


def test_errors_stay_with_their_call():
    """13234: an error of a draw appeared in another statement, or never."""
    with pytest.raises((mx.base.MXNetError, ValueError)):
        nd.random.normal(scale=-1, shape=(2,))
    assert nd.ones((2,)).sum().asscalar() == 2


def test_shape_errors_say_both_shapes():
    """12565: what shape? what symbol?"""
    net = nn.Dense(3, in_units=4)
    net.initialize()
    with pytest.raises((mx.base.MXNetError, ValueError), match=r"4.*5|5.*4"):
        net(nd.ones((2, 5)))
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        nd.ones((2,)) + nd.ones((3,))


def test_deferred_parameters_name_the_remedy():
    """8419: the error came at trainer.step."""
    net = nn.Dense(3)
    net.initialize()
    with pytest.raises(gluon.DeferredInitializationError, match="in_units"):
        net.weight.data()
    net.infer_shape(nd.ones((1, 7)))
    assert net.weight.data().shape == (3, 7)


class Shaped(gluon.HybridBlock):
    """Uses what hybridize refused: shapes, slices, numbers, in-place writes."""

    def hybrid_forward(self, F, x):
        half = x.shape[1] // 2
        y = x[:, :half] * int(x.shape[0])
        y[:, 0] = 1
        return y


def test_hybridized_blocks_are_the_same():
    """12100, 10875: .shape, slicing and writing failed only after hybridize."""
    x = nd.random.uniform(shape=(3, 6))
    net = Shaped()
    before = net(x).asnumpy()
    net.hybridize()
    numpy.testing.assert_array_equal(net(x).asnumpy(), before)


def test_memory_stays_flat():
    """8747: waitall was needed in each batch."""
    net = nn.Dense(64, in_units=256)
    net.initialize()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.01})
    x = nd.ones((512, 256))

    def steps(count):
        for _ in range(count):
            with autograd.record():
                loss = (net(x) ** 2).sum()
            loss.backward()
            trainer.step(512)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    warm = steps(50)
    assert steps(300) - warm < 32 * 1024  # KiB


def test_gradients_of_gradients():
    """10002, 12529: convolution and dense layers had none."""
    x = nd.random.uniform(shape=(1, 1, 5, 5))
    net = nn.HybridSequential()
    net.add(nn.Conv2D(2, 3, activation="tanh"), nn.BatchNorm(), nn.Dense(1))
    net.initialize()
    x.attach_grad()
    with autograd.record():
        slope = autograd.grad(net(x), [x], create_graph=True)[0]
        penalty = (slope**2).sum()
    penalty.backward()
    assert float(nd.norm(net[0].weight.grad()).asscalar()) > 0


def test_writes_under_record():
    """10844: y += 1 and y[0] = ... raised."""
    x = nd.array([1.0, 2.0, 3.0])
    x.attach_grad()
    with autograd.record():
        y = x * x
        y += x
        y[0] = x[2] * 10
        total = y.sum()
    total.backward()
    assert x.grad.tolist() == [0.0, 5.0, 17.0]


def _in_child(queue):
    queue.put(float((nd.ones((300, 300)) @ nd.ones((300, 300))).sum().asscalar()))


def test_fork():
    """9213: a forked process crashed or hung."""
    (nd.ones((600, 600)) @ nd.ones((600, 600))).wait_to_read()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == 300.0**3
    child.join(60)
    assert child.exitcode == 0


def test_one_seed_for_all_streams():
    """10831, 15662: dropout and initializers ignored the seed."""

    def draw():
        mx.random.seed(7)
        net = nn.Dense(2, in_units=3)
        net.initialize(mx.init.Xavier())
        with autograd.train_mode():
            kept = nd.Dropout(nd.ones((50,)), p=0.5)
        return [net.weight.data().asnumpy(), kept.asnumpy(), nd.random.normal(shape=(4,)).asnumpy()]

    for a, b in zip(draw(), draw()):
        numpy.testing.assert_array_equal(a, b)


def test_masks_that_select_nothing():
    """15334: an all-zero mask failed."""
    x = nd.array([1.0, 2.0])
    assert x[x > 5].shape == (0,)
    x[x > 5] = 3
    assert x.tolist() == [1, 2]
