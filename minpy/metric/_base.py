"""The base class of metrics, their registry, and those made of others or of a function."""

from minpy import registry
from minpy.base import as_numpy, numeric_types

_PARAMETERS = """
    Parameters
    ----------{own}
    name : str
        Name to display.
    output_names, label_names : list of str, optional
        Which outputs and labels `update_dict` uses; all by default."""


def documented(own=""):
    """A class decorator: adds the parameters that all metrics have to the docstring, after its `own`."""

    def decorate(cls):
        cls.__doc__ = cls.__doc__.rstrip() + "\n" + _PARAMETERS.format(own=own.rstrip())
        return cls

    return decorate


def check_label_shapes(labels, preds, wrap=False, shape=False):
    """Compare the lengths of labels and predictions.

    Parameters
    ----------
    labels, preds : NDArray or list of NDArray
    wrap : bool
        Whether arrays are returned as lists of one.
    shape : bool
        Whether the shapes are compared instead.

    Returns
    -------
    tuple
        The labels and predictions.

    Raises
    ------
    ValueError
        When they differ.
    """
    label_shape, pred_shape = (labels.shape, preds.shape) if shape else (len(labels), len(preds))
    if label_shape != pred_shape:
        raise ValueError(f"Shape of labels {label_shape} does not match shape of predictions {pred_shape}")
    if wrap:
        labels, preds = as_list(labels), as_list(preds)
    return labels, preds


def as_list(arrays):
    """A list of an array; lists as they are."""
    return [arrays] if hasattr(arrays, "shape") else arrays


def numpy_pairs(labels, preds):
    """Labels and predictions, of the same number, as pairs of numpy.ndarrays."""
    labels, preds = check_label_shapes(labels, preds, True)
    return [(as_numpy(label), as_numpy(pred)) for label, pred in zip(labels, preds)]


class EvalMetric:
    """Base class of metrics: a sum over samples or batches, divided by their number.

    Subclasses define `update`, which adds to ``sum_metric`` and ``num_inst``. With ``has_global_stats=True`` in the
    call of this constructor they also add to ``global_sum_metric`` and ``global_num_inst``.

    Parameters
    ----------
    name : str
        Name to display.
    output_names, label_names : list of str, optional
        Which outputs and labels `update_dict` uses; all by default.
    **kwargs
        What `get_config` returns besides.
    """

    def __init__(self, name, output_names=None, label_names=None, **kwargs):
        self.name = str(name)
        self.output_names = output_names
        self.label_names = label_names
        self._has_global_stats = kwargs.pop("has_global_stats", False)
        self._kwargs = kwargs
        self.reset()

    def __str__(self):
        return f"EvalMetric: {dict(self.get_name_value())}"

    def get_config(self):
        """A dict from which `create` makes such a metric."""
        return {
            **self._kwargs,
            "metric": type(self).__name__,
            "name": self.name,
            "output_names": self.output_names,
            "label_names": self.label_names,
        }

    def update_dict(self, label, pred):
        """Update with dicts from name to array.

        Parameters
        ----------
        label, pred : dict of str to NDArray
        """
        self.update(_chosen(label, self.label_names), _chosen(pred, self.output_names))

    def update(self, labels, preds):
        """Take a batch into account.

        Parameters
        ----------
        labels, preds : list of NDArray
            Labels and predictions, one for each output.
        """
        raise NotImplementedError()

    def _add(self, amount, count):
        amount = float(amount)
        self.sum_metric += amount
        self.num_inst += count
        self.global_sum_metric += amount
        self.global_num_inst += count

    def reset(self):
        """Forget everything."""
        self.num_inst = 0
        self.sum_metric = 0.0
        self.global_num_inst = 0
        self.global_sum_metric = 0.0

    def reset_local(self):
        """Start the local value anew."""
        self.num_inst = 0
        self.sum_metric = 0.0

    def _value(self, total, count):
        return float("nan") if count == 0 else total / count

    def get(self):
        """The name and the value since the last reset of either kind; NaN when there was no batch."""
        return self.name, self._value(self.sum_metric, self.num_inst)

    def get_global(self):
        """The name and the value since the last `reset`."""
        if not self._has_global_stats:
            return self.get()
        return self.name, self._value(self.global_sum_metric, self.global_num_inst)

    def get_name_value(self):
        """A list of tuples of name and value."""
        return _zipped(*self.get())

    def get_global_name_value(self):
        """A list of tuples of name and value since the last `reset`."""
        return _zipped(*self.get_global()) if self._has_global_stats else self.get_name_value()


