"""Optimizers: the steps that MXNet 1.9.1 takes, recorded in data/optimizers.npz."""

import pathlib
import pickle

import numpy
import pytest

import minpy as mx
from minpy import nd

RECORDED = numpy.load(pathlib.Path(__file__).parent / "data" / "optimizers.npz")
CASES = {
    "sgd": ("sgd", {}),
    "sgd_mom": ("sgd", {"momentum": 0.9}),
    "sgd_mom_wd_clip": ("sgd", {"momentum": 0.9, "wd": 0.01, "clip_gradient": 0.5, "rescale_grad": 0.5}),
    "nag": ("nag", {"momentum": 0.9}),
    "adam": ("adam", {}),
    "adam_wd": ("adam", {"wd": 0.01, "learning_rate": 0.01}),
    "adagrad": ("adagrad", {"learning_rate": 0.1}),
    "rmsprop": ("rmsprop", {"learning_rate": 0.01}),
    "rmsprop_centered": ("rmsprop", {"learning_rate": 0.01, "centered": True}),
    "adadelta": ("adadelta", {}),
    "ftrl": ("ftrl", {}),
    "adamax": ("adamax", {}),
    "nadam": ("nadam", {}),
    "signum": ("signum", {}),
    "ftml": ("ftml", {"learning_rate": 0.01}),
    "dcasgd": ("dcasgd", {"learning_rate": 0.01}),
    "lamb": ("lamb", {}),
    "lars": ("lars", {"learning_rate": 0.1, "momentum": 0.9}),
    "lbsgd": ("lbsgd", {"learning_rate": 0.1, "momentum": 0.9}),
    "groupadagrad": ("groupadagrad", {"learning_rate": 0.1}),
    "test": ("test", {}),
}


def steps(updater, weight):
    """The weights after each recorded gradient."""
    for grad in RECORDED["g"]:
        updater(0, nd.array(grad, dtype=weight.dtype), weight)
        yield weight.asnumpy()


@pytest.mark.parametrize("case", CASES)
def test_steps(case):
    name, options = CASES[case]
    updater = mx.optimizer.get_updater(mx.optimizer.create(name, **options))
    for i, weight in enumerate(steps(updater, nd.array(RECORDED["w"]))):
        numpy.testing.assert_allclose(weight, RECORDED[f"opt:{case}:{i}"], rtol=1e-5, atol=2e-6)


def test_float16_weights_have_float32_copies():
    options = {"momentum": 0.9, "multi_precision": True, "learning_rate": 0.1}
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd", **options))
    for i, weight in enumerate(steps(updater, nd.array(RECORDED["w"], dtype="float16"))):
        numpy.testing.assert_array_equal(weight, RECORDED[f"opt:sgd_mp16:{i}"])


def test_states_go_on_where_they_stopped():
    whole, part = (mx.optimizer.get_updater(mx.optimizer.create("adam")) for _ in range(2))
    w = nd.array(RECORDED["w"])
    expected = list(steps(whole, w.copy()))[-1]
    grads = [nd.array(g) for g in RECORDED["g"]]
    for g in grads[:2]:
        part(0, g, w)
    resumed = mx.optimizer.get_updater(mx.optimizer.create("sgd"))
    resumed.set_states(part.get_states(dump_optimizer=True))
    for g in grads[2:]:
        resumed(0, g, w)
    numpy.testing.assert_array_equal(w.asnumpy(), expected)


def test_states_of_a_foreign_kind_are_refused():
    class Payload:
        def __reduce__(self):
            return eval, ("1",)

    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd"))
    with pytest.raises(mx.base.MXNetError, match="builtins.eval"):
        updater.set_states(pickle.dumps(Payload()))
    with pytest.raises(mx.base.MXNetError, match="not a file of optimizer states"):
        updater.set_states(b"garbage")


def test_factors_and_schedules():
    scheduler = mx.lr_scheduler.FactorScheduler(2, 0.5, base_lr=1.0)
    names = {0: "fc_weight", 1: "fc_bias"}
    sgd = mx.optimizer.create("sgd", lr_scheduler=scheduler, wd=0.1, param_idx2name=names)
    assert (sgd._get_wd(0), sgd._get_wd(1)) == (0.1, 0.0)
    sgd.set_lr_mult({"fc_bias": 2.0})
    rates = []
    for _ in range(6):
        sgd._update_count(0)
        rates.append((sgd._get_lr(0), sgd._get_lr(1)))
    assert rates == [(1, 2), (1, 2), (0.5, 1), (0.5, 1), (0.25, 0.5), (0.25, 0.5)]
    with pytest.raises(UserWarning, match="LRScheduler"):
        sgd.set_learning_rate(3)
    with pytest.raises(ValueError, match="Cannot find optimizer"):
        mx.optimizer.create("nope")


@pytest.mark.parametrize(
    "name, last", [("sgd", True), ("nag", True), ("lars", True), ("adam", False), ("signum", False)]
)
def test_float32_copies_are_where_mxnet_has_them(name, last):
    """States of float16 weights: the copy is the second part for SGD, NAG and LARS, else the first."""
    optimizer = mx.optimizer.create(name, multi_precision=True, learning_rate=0.1)
    weight = nd.array([1, 2], dtype="float16")
    state = optimizer.create_state_multi_precision(0, weight)
    assert state[-1 if last else 0].asnumpy().tolist() == [1, 2]
    optimizer.update_multi_precision(0, weight, nd.array([1, 1], dtype="float16"), state)
    copy = state[-1 if last else 0]
    assert numpy.dtype(copy.dtype) == "float32" and numpy.array_equal(
        copy.astype("float16").asnumpy(), weight.asnumpy()
    )
    assert copy.asnumpy()[0] < 1
