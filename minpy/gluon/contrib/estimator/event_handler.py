"""Handlers of an Estimator's events: begin and end of the training, of an epoch and of a batch.

`batch_end` and `epoch_end` may return True to end the epoch or the training. Handlers run by ascending ``priority``
(0 if they have none), those of one priority in the order given.
"""

import time
import warnings

import numpy

from minpy.gluon.contrib.estimator.utils import _check_metrics
from minpy.metric import EvalMetric
from minpy.metric import Loss as MetricLoss

__all__ = [
    "TrainBegin", "TrainEnd", "EpochBegin", "EpochEnd", "BatchBegin", "BatchEnd", "StoppingHandler", "MetricHandler",
    "ValidationHandler", "LoggingHandler", "CheckpointHandler", "EarlyStoppingHandler", "GradientUpdateHandler",
]  # fmt: skip


class EventHandler:
    """Base of all handlers."""


class TrainBegin(EventHandler):
    """Base of handlers that hear of a training's begin."""

    def train_begin(self, estimator, *args, **kwargs):
        """Called before the first epoch."""


class TrainEnd(EventHandler):
    """Base of handlers that hear of a training's end."""

    def train_end(self, estimator, *args, **kwargs):
        """Called after the last epoch."""


class EpochBegin(EventHandler):
    """Base of handlers that hear of an epoch's begin."""

    def epoch_begin(self, estimator, *args, **kwargs):
        """Called before an epoch's first batch."""


class EpochEnd(EventHandler):
    """Base of handlers that hear of an epoch's end."""

    def epoch_end(self, estimator, *args, **kwargs):
        """Called after an epoch's last batch; True ends the training."""
        return False


class BatchBegin(EventHandler):
    """Base of handlers that hear of a batch's begin."""

    def batch_begin(self, estimator, *args, **kwargs):
        """Called with ``batch`` before it is run."""


class BatchEnd(EventHandler):
    """Base of handlers that hear of a batch's end."""

    def batch_end(self, estimator, *args, **kwargs):
        """Called with ``batch``, ``pred``, ``label`` and ``loss`` after it was run; True ends the epoch."""
        return False


EVENTS = {
    "train_begin": TrainBegin,
    "train_end": TrainEnd,
    "epoch_begin": EpochBegin,
    "epoch_end": EpochEnd,
    "batch_begin": BatchBegin,
    "batch_end": BatchEnd,
}


def _check_event_handlers(handlers):
    """The handlers as a list."""
    if isinstance(handlers, EventHandler):
        return [handlers]
    handlers = handlers or []
    if not all(isinstance(handler, EventHandler) for handler in handlers):
        raise ValueError(f"handlers must be an EventHandler or a list of EventHandler, got: {handlers}")
    return handlers


class StoppingHandler(TrainBegin, BatchEnd, EpochEnd):
    """Ends the training after a number of epochs or batches.

    Parameters
    ----------
    max_epoch, max_batch : int, optional
        The numbers; those given to `Estimator.fit` go before.
    """

    def __init__(self, max_epoch=None, max_batch=None):
        self.max_epoch = max_epoch
        self.max_batch = max_batch
        self.current_batch = self.current_epoch = 0
        self.stop_training = False

    def train_begin(self, estimator, *args, **kwargs):
        self.max_epoch = estimator.max_epoch
        self.max_batch = estimator.max_batch
        self.current_batch = self.current_epoch = 0

    def batch_end(self, estimator, *args, **kwargs):
        self.current_batch += 1
        if self.current_batch == self.max_batch:
            self.stop_training = True
        return self.stop_training

    def epoch_end(self, estimator, *args, **kwargs):
        self.current_epoch += 1
        if self.current_epoch == self.max_epoch:
            self.stop_training = True
        return self.stop_training


class MetricHandler(EpochBegin, BatchEnd):
    """Updates metrics after each batch, and resets them before each epoch.

    Parameters
    ----------
    metrics : list of EvalMetric
        Metrics of the loss get the loss, others the labels and predictions.
    priority : number
        Lower ones run first.
    """

    def __init__(self, metrics, priority=-1000):
        self.metrics = _check_metrics(metrics)
        self.priority = priority

    def epoch_begin(self, estimator, *args, **kwargs):
        for metric in self.metrics:
            metric.reset()

    def batch_end(self, estimator, *args, **kwargs):
        for metric in self.metrics:
            if isinstance(metric, MetricLoss):
                metric.update(0, kwargs["loss"])
            else:
                metric.update(kwargs["label"], kwargs["pred"])


