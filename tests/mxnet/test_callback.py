"""Callbacks and the monitor; the lines are MXNet 1.9.1's."""

import logging
import re
import sys
import types
from collections import namedtuple

import pytest

import minpy
from minpy import callback

Param = namedtuple("Param", ["epoch", "nbatch", "eval_metric", "locals"])


class Metric:
    def __init__(self, *pairs):
        self.pairs = list(pairs)
        self.resets = 0

    def get_name_value(self):
        return self.pairs

    def reset_local(self):
        self.resets += 1


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records]


def run(function, batches, metric=None, epoch=0):
    for i in batches:
        function(Param(epoch, i, metric, None))


def test_speedometer(lines):
    metric = Metric(("accuracy", 0.0833333), ("ce", 2.0))
    run(callback.Speedometer(8, 2), range(5), metric)
    shape = r"Epoch\[0\] Batch \[{}\]\tSpeed: \d+\.\d\d samples/sec\taccuracy=0.083333\tce=2.000000"
    assert len(lines()) == 2 == metric.resets
    assert re.fullmatch(shape.format("0-2"), lines()[0]) and re.fullmatch(shape.format("2-4"), lines()[1])


def test_speedometer_without_reset_or_metric(lines):
    metric = Metric(("accuracy", 1.0))
    run(callback.Speedometer(8, 2, auto_reset=False), range(5), metric)
    assert "Batch [0-4]" in lines()[1] and metric.resets == 0
    run(callback.Speedometer(8, 3), range(4), epoch=1)
    assert re.fullmatch(r"Iter\[1\] Batch \[3\]\tSpeed: [\d.]+ samples/sec", lines()[2])


def test_speedometer_measures(lines, monkeypatch):
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(callback.time, "time", lambda: next(clock))
    speedometer = callback.Speedometer(10, 4)
    run(speedometer, range(5))  # batch 0 at 0 s, batch 4 at 2 s
    assert "Speed: 20.00 samples/sec" in lines()[0]
    run(speedometer, range(3), epoch=1)  # a new epoch starts to measure anew
    assert len(lines()) == 1
    monkeypatch.setattr(callback.time, "time", lambda: 5)
    speedometer = callback.Speedometer(10, 1)
    run(speedometer, range(2))
    assert "Speed: inf samples/sec" in lines()[1]


def test_log_train_metric(lines):
    metric = Metric(("accuracy", 0.4))
    run(callback.log_train_metric(2, auto_reset=True), range(3), metric)
    assert lines() == ["Iter[0] Batch[0] Train-accuracy=0.400000", "Iter[0] Batch[2] Train-accuracy=0.400000"]
    assert metric.resets == 2
    run(callback.log_train_metric(1), range(3))
    assert len(lines()) == 2


def test_progress_bar(lines):
    run(callback.ProgressBar(3, length=6), [1, 3])
    assert lines() == ["[==----] 34%\r", "[======] 100%\r"]


def test_log_validation_metrics(lines):
    callback.LogValidationMetricsCallback()(Param(1, 0, Metric(("accuracy", 0.25)), None))
    callback.LogValidationMetricsCallback()(Param(1, 0, None, None))
    assert lines() == ["Epoch[1] Validation-accuracy=0.250000"]


def test_checkpoints(monkeypatch):
    saved = []
    model = types.ModuleType("minpy.model")
    model.save_checkpoint = lambda *args: saved.append(args)
    monkeypatch.setattr(minpy, "model", model, raising=False)
    monkeypatch.setitem(sys.modules, "minpy.model", model)
    save = callback.do_checkpoint("net", 2)
    for epoch in range(4):
        save(epoch, "symbol", {"w": 1}, {})
    assert saved == [("net", epoch, "symbol", {"w": 1}, {}, True) for epoch in (2, 4)]
    saved.clear()

    class Module:
        save_checkpoint = staticmethod(lambda *args: saved.append(args))

    save = callback.module_checkpoint(Module, "net", 0, True)
    save(0)
    save(1, "symbol", {}, {})
    assert saved == [("net", 1, True), ("net", 2, True)]
