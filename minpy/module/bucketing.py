"""BucketingModule: a graph for each length of the data, with the same parameters."""

import logging

import numpy

from minpy import model, nd
from minpy import symbol as _symbol
from minpy.module.base import DEFAULT_INITIALIZER, BaseModule
from minpy.module.module import Module

__all__ = ["BucketingModule"]


class BucketingModule(BaseModule):
    """Modules that share their parameters, one for each `bucket_key` of the batches.

    Parameters
    ----------
    sym_gen : callable
        From a bucket key to (symbol, data_names, label_names).
    default_bucket_key : object
        The key of the largest graph, whose arrays the others share.
    logger, context, work_load_list, fixed_param_names, state_names, group2ctxs, compression_params
        See Module.
    """

    def __init__(self, sym_gen, default_bucket_key=None, logger=logging, context=None, work_load_list=None,
                 fixed_param_names=None, state_names=None, group2ctxs=None, compression_params=None):  # fmt: skip
        super().__init__(logger)
        assert default_bucket_key is not None
        self._sym_gen = sym_gen
        self._default_bucket_key = default_bucket_key
        self._options = {
            "logger": logger,
            "context": context,
            "work_load_list": work_load_list,
            "fixed_param_names": fixed_param_names,
            "state_names": state_names,
            "group2ctxs": group2ctxs,
            "compression_params": compression_params,
        }
        self._buckets = {}
        self._curr_module = None
        self._curr_bucket_key = None
        self._bind_options = {}
        self._monitor = None
        self._loaded = None  # parameters to begin with
        self._made(default_bucket_key)  # wrong names are refused at once

    def _made(self, key):
        symbol, data_names, label_names = self._sym_gen(key)
        return Module(symbol, data_names, label_names, **self._options)

    # --- What it is: that of the current bucket ---

    @property
    def symbol(self):
        """The symbol of the current bucket."""
        assert self.binded
        return self._curr_module.symbol

    @property
    def data_names(self):
        """Names of the data."""
        return self._curr_module.data_names if self.binded else self._sym_gen(self._default_bucket_key)[1]

    @property
    def output_names(self):
        """Names of the outputs."""
        if self.binded:
            return self._curr_module.output_names
        return self._sym_gen(self._default_bucket_key)[0].list_outputs()

    @property
    def data_shapes(self):
        """Descriptions of the data, when bound."""
        assert self.binded
        return self._curr_module.data_shapes

    @property
    def label_shapes(self):
        """Descriptions of the labels, when bound."""
        assert self.binded
        return self._curr_module.label_shapes

    @property
    def output_shapes(self):
        """Names and shapes of the outputs, when bound."""
        assert self.binded
        return self._curr_module.output_shapes

    # --- Memory and parameters ---

    def bind(self, data_shapes, label_shapes=None, for_training=True, inputs_need_grad=False, force_rebind=False,
             shared_module=None, grad_req="write"):  # fmt: skip
        """Make the arrays of the default bucket, for batches as described; see `Module.bind`."""
        assert shared_module is None, "shared_module for BucketingModule is not supported"
        params = self.get_params() if self.params_initialized else None
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        self.for_training, self.inputs_need_grad = for_training, inputs_need_grad
        self._bind_options = {
            "for_training": for_training,
            "inputs_need_grad": inputs_need_grad,
            "grad_req": grad_req,
        }
        module = self._made(self._default_bucket_key)
        module.bind(data_shapes, label_shapes, **self._bind_options)
        if self.optimizer_initialized:
            module.borrow_optimizer(self._curr_module)
        self._buckets = {self._default_bucket_key: module}
        self._curr_module, self._curr_bucket_key = module, self._default_bucket_key
        self.binded = True
        if params is not None:
            self.set_params(*params)

    def switch_bucket(self, bucket_key, data_shapes, label_shapes=None):
        """Go on with another bucket, which is made when it is new."""
        assert self.binded, "call bind before switching bucket"
        if bucket_key not in self._buckets:
            module = self._made(bucket_key)
            default = self._buckets[self._default_bucket_key]
            module.bind(data_shapes, label_shapes, shared_module=default, **self._bind_options)
            if self._monitor is not None:
                module.install_monitor(self._monitor)
            self._buckets[bucket_key] = module
        self._curr_module, self._curr_bucket_key = self._buckets[bucket_key], bucket_key

    def init_params(self, initializer=DEFAULT_INITIALIZER, arg_params=None, aux_params=None, allow_missing=False,
                    force_init=False, allow_extra=False):  # fmt: skip
        """Initialise the parameters, which all buckets share; see `Module.init_params`."""
        if self.params_initialized and not force_init:
            return
        assert self.binded, "call bind before initializing the parameters"
        if self._curr_module.params_initialized:
            self.get_params()  # what is not given keeps the value that training has brought it to
        self._loaded = None
        self._curr_module.init_params(
            initializer, arg_params, aux_params, allow_missing, force_init, allow_extra
        )
        self.params_initialized = True

    def get_params(self):
        """The arguments and the auxiliary states, as dicts of NDArray."""
        assert self.params_initialized
        if self._loaded is not None:
            return self._loaded
        default = self._buckets[self._default_bucket_key]
        default._params_dirty = any(module._params_dirty for module in self._buckets.values())
        for module in self._buckets.values():
            module._params_dirty = module is default and default._params_dirty
        return default.get_params()

    def init_optimizer(self, kvstore="local", optimizer="sgd", optimizer_params=(("learning_rate", 0.01),),
                       force_init=False):  # fmt: skip
        """Install an optimizer, which all buckets share; see `Module.init_optimizer`."""
        assert self.binded and self.params_initialized
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring.")
            return
        self._curr_module.init_optimizer(kvstore, optimizer, optimizer_params, force_init=force_init)
        for module in self._buckets.values():
            if module is not self._curr_module:
                module.borrow_optimizer(self._curr_module)
        self.optimizer_initialized = True

    # --- One batch ---

    def forward(self, data_batch, is_train=None):
        """Compute the outputs for a batch with the graph of its bucket."""
        assert self.binded and self.params_initialized
        self.switch_bucket(data_batch.bucket_key, data_batch.provide_data, data_batch.provide_label)
        self._share_optimizer()
        self._curr_module.forward(data_batch, is_train=is_train)

    def _share_optimizer(self):
        module = self._curr_module
        if self.optimizer_initialized and not module.optimizer_initialized:
            owner = next(m for m in self._buckets.values() if m.optimizer_initialized)
            module.borrow_optimizer(owner)

    def backward(self, out_grads=None):
        """Compute the gradients; see `Module.backward`."""
        self._curr_module.backward(out_grads)

    def update(self):
        """Change the parameters; see `Module.update`."""
        self._curr_module.update()

    def get_outputs(self, merge_multi_context=True):
        """The outputs of the last forward pass."""
        return self._curr_module.get_outputs(merge_multi_context)

    def get_input_grads(self, merge_multi_context=True):
        """The gradients of the data."""
        return self._curr_module.get_input_grads(merge_multi_context)

    def get_states(self, merge_multi_context=True):
        """The states of the current bucket."""
        return self._curr_module.get_states(merge_multi_context)

    def set_states(self, states=None, value=None):
        """Set the states of the current bucket."""
        self._curr_module.set_states(states, value)

    def update_metric(self, eval_metric, labels, pre_sliced=False):
        """Add the outputs of the last forward pass to a metric."""
        self._curr_module.update_metric(eval_metric, labels, pre_sliced)

    def install_monitor(self, mon):
        """Watch the executors of all buckets."""
        assert self.binded
        self._monitor = mon
        for module in self._buckets.values():
            module.install_monitor(mon)

    # --- Files ---

    def save_checkpoint(self, prefix, epoch, save_optimizer_states=False, remove_amp_cast=True):
        """Save the parameters and the symbols.

        The files are those of `Module.save_checkpoint`, with the symbol of the default bucket; and where the keys are
        integers ``prefix-KEY-symbol.json`` for each bucket and ``prefix.buckets``, the keys, for `load`.
        """
        assert self._buckets, "Empty BucketingModule cannot be saved"
        self.get_params()
        self._buckets[self._default_bucket_key].save_checkpoint(
            prefix, epoch, save_optimizer_states, remove_amp_cast
        )
        if all(isinstance(key, (int, numpy.integer)) for key in self._buckets):
            for key, module in self._buckets.items():
                module.symbol.save(f"{prefix}-{key}-symbol.json", remove_amp_cast=remove_amp_cast)
            nd.save(f"{prefix}.buckets", nd.array(list(self._buckets), dtype=numpy.int32))

    @staticmethod
    def load(prefix, epoch, sym_gen=None, default_bucket_key=None, **kwargs):
        """A module of a checkpoint whose bucket keys are integers.

        Parameters
        ----------
        prefix : str
            Start of the names of the files.
        epoch : int
            The number in the name.
        sym_gen, default_bucket_key, **kwargs
            As for the constructor; the symbols are those of the files where these have them.

        Returns
        -------
        BucketingModule
        """
        assert sym_gen is not None, "sym_gen is required for loading BucketingModule"
        assert default_bucket_key is not None, "default_bucket_key is required for loading BucketingModule"
        keys = nd.load(f"{prefix}.buckets")[0].asnumpy().tolist()
        symbols = {key: _symbol.load(f"{prefix}-{key}-symbol.json") for key in keys}
        params = model.load_params(prefix, epoch)
        return BucketingModule.load_dict(symbols, sym_gen, default_bucket_key, *params, **kwargs)

    @staticmethod
    def load_dict(
        sym_dict=None, sym_gen=None, default_bucket_key=None, arg_params=None, aux_params=None, **kwargs
    ):
        """A module of symbols and parameters.

        Parameters
        ----------
        sym_dict : dict of object to Symbol
            Symbols by bucket key, which are used in place of those that `sym_gen` makes.
        sym_gen, default_bucket_key, **kwargs
            As for the constructor.
        arg_params, aux_params : dict of str to NDArray
            What the module begins with.

        Returns
        -------
        BucketingModule
        """
        for name, value in (("sym_dict", sym_dict), ("arg_params", arg_params), ("aux_params", aux_params)):
            assert value is not None, f"{name} is required for BucketingModule.load_dict"

        def generate(key):
            made, data_names, label_names = sym_gen(key)
            return sym_dict.get(key, made), data_names, label_names

        module = BucketingModule(generate, default_bucket_key, **kwargs)
        module._loaded = arg_params, aux_params
        module.params_initialized = True
        return module