class ValidationHandler(TrainBegin, BatchEnd, EpochEnd):
    """Evaluates now and then.

    Parameters
    ----------
    val_data : DataLoader
        What is evaluated.
    eval_fn : callable
        Called with ``val_data``, ``batch_axis`` and ``event_handlers``, e.g. `Estimator.evaluate`.
    epoch_period, batch_period : int, optional
        Evaluate after so many epochs, batches.
    priority : number
        Lower ones run first.
    event_handlers : EventHandler or list of EventHandler, optional
        For `eval_fn`.
    """

    def __init__(
        self, val_data, eval_fn, epoch_period=1, batch_period=None, priority=-1000, event_handlers=None
    ):
        self.val_data = val_data
        self.eval_fn = eval_fn
        self.epoch_period = epoch_period
        self.batch_period = batch_period
        self.current_batch = self.current_epoch = 0
        self.priority = priority
        self.event_handlers = event_handlers

    def _evaluate(self, estimator):
        self.eval_fn(val_data=self.val_data, batch_axis=0, event_handlers=self.event_handlers)

    def train_begin(self, estimator, *args, **kwargs):
        self.current_batch = self.current_epoch = 0

    def batch_end(self, estimator, *args, **kwargs):
        self.current_batch += 1
        if self.batch_period and self.current_batch % self.batch_period == 0:
            self._evaluate(estimator)

    def epoch_end(self, estimator, *args, **kwargs):
        self.current_epoch += 1
        if self.epoch_period and self.current_epoch % self.epoch_period == 0:
            self._evaluate(estimator)


class LoggingHandler(TrainBegin, TrainEnd, EpochBegin, EpochEnd, BatchBegin, BatchEnd):
    """Logs the progress and metrics.

    Parameters
    ----------
    log_interval : int or "epoch"
        Log every so many batches too.
    metrics : list of EvalMetric, optional
        Which metrics.
    priority : number
        Lower ones run first.
    """

    def __init__(self, log_interval="epoch", metrics=None, priority=numpy.inf):
        self.metrics = _check_metrics(metrics)
        self.batch_index = self.current_epoch = self.processed_samples = 0
        self.priority = priority
        if not isinstance(log_interval, int) and log_interval != "epoch":
            raise ValueError("log_interval must be either an integer or string 'epoch'")
        self.log_interval = log_interval
        self.log_interval_time = 0

    def _metrics_text(self):
        return ", ".join("{}: {:.4f}".format(*metric.get()) for metric in self.metrics)

    def train_begin(self, estimator, *args, **kwargs):
        self.train_start = time.time()
        optimizer = type(estimator.trainer.optimizer).__name__
        rate = estimator.trainer.learning_rate
        estimator.logger.info(
            f"Training begin: using optimizer {optimizer} with current learning rate {rate:.4f} "
        )
        if estimator.max_epoch:
            estimator.logger.info(f"Train for {estimator.max_epoch} epochs.")
        else:
            estimator.logger.info(f"Train for {estimator.max_batch} batches.")
        self.batch_index = self.current_epoch = self.processed_samples = 0
        self.log_interval_time = 0

    def train_end(self, estimator, *args, **kwargs):
        total = time.time() - self.train_start
        message = f"Train finished using total {int(total)}s with {self.current_epoch} epochs. "
        estimator.logger.info((message + self._metrics_text()).rstrip())

    def batch_begin(self, estimator, *args, **kwargs):
        self.batch_start = time.time()

    def batch_end(self, estimator, *args, **kwargs):
        if self.log_interval == "epoch":
            return
        self.log_interval_time += time.time() - self.batch_start
        self.processed_samples += len(kwargs["batch"][0])
        if self.batch_index % self.log_interval == 0:
            message = (
                f"[Epoch {self.current_epoch}][Batch {self.batch_index}][Samples {self.processed_samples}] "
                f"time/interval: {self.log_interval_time:.3f}s "
            )
            self.log_interval_time = 0
            estimator.logger.info((message + self._metrics_text()).rstrip())
        self.batch_index += 1

    def epoch_begin(self, estimator, *args, **kwargs):
        if any("training" in metric.name for metric in self.metrics):
            rate = estimator.trainer.learning_rate
            estimator.logger.info(f"[Epoch {self.current_epoch}] Begin, current learning rate: {rate:.4f}")
        else:
            estimator.logger.info("Validation Begin")
        self.epoch_start = time.time()

    def epoch_end(self, estimator, *args, **kwargs):
        elapsed = time.time() - self.epoch_start
        message = f"[Epoch {self.current_epoch}] Finished in {elapsed:.3f}s, "
        estimator.logger.info((message + self._metrics_text()).rstrip(", "))
        self.current_epoch += 1
        self.batch_index = 0


