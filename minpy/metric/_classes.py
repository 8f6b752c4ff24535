"""Metrics of predicted classes and of their probabilities."""

import math

import numpy

from minpy.metric._base import (
    EvalMetric,
    alias,
    check_label_shapes,
    documented,
    numpy_pairs,
    register,
)


@register
@alias("acc")
@documented(
    """
    axis : int
        The axis of the classes in predictions."""
)
class Accuracy(EvalMetric):
    """The share of samples whose class was predicted.

    Predictions are scores of the classes, or classes in the shape of the labels.
    """

    def __init__(self, axis=1, name="accuracy", output_names=None, label_names=None):
        super().__init__(
            name, axis=axis, output_names=output_names, label_names=label_names, has_global_stats=True
        )
        self.axis = axis

    def update(self, labels, preds):
        for label, pred in numpy_pairs(labels, preds):
            if pred.shape != label.shape:
                pred = pred.argmax(axis=self.axis)
            label, pred = label.astype("int32").ravel(), pred.astype("int32").ravel()
            check_label_shapes(label, pred)
            self._add((pred == label).sum(), len(pred))


@register
@alias("top_k_accuracy", "top_k_acc")
@documented(
    """
    top_k : int
        How many of the best predictions count; more than one."""
)
class TopKAccuracy(EvalMetric):
    """The share of samples whose class is among the `top_k` best predictions."""

    def __init__(self, top_k=1, name="top_k_accuracy", output_names=None, label_names=None):
        super().__init__(
            name, top_k=top_k, output_names=output_names, label_names=label_names, has_global_stats=True
        )
        self.top_k = top_k
        assert self.top_k > 1, "Please use Accuracy if top_k is no more than 1"
        self.name += f"_{self.top_k}"

    def get_config(self):
        return {**super().get_config(), "name": self.name.removesuffix(f"_{self.top_k}")}

    def update(self, labels, preds):
        for label, pred in numpy_pairs(labels, preds):
            assert pred.ndim <= 2, "Predictions should be no more than 2 dims"
            label = label.astype("int32")
            check_label_shapes(label, pred)
            if pred.ndim == 1:
                self._add((pred.astype("int32") == label.ravel()).sum(), len(pred))
                continue
            kept = min(pred.shape[1], self.top_k)
            best = numpy.argpartition(pred.astype("float32"), -kept)[:, -kept:]
            self._add((best == label.reshape(-1, 1)).sum(), len(pred))


class _LogLikelihood(EvalMetric):
    """The mean of minus the logarithm of the probability that the prediction gave to the label."""

    def __init__(self, eps, name, output_names, label_names):
        super().__init__(
            name, eps=eps, output_names=output_names, label_names=label_names, has_global_stats=True
        )
        self.eps = eps

    def update(self, labels, preds):
        for label, pred in numpy_pairs(labels, preds):
            label = label.ravel()
            assert label.shape[0] == pred.shape[0], (label.shape[0], pred.shape[0])
            likelihood = pred[numpy.arange(len(label)), label.astype("int64")]
            self._add((-numpy.log(likelihood + self.eps)).sum(), len(label))


_EPS = """
    eps : float
        Added to probabilities, so that their logarithm is finite."""


@register
@alias("ce")
@documented(_EPS)
class CrossEntropy(_LogLikelihood):
    """The mean cross-entropy of labels, as class numbers, and predicted probabilities."""

    def __init__(self, eps=1e-12, name="cross-entropy", output_names=None, label_names=None):
        super().__init__(eps, name, output_names, label_names)


@register
@alias("nll_loss")
@documented(_EPS)
class NegativeLogLikelihood(_LogLikelihood):
    """The mean negative logarithm of the predicted probability of the label's class."""

    def __init__(self, eps=1e-12, name="nll-loss", output_names=None, label_names=None):
        super().__init__(eps, name, output_names, label_names)


@register
@documented(
    """
    ignore_label : int or None
        Samples with this label do not count.
    axis : int
        The axis of the classes in predictions."""
)
class Perplexity(EvalMetric):
    """The exponential of the mean negative logarithm of the predicted probability of the label's class."""

    def __init__(self, ignore_label, axis=-1, name="perplexity", output_names=None, label_names=None):
        super().__init__(
            name,
            ignore_label=ignore_label,
            axis=axis,
            output_names=output_names,
            label_names=label_names,
            has_global_stats=True,
        )
        self.ignore_label = ignore_label
        self.axis = axis

    def update(self, labels, preds):
        assert len(labels) == len(preds)
        for label, pred in numpy_pairs(labels, preds):
            assert label.size == pred.size / pred.shape[-1], f"shape mismatch: {label.shape} vs. {pred.shape}"
            rows = numpy.moveaxis(pred, self.axis, -1).reshape(label.size, -1)
            label = label.ravel()
            place = numpy.clip(label.astype("int32"), 0, rows.shape[1] - 1)
            likelihood = rows[numpy.arange(label.size), place]
            if self.ignore_label is not None:
                likelihood = likelihood[label != self.ignore_label]
            loss = -numpy.log(numpy.maximum(likelihood.dtype.type(1e-10), likelihood)).sum()
            self._add(loss, likelihood.size)

    def _value(self, total, count):
        return float("nan") if count == 0 else math.exp(total / count)


@register
@documented()
class PCC(EvalMetric):
    """Pearson's correlation coefficient of classes: Matthews' for any number of them, over all samples.

    Predictions are scores of the classes along axis 1, or classes in the shape of the labels.
    """

    def __init__(self, name="pcc", output_names=None, label_names=None, has_global_stats=True):
        self.k = 2
        super().__init__(
            name, output_names=output_names, label_names=label_names, has_global_stats=has_global_stats
        )

    def update(self, labels, preds):
        for label, pred in numpy_pairs(labels, preds):
            if pred.shape != label.shape:
                pred = pred.argmax(axis=1)
            label, pred = label.astype("int32").ravel(), pred.astype("int32").ravel()
            self._grow(int(max(pred.max(), label.max())) + 1)
            for matrix in (self.lcm, self.gcm):
                numpy.add.at(matrix, (pred, label), 1)
        self.num_inst += 1
        self.global_num_inst += 1

    def _grow(self, classes):
        more = max(0, classes - self.k)
        self.k += more
        self.lcm, self.gcm = (numpy.pad(matrix, (0, more)) for matrix in (self.lcm, self.gcm))

    @staticmethod
    def _correlation(confusion):
        total = confusion.sum()
        predicted, actual = confusion.sum(axis=1), confusion.sum(axis=0)
        spread = (predicted * (total - predicted)).sum() * (actual * (total - actual)).sum()
        if spread == 0:
            return float("nan")
        return float((confusion.diagonal() * total - predicted * actual).sum() / spread**0.5)

    @property
    def sum_metric(self):
        return self._correlation(self.lcm) * self.num_inst

    @property
    def global_sum_metric(self):
        return self._correlation(self.gcm) * self.global_num_inst

    def reset(self):
        self.global_num_inst = 0.0
        self.gcm = numpy.zeros((self.k, self.k))
        self.reset_local()

    def reset_local(self):
        self.num_inst = 0.0
        self.lcm = numpy.zeros((self.k, self.k))
