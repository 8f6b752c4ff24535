"""The Estimator: a training loop whose steps are events for handlers."""

import copy
import logging
import sys
import warnings

from minpy.context import Context, cpu, gpu, num_gpus
from minpy.gluon.contrib.estimator.batch_processor import BatchProcessor
from minpy.gluon.contrib.estimator.event_handler import (
    EVENTS,
    GradientUpdateHandler,
    LoggingHandler,
    MetricHandler,
    StoppingHandler,
    ValidationHandler,
    _check_event_handlers,
)
from minpy.gluon.contrib.estimator.utils import (
    _check_handler_metric_ref,
    _check_metrics,
    _suggest_metric_for_loss,
)
from minpy.gluon.data import DataLoader
from minpy.gluon.loss import Loss as GluonLoss
from minpy.gluon.trainer import Trainer
from minpy.initializer import Uniform
from minpy.metric import Loss as MetricLoss

__all__ = ["Estimator"]


def _logger():
    """A logger that writes the bare messages to the standard output."""
    logger = logging.Logger("Estimator", logging.INFO)
    logger.addHandler(logging.StreamHandler(sys.stdout))
    return logger


class Estimator:
    """Trains and evaluates a network; event handlers do everything else.

    Parameters
    ----------
    net : Block
        The network.
    loss : Loss
        What is minimised.
    train_metrics, val_metrics : EvalMetric or list of EvalMetric, optional
        Reported while training and evaluating; the loss, and the accuracy of a classifier, by default.
    initializer : Initializer, optional
        For a network that isn't initialized yet.
    trainer : Trainer, optional
        SGD with learning rate 0.001 by default.
    context : Context or list of Context, optional
        Where to run.
    val_net, val_loss : Block, Loss, optional
        Evaluated in place of `net` and `loss`.
    batch_processor : BatchProcessor, optional
        What is done with a batch.
    """

    def __init__(self, net, loss, train_metrics=None, val_metrics=None, initializer=None, trainer=None, context=None,
                 val_net=None, val_loss=None, batch_processor=None):  # fmt: skip
        self.net = net
        self.loss = self._check_loss(loss)
        self._train_metrics = _check_metrics(train_metrics)
        self._val_metrics = _check_metrics(val_metrics)
        self._add_default_training_metrics()
        self._add_validation_metrics()
        self.val_loss = self.loss if val_loss is None else self._check_loss(val_loss)
        self.val_net = net if val_net is None else val_net
        self.logger = _logger()
        self.context = self._check_context(context)
        self._initialize(initializer)
        self.trainer = self._check_trainer(trainer)
        self.batch_processor = self._check_batch_processor(batch_processor)
        self.max_epoch = self.max_batch = None

    def _check_loss(self, loss):
        if not isinstance(loss, GluonLoss):
            raise ValueError(f"loss must be a Loss, refer to gluon.loss.Loss:{loss}")
        return loss

    def _check_context(self, context):
        available = [gpu(i) for i in range(num_gpus())]
        if context is None:
            return [available[0] if available else cpu()]
        contexts = [context] if isinstance(context, Context) else context
        if not isinstance(contexts, list) or not all(isinstance(c, Context) for c in contexts):
            raise ValueError(
                "context must be a Context or a list of Context, for example mx.cpu() or "
                f"[mx.gpu(0), mx.gpu(1)], refer to mxnet.Context:{context}"
            )
        for c in contexts:
            assert c in available or c.device_type.startswith("cpu"), (
                f"{c} is not available, please make sure your context is in one of: mx.cpu(), "
                + ", ".join(map(str, available))
            )
        return contexts

    def _check_batch_processor(self, batch_processor):
        if batch_processor is None:
            return BatchProcessor()
        if not all(
            callable(getattr(batch_processor, name, None)) for name in ("fit_batch", "evaluate_batch")
        ):
            raise ValueError(
                "Customized Batch Processor must contain fit_batch() and evaluate_batch() methods"
            )
        return batch_processor

    def _is_initialized(self):
        parameters = self.net.collect_params().values()
        return all(p._deferred_init or p._data is not None for p in parameters)

    def _initialize(self, initializer):
        if not self._is_initialized():
            self.net.initialize(init=Uniform() if initializer is None else initializer, ctx=self.context)
        elif initializer is not None:
            warnings.warn(
                "Network already fully initialized, skipping initialization. You don't need to pass initializer "
                "if you already initialized your net. You can use net.initialize(init=your_initializer, "
                "force_reinit=True)to force re-initialize.",
                stacklevel=3,
            )

    def _check_trainer(self, trainer):
        if trainer is None:
            warnings.warn(
                "No trainer specified, default SGD optimizer with learning rate 0.001 is used.", stacklevel=3
            )
            return Trainer(self.net.collect_params(), "sgd", {"learning_rate": 0.001})
        if not isinstance(trainer, Trainer):
            raise ValueError(f"Trainer must be a Gluon Trainer instance, refer to gluon.Trainer:{trainer}")
        return trainer

    def _add_default_training_metrics(self):
        if not self._train_metrics:
            suggested = _suggest_metric_for_loss(self.loss)
            self._train_metrics = [] if suggested is None else [suggested]
            self._train_metrics.append(MetricLoss(self.loss.name.rstrip("1234567890")))
        for metric in self._train_metrics:
            metric.name = "training " + metric.name

    def _add_validation_metrics(self):
        if not self._val_metrics:
            self._val_metrics = [copy.deepcopy(metric) for metric in self._train_metrics]
        for metric in self._val_metrics:
            metric.name = "validation " + metric.name.removeprefix("training ")

    @property
    def train_metrics(self):
        """The metrics of the training."""
        return self._train_metrics

    @property
    def val_metrics(self):
        """The metrics of the evaluation."""
        return self._val_metrics

    def evaluate(self, val_data, batch_axis=0, event_handlers=None):
        """Computes the validation metrics.

        Parameters
        ----------
        val_data : DataLoader
            Batches of data and labels.
        batch_axis : int
            The axis along which a batch is split over contexts.
        event_handlers : EventHandler or list of EventHandler, optional
            Told of the events.
        """
        self._check_loader(val_data, "gluon.data.DataLoader")
        for metric in self._val_metrics:
            metric.reset()
        handlers = self._by_event(self._prepare_default_validation_handlers(event_handlers))
        self._tell(handlers, "epoch_begin")
        for batch in val_data:
            self._tell(handlers, "batch_begin", batch=batch)
            _, label, pred, loss = self.batch_processor.evaluate_batch(self, batch, batch_axis)
            self._tell(handlers, "batch_end", batch=batch, pred=pred, label=label, loss=loss)
        self._tell(handlers, "epoch_end")

    def fit(self, train_data, val_data=None, epochs=None, event_handlers=None, batches=None, batch_axis=0):
        """Trains the network.

        Parameters
        ----------
        train_data : DataLoader
            Batches of data and labels.
        val_data : DataLoader, optional
            What is evaluated after each epoch.
        epochs, batches : int
            How long to train; one of the two.
        event_handlers : EventHandler or list of EventHandler, optional
            Told of the events.
        batch_axis : int
            The axis along which a batch is split over contexts.
        """
        self._check_loader(train_data, "gluon.data.dataloader")
        if (epochs is None) == (batches is None):
            raise ValueError(
                "Fit only support exactly one type of iteration, train by number of epochs or number of batches."
                "Please specify one and only one of: epochs or batches."
            )
        self.max_epoch, self.max_batch = epochs, batches
        handlers = self._by_event(self._prepare_default_handlers(val_data, event_handlers))
        self._tell(handlers, "train_begin")
        stop = False
        while not stop:
            self._tell(handlers, "epoch_begin")
            for batch in train_data:
                self._tell(handlers, "batch_begin", batch=batch)
                _, label, pred, loss = self.batch_processor.fit_batch(self, batch, batch_axis)
                if self._tell(handlers, "batch_end", batch=batch, pred=pred, label=label, loss=loss):
                    break
            stop = self._tell(handlers, "epoch_end")
        self._tell(handlers, "train_end")

    @staticmethod
    def _check_loader(data, reference):
        if not isinstance(data, DataLoader):
            raise ValueError(
                "Estimator only support input as Gluon DataLoader. Alternatively, you can transform your DataIter "
                f"or any NDArray into Gluon DataLoader. Refer to {reference}"
            )

    def _tell(self, handlers, event, **details):
        """Tells all handlers of an event; whether any wants to stop."""
        answers = [getattr(handler, event)(self, **details) for handler in handlers[event]]
        return any(answers)

    @staticmethod
    def _by_event(handlers):
        return {event: [h for h in handlers if isinstance(h, base)] for event, base in EVENTS.items()}

    def _checked(self, handlers):
        """The handlers, by priority."""
        known = self._train_metrics + self._val_metrics
        for handler in handlers:
            if isinstance(handler, (MetricHandler, LoggingHandler)):
                _check_handler_metric_ref(handler, known)
        return sorted(handlers, key=lambda handler: getattr(handler, "priority", 0))

    def _prepare_default_handlers(self, val_data, event_handlers):
        handlers = list(_check_event_handlers(event_handlers))
        makers = {
            StoppingHandler: lambda: StoppingHandler(self.max_epoch, self.max_batch),
            GradientUpdateHandler: GradientUpdateHandler,
            MetricHandler: lambda: MetricHandler(self._train_metrics),
            ValidationHandler: lambda: ValidationHandler(val_data, self.evaluate),
            LoggingHandler: lambda: LoggingHandler(metrics=self._train_metrics),
        }
        if val_data is None:
            del makers[ValidationHandler]
        return self._checked(handlers + self._missing(makers, handlers))

    def _prepare_default_validation_handlers(self, event_handlers):
        handlers = list(_check_event_handlers(event_handlers))
        makers = {
            MetricHandler: lambda: MetricHandler(self._val_metrics),
            LoggingHandler: lambda: LoggingHandler(metrics=self._val_metrics),
        }
        return self._checked(handlers + self._missing(makers, handlers))

    @staticmethod
    def _missing(makers, handlers):
        return [
            make()
            for kind, make in makers.items()
            if not any(isinstance(handler, kind) for handler in handlers)
        ]
