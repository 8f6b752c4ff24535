"""The Estimator: a training that learns, and the log lines and files of MXNet 1.9.1."""

import re

import numpy
import pytest

import minpy as mx
from minpy import gluon
from minpy.gluon.contrib import estimator as E


def make(seed=0, hybridize=False, loss=None, **kwargs):
    """An estimator of a line between two classes, and its data: 4 batches of 16."""
    rng = numpy.random.RandomState(seed)
    x = rng.randn(64, 4).astype("f")
    y = (x[:, 0] + x[:, 1] > 0).astype("f")
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Dense(2, in_units=4))
    net.initialize(mx.init.Zero())
    if hybridize:
        net.hybridize()
    loader = gluon.data.DataLoader(gluon.data.ArrayDataset(mx.nd.array(x), mx.nd.array(y)), batch_size=16)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})
    loss = loss or gluon.loss.SoftmaxCrossEntropyLoss()
    return E.Estimator(net, loss, trainer=trainer, **kwargs), loader


def lines(capsys):
    """The log, times replaced."""
    return re.sub(r"\d+\.\d+s", "Ts", capsys.readouterr().out).splitlines()


def test_training_learns_and_logs(capsys):
    est, loader = make()
    est.fit(loader, val_data=loader, epochs=10)
    values = dict(metric.get() for metric in est.val_metrics)
    assert values["validation accuracy"] > 0.9
    assert values["validation softmaxcrossentropyloss"] < 0.3
    log = lines(capsys)
    assert log[:4] == [
        "Training begin: using optimizer SGD with current learning rate 0.5000 ",
        "Train for 10 epochs.",
        "[Epoch 0] Begin, current learning rate: 0.5000",
        "Validation Begin",
    ]
    assert log[4].startswith("[Epoch 0] Finished in Ts, validation accuracy: ")
    accuracy, loss = (metric.get()[1] for metric in est.train_metrics)
    metrics = f"training accuracy: {accuracy:.4f}, training softmaxcrossentropyloss: {loss:.4f}"
    assert log[-2] == "[Epoch 9] Finished in Ts, " + metrics
    assert log[-1] == "Train finished using total 0s with 10 epochs. " + metrics
    assert len(log) == 2 + 10 * 4 + 1


def test_a_step_is_that_of_the_plain_loop():
    est, loader = make()
    plain, _ = make()
    est.fit(loader, batches=6)
    for x, y in [*loader, *loader][:6]:
        with mx.autograd.record():
            loss = plain.loss(plain.net(x), y)
        loss.backward()
        plain.trainer.step(16)
    for got, expected in zip(est.net.collect_params().values(), plain.net.collect_params().values()):
        assert numpy.array_equal(got.data().asnumpy(), expected.data().asnumpy())


def test_two_contexts():
    est, loader = make()
    split, _ = make()
    split.net.initialize(mx.init.Zero(), ctx=[mx.cpu(0), mx.cpu(1)], force_reinit=True)
    split = E.Estimator(
        split.net,
        split.loss,
        context=[mx.cpu(0), mx.cpu(1)],
        trainer=gluon.Trainer(split.net.collect_params(), "sgd", {"learning_rate": 0.5}),
    )
    est.fit(loader, epochs=1)
    split.fit(loader, epochs=1)
    for got, expected in zip(split.net.collect_params().values(), est.net.collect_params().values()):
        numpy.testing.assert_allclose(got.data(mx.cpu(1)).asnumpy(), expected.data().asnumpy(), rtol=1e-5)


def test_batches_are_logged(capsys):
    est, loader = make()
    est.fit(loader, batches=3, event_handlers=E.LoggingHandler(log_interval=2))
    assert lines(capsys) == [
        "Training begin: using optimizer SGD with current learning rate 0.5000 ",
        "Train for 3 batches.",
        "Validation Begin",
        "[Epoch 0][Batch 0][Samples 16] time/interval: Ts",
        "[Epoch 0][Batch 2][Samples 48] time/interval: Ts",
        "[Epoch 0] Finished in Ts",
        "Train finished using total 0s with 1 epochs.",
    ]


class Recorder(E.TrainBegin, E.TrainEnd, E.EpochBegin, E.EpochEnd, E.BatchBegin, E.BatchEnd):
    def __init__(self, stop_at=None):
        self.calls, self.stop_at = [], stop_at


def _record(event):
    def method(self, estimator, **details):
        self.calls.append((event, sorted(details)))
        return event == self.stop_at

    return method


for _event in ("train_begin", "train_end", "epoch_begin", "epoch_end", "batch_begin", "batch_end"):
    setattr(Recorder, _event, _record(_event))


