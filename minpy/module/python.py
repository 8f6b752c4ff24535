"""Modules that compute in Python, as parts of a SequentialModule."""

import logging

import numpy

from minpy import nd
from minpy.io import DataDesc
from minpy.module.base import DEFAULT_INITIALIZER, BaseModule

__all__ = ["PythonLossModule", "PythonModule"]


def _descriptions(shapes):
    return [d if isinstance(d, DataDesc) else DataDesc(*d) for d in shapes] if shapes else None


class PythonModule(BaseModule):
    """Base class of modules without parameters whose `forward` and `backward` are written in Python.

    Subclasses define these, `get_outputs`, `get_input_grads` and ``_compute_output_shapes``.

    Parameters
    ----------
    data_names, label_names, output_names : list of str
    logger : Logger
    """

    def __init__(self, data_names, label_names, output_names, logger=logging):
        super().__init__(logger=logger)
        self._data_names = list(data_names)
        self._label_names = None if label_names is None else list(label_names)
        self._output_names = output_names
        self._data_shapes = self._label_shapes = self._output_shapes = None

    @property
    def data_names(self):
        """The names of the data."""
        return self._data_names

    @property
    def output_names(self):
        """The names of the outputs."""
        return self._output_names

    @property
    def data_shapes(self):
        """The shapes of the data, as DataDescs."""
        return self._data_shapes

    @property
    def label_shapes(self):
        """The shapes of the labels, as DataDescs."""
        return self._label_shapes

    @property
    def output_shapes(self):
        """(name, shape) of the outputs."""
        return self._output_shapes

    def get_params(self):
        """Two empty dicts."""
        return {}, {}

    def init_params(self, initializer=DEFAULT_INITIALIZER, arg_params=None, aux_params=None, allow_missing=False,
                    force_init=False, allow_extra=False):  # fmt: skip
        """There are no parameters."""
        self.params_initialized = True

    def update(self):
        """There are no parameters."""

    def update_metric(self, eval_metric, labels, pre_sliced=False):
        """Take the outputs into account in a metric, where the module gets labels."""
        if self._label_shapes is None:
            return
        if pre_sliced:
            raise RuntimeError("PythonModule does not support presliced labels")
        eval_metric.update_dict(
            dict(zip(self._label_names, labels)), dict(zip(self._output_names, self.get_outputs()))
        )

    def bind(self, data_shapes, label_shapes=None, for_training=True, inputs_need_grad=False, force_rebind=False,
             shared_module=None, grad_req="write"):  # fmt: skip
        """Keep the shapes; see `Module.bind`. Gradients are always written."""
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        assert grad_req == "write", "Python module only support write gradient"
        self.for_training, self.inputs_need_grad = for_training, inputs_need_grad
        self._data_shapes = _descriptions(data_shapes)
        self._label_shapes = _descriptions(label_shapes)
        assert [desc.name for desc in self._data_shapes] == self._data_names
        if self._label_shapes is not None:
            assert self._label_names is not None
            assert [desc.name for desc in self._label_shapes] == self._label_names
        self._output_shapes = self._compute_output_shapes()
        self.binded = True

    def _compute_output_shapes(self):
        """(name, shape) of the outputs, for the shapes of data and labels."""
        raise NotImplementedError

    def init_optimizer(self, kvstore="local", optimizer="sgd", optimizer_params=(("learning_rate", 0.01),),
                       force_init=False):  # fmt: skip
        """There are no parameters."""
        self.optimizer_initialized = True

    def install_monitor(self, mon):
        """There is nothing to watch."""


class PythonLossModule(PythonModule):
    """A loss whose gradient is a function in Python; its output is its data.

    Parameters
    ----------
    name : str
    data_names, label_names : list of str
        One each.
    logger : Logger
    grad_func : callable
        From the data and the labels to the gradient of the data.

    Examples
    --------
    >>> chain.add(mx.mod.PythonLossModule(grad_func=lambda scores, labels: scores - labels), take_labels=True,
    ...           auto_wiring=True)
    """

    def __init__(self, name="pyloss", data_names=("data",), label_names=("softmax_label",), logger=logging,
                 grad_func=None):  # fmt: skip
        super().__init__(data_names, label_names, [name + "_output"], logger=logger)
        assert len(data_names) == 1
        assert len(label_names) == 1
        assert grad_func is None or callable(grad_func)
        self._name = name
        self._grad_func = grad_func
        self._scores = self._labels = self._scores_grad = None

    def _compute_output_shapes(self):
        return [(self._name + "_output", self._data_shapes[0].shape)]

    def forward(self, data_batch, is_train=None):
        """Keep the data, and in training the labels."""
        self._scores = data_batch.data[0]
        if self.for_training if is_train is None else is_train:
            self._labels = data_batch.label[0]

    def get_outputs(self, merge_multi_context=True):
        """The data, as a list of one."""
        assert merge_multi_context
        return [self._scores]

    def backward(self, out_grads=None):
        """Compute the gradient."""
        assert not out_grads, "For a loss module, out_grads should be None"
        assert self.for_training
        self._backward_impl()

    def _backward_impl(self):
        """Sets ``_scores_grad``; to be defined where there is no `grad_func`."""
        if self._grad_func is None:
            raise NotImplementedError
        grad = self._grad_func(self._scores, self._labels)
        self._scores_grad = grad if isinstance(grad, nd.NDArray) else nd.array(numpy.asarray(grad))

    def get_input_grads(self, merge_multi_context=True):
        """The gradient of the data, as a list of one."""
        assert merge_multi_context
        return [self._scores_grad]
