"""Metrics of predicted values, and the mean of losses."""

import numpy

from minpy.metric._base import (
    EvalMetric,
    alias,
    as_list,
    as_numpy,
    check_label_shapes,
    documented,
    numpy_pairs,
    register,
)


class _Error(EvalMetric):
    """The mean over batches of a function of the differences."""

    def __init__(self, name, output_names, label_names):
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def update(self, labels, preds):
        for label, pred in numpy_pairs(labels, preds):
            difference = _as_column(label) - _as_column(pred)
            self._add(self._error(difference), 1)

    def _error(self, difference):
        raise NotImplementedError


def _as_column(array):
    return array.reshape(-1, 1) if array.ndim == 1 else array


@register
@documented()
class MAE(_Error):
    """The mean absolute error: a mean over batches, each the mean of its values."""

    def __init__(self, name="mae", output_names=None, label_names=None):
        super().__init__(name, output_names, label_names)

    def _error(self, difference):
        return numpy.abs(difference).mean()


@register
@documented()
class MSE(_Error):
    """The mean squared error: a mean over batches, each the mean of its values."""

    def __init__(self, name="mse", output_names=None, label_names=None):
        super().__init__(name, output_names, label_names)

    def _error(self, difference):
        return (difference**2.0).mean()


@register
@documented()
class RMSE(_Error):
    """The root of the mean squared error: a mean over batches of the roots."""

    def __init__(self, name="rmse", output_names=None, label_names=None):
        super().__init__(name, output_names, label_names)

    def _error(self, difference):
        return numpy.sqrt((difference**2.0).mean())


@register
@alias("pearsonr")
@documented(
    """
    average : {'macro', 'micro'}
        Whether the value is the mean over batches, or that of all samples together."""
)
class PearsonCorrelation(EvalMetric):
    """Pearson's correlation coefficient of labels and predictions."""

    def __init__(self, name="pearsonr", output_names=None, label_names=None, average="macro"):
        self.average = average
        super().__init__(
            name,
            average=average,
            output_names=output_names,
            label_names=label_names,
            has_global_stats=average == "macro",
        )

    def reset(self):
        super().reset()
        self.reset_micro()

    def reset_local(self):
        super().reset_local()
        self.reset_micro()

    def reset_micro(self):
        """Forget the samples of the 'micro' average."""
        self._count = 0
        self._mean = numpy.zeros(2)
        self._cross = numpy.zeros((2, 2))  # sums of products of the deviations from the means

    def update(self, labels, preds):
        for label, pred in numpy_pairs(labels, preds):
            check_label_shapes(label, pred, False, True)
            values = numpy.stack([label.ravel(), pred.ravel()]).astype(numpy.float64)
            if self.average == "macro":
                self._add(numpy.corrcoef(values)[0, 1], 1)
            else:
                self._add(0.0, 1)
                self._merge(values)

    def _merge(self, values):
        """Chan's update of means and sums of products by those of a batch."""
        count = values.shape[1]
        mean = values.mean(axis=1)
        deviation = values - mean[:, None]
        shift = mean - self._mean
        total = self._count + count
        self._cross += deviation @ deviation.T + numpy.outer(shift, shift) * (self._count * count / total)
        self._mean += shift * (count / total)
        self._count = total

    def get(self):
        if self.average == "macro" or self.num_inst == 0:
            return super().get()
        with numpy.errstate(invalid="ignore"):
            spread = numpy.sqrt(self._cross[0, 0]) * numpy.sqrt(self._cross[1, 1])
            return self.name, float(self._cross[0, 1] / spread)


@register
@documented()
class Loss(EvalMetric):
    """The mean of all values in the predictions, which are losses; labels do not count."""

    def __init__(self, name="loss", output_names=None, label_names=None):
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def update(self, _, preds):
        for pred in as_list(preds):
            self._add(as_numpy(pred).sum(), pred.size)


@register
@documented()
class Torch(Loss):
    """`Loss` under another name."""

    def __init__(self, name="torch", output_names=None, label_names=None):
        super().__init__(name, output_names, label_names)


@register
@documented()
class Caffe(Loss):
    """`Loss` under another name."""

    def __init__(self, name="caffe", output_names=None, label_names=None):
        super().__init__(name, output_names, label_names)
