"""BaseModule: training and prediction loops over what a module can do with one batch."""

import logging
import time
import warnings

import numpy

from minpy import metric as _metric
from minpy import model, nd
from minpy._nested import as_list
from minpy.initializer import Uniform
from minpy.io import DataBatch, DataIter
from minpy.module.progress import Progress

__all__ = ["BaseModule"]

DEFAULT_INITIALIZER = Uniform(0.01)


def _unpadded(outputs, pad):
    return [out[: out.shape[0] - (pad or 0)] for out in outputs]


class BaseModule:
    """What modules have in common. They define `bind`, `init_params`, `init_optimizer`, `forward`, `backward`,
    `update`, `get_outputs`, `update_metric` and what they are made of.

    Parameters
    ----------
    logger : Logger
        Where `fit` writes its lines.
    """

    def __init__(self, logger=logging):
        self.logger = logger
        self.binded = False
        self.for_training = False
        self.inputs_need_grad = False
        self.params_initialized = False
        self.optimizer_initialized = False
        self._symbol = None

    @property
    def symbol(self):
        """The symbol."""
        return self._symbol

    def forward_backward(self, data_batch):
        """One forward pass in training, and one backward."""
        self.forward(data_batch, is_train=True)
        self.backward()

    def prepare(self, data_batch, sparse_row_id_fn=None):
        """Called before a batch is used; nothing is to be done for dense parameters."""

    def install_monitor(self, mon):
        """Watch the module's arrays; modules define it."""
        raise NotImplementedError

    # --- Parameters in files ---

    def save_params(self, fname):
        """Save the parameters to a file."""
        model.save_params(fname, *self.get_params())

    def load_params(self, fname):
        """Load the parameters from a file."""
        values = nd.load(fname)
        if not isinstance(values, dict) or not all(key[:4] in ("arg:", "aux:") for key in values):
            raise ValueError(f"Invalid param file {fname}")
        self.set_params(*model.split_params(values))

    def set_params(self, arg_params, aux_params, allow_missing=False, force_init=True, allow_extra=False):
        """Take over values; see `init_params`."""
        if allow_missing and self.params_initialized and not force_init:
            warnings.warn(
                "Parameters already initialized and force_init=False. set_params call ignored.", stacklevel=2
            )
            return
        self.init_params(None, arg_params, aux_params, allow_missing, force_init, allow_extra)

    # --- Evaluation ---

    def _batches(self, data, num_batch, reset):
        """Forward passes over an iterator: pairs of number and batch."""
        assert self.binded and self.params_initialized
        if reset:
            data.reset()
        for number, batch in enumerate(data):
            if number == num_batch:
                return
            self.prepare(batch)
            self.forward(batch, is_train=False)
            yield number, batch

    def score(self, eval_data, eval_metric, num_batch=None, batch_end_callback=None, score_end_callback=None,
              reset=True, epoch=0, sparse_row_id_fn=None):  # fmt: skip
        """Evaluate on data.

        Parameters
        ----------
        eval_data : DataIter
            The data.
        eval_metric : EvalMetric or str
            What is measured.
        num_batch : int
            How many batches; None: all.
        batch_end_callback, score_end_callback : callable or list of callable
            Called after each batch and at the end with a BatchEndParam.
        reset : bool
            Whether to start the data from its beginning.
        epoch : int
            For the callbacks.

        Returns
        -------
        list of (str, float)
            Names and values of the metric.
        """
        if not isinstance(eval_metric, _metric.EvalMetric):
            eval_metric = _metric.create(eval_metric)
        eval_metric.reset()
        count = 0
        for count, batch in self._batches(eval_data, num_batch, reset):
            labels = [b.label for b in batch] if isinstance(batch, list) else batch.label
            self.update_metric(eval_metric, labels, pre_sliced=isinstance(batch, list))
            _call(batch_end_callback, epoch, count, eval_metric, locals())
            count += 1
        _call(score_end_callback, epoch, count, eval_metric, locals())
        return eval_metric.get_name_value()

    def iter_predict(self, eval_data, num_batch=None, reset=True, sparse_row_id_fn=None):
        """Predictions batch by batch: triples of outputs, number of the batch, and batch."""
        for number, batch in self._batches(eval_data, num_batch, reset):
            yield _unpadded(self.get_outputs(), batch.pad), number, batch

    def predict(self, eval_data, num_batch=None, merge_batches=True, reset=True, always_output_list=False,
                sparse_row_id_fn=None):  # fmt: skip
        """Predictions for data.

        Parameters
        ----------
        eval_data : DataIter, NDArray or numpy.ndarray
            The data; an array is one batch.
        num_batch : int
            How many batches; None: all.
        merge_batches : bool
            Join the batches' outputs; else a list of lists.
        reset : bool
            Whether to start the data from its beginning.
        always_output_list : bool
            A list also for a single output.

        Returns
        -------
        NDArray, or list of NDArray, or list of list of NDArray
            Without what only filled the last batch.
        """
        if isinstance(eval_data, (nd.NDArray, numpy.ndarray)):
            assert self.binded and self.params_initialized
            self.forward(DataBatch([nd.array(eval_data)]), is_train=False)
            return self.get_outputs()[0]
        if not isinstance(eval_data, DataIter):
            raise ValueError("eval_data must be of type NDArray or DataIter")
        outputs = [
            [out.copy() for out in _unpadded(self.get_outputs(), batch.pad)]
            for _, batch in self._batches(eval_data, num_batch, reset)
        ]
        if not outputs or not merge_batches:
            return outputs
        if len({len(out) for out in outputs}) != 1:
            raise AssertionError(
                "Cannot merge batches, as num of outputs is not the same in mini-batches. Maybe bucketing is used?"
            )
        merged = [nd.concatenate(list(parts)) for parts in zip(*outputs)]
        return merged[0] if len(merged) == 1 and not always_output_list else merged

    # --- Training ---

    def fit(self, train_data, eval_data=None, eval_metric="acc", epoch_end_callback=None, batch_end_callback=None,
            kvstore="local", optimizer="sgd", optimizer_params=(("learning_rate", 0.01),), eval_end_callback=None,
            eval_batch_end_callback=None, initializer=DEFAULT_INITIALIZER, arg_params=None, aux_params=None,
            allow_missing=False, force_rebind=False, force_init=False, begin_epoch=0, num_epoch=None,
            validation_metric=None, monitor=None, sparse_row_id_fn=None):  # fmt: skip
        """Train on data.

        Parameters
        ----------
        train_data, eval_data : DataIter
            Data to train on, and to validate with after each epoch.
        eval_metric, validation_metric : EvalMetric or str
            What is measured on them.
        epoch_end_callback : callable or list of callable
            Called with the epoch, the symbol, the arguments and the auxiliary states.
        batch_end_callback, eval_batch_end_callback, eval_end_callback : callable or list of callable
            Called with a BatchEndParam after each batch, and after a validation.
        kvstore, optimizer, optimizer_params
            See `init_optimizer`.
        initializer, arg_params, aux_params, allow_missing, force_init
            See `init_params`.
        force_rebind : bool
            Bind again when the module is bound.
        begin_epoch, num_epoch : int
            Epochs run from `begin_epoch` to `num_epoch` - 1.
        monitor : Monitor
            Watches the arrays.
        """
        assert num_epoch is not None, "please specify number of epochs"
        self.bind(
            train_data.provide_data, train_data.provide_label, for_training=True, force_rebind=force_rebind
        )
        if monitor is not None:
            self.install_monitor(monitor)
        self.init_params(initializer, arg_params, aux_params, allow_missing, force_init)
        self.init_optimizer(kvstore, optimizer, optimizer_params)
        validation_metric = validation_metric or eval_metric
        if not isinstance(eval_metric, _metric.EvalMetric):
            eval_metric = _metric.create(eval_metric)
        progress = Progress()
        for epoch in range(begin_epoch, num_epoch):
            started = time.time()
            try:
                found = self._train_epoch(train_data, epoch, eval_metric, batch_end_callback, monitor,
                                          sparse_row_id_fn, progress)  # fmt: skip
            finally:
                progress.end_epoch()
            for name, value in found:
                self.logger.info("Epoch[%d] Train-%s=%f", epoch, name, value)
            self.logger.info("Epoch[%d] Time cost=%.3f", epoch, time.time() - started)
            params = self.get_params()
            self.set_params(*params)
            for callback in as_list(epoch_end_callback) if epoch_end_callback is not None else ():
                callback(epoch, self.symbol, *params)
            if eval_data is not None:
                found = self.score(
                    eval_data,
                    validation_metric,
                    score_end_callback=eval_end_callback,
                    batch_end_callback=eval_batch_end_callback,
                    epoch=epoch,
                )
                for name, value in found:
                    self.logger.info("Epoch[%d] Validation-%s=%f", epoch, name, value)
            train_data.reset()

    def _train_epoch(self, train_data, epoch, eval_metric, batch_end_callback, monitor, sparse_row_id_fn,
                     progress):  # fmt: skip
        """Trains on all batches; names and values of the metric."""
        eval_metric.reset()
        batches = iter(train_data)
        data_batch, nbatch, found = next(batches), 0, []
        while data_batch is not None:
            if monitor is not None:
                monitor.tic()
            self.forward_backward(data_batch)
            self.update()
            several = isinstance(data_batch, list)
            labels = [b.label for b in data_batch] if several else data_batch.label
            self.update_metric(eval_metric, labels, pre_sliced=several)
            following = next(batches, None)
            if following is not None:
                self.prepare(following, sparse_row_id_fn=sparse_row_id_fn)
            if monitor is not None or batch_end_callback is not None:
                progress.clear()  # they may write
            if monitor is not None:
                monitor.toc_print()
            if following is None:
                found = eval_metric.get_global_name_value()  # callbacks may reset the metric
            _call(batch_end_callback, epoch, nbatch, eval_metric, locals())
            progress.step(epoch)
            data_batch, nbatch = following, nbatch + 1
        return found


def _call(callbacks, epoch, nbatch, eval_metric, values):
    if callbacks is not None:
        for callback in as_list(callbacks):
            callback(model.BatchEndParam(epoch, nbatch, eval_metric, values))
