"""Module: a symbol with its parameters, on one or several devices."""

import logging
import warnings

from minpy import kvstore as _kvstore
from minpy import model, nd
from minpy import optimizer as _optimizer
from minpy._files import write_atomically
from minpy.base import MXNetError
from minpy.context import as_contexts, cpu
from minpy.initializer import InitDesc
from minpy.io import DataDesc
from minpy.module.base import DEFAULT_INITIALIZER, BaseModule
from minpy.module.group import ExecutorGroup

__all__ = ["Module"]

_PARAMETER_ENDINGS = ("_weight", "_bias", "_gamma", "_beta")


def _check_names(symbol, names, kind, required):
    arguments = symbol.list_arguments()
    for name in names:
        if name not in arguments:
            candidates = "\n\t".join(a for a in arguments if not a.endswith(_PARAMETER_ENDINGS))
            message = (
                f"\033[91mYou created Module with Module(..., {kind}_names={names}) but input with name '{name}' is not"
                f" found in symbol.list_arguments(). Did you mean one of:\n\t{candidates}\033[0m"
            )
            if required:
                raise ValueError(message)
            warnings.warn(message, stacklevel=4)


def _descriptions(shapes, names, kind):
    found = [d if isinstance(d, DataDesc) else DataDesc(*d) for d in shapes or ()]
    if sorted(d.name for d in found) != sorted(names):
        message = f"Data provided by {kind}_shapes don't match names specified by {kind}_names ({found} vs. {names})"
        if kind == "data":
            raise ValueError(message)
        warnings.warn(message, stacklevel=4)
    return found