def _chosen(arrays, names):
    return list(arrays.values()) if names is None else [arrays[name] for name in names]


def _zipped(name, value):
    return list(
        zip(name if isinstance(name, list) else [name], value if isinstance(value, list) else [value])
    )


register = registry.get_register_func(EvalMetric, "metric")
alias = registry.get_alias_func(EvalMetric, "metric")
_create = registry.get_create_func(EvalMetric, "metric")


def create(metric, *args, **kwargs):
    """Make a metric.

    Parameters
    ----------
    metric : str, callable, EvalMetric or list
        A name; a function of label and prediction, as for `CustomMetric`; a metric, which is returned; or a list of
        these, for a `CompositeEvalMetric`.
    *args, **kwargs
        Further arguments of the metric's class.
    """
    if callable(metric):
        return CustomMetric(metric, *args, **kwargs)
    if isinstance(metric, list):
        composite = CompositeEvalMetric()
        for child in metric:
            composite.add(create(child, *args, **kwargs))
        return composite
    return _create(metric, *args, **kwargs)


@register
@alias("composite")
@documented(
    """
    metrics : list, optional
        Metrics, or what `create` makes them from."""
)
class CompositeEvalMetric(EvalMetric):
    """Several metrics of the same labels and predictions; names and values are lists."""

    def __init__(self, metrics=None, name="composite", output_names=None, label_names=None):
        self.metrics = [create(metric) for metric in metrics or []]
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def add(self, metric):
        """Append a metric, or what `create` makes one from."""
        self.metrics.append(create(metric))

    def get_metric(self, index):
        """The metric of that index.

        Raises
        ------
        ValueError
            When there is none.
        """
        try:
            return self.metrics[index]
        except IndexError:
            raise ValueError(f"Metric index {index} is out of range 0 and {len(self.metrics)}") from None

    def update_dict(self, labels, preds):
        for metric in self.metrics:
            metric.update_dict(_subset(labels, self.label_names), _subset(preds, self.output_names))

    def update(self, labels, preds):
        for metric in self.metrics:
            metric.update(labels, preds)

    def reset(self):
        for metric in self.metrics:
            metric.reset()

    def reset_local(self):
        for metric in self.metrics:
            metric.reset_local()

    def get(self):
        return _joined(metric.get() for metric in self.metrics)

    def get_global(self):
        return _joined(metric.get_global() for metric in self.metrics)

    def get_config(self):
        return {**super().get_config(), "metrics": [metric.get_config() for metric in self.metrics]}


def _subset(arrays, names):
    return arrays if names is None else {name: array for name, array in arrays.items() if name in names}


def _joined(pairs):
    names, values = [], []
    for name, value in pairs:
        names.extend([name] if isinstance(name, str) else name)
        values.extend([value] if isinstance(value, numeric_types) else value)
    return names, values


@register
@documented(
    """
    feval : callable
        From a label and a prediction, numpy.ndarrays, to the value of the batch or a tuple of sum and number of
        samples.
    allow_extra_outputs : bool
        Whether there may be more predictions than labels."""
)
class CustomMetric(EvalMetric):
    """The mean of what a function returns."""

    def __init__(self, feval, name=None, allow_extra_outputs=False, output_names=None, label_names=None):
        if name is None:
            name = feval.__name__
            name = f"custom({name})" if "<" in name else name
        super().__init__(
            name,
            feval=feval,
            allow_extra_outputs=allow_extra_outputs,
            output_names=output_names,
            label_names=label_names,
            has_global_stats=True,
        )
        self._feval = feval
        self._allow_extra_outputs = allow_extra_outputs

    def update(self, labels, preds):
        if not self._allow_extra_outputs:
            labels, preds = check_label_shapes(labels, preds, True)
        for label, pred in zip(as_list(labels), as_list(preds)):
            value = self._feval(as_numpy(label), as_numpy(pred))
            self._add(*(value if isinstance(value, tuple) else (value, 1)))

    def get_config(self):
        raise NotImplementedError("CustomMetric cannot be serialized")


def np(numpy_feval, name=None, allow_extra_outputs=False):
    """A metric from a function of NumPy arrays.

    Parameters
    ----------
    numpy_feval : callable
        As for `CustomMetric`.
    name : str, optional
        By default that of the function.
    allow_extra_outputs : bool
        Whether there may be more predictions than labels.

    Returns
    -------
    CustomMetric
    """

    def feval(label, pred):
        return numpy_feval(label, pred)

    feval.__name__ = numpy_feval.__name__
    return CustomMetric(feval, name, allow_extra_outputs)
