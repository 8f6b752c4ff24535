"""The handler that saves an Estimator's network and trainer, and resumes a training from them.

Files are called PREFIX-epochEbatchB.params and .states, the best ones PREFIX-best, the graph PREFIX-symbol.json.
"""

import os
import re

from minpy.gluon.contrib.estimator.event_handler import (
    BatchEnd,
    EpochEnd,
    TrainBegin,
    _comparison,
    _monitored,
    _worst,
)

__all__ = ["CheckpointHandler"]


class CheckpointHandler(TrainBegin, BatchEnd, EpochEnd):
    """Saves the model now and then.

    Parameters
    ----------
    model_dir : str
        Where.
    model_prefix : str
        Begin of the files' names.
    monitor : EvalMetric, optional
        Tells which model is the best.
    verbose : int
        Log each saving if above 0.
    save_best : bool
        Keep the best model too.
    mode : "auto", "min" or "max"
        Which values of `monitor` are better; "auto" is "max".
    epoch_period, batch_period : int, optional
        Save after so many epochs, batches.
    max_checkpoints : int
        Keep the latest only; the best one isn't counted.
    resume_from_checkpoint : bool
        Continue from the latest files in `model_dir`.
    """

    def __init__(self, model_dir, model_prefix="model", monitor=None, verbose=0, save_best=False, mode="auto",
                 epoch_period=1, batch_period=None, max_checkpoints=5, resume_from_checkpoint=False):  # fmt: skip
        self.monitor = monitor
        self.verbose = verbose
        os.makedirs(model_dir, exist_ok=True)
        self.model_dir = model_dir
        self.model_prefix = model_prefix
        self.save_best = save_best
        self.epoch_period = epoch_period
        self.batch_period = batch_period
        self.current_batch = self.current_epoch = 0
        self.max_checkpoints = max_checkpoints
        self.resume_from_checkpoint = resume_from_checkpoint
        self.saved_checkpoints = []
        if save_best:
            self.monitor_op = _comparison(monitor, mode, "ModelCheckpoint")

    def train_begin(self, estimator, *args, **kwargs):
        self.current_batch = self.current_epoch = 0
        self._epoch_offset = self._batch_offset = 0
        if self.save_best:
            self.best = _worst(self.monitor_op)
        if self.resume_from_checkpoint:
            self._resume_from_checkpoint(estimator)

    def batch_end(self, estimator, *args, **kwargs):
        if self.current_batch == 0:
            self._save_symbol(estimator)
        if self.batch_period and (self.current_batch + 1) % self.batch_period == 0:
            self._save_checkpoint(estimator)
        self.current_batch += 1

    def epoch_end(self, estimator, *args, **kwargs):
        if self.epoch_period and (self.current_epoch + 1) % self.epoch_period == 0:
            self._save_checkpoint(estimator)
        self.current_epoch += 1

    def _save_checkpoint(self, estimator):
        epoch, batch = self.current_epoch + self._epoch_offset, self.current_batch + self._batch_offset
        prefix = f"{self.model_prefix}-epoch{epoch}batch{batch}"
        self._save_params_and_trainer(estimator, prefix)
        self._log(
            estimator,
            f"trained total {self.current_batch + 1} batches, saving model at {self.model_dir} "
            f"with prefix: {prefix}",
        )
        self.saved_checkpoints.append(prefix)
        if len(self.saved_checkpoints) > self.max_checkpoints:
            self._remove(self.saved_checkpoints.pop(0))
        if self.save_best:
            self._save_if_best(estimator)

    def _save_if_best(self, estimator):
        name, value = _monitored(self.monitor)
        if value is None:
            return
        if not self.monitor_op(value, self.best):
            self._log(
                estimator,
                f"{name} did not improve from {self.best:.5f}, skipping updating best model",
                self.current_batch,
            )
            return
        prefix = self.model_prefix + "-best"
        self._save_params_and_trainer(estimator, prefix)
        self.best = value
        self._log(
            estimator,
            f"{name} improved from {self.best:.5f} to {value:.5f}, updating best model at {self.model_dir} "
            f"with prefix: {prefix}",
        )

    def _log(self, estimator, message, number=None):
        if self.verbose > 0:
            number = self.current_epoch if number is None else number
            estimator.logger.info(f"[Epoch {number}] CheckpointHandler: {message}")

    def _path(self, prefix, suffix):
        return os.path.join(self.model_dir, prefix + suffix)

    def _save_symbol(self, estimator):
        path = self._path(self.model_prefix, "-symbol.json")
        if getattr(estimator.net, "_seen_inputs", None) is not None:
            estimator.net._symbol_graph().save(path)
            return
        estimator.logger.info(
            "Model architecture(symbol file) is not saved, please use HybridBlock to construct your model, and call "
            f"net.hybridize() before passing to Estimator in order to save model architecture as {path}."
        )

    def _save_params_and_trainer(self, estimator, file_prefix):
        estimator.net.save_parameters(self._path(file_prefix, ".params"))
        estimator.trainer.save_states(self._path(file_prefix, ".states"))

    def _remove(self, prefix):
        for suffix in (".params", ".states"):
            path = self._path(prefix, suffix)
            if os.path.exists(path):
                os.remove(path)

    def _latest(self):
        """The epoch and batch of the latest files, or None."""
        pattern = re.compile(re.escape(self.model_prefix) + r"-epoch(\d+)batch(\d+)\.params")
        matches = filter(None, map(pattern.fullmatch, os.listdir(self.model_dir)))
        return max((tuple(map(int, match.groups())) for match in matches), default=None)

    def _resume_from_checkpoint(self, estimator):
        by_batches = bool(estimator.max_batch)
        periods = (self.batch_period, self.epoch_period)
        wanted, other = periods if by_batches else reversed(periods)
        assert wanted and not other, (
            "To use resume from checkpoint, you must only specify the same type of period you used for training."
            "For example, if you are training based on number of epochs,you must save only based on epochs, and "
            "set batch_period to None."
        )
        unit = "batches" if by_batches else "epochs"
        planned = estimator.max_batch if by_batches else estimator.max_epoch
        latest = self._latest()
        if latest is None:
            estimator.logger.info(
                f"CheckpointHandler: No checkpoint found, training from scratch for {planned} {unit}"
            )
            return
        epoch, batch = latest
        trained = batch if by_batches else epoch
        if trained >= planned - 1:
            reached = (
                f"batch {batch} reached, please specify"
                if by_batches
                else f"epoch {planned} reached, please specify "
            )
            raise ValueError(
                f"Found checkpoint with maximum number of {reached}"
                "resume_from_checkpoint=False (default value) if you wan to train from scratch."
            )
        prefix = f"{self.model_prefix}-epoch{epoch}batch{batch}"
        estimator.net.load_parameters(self._path(prefix, ".params"), ctx=estimator.context)
        estimator.trainer.load_states(self._path(prefix, ".states"))
        remaining = planned - trained - 1
        if by_batches:
            estimator.max_batch = remaining
        else:
            estimator.max_epoch = remaining
        self._epoch_offset, self._batch_offset = epoch + 1, batch + by_batches
        estimator.logger.info(
            f"CheckpointHandler: Checkpoint resumed from epoch {epoch} batch {batch}, "
            f"continue to train for {remaining} {unit} "
        )
