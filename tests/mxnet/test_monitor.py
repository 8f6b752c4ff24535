"""Monitors: which arrays they show, when, and with which statistics."""

import logging

import pytest

from minpy import nd
from minpy.monitor import Monitor


class Symbol:
    def list_arguments(self):
        return ["data", "fc_weight"]

    def list_auxiliary_states(self):
        return ["bn_moving_mean"]


class Executor:
    """What the monitor uses of an executor."""

    _symbol = Symbol()

    def __init__(self):
        self.arg_arrays = [nd.ones((2, 2)), nd.array([3.0, 4.0])]
        self.aux_arrays = [nd.zeros((3,))]
        self.callback = None

    def set_monitor_callback(self, callback, monitor_all):
        self.callback, self.monitor_all = callback, monitor_all

    def forward(self):
        self.callback(b"fc_output", nd.array([2.0, 2.0]))


@pytest.fixture
def executor():
    return Executor()


def batch(monitor, executor):
    monitor.tic()
    executor.forward()
    return monitor.toc()


def test_statistics(executor):
    monitor = Monitor(1)
    monitor.install(executor)
    assert executor.monitor_all is False
    rows = batch(monitor, executor)
    assert [row[:2] for row in rows] == [
        (1, "fc_output"),
        (1, "data"),
        (1, "fc_weight"),
        (1, "bn_moving_mean"),
    ]
    values = [float(row[2]) for row in rows]
    assert values == pytest.approx([2, 1, 12.5**0.5, 0]) and all(row[2].endswith("\t") for row in rows)


def test_interval_pattern_and_sorting(executor):
    monitor = Monitor(2, pattern=".*weight|.*output|data", sort=True, monitor_all=True)
    monitor.install(executor)
    assert executor.monitor_all is True
    names = [[row[1] for row in batch(monitor, executor)] for _ in range(3)]
    assert names == [["data", "fc_output", "fc_weight"], [], ["data", "fc_output", "fc_weight"]]
    assert batch(monitor, executor) == []


def test_own_statistics(executor, caplog):
    caplog.set_level(logging.INFO)
    monitor = Monitor(1, stat_func=lambda x: [x.max(), nd.array([1.0, 2.0])], pattern="fc_weight")
    monitor.install(executor)
    monitor.tic()
    executor.forward()
    monitor.toc_print()
    assert [r.getMessage() for r in caplog.records] == [
        "Batch:       1 fc_weight                      4.0\t[1. 2.]\t"
    ]