class Module(BaseModule):
    """A symbol to train and to predict with.

    Parameters
    ----------
    symbol : Symbol
        The graph, with its loss for training.
    data_names, label_names, state_names : list of str
        Which arguments a batch has; the others are parameters.
    logger : Logger
        Where `fit` writes its lines.
    context : Context or list of Context
        Devices; the batch is divided among several.
    work_load_list : list of number
        In which proportions; None: equally.
    fixed_param_names : list of str
        Parameters that training leaves alone.
    compression_params : dict
        Compression of gradients in the KVStore.

    Examples
    --------
    >>> module = mx.mod.Module(mx.sym.SoftmaxOutput(net, name="softmax"))
    >>> module.fit(train_data, eval_data, optimizer_params={"learning_rate": 0.1}, num_epoch=3)
    """

    def __init__(self, symbol, data_names=("data",), label_names=("softmax_label",), logger=logging, context=None,
                 work_load_list=None, fixed_param_names=None, state_names=None, group2ctxs=None,
                 compression_params=None):  # fmt: skip
        super().__init__(logger)
        self._context = as_contexts(cpu() if context is None else context)
        self._loads = list(work_load_list) if work_load_list else [1] * len(self._context)
        assert len(self._loads) == len(self._context)
        self._symbol = symbol
        self._data_names, self._label_names, self._state_names, self._fixed_param_names = (
            list(names or ()) for names in (data_names, label_names, state_names, fixed_param_names)
        )
        _check_names(symbol, self._data_names, "data", True)
        _check_names(symbol, self._label_names, "label", False)
        _check_names(symbol, self._state_names, "state", True)
        _check_names(symbol, self._fixed_param_names, "fixed_param", True)
        given = {*self._data_names, *self._label_names, *self._state_names}
        self._param_names = [name for name in symbol.list_arguments() if name not in given]
        self._aux_names = symbol.list_auxiliary_states()
        self._compression_params = compression_params
        self._arg_params = self._aux_params = None
        self._params_dirty = False  # whether the devices' parameters are newer than _arg_params
        self._optimizer = self._kvstore = self._updater = None
        self._update_on_kvstore = None
        self._preload_opt_states = None
        self._exec_group = None

    # --- What it is ---

    @property
    def data_names(self):
        """Names of the data."""
        return self._data_names

    @property
    def label_names(self):
        """Names of the labels."""
        return self._label_names

    @property
    def output_names(self):
        """Names of the outputs."""
        return self._symbol.list_outputs()

    @property
    def data_shapes(self):
        """Descriptions of the data, when bound."""
        assert self.binded
        return self._exec_group.data

    @property
    def label_shapes(self):
        """Descriptions of the labels, when bound."""
        assert self.binded
        return self._exec_group.labels or None

    @property
    def output_shapes(self):
        """Names and shapes of the outputs, when bound."""
        assert self.binded
        shapes = {d.name: d.shape for d in (*self._exec_group.data, *self._exec_group.labels)}
        known = self._symbol.list_inputs()
        found = self._symbol.infer_shape(**{n: s for n, s in shapes.items() if n in known})[1]
        return list(zip(self.output_names, found))

    # --- Memory ---

    def bind(self, data_shapes, label_shapes=None, for_training=True, inputs_need_grad=False, force_rebind=False,
             shared_module=None, grad_req="write"):  # fmt: skip
        """Make the arrays.

        Parameters
        ----------
        data_shapes, label_shapes : list of DataDesc or of (str, tuple)
            What a batch has.
        for_training : bool
            Whether gradients will be computed.
        inputs_need_grad : bool
            Whether also those of the data.
        force_rebind : bool
            Also when it is bound already.
        shared_module : Module
            Whose parameters are used.
        grad_req : {'write', 'add', 'null'} or list or dict of them
            What backward() does with the gradients.
        """
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        assert for_training or not inputs_need_grad
        if self.binded and self.params_initialized:
            self.get_params()  # the new executors begin with what the old ones have learnt
        self.for_training, self.inputs_need_grad = for_training, inputs_need_grad
        data = _descriptions(data_shapes, self._data_names, "data")
        labels = _descriptions(label_shapes, self._label_names, "label")
        shared = None
        if shared_module is not None:
            assert shared_module.binded and shared_module.params_initialized
            shared = shared_module._exec_group
        self._exec_group = ExecutorGroup(
            self._symbol,
            self._context,
            self._loads,
            data,
            labels,
            self._requests(grad_req),
            self._param_names,
            shared,
        )
        self.binded = True
        if shared_module is not None:
            self._arg_params, self._aux_params = shared_module._arg_params, shared_module._aux_params
            self.params_initialized = True
            if shared_module.optimizer_initialized:
                self.borrow_optimizer(shared_module)
        elif self.params_initialized:
            self._to_devices()
        else:
            group = self._exec_group
            self._arg_params = dict(zip(self._param_names, map(_zeros_like_first, group.param_arrays)))
            self._aux_params = dict(zip(self._aux_names, map(_zeros_like_first, group.aux_arrays)))

    def _requests(self, grad_req):
        arguments = self._symbol.list_arguments()
        if isinstance(grad_req, str):
            wanted = dict.fromkeys(arguments, grad_req)
        elif isinstance(grad_req, dict):
            wanted = {name: grad_req.get(name, "write") for name in arguments}
        else:
            wanted = dict(zip(arguments, grad_req))
        for name in arguments:
            trained = name in self._param_names and name not in self._fixed_param_names
            if not self.for_training or not (trained or (name in self._data_names and self.inputs_need_grad)):
                wanted[name] = "null"
        return wanted

    def reshape(self, data_shapes, label_shapes=None):
        """Go on with batches of other shapes."""
        assert self.binded
        self._exec_group.reshape(
            _descriptions(data_shapes, self._data_names, "data"),
            _descriptions(label_shapes, self._label_names, "label") if label_shapes else [],
        )

    # --- Parameters ---

    def init_params(self, initializer=DEFAULT_INITIALIZER, arg_params=None, aux_params=None, allow_missing=False,
                    force_init=False, allow_extra=False):  # fmt: skip
        """Initialise the parameters.

        Parameters
        ----------
        initializer : Initializer
            For what is not given.
        arg_params, aux_params : dict of str to NDArray
            Values to take over.
        allow_missing : bool
            Whether they may lack some, which are initialised then.
        force_init : bool
            Also when they are initialised already.
        allow_extra : bool
            Names that the symbol does not have are ignored in any case.
        """
        if self.params_initialized and not force_init:
            warnings.warn(
                "Parameters already initialized and force_init=False. init_params call ignored.", stacklevel=2
            )
            return
        assert self.binded, "call bind before initializing the parameters"
        if self.params_initialized:
            self.get_params()  # what is not given keeps the value that training has brought it to
        attributes = self._symbol.attr_dict()
        for params, values in ((self._arg_params, arg_params), (self._aux_params, aux_params)):
            for name, array in sorted(params.items()):
                if values is not None and name in values:
                    if values[name].shape != array.shape:
                        raise MXNetError(
                            f"Incompatible attr in node {name} at 0-th output: expected {list(values[name].shape)}, got"
                            f" {list(array.shape)}"
                        )
                    if values[name] is not array:
                        array[...] = values[name].as_in_context(array.context)
                elif values is not None and not allow_missing:
                    raise RuntimeError(f"{name} is not presented")
                elif initializer is not None:
                    initializer(InitDesc(name, attributes.get(name)), array)
        self.params_initialized = True
        self._params_dirty = False
        self._to_devices()

    def _to_devices(self):
        for executor in self._exec_group.executors:
            executor.copy_params_from(self._arg_params, self._aux_params, allow_extra_params=True)

    def set_params(self, arg_params, aux_params, allow_missing=False, force_init=True, allow_extra=False):
        """Take over values; see `init_params`.

        Raises
        ------
        ValueError
            With `allow_missing`, for names that the symbol does not have, unless `allow_extra`.
        """
        if allow_missing and not allow_extra and self.binded:
            for given, known, what in (
                (arg_params, self.symbol.list_arguments(), "arguments"),
                (aux_params, self.symbol.list_auxiliary_states(), "auxiliary states"),
            ):
                for name in given or ():
                    if name not in known:
                        raise ValueError(f'Find name "{name}" that is not in the {what}')
        super().set_params(arg_params, aux_params, allow_missing, force_init, allow_extra)

    def get_params(self):
        """The arguments and the auxiliary states, as dicts of NDArray; over several devices the mean."""
        assert self.params_initialized
        if self._params_dirty:
            group = self._exec_group
            for params, names, arrays in (
                (self._arg_params, self._param_names, group.param_arrays),
                (self._aux_params, self._aux_names, group.aux_arrays),
            ):
                for name, copies in zip(names, arrays):
                    params[name][...] = _mean(copies)
            self._params_dirty = False
        return self._arg_params, self._aux_params

    # --- Optimizer ---

    def init_optimizer(self, kvstore="local", optimizer="sgd", optimizer_params=(("learning_rate", 0.01),),
                       force_init=False):  # fmt: skip
        """Install an optimizer.

        Parameters
        ----------
        kvstore : KVStore or str
            Adds up gradients over devices; one device needs none.
        optimizer : Optimizer or str
            What updates the parameters.
        optimizer_params : dict
            Its settings; `rescale_grad` is one over the batch's size unless given.
        force_init : bool
            Also when there is one already.
        """
        assert self.binded and self.params_initialized
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring...")
            return
        self.get_params()
        self._kvstore, self._update_on_kvstore = self._choose_kvstore(kvstore)
        workers = self._kvstore.num_workers if self._kvstore and "dist" in self._kvstore.type else 1
        rescale = 1.0 / (self._exec_group.batch_size * workers)
        self._optimizer = self._made_optimizer(optimizer, dict(optimizer_params), rescale)
        self._updater = None if self._update_on_kvstore else _optimizer.get_updater(self._optimizer)
        if self._kvstore:
            self._fill_kvstore()
        self.optimizer_initialized = True
        if self._preload_opt_states is not None:
            self.load_optimizer_states(self._preload_opt_states)
            self._preload_opt_states = None

    def _choose_kvstore(self, kvstore):
        if isinstance(kvstore, str) and len(self._context) == 1 and "dist" not in kvstore:
            kvstore = None
        if isinstance(kvstore, str):
            kvstore = _kvstore.create(kvstore)
        if kvstore is not None and not isinstance(kvstore, _kvstore.KVStoreBase):
            raise TypeError("kvstore must be KVStore, str or None")
        return kvstore, kvstore is not None and kvstore.is_capable("optimizer")

    def _made_optimizer(self, optimizer, settings, rescale):
        devices = 1 if self._update_on_kvstore else len(self._context)
        names = {i * devices + k: name for k in range(devices) for i, name in enumerate(self._param_names)}
        if isinstance(optimizer, str):
            settings.setdefault("rescale_grad", rescale)
            return _optimizer.create(optimizer, sym=self._symbol, param_idx2name=names, **settings)
        assert isinstance(optimizer, _optimizer.Optimizer)
        if optimizer.rescale_grad != rescale:
            warnings.warn(
                "Optimizer created manually outside Module but rescale_grad is not normalized to"
                f" 1.0/batch_size/num_workers ({optimizer.rescale_grad} vs. {rescale}). Is this intended?",
                stacklevel=3,
            )
        if not optimizer.idx2name:
            optimizer.idx2name = names
        return optimizer

    def _fill_kvstore(self):
        if self._compression_params:
            self._kvstore.set_gradient_compression(self._compression_params)
        if self._update_on_kvstore:
            self._kvstore.set_optimizer(self._optimizer)
        for name, arrays in zip(self._param_names, self._exec_group.param_arrays):
            self._kvstore.init(name, self._arg_params[name])
            if self._update_on_kvstore:
                self._kvstore.pull(name, out=arrays)

    def borrow_optimizer(self, shared_module):
        """Use the optimizer of another module."""
        assert shared_module.optimizer_initialized
        for name in ("_optimizer", "_kvstore", "_update_on_kvstore", "_updater"):
            setattr(self, name, getattr(shared_module, name))
        self.optimizer_initialized = True

    # --- One batch ---

    def forward(self, data_batch, is_train=None):
        """Compute the outputs for a batch, whose size may change.

        Parameters
        ----------
        data_batch : DataBatch
            The batch.
        is_train : bool
            None: as the module was bound.
        """
        assert self.binded and self.params_initialized
        group = self._exec_group
        shapes = [tuple(array.shape) for array in data_batch.data]
        if shapes != [tuple(d.shape) for d in group.data]:
            labels = zip(group.labels or [DataDesc(n, ()) for n in self._label_names], data_batch.label or ())
            self.reshape(
                getattr(data_batch, "provide_data", None)
                or [DataDesc(d.name, shape, d.dtype, d.layout) for d, shape in zip(group.data, shapes)],
                getattr(data_batch, "provide_label", None)
                or [DataDesc(d.name, a.shape, d.dtype, d.layout) for d, a in labels],
            )
        group.forward(data_batch, self.for_training if is_train is None else is_train)

    def backward(self, out_grads=None):
        """Compute the gradients; `out_grads` are those of the outputs, needed where these are no losses."""
        assert self.binded and self.params_initialized
        assert self.for_training, "re-bind with for_training=True to run backward"
        self._exec_group.backward(out_grads)

    def update(self):
        """Change the parameters by the optimizer and the gradients of the last backward pass."""
        assert self.binded and self.params_initialized and self.optimizer_initialized
        self._params_dirty = True
        devices = len(self._context)
        rows = zip(self._param_names, self._exec_group.param_arrays, self._exec_group.grad_arrays)
        for index, (name, weights, grads) in enumerate(rows):
            if grads[0] is None:
                continue
            if self._update_on_kvstore:
                self._kvstore.pushpull(name, grads, out=weights, priority=-index)
                continue
            if self._kvstore:
                self._kvstore.pushpull(name, grads, priority=-index)
            for device, (weight, grad) in enumerate(zip(weights, grads)):
                self._updater(index * devices + device, grad, weight)

    def get_outputs(self, merge_multi_context=True):
        """The outputs of the last forward pass; unmerged, a list over the devices for each."""
        assert self.binded and self.params_initialized
        return self._exec_group.outputs(merge_multi_context)

    def get_input_grads(self, merge_multi_context=True):
        """The gradients of the data, when they were asked for in `bind`."""
        assert self.binded and self.params_initialized and self.inputs_need_grad
        return self._exec_group.input_grads(merge_multi_context)

    def get_states(self, merge_multi_context=True):
        """The states, arguments that one batch leaves to the next."""
        assert self.binded and self.params_initialized
        dicts = [executor.arg_dict for executor in self._exec_group.executors]
        states = [[found[name] for found in dicts] for name in self._state_names]
        return [copies[0] for copies in states] if merge_multi_context and len(dicts) == 1 else states

    def set_states(self, states=None, value=None):
        """Set the states, to arrays or all to one value."""
        assert self.binded and self.params_initialized
        for i, name in enumerate(self._state_names):
            for device, executor in enumerate(self._exec_group.executors):
                new = value if states is None else states[i]
                executor.arg_dict[name][:] = new[device] if isinstance(new, (list, tuple)) else new

    def update_metric(self, eval_metric, labels, pre_sliced=False):
        """Add the outputs of the last forward pass to a metric."""
        self._exec_group.update_metric(eval_metric, labels, pre_sliced)

    def install_monitor(self, mon):
        """Watch the executors."""
        assert self.binded
        for executor in self._exec_group.executors:
            mon.install(executor)

    # --- Files ---

    def save_checkpoint(
        self, prefix, epoch, save_optimizer_states=False, remove_amp_cast=True, format="params"
    ):
        """Save symbol and parameters, and the optimizer's states if asked for; see `mx.model.save_checkpoint`."""
        model.save_checkpoint(prefix, epoch, self._symbol, *self.get_params(), format=format)
        if save_optimizer_states:
            self.save_optimizer_states(f"{prefix}-{epoch:04d}.states")
            logging.info('Saved optimizer state to "%s"', f"{prefix}-{epoch:04d}.states")

    @staticmethod
    def load(prefix, epoch, load_optimizer_states=False, **kwargs):
        """A module from a checkpoint; `kwargs` are arguments of Module."""
        symbol, arguments, auxiliary = model.load_checkpoint(prefix, epoch)
        module = Module(symbol, **kwargs)
        module._arg_params, module._aux_params = arguments, auxiliary
        module.params_initialized = True
        if load_optimizer_states:
            module._preload_opt_states = f"{prefix}-{epoch:04d}.states"
        return module

    def save_optimizer_states(self, fname):
        """Save the optimizer's states to a file."""
        assert self.optimizer_initialized
        if self._update_on_kvstore:
            self._kvstore.save_optimizer_states(fname)
        else:
            write_atomically(fname, self._updater.get_states())

    def load_optimizer_states(self, fname):
        """Load the optimizer's states from a file."""
        assert self.optimizer_initialized
        if self._update_on_kvstore:
            self._kvstore.load_optimizer_states(fname)
        else:
            self._updater.load_states(fname)


def _zeros_like_first(copies):
    return nd.zeros(copies[0].shape, dtype=copies[0].dtype)


def _mean(copies):
    first = copies[0].as_in_context(cpu())
    if len(copies) == 1:
        return first
    return sum((a.as_in_context(cpu()) for a in copies[1:]), first) / len(copies)
