"""`mx.model.FeedForward`: the training interface of MXNet before Module."""

import logging
import time
import warnings

import numpy

from minpy import metric as _metric
from minpy import nd
from minpy._nested import as_list
from minpy.callback import LogValidationMetricsCallback
from minpy.context import as_contexts
from minpy.initializer import InitDesc, Uniform
from minpy.io import DataIter, NDArrayIter
from minpy.model import BatchEndParam, load_checkpoint, save_checkpoint
from minpy.module import Module

_DEFAULT_INITIALIZER = Uniform(0.01)
_LOG_VALIDATION = LogValidationMetricsCallback()


def _each(callbacks, *args):
    for callback in as_list(callbacks):
        if callback is not None:
            callback(*args)


class FeedForward:
    """A symbol to train and predict with, on iterators or arrays; deprecated, see `mx.mod.Module`.

    Parameters
    ----------
    symbol : Symbol
        The graph. Arguments whose names end with "data" or "label" are its inputs.
    ctx : Context or list of Context
        Devices.
    num_epoch : int
        The epoch before which training ends.
    epoch_size : int
        Batches in an epoch; None: as many as the data has.
    optimizer : str or Optimizer
        What updates the parameters; `kwargs` are its settings.
    initializer : Initializer
        For parameters that are not given.
    numpy_batch_size : int
        Size of the batches of arrays.
    arg_params, aux_params : dict of str to NDArray
        Parameters.
    allow_extra_params : bool
        Whether `arg_params` may have more than the symbol.
    begin_epoch : int
        The first epoch.
    """

    def __init__(self, symbol, ctx=None, num_epoch=None, epoch_size=None, optimizer="sgd",
                 initializer=_DEFAULT_INITIALIZER, numpy_batch_size=128, arg_params=None, aux_params=None,
                 allow_extra_params=False, begin_epoch=0, **kwargs):  # fmt: skip
        warnings.warn(
            "\033[91mmxnet.model.FeedForward has been deprecated. Please use mxnet.mod.Module instead.\033[0m",
            DeprecationWarning,
            stacklevel=2,
        )
        self.symbol = symbol
        self.ctx = as_contexts(ctx)
        self.num_epoch, self.begin_epoch, self.epoch_size = num_epoch, begin_epoch, epoch_size
        self.optimizer, self.kwargs = optimizer, kwargs
        self.initializer = initializer
        self.numpy_batch_size = numpy_batch_size
        self.arg_params, self.aux_params = arg_params, aux_params
        self.allow_extra_params = allow_extra_params

    # --- Data ---

    def _iterator(self, X, y, is_train):
        if isinstance(X, (numpy.ndarray, nd.NDArray)):
            return self._array_iterator(X, y, is_train)
        if not isinstance(X, DataIter):
            raise TypeError("X must be DataIter, NDArray or numpy.ndarray")
        return X

    def _array_iterator(self, X, y, is_train):
        if y is None:
            if is_train:
                raise ValueError("y must be specified when X is numpy.ndarray")
            y = numpy.zeros(X.shape[0])
        if not isinstance(y, (numpy.ndarray, nd.NDArray)):
            raise TypeError("y must be ndarray when X is numpy.ndarray")
        if X.shape[0] != y.shape[0]:
            raise ValueError("The numbers of data points and labels not equal")
        if y.ndim == 2 and y.shape[1] == 1:
            y = y.reshape((-1,))
        if y.ndim != 1:
            raise ValueError("Label must be 1D or 2D (with 2nd dimension being 1)")
        size = min(X.shape[0], self.numpy_batch_size)
        return NDArrayIter(X, y, size, shuffle=is_train, last_batch_handle="roll_over" if is_train else "pad")

    def _validation_iterator(self, data):
        if isinstance(data, (tuple, list)) and len(data) == 2:
            X, y = (numpy.asarray(part) if isinstance(part, list) else part for part in data)
            return X if isinstance(X, DataIter) else self._iterator(X, y, True)  # MXNet shuffles these too
        if data is not None and not isinstance(data, DataIter):
            raise TypeError(
                "Eval data must be DataIter, or NDArray/numpy.ndarray/list pair (i.e. tuple/list of length 2)"
            )
        return data

    # --- Parameters ---

    def _init_params(self, data, overwrite=False):
        """Initialises what is not given."""
        shapes = {d[0]: tuple(d[1]) for d in (*data.provide_data, *data.provide_label)}
        inputs = self.symbol.list_inputs()
        found = self.symbol.infer_shape(**{n: s for n, s in shapes.items() if n in inputs})
        given = {} if overwrite else {**(self.arg_params or {}), **(self.aux_params or {})}
        attributes = self.symbol.attr_dict()
        made = []
        for names, known in (
            (self.symbol.list_arguments(), found[0]),
            (self.symbol.list_auxiliary_states(), found[2]),
        ):
            params = {}
            for name, shape in zip(names, known):
                if name not in shapes and not name.endswith(("data", "label")):
                    params[name] = nd.zeros(shape)
                    if name in given:
                        params[name][:] = given[name]
                    else:
                        self.initializer(InitDesc(name, attributes.get(name)), params[name])
            made.append(params)
        self.arg_params, self.aux_params = made

    # --- Training ---

    def fit(self, X, y=None, eval_data=None, eval_metric="acc", epoch_end_callback=None, batch_end_callback=None,
            kvstore="local", logger=None, work_load_list=None, monitor=None, eval_end_callback=_LOG_VALIDATION,
            eval_batch_end_callback=None):  # fmt: skip
        """Train.

        Parameters
        ----------
        X : DataIter, NDArray or numpy.ndarray
            The data; arrays are shuffled.
        y : NDArray or numpy.ndarray
            The labels, for arrays.
        eval_data : DataIter or pair of arrays
            What to validate on after each epoch.
        eval_metric : EvalMetric or str
            What is measured.
        epoch_end_callback, batch_end_callback, eval_end_callback, eval_batch_end_callback : callable or list
            As for `Module.fit`.
        kvstore : KVStore or str
            Adds up gradients over devices.
        logger : Logger
            Where lines are written.
        work_load_list : list of number
            How the batch is divided among the devices.
        monitor : Monitor
            Watches the arrays.
        """
        data, eval_data = self._iterator(X, y, True), self._validation_iterator(eval_data)
        self._init_params(data)
        logger = logging if logger is None else logger
        metric = eval_metric if isinstance(eval_metric, _metric.EvalMetric) else _metric.create(eval_metric)
        module = self._module(data, work_load_list, logger)
        module.init_optimizer(kvstore, self.optimizer, self.kwargs)
        if monitor is not None:
            module.install_monitor(monitor)
        logger.info("Start training with %s", self.ctx)
        data.reset()
        for epoch in range(self.begin_epoch, self.num_epoch):
            started = time.time()
            metric.reset()
            self._train_epoch(module, data, epoch, metric, batch_end_callback, monitor, logger)
            logger.info("Epoch[%d] Time cost=%.3f", epoch, time.time() - started)
            self.arg_params, self.aux_params = module.get_params()
            _each(epoch_end_callback, epoch, self.symbol, self.arg_params, self.aux_params)
            if eval_data is not None:
                module.score(eval_data, metric, batch_end_callback=eval_batch_end_callback,
                             score_end_callback=eval_end_callback, epoch=epoch)  # fmt: skip
                eval_data.reset()

    def _module(self, data, loads, logger):
        known = self.symbol.list_inputs()
        labels = [d for d in data.provide_label if d[0] in known]
        module = Module(
            self.symbol,
            [d[0] for d in data.provide_data],
            [d[0] for d in labels],
            logger,
            self.ctx,
            loads,
        )
        module.bind(data.provide_data, labels)
        module.init_params(None, self.arg_params, self.aux_params, allow_extra=self.allow_extra_params)
        return module

    def _train_epoch(self, module, data, epoch, metric, batch_end_callback, monitor, logger):
        count, finished = 0, False
        while not finished:
            for batch in data:
                if monitor is not None:
                    monitor.tic()
                module.forward_backward(batch)
                module.update()
                if monitor is not None:
                    monitor.toc_print()
                module.update_metric(metric, batch.label)
                count += 1
                _each(batch_end_callback, BatchEndParam(epoch, count, metric, locals()))
                if self.epoch_size is not None and count >= self.epoch_size:
                    return
            logger.info("Epoch[%d] Resetting Data Iterator", epoch)
            data.reset()
            finished = self.epoch_size is None

    # --- Prediction ---

    def _outputs(self, data, num_batch, reset):
        """Pairs of batch and outputs."""
        if self.arg_params is None:
            raise AttributeError("FeedForward has no parameters: call fit first, or give arg_params")
        if reset:
            data.reset()
        shapes = {d[0]: tuple(d[1]) for d in data.provide_data}
        executor = self.symbol.simple_bind(self.ctx[0], grad_req="null", **shapes)
        executor.copy_params_from(self.arg_params, self.aux_params, allow_extra_params=True)
        for number, batch in enumerate(data):
            if number == num_batch:
                return
            yield batch, executor.forward(is_train=False, **dict(zip(shapes, batch.data)))

    def predict(self, X, num_batch=None, return_data=False, reset=True):
        """Predictions as a numpy.ndarray, or a list of them for several outputs.

        Parameters
        ----------
        X : DataIter, NDArray or numpy.ndarray
            The data.
        num_batch : int
            How many batches; None: all.
        return_data : bool
            Return (predictions, data, labels).
        reset : bool
            Whether to start the data from its beginning.
        """
        data = self._iterator(X, None, False)
        rows = []
        for batch, outputs in self._outputs(data, num_batch, reset):
            end = batch.data[0].shape[0] - (batch.pad or 0)
            parts = (outputs, batch.data, batch.label or ()) if return_data else (outputs,)
            rows.append([[array[:end].asnumpy() for array in part] for part in parts])
        joined = [[numpy.concatenate(arrays) for arrays in zip(*part)] for part in zip(*rows)]
        single = [part[0] if len(part) == 1 else part for part in joined]
        return tuple(single) if return_data else single[0]

    def score(self, X, eval_metric="acc", num_batch=None, batch_end_callback=None, reset=True):
        """The value of a metric on data with labels."""
        metric = eval_metric if isinstance(eval_metric, _metric.EvalMetric) else _metric.create(eval_metric)
        metric.reset()
        for number, (batch, outputs) in enumerate(
            self._outputs(self._iterator(X, None, False), num_batch, reset)
        ):
            metric.update(batch.label, outputs)
            _each(batch_end_callback, BatchEndParam(0, number, metric, locals()))
        return metric.get()[1]

    # --- Files ---

    def save(self, prefix, epoch=None, remove_amp_cast=True):
        """Save symbol and parameters; see `mx.model.save_checkpoint`."""
        save_checkpoint(prefix, self.num_epoch if epoch is None else epoch, self.symbol, self.arg_params,
                        self.aux_params)  # fmt: skip

    @staticmethod
    def load(prefix, epoch, ctx=None, **kwargs):
        """A model from a checkpoint, which goes on after that epoch."""
        symbol, arguments, auxiliary = load_checkpoint(prefix, epoch)
        return FeedForward(
            symbol, ctx=ctx, arg_params=arguments, aux_params=auxiliary, begin_epoch=epoch, **kwargs
        )

    @staticmethod
    def create(symbol, X, y=None, ctx=None, num_epoch=None, epoch_size=None, optimizer="sgd",
               initializer=_DEFAULT_INITIALIZER, eval_data=None, eval_metric="acc", epoch_end_callback=None,
               batch_end_callback=None, kvstore="local", logger=None, work_load_list=None,
               eval_end_callback=_LOG_VALIDATION, eval_batch_end_callback=None, **kwargs):  # fmt: skip
        """Make a model and train it; see the class and `fit`."""
        made = FeedForward(symbol, ctx, num_epoch, epoch_size, optimizer, initializer, **kwargs)
        made.fit(X, y, eval_data, eval_metric, epoch_end_callback, batch_end_callback, kvstore, logger, work_load_list,
                 eval_end_callback=eval_end_callback, eval_batch_end_callback=eval_batch_end_callback)  # fmt: skip
        return made
