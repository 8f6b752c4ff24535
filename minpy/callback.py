"""Callbacks for training loops: logging of speed and metrics, checkpoints.

A callback at the end of a batch gets a `BatchEndParam` with ``epoch``, ``nbatch``, ``eval_metric`` and ``locals``;
one at the end of an epoch gets the epoch, the symbol and the dicts of arguments and auxiliary states.
"""

import logging
import math
import time

__all__ = [
    "LogValidationMetricsCallback",
    "ProgressBar",
    "Speedometer",
    "do_checkpoint",
    "log_train_metric",
    "module_checkpoint",
    "save_checkpoint",
]


def _every(period, save):
    """A callback for the end of an epoch that saves after every so many, under their number from 1 on."""
    period = int(max(1, period))

    def callback(iter_no, sym=None, arg=None, aux=None):
        if (iter_no + 1) % period == 0:
            save(iter_no + 1, sym, arg, aux)

    return callback


def module_checkpoint(mod, prefix, period=1, save_optimizer_states=False):
    """A callback for the end of an epoch that saves a module, and its optimizer's states if asked for.

    Parameters
    ----------
    mod : BaseModule
    prefix : str
        Start of the names of the files.
    period : int
        Saves after every so many epochs.
    save_optimizer_states : bool
        Whether training can be continued from the files.

    Returns
    -------
    callable
    """
    return _every(period, lambda epoch, *_: mod.save_checkpoint(prefix, epoch, save_optimizer_states))


def save_checkpoint(prefix, epoch, symbol, arg_params, aux_params, remove_amp_cast=True):
    """Save a symbol and its parameters, as `mx.model.save_checkpoint` does."""
    from minpy import model

    model.save_checkpoint(prefix, epoch, symbol, arg_params, aux_params, remove_amp_cast)


def do_checkpoint(prefix, period=1):
    """A callback for the end of an epoch that saves the symbol and the parameters.

    The files are ``prefix-symbol.json`` and ``prefix-NNNN.params`` with the number of the epoch, counted from 1.

    Parameters
    ----------
    prefix : str
        Start of the names of the files.
    period : int
        Saves after every so many epochs.

    Returns
    -------
    callable
    """
    return _every(period, lambda epoch, *values: save_checkpoint(prefix, epoch, *values))


def log_train_metric(period, auto_reset=False):
    """A callback for the end of a batch that logs the training metric.

    Parameters
    ----------
    period : int
        Logs every so many batches.
    auto_reset : bool
        Whether the metric starts anew after each line.

    Returns
    -------
    callable
    """

    def log(param):
        if param.nbatch % period == 0 and param.eval_metric is not None:
            for name, value in param.eval_metric.get_name_value():
                logging.info("Iter[%d] Batch[%d] Train-%s=%f", param.epoch, param.nbatch, name, value)
            if auto_reset:
                param.eval_metric.reset_local()

    return log


class Speedometer:
    """Logs the speed of training and the metrics every so many batches.

    Parameters
    ----------
    batch_size : int
        Samples in a batch.
    frequent : int
        Batches between two lines.
    auto_reset : bool
        Whether the metric starts anew after each line, which then speaks of the batches since the last one.

    Examples
    --------
    >>> mod.fit(train, num_epoch=1, batch_end_callback=mx.callback.Speedometer(64, 10))
    Epoch[0] Batch [0-10]	Speed: 1910.41 samples/sec	accuracy=0.200000
    """

    def __init__(self, batch_size, frequent=50, auto_reset=True):
        self.batch_size = batch_size
        self.frequent = frequent
        self.init = False
        self.tic = 0
        self.last_count = 0
        self.auto_reset = auto_reset

    def __call__(self, param):
        count = param.nbatch
        started = self.init and count >= self.last_count  # else the first batch of an epoch
        self.last_count = count
        self.init = True
        if started and count % self.frequent == 0:
            self._log(param, count)
        if not started or count % self.frequent == 0:
            self.tic = time.time()

    def _log(self, param, count):
        seconds = time.time() - self.tic
        speed = self.frequent * self.batch_size / seconds if seconds else float("inf")
        if param.eval_metric is None:
            logging.info("Iter[%d] Batch [%d]\tSpeed: %.2f samples/sec", param.epoch, count, speed)
            return
        metrics = param.eval_metric.get_name_value()
        first = 0
        if self.auto_reset:
            first = count - self.frequent
            param.eval_metric.reset_local()
        line = "Epoch[%d] Batch [%d-%d]\tSpeed: %.2f samples/sec" + "\t%s=%f" * len(metrics)
        logging.info(line, param.epoch, first, count, speed, *sum(metrics, ()))


class ProgressBar:
    """Logs a bar with the part of the epoch's batches that is done.

    Parameters
    ----------
    total : int
        Batches in an epoch.
    length : int
        Characters of the full bar.
    """

    def __init__(self, total, length=80):
        self.bar_len = length
        self.total = total

    def __call__(self, param):
        filled = int(round(self.bar_len * param.nbatch / float(self.total)))
        percents = math.ceil(100.0 * param.nbatch / float(self.total))
        logging.info("[%s] %s%s\r", "=" * filled + "-" * (self.bar_len - filled), percents, "%")


class LogValidationMetricsCallback:
    """A callback for the end of an evaluation that logs its metrics."""

    def __call__(self, param):
        if not param.eval_metric:
            return
        for name, value in param.eval_metric.get_name_value():
            logging.info("Epoch[%d] Validation-%s=%f", param.epoch, name, value)
