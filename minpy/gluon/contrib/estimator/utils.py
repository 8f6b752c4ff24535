"""Checks of metrics and handlers, and the metrics that suit a loss."""

from minpy._nested import as_list
from minpy.gluon.loss import SoftmaxCrossEntropyLoss
from minpy.metric import Accuracy, CompositeEvalMetric, EvalMetric

__all__ = []


def _check_metrics(metrics):
    """The metrics as a flat list."""
    if isinstance(metrics, CompositeEvalMetric):
        return [flat for metric in metrics.metrics for flat in _check_metrics(metric)]
    if isinstance(metrics, EvalMetric):
        return [metrics]
    metrics = list(metrics or [])
    if not all(isinstance(metric, EvalMetric) for metric in metrics):
        raise ValueError(
            f"metrics must be a Metric or a list of Metric, refer to mxnet.metric.EvalMetric: {metrics}"
        )
    return metrics


def _check_handler_metric_ref(handler, known_metrics):
    """Refuses a handler with metrics that the estimator doesn't know."""
    for value in vars(handler).values():
        for metric in as_list(value):
            if isinstance(metric, EvalMetric) and not any(metric is known for known in known_metrics):
                raise ValueError(
                    f"Event handler {type(handler).__name__} refers to a metric instance {metric} outside of the "
                    "known training and validation metrics. Please use the metrics from estimator.train_metrics "
                    "and estimator.val_metrics instead."
                )


def _suggest_metric_for_loss(loss):
    """A metric to report with a loss, or None."""
    return Accuracy() if isinstance(loss, SoftmaxCrossEntropyLoss) else None
