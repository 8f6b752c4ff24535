"""Metrics of two classes, from counts of true and false positives and negatives."""

import math

import numpy

from minpy.metric._base import EvalMetric, check_label_shapes, documented, numpy_pairs, register


class _Counts:
    """True and false positives and negatives."""

    def __init__(self, tp=0, fp=0, fn=0, tn=0):
        self.tp, self.fp, self.fn, self.tn = tp, fp, fn, tn

    def add(self, other):
        self.tp += other.tp
        self.fp += other.fp
        self.fn += other.fn
        self.tn += other.tn

    @property
    def total(self):
        return self.tp + self.fp + self.fn + self.tn

    def f1(self):
        precision = self.tp / (self.tp + self.fp) if self.tp + self.fp else 0.0
        recall = self.tp / (self.tp + self.fn) if self.tp + self.fn else 0.0
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    def matthews(self):
        if not self.total:
            return 0.0
        tp, fp, fn, tn = map(float, (self.tp, self.fp, self.fn, self.tn))
        denominator = 1.0
        for term in (tp + fp, tp + fn, tn + fp, tn + fn):
            denominator *= term or 1.0
        return (tp * tn - fp * fn) / math.sqrt(denominator)


def _count(label, pred, owner):
    label = label.astype("int32")
    check_label_shapes(label, pred)
    if len(numpy.unique(label)) > 2:
        raise ValueError(f"{owner} currently only supports binary classification.")
    positive, actual = numpy.argmax(pred, axis=1) == 1, label.ravel() == 1
    both = numpy.bincount(2 * positive + actual, minlength=4).tolist()
    return _Counts(tn=both[0], fn=both[1], fp=both[2], tp=both[3])


_AVERAGE = """
    average : {'macro', 'micro'}
        Whether the value is the mean over batches, or that of all samples together."""


class _BinaryMetric(EvalMetric):
    """A function of the counts, over batches or over all samples."""

    def __init__(self, name, output_names, label_names, average):
        self.average = average
        self._local, self._global = _Counts(), _Counts()
        super().__init__(
            name, average=average, output_names=output_names, label_names=label_names, has_global_stats=True
        )

    def _score(self, counts):
        raise NotImplementedError

    def update(self, labels, preds):
        batch = _Counts()
        for label, pred in numpy_pairs(labels, preds):
            batch.add(_count(label, pred, type(self).__name__))
        if self.average == "macro":
            self._add(self._score(batch), 1)
            return
        self._local.add(batch)
        self._global.add(batch)
        self.num_inst = self._local.total
        self.sum_metric = self._score(self._local) * self.num_inst
        self.global_num_inst = self._global.total
        self.global_sum_metric = self._score(self._global) * self.global_num_inst

    def reset(self):
        super().reset()
        self._local, self._global = _Counts(), _Counts()

    def reset_local(self):
        super().reset_local()
        self._local = _Counts()


@register
@documented(_AVERAGE)
class F1(_BinaryMetric):
    """The harmonic mean of precision and recall of class 1 against class 0."""

    def __init__(self, name="f1", output_names=None, label_names=None, average="macro"):
        super().__init__(name, output_names, label_names, average)

    def _score(self, counts):
        return counts.f1()


@register
@documented(_AVERAGE)
class MCC(_BinaryMetric):
    """Matthews' correlation coefficient of class 1 against class 0: 1 is perfect, 0 chance, -1 the inverse."""

    def __init__(self, name="mcc", output_names=None, label_names=None, average="macro"):
        super().__init__(name, output_names, label_names, average)

    def _score(self, counts):
        return counts.matthews()
