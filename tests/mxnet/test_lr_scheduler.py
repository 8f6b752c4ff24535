"""The values are MXNet 1.9.1's."""

import logging
import math

import pytest

from minpy import lr_scheduler


def rates(scheduler, updates):
    return [scheduler(i) for i in updates]


def test_factor():
    assert rates(lr_scheduler.FactorScheduler(2, 0.5, base_lr=1), range(7)) == [1, 1, 1, 0.5, 0.5, 0.25, 0.25]


def test_factor_catches_up_and_stops(caplog):
    caplog.set_level(logging.INFO)
    scheduler = lr_scheduler.FactorScheduler(2, 0.5, stop_factor_lr=0.2, base_lr=1)
    assert scheduler(9) == 0.2
    assert [record.getMessage() for record in caplog.records] == [
        "Update[9]: Change learning rate to 5.00000e-01",
        "Update[9]: Change learning rate to 2.50000e-01",
        "Update[9]: now learning rate arrived at 2.00000e-01, will not change in the future",
        "Update[9]: now learning rate arrived at 2.00000e-01, will not change in the future",
    ]


def test_multi_factor():
    scheduler = lr_scheduler.MultiFactorScheduler([2, 4], 0.1, base_lr=1)
    assert rates(scheduler, range(6)) == pytest.approx([1, 1, 1, 0.1, 0.1, 0.01], rel=1e-15)
    assert scheduler.count == 4 and scheduler.cur_step_ind == 2


def test_poly():
    scheduler = lr_scheduler.PolyScheduler(5, 1, 2)
    assert rates(scheduler, range(8)) == pytest.approx([1, 0.64, 0.36, 0.16, 0.04, 0, 0, 0], abs=1e-15)


def test_cosine():
    scheduler = lr_scheduler.CosineScheduler(4, 1.0, final_lr=0.2)
    expected = [0.2 + 0.8 * (1 + math.cos(math.pi * i / 4)) / 2 for i in (0, 1, 2, 3, 4, 4)]
    assert rates(scheduler, range(6)) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("mode, begin", [("linear", [0.1, 0.325, 0.55, 0.775]), ("constant", [0.1] * 4)])
@pytest.mark.parametrize(
    "make, after",
    [
        (lambda **w: lr_scheduler.FactorScheduler(5, 0.5, base_lr=1, **w), [1, 1, 0.5]),
        (lambda **w: lr_scheduler.MultiFactorScheduler([5], 0.5, base_lr=1, **w), [1, 1, 0.5]),
        (lambda **w: lr_scheduler.PolyScheduler(8, 1, 2, **w), [1, 0.5625, 0.25]),
        (lambda **w: lr_scheduler.CosineScheduler(8, 1, **w), [1, 0.5 + 0.5**1.5, 0.5]),
    ],
)
def test_warmup(make, after, mode, begin):
    scheduler = make(warmup_steps=4, warmup_begin_lr=0.1, warmup_mode=mode)
    assert rates(scheduler, range(7)) == pytest.approx(begin + after, rel=1e-12)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: lr_scheduler.LRScheduler(0.1, warmup_begin_lr=0.2), "higher than warmup_begin_lr"),
        (lambda: lr_scheduler.LRScheduler(warmup_steps=-1), "Warmup steps has to be positive or 0"),
        (lambda: lr_scheduler.LRScheduler(warmup_mode="log"), "Supports only linear and constant modes"),
        (lambda: lr_scheduler.FactorScheduler(0), "Schedule step must be greater or equal than 1 round"),
        (lambda: lr_scheduler.FactorScheduler(1, 1.5), "Factor must be no more than 1 to make lr reduce"),
        (lambda: lr_scheduler.MultiFactorScheduler([3, 3]), "must be an increasing integer list"),
        (lambda: lr_scheduler.MultiFactorScheduler([0, 3]), "greater or equal than 1 round"),
        (lambda: lr_scheduler.PolyScheduler(0), "maximum number of updates must be strictly positive"),
        (lambda: lr_scheduler.CosineScheduler(0), "maximum number of updates must be strictly positive"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_base_class_has_no_schedule():
    with pytest.raises(NotImplementedError, match="must override this"):
        lr_scheduler.LRScheduler()(1)
