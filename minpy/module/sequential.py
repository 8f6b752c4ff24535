"""SequentialModule: modules one after another, each of which gets the outputs of the one before."""

import logging

from minpy.io import DataBatch
from minpy.module.base import DEFAULT_INITIALIZER, BaseModule

__all__ = ["SequentialModule"]


class SequentialModule(BaseModule):
    """A chain of modules.

    Parameters
    ----------
    logger : Logger

    Examples
    --------
    >>> chain = mx.mod.SequentialModule()
    >>> chain.add(features).add(classifier, take_labels=True, auto_wiring=True)
    """

    META_TAKE_LABELS = "take_labels"
    META_AUTO_WIRING = "auto_wiring"

    def __init__(self, logger=logging):
        super().__init__(logger=logger)
        self._modules = []
        self._metas = []
        self._label_shapes = None
        self._data_shapes = None

    def add(self, module, **kwargs):
        """Append a module.

        Parameters
        ----------
        module : BaseModule
        **kwargs
            ``take_labels=True``: it gets the labels; ``auto_wiring=True``: its data are the outputs before it, whatever
            their names.

        Returns
        -------
        SequentialModule
            This module.
        """
        self._modules.append(module)
        for key in kwargs:
            assert key in (self.META_TAKE_LABELS, self.META_AUTO_WIRING), f'Unknown meta "{key}", a typo?'
        self._metas.append(kwargs)
        self.binded = self.params_initialized = self.optimizer_initialized = False
        return self

    # --- Names and shapes ---

    @property
    def data_names(self):
        """The names of the first module's data."""
        return self._modules[0].data_names if self._modules else []

    @property
    def output_names(self):
        """The names of the last module's outputs."""
        return self._modules[-1].output_names if self._modules else []

    @property
    def data_shapes(self):
        """The shapes of the first module's data."""
        assert self.binded
        return self._modules[0].data_shapes

    @property
    def label_shapes(self):
        """The shapes of the labels."""
        assert self.binded
        return self._label_shapes

    @property
    def output_shapes(self):
        """The shapes of the last module's outputs."""
        assert self.binded
        return self._modules[-1].output_shapes

    # --- Parameters ---

    def get_params(self):
        """The dicts of parameters and of auxiliary states of all modules."""
        assert self.binded and self.params_initialized
        arg_params, aux_params = {}, {}
        for module in self._modules:
            args, auxs = module.get_params()
            arg_params.update(args)
            aux_params.update(auxs)
        return arg_params, aux_params

    def init_params(self, initializer=DEFAULT_INITIALIZER, arg_params=None, aux_params=None, allow_missing=False,
                    force_init=False, allow_extra=False):  # fmt: skip
        """Initialize the parameters of all modules; see `Module.init_params`."""
        if self.params_initialized and not force_init:
            return
        assert self.binded, "call bind before initializing the parameters"
        for module in self._modules:
            module.init_params(initializer, arg_params, aux_params, allow_missing, force_init, allow_extra)
        owners = {}
        for i, module in enumerate(self._modules):
            for name in (name for params in module.get_params() for name in params):
                assert name not in owners, (
                    f'Duplicated parameter names: name "{name}" in layer {i} ({type(module)}) is already used in layer'
                    f" {owners[name]} ({type(self._modules[owners[name]])})."
                )
                owners[name] = i
        self.params_initialized = True

    # --- Binding ---

    def bind(self, data_shapes, label_shapes=None, for_training=True, inputs_need_grad=False, force_rebind=False,
             shared_module=None, grad_req="write"):  # fmt: skip
        """Bind all modules; see `Module.bind`. `shared_module` is not supported."""
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        assert for_training or not inputs_need_grad
        assert shared_module is None, "Shared module is not supported"
        assert self._modules, "Attempting to bind an empty SequentialModule"
        self.for_training, self.inputs_need_grad = for_training, inputs_need_grad
        labels_taken = False
        for i, (module, meta) in enumerate(zip(self._modules, self._metas)):
            takes = meta.get(self.META_TAKE_LABELS, False)
            labels_taken |= takes
            if meta.get(self.META_AUTO_WIRING, False):
                assert len(module.data_names) == len(data_shapes)
                data_shapes = [(name, shape[1]) for name, shape in zip(module.data_names, data_shapes)]
            module.bind(
                data_shapes,
                label_shapes if takes else None,
                for_training,
                bool(inputs_need_grad or (for_training and i > 0)),
                force_rebind,
                None,
                grad_req,
            )
            data_shapes = module.output_shapes
        self._label_shapes = label_shapes if labels_taken else None
        self.binded = True

    def init_optimizer(self, kvstore="local", optimizer="sgd", optimizer_params=(("learning_rate", 0.01),),
                       force_init=False):  # fmt: skip
        """Make the optimizers of all modules; see `Module.init_optimizer`."""
        assert self.binded and self.params_initialized
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring.")
            return
        for module in self._modules:
            module.init_optimizer(kvstore, optimizer, optimizer_params, force_init)
        self.optimizer_initialized = True

    # --- Running ---

    def forward(self, data_batch, is_train=None):
        """Compute the outputs of all modules."""
        assert self.binded and self.params_initialized
        data = data_batch.data
        for i, module in enumerate(self._modules):
            module.forward(
                DataBatch(data, data_batch.label, data_batch.pad, data_batch.index), is_train=is_train
            )
            if i + 1 < len(self._modules):
                data = module.get_outputs()

    def backward(self, out_grads=None):
        """Compute the gradients, from the last module to the first."""
        assert self.binded and self.params_initialized
        for i, module in reversed(list(enumerate(self._modules))):
            module.backward(out_grads=out_grads)
            if i > 0:
                out_grads = module.get_input_grads()

    def update(self):
        """Update the parameters of all modules."""
        assert self.binded and self.params_initialized and self.optimizer_initialized
        for module in self._modules:
            module.update()

    def get_outputs(self, merge_multi_context=True):
        """The outputs of the last module."""
        assert self.binded and self.params_initialized
        return self._modules[-1].get_outputs(merge_multi_context)

    def get_input_grads(self, merge_multi_context=True):
        """The gradients of the first module's data."""
        assert self.binded and self.params_initialized and self.inputs_need_grad
        return self._modules[0].get_input_grads(merge_multi_context)

    def update_metric(self, eval_metric, labels, pre_sliced=False):
        """Take the outputs of the modules that get the labels into account in a metric."""
        assert self.binded and self.params_initialized
        for meta, module in zip(self._metas, self._modules):
            if meta.get(self.META_TAKE_LABELS, False):
                module.update_metric(eval_metric, labels, pre_sliced)

    def install_monitor(self, mon):
        """Have a Monitor watch the executors of all modules."""
        assert self.binded
        for module in self._modules:
            module.install_monitor(mon)