def _comparison(monitor, mode, owner):
    """The ufunc that tells whether the monitored value has improved."""
    if not isinstance(monitor, EvalMetric):
        best = "To save best model only, please provide" if owner == "ModelCheckpoint" else "Please provide"
        raise ValueError(
            f"{best} one of the metric objects from estimator.train_metrics and estimator.val_metrics as monitor."
        )
    if mode not in ("auto", "min", "max"):
        warnings.warn(
            RuntimeWarning(
                f"{owner} mode {mode} is unknown, fallback to auto mode. CheckpointHandler will use"
                "max mode for f1 and accuracy metric comparison and use min mode other wise"
            ),
            stacklevel=3,
        )
        mode = "auto"
    if mode == "auto":
        warnings.warn(
            f"`greater` operator will be used to determine if {monitor.name} has improved. Please specify "
            "`mode='min'` to use the `less` operator. Specify `mode='max' to disable this warning.`",
            stacklevel=3,
        )
    return numpy.less if mode == "min" else numpy.greater


def _worst(comparison):
    return numpy.inf if comparison is numpy.less else -numpy.inf


def _monitored(monitor):
    """The name and value of a metric; a warning, and None, if it wasn't updated."""
    name, value = monitor.get()
    if numpy.isnan(value):
        warnings.warn(
            RuntimeWarning(
                "%s is not updated, make sure you pass one of the metric objects from"
                "estimator.train_metrics and estimator.val_metrics as monitor.",
                name,
            ),
            stacklevel=3,
        )
        value = None
    return name, value


class EarlyStoppingHandler(TrainBegin, EpochEnd, TrainEnd):
    """Ends a training that no longer improves a metric.

    Parameters
    ----------
    monitor : EvalMetric
        The metric.
    min_delta : float
        The least change that is an improvement.
    patience : int
        Number of epochs to wait for one.
    mode : "auto", "min" or "max"
        Which values are better; "auto" is "max".
    baseline : float, optional
        The value to improve on at first.
    """

    def __init__(self, monitor, min_delta=0, patience=0, mode="auto", baseline=None):
        self.monitor = monitor
        self.baseline = baseline
        self.patience = patience
        self.min_delta = min_delta
        self.wait = self.stopped_epoch = self.current_epoch = 0
        self.stop_training = False
        self.monitor_op = _comparison(monitor, mode, "EarlyStopping")
        if self.monitor_op is numpy.less:
            self.min_delta = -self.min_delta

    def train_begin(self, estimator, *args, **kwargs):
        self.wait = self.stopped_epoch = self.current_epoch = 0
        self.stop_training = False
        self.best = _worst(self.monitor_op) if self.baseline is None else self.baseline

    def epoch_end(self, estimator, *args, **kwargs):
        _, value = _monitored(self.monitor)
        if value is not None:
            if self.monitor_op(value - self.min_delta, self.best):
                self.best = value
                self.wait = 0
            else:
                self.wait += 1
                if self.wait >= self.patience:
                    self.stopped_epoch = self.current_epoch
                    self.stop_training = True
        self.current_epoch += 1
        return self.stop_training

    def train_end(self, estimator, *args, **kwargs):
        if self.stopped_epoch > 0:
            estimator.logger.info(
                f"[Epoch {self.stopped_epoch}] EarlyStoppingHanlder: "
                f"early stopping due to {self.monitor.get()[0]} not improving"
            )


class GradientUpdateHandler(BatchEnd):
    """Updates the parameters after each batch.

    Parameters
    ----------
    priority : number
        Lower ones run first.
    """

    def __init__(self, priority=-2000):
        self.priority = priority

    def batch_end(self, estimator, *args, **kwargs):
        losses = kwargs["loss"]
        estimator.trainer.step(sum(len(loss) for loss in losses if loss.shape) or 1)


from minpy.gluon.contrib.estimator.checkpoint import CheckpointHandler  # noqa: E402
