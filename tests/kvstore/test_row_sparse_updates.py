"""Optimizers on row-sparse gradients: the steps of MXNet 1.9.1, recorded in data/row_sparse_updates.npz."""

import pathlib

import numpy
import pytest

import minpy as mx
from minpy import nd

RECORDED = numpy.load(pathlib.Path(__file__).parent / "data" / "row_sparse_updates.npz")
CASES = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9, "wd": 0.1}),
    ("sgd", {"momentum": 0.9, "wd": 0.1, "lazy_update": False}),
    ("adam", {"wd": 0.1, "learning_rate": 0.1}),
    ("adam", {"wd": 0.1, "learning_rate": 0.1, "lazy_update": False}),
    ("adagrad", {"learning_rate": 0.1}),
    ("ftrl", {"learning_rate": 0.1}),
    ("nag", {"learning_rate": 0.1, "momentum": 0.9}),
    ("signum", {}),
    ("rmsprop", {}),
]


def first_weight(rng):
    return nd.array(rng.randn(5, 2))


def trained(stype, name, settings):
    rng = numpy.random.RandomState(0)
    kv = mx.kv.create("local")
    kv.init("w", first_weight(rng).tostype(stype))
    kv.set_optimizer(mx.optimizer.create(name, **settings))
    for rows in ([1, 3], [3, 4], [0, 3]):
        gradient = numpy.zeros((5, 2))
        gradient[rows] = rng.randn(2, 2)
        kv.push("w", nd.array(gradient).tostype("row_sparse"))
    out = nd.zeros((5, 2)) if stype == "default" else nd.sparse.zeros(stype, (5, 2))
    if stype == "default":
        kv.pull("w", out=out)
    else:
        kv.row_sparse_pull("w", out=out, row_ids=nd.arange(5))
    return out.asnumpy()


@pytest.mark.parametrize("stype", ["default", "row_sparse"])
@pytest.mark.parametrize("name, settings", CASES, ids=str)
def test_steps(stype, name, settings):
    expected = RECORDED[f"{stype}|{name}|{sorted(settings.items())}"]
    numpy.testing.assert_allclose(trained(stype, name, settings), expected, rtol=1e-5, atol=1e-6)


def test_lazy_updates_leave_other_rows_alone():
    """Row 2 has no gradient: weight decay reaches it only when updates are not lazy."""
    before = first_weight(numpy.random.RandomState(0)).asnumpy()[2]
    settings = {"momentum": 0.9, "wd": 0.1}
    assert numpy.array_equal(trained("default", "sgd", settings)[2], before)
    assert not numpy.array_equal(trained("default", "sgd", {**settings, "lazy_update": False})[2], before)