def test_order_of_events():
    est, loader = make()
    recorder = Recorder("batch_end")
    est.fit(loader, epochs=2, event_handlers=recorder)
    epoch = [
        ("epoch_begin", []),
        ("batch_begin", ["batch"]),
        ("batch_end", ["batch", "label", "loss", "pred"]),
        ("epoch_end", []),
    ]
    assert recorder.calls == [("train_begin", []), *epoch, *epoch, ("train_end", [])]
    recorder = Recorder("epoch_end")
    est.fit(loader, epochs=5, event_handlers=[recorder])
    assert [name for name, _ in recorder.calls].count("epoch_begin") == 1


def test_checkpoints_and_resumption(tmp_path, capsys):
    est, loader = make(hybridize=True)
    handler = E.CheckpointHandler(
        str(tmp_path), "m", est.train_metrics[1], 1, save_best=True, mode="min", max_checkpoints=2
    )
    est.fit(loader, epochs=4, event_handlers=handler)
    log = lines(capsys)
    assert (
        f"[Epoch 1] CheckpointHandler: trained total 9 batches, saving model at {tmp_path} "
        "with prefix: m-epoch1batch8"
    ) in log
    names = ["m-best", "m-epoch2batch12", "m-epoch3batch16"]
    files = [name + suffix for name in names for suffix in (".params", ".states")]
    assert sorted(path.name for path in tmp_path.iterdir()) == [*files, "m-symbol.json"]
    resumed, _ = make()
    handler = E.CheckpointHandler(str(tmp_path), "m", resume_from_checkpoint=True)
    resumed.fit(loader, epochs=6, event_handlers=handler)
    assert lines(capsys)[0] == (
        "CheckpointHandler: Checkpoint resumed from epoch 3 batch 16, continue to train for 2 epochs "
    )
    assert (tmp_path / "m-epoch5batch24.params").exists()
    est.fit(loader, epochs=2)
    for got, expected in zip(resumed.net.collect_params().values(), est.net.collect_params().values()):
        assert numpy.array_equal(got.data().asnumpy(), expected.data().asnumpy())
    with pytest.raises(ValueError, match="Found checkpoint with maximum number of epoch 3 reached"):
        resumed.fit(loader, epochs=3, event_handlers=handler)
    with pytest.raises(AssertionError, match="To use resume from checkpoint"):
        resumed.fit(loader, batches=3, event_handlers=handler)


def test_early_stopping(capsys):
    est, loader = make()
    handler = E.EarlyStoppingHandler(est.train_metrics[1], min_delta=10, patience=2, mode="min")
    est.fit(loader, epochs=9, event_handlers=handler)
    assert (handler.stopped_epoch, handler.current_epoch, handler.wait) == (2, 3, 2)
    assert lines(capsys)[-2] == (
        "[Epoch 2] EarlyStoppingHanlder: early stopping due to training softmaxcrossentropyloss not improving"
    )
    with pytest.warns(UserWarning, match="`greater` operator will be used"):
        assert E.EarlyStoppingHandler(est.train_metrics[0]).monitor_op is numpy.greater


def test_evaluation_starts_anew():
    est, loader = make()
    est.evaluate(loader)
    with pytest.raises(ValueError, match="Event handler LoggingHandler refers"):
        est.evaluate(loader, event_handlers=E.LoggingHandler(metrics=[mx.metric.Accuracy()]))
    handler = E.EarlyStoppingHandler(est.val_metrics[0], mode="max")
    with pytest.warns(RuntimeWarning, match="validation accuracy"):
        est.fit(loader, epochs=1, event_handlers=handler)


def test_names_of_metrics():
    est, _ = make(train_metrics=[mx.metric.Accuracy(name="a")], val_metrics=mx.metric.MSE())
    assert [m.name for m in est.train_metrics + est.val_metrics] == ["training a", "validation mse"]
    est, _ = make(loss=gluon.loss.L2Loss())
    assert [m.name for m in est.train_metrics + est.val_metrics] == ["training l2loss", "validation l2loss"]


def test_refusals():
    est, loader = make()
    with pytest.raises(ValueError, match="Please specify one and only one of: epochs or batches"):
        est.fit(loader)
    with pytest.raises(ValueError, match="Estimator only support input as Gluon DataLoader"):
        est.evaluate([1])
    with pytest.raises(
        ValueError, match=r"handlers must be an EventHandler or a list of EventHandler, got: \[3\]"
    ):
        est.fit(loader, epochs=1, event_handlers=[3])
    with pytest.raises(ValueError, match="Event handler MetricHandler refers to a metric instance"):
        est.fit(loader, epochs=1, event_handlers=E.MetricHandler([mx.metric.Accuracy()]))
    with pytest.raises(ValueError, match="loss must be a Loss, refer to gluon.loss.Loss:3"):
        E.Estimator(est.net, 3)
    with pytest.raises(ValueError, match="Customized Batch Processor must contain"):
        E.Estimator(est.net, est.loss, trainer=est.trainer, batch_processor=3)
    with pytest.warns(UserWarning, match="No trainer specified"):
        E.Estimator(est.net, est.loss)
