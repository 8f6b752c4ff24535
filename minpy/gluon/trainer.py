"""Trainer: applies an optimizer to parameters, on one device or several."""

from minpy import optimizer as opt
from minpy._files import write_atomically
from minpy.gluon.parameter import Parameter
from minpy.gluon.parameter_dict import ParameterDict

__all__ = ["Trainer"]


class Trainer:
    """Applies an optimizer to a set of parameters.

    Parameters
    ----------
    params : ParameterDict, dict or list of Parameter
        What to train.
    optimizer : str or Optimizer
        How.
    optimizer_params : dict
        Arguments of an optimizer that is given by name.
    kvstore : str or KVStore
        What sums gradients over devices; None: nothing does.
    compression_params : dict
        Gradient compression of the KVStore.
    update_on_kvstore : bool
        Whether the KVStore updates the weights; None: when there are several devices.

    Examples
    --------
    >>> trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    >>> with autograd.record():
    ...     loss = loss_fn(net(data), label)
    >>> loss.backward()
    >>> trainer.step(batch_size)
    """

    def __init__(self, params, optimizer, optimizer_params=None, kvstore="device", compression_params=None,
                 update_on_kvstore=None):  # fmt: skip
        if isinstance(params, (dict, ParameterDict)):
            params = [params[name] for name in sorted(params.keys())]
        if not isinstance(params, (list, tuple)):
            raise ValueError(f"First argument must be a list or dict of Parameters, got {type(params)}.")
        self._params, self._param2idx = [], {}
        for parameter in params:
            if not isinstance(parameter, Parameter):
                raise ValueError(
                    f"First argument must be a list or dict of Parameters, got list of {type(parameter)}."
                )
            if parameter.name not in self._param2idx:
                self._param2idx[parameter.name] = len(self._params)
                self._params.append(parameter)
                parameter._trainer = self
        self._compression_params = compression_params
        self._kvstore_params = {"kvstore": kvstore, "update_on_kvstore": update_on_kvstore}
        self._init_optimizer(optimizer, dict(optimizer_params or {}))
        self._scale = self._optimizer.rescale_grad
        self._kvstore = None
        self._update_on_kvstore = None
        self._kv_initialized = False
        self._contexts = None

    def _init_optimizer(self, optimizer, optimizer_params):
        by_index = dict(enumerate(self._params))
        if isinstance(optimizer, opt.Optimizer):
            if optimizer_params:
                raise AssertionError(
                    "optimizer_params must be None if optimizer is an instance of Optimizer instead of str"
                )
            self._optimizer = optimizer
            self._optimizer.param_dict = by_index
        else:
            self._optimizer = opt.create(optimizer, param_dict=by_index, **optimizer_params)
        self._updaters = None

    def _check_contexts(self):
        contexts = None
        for parameter in self._params:
            found = parameter.list_ctx()
            if contexts is not None and contexts != found:
                raise AssertionError(
                    f"All Parameters must be initialized on the same set of contexts, but Parameter {parameter.name} is"
                    f" initialized on {found} while previous Parameters are initialized on {contexts}."
                )
            contexts = found
        return contexts or []

    def _init_kvstore(self):
        """Decides, at the first step, what sums and what updates."""
        self._contexts = self._check_contexts()
        store, on_store = self._kvstore_params["kvstore"], self._kvstore_params["update_on_kvstore"]
        several = len(self._contexts) > 1
        sparse = [i for i, p in enumerate(self._params) if p.stype != "default"]
        by_rows = not sparse and any(p.grad_stype != "default" for p in self._params)
        if sparse and on_store is False:
            raise ValueError("Cannot set update_on_kvstore=False when sparse weights are present.")
        distributed = "dist" in (store if isinstance(store, str) else getattr(store, "type", ""))
        if store and (several or distributed or not isinstance(store, str)):
            from minpy import kvstore as kv

            self._kvstore = kv.create(store) if isinstance(store, str) else store
            if self._compression_params:
                self._kvstore.set_gradient_compression(self._compression_params)
            on_store = not by_rows if on_store is None else on_store
            for i, parameter in enumerate(self._params):
                self._kvstore.init(i, parameter._copies()[0])
            if on_store:
                self._kvstore.set_optimizer(self._optimizer)
        elif on_store:
            raise ValueError("Cannot set update_on_kvstore=True when no kvstore is used")
        self._update_on_kvstore = bool(on_store) and self._kvstore is not None
        if not self._update_on_kvstore and self._updaters is None:
            self._updaters = [opt.get_updater(self._optimizer) for _ in self._contexts]
            for updater in self._updaters:
                updater.sparse_weights = frozenset(sparse)
        self._kv_initialized = True

    # --- Settings ---

    @property
    def learning_rate(self):
        """The current learning rate."""
        return self._optimizer.learning_rate

    @property
    def optimizer(self):
        """The optimizer."""
        return self._optimizer

    def set_learning_rate(self, lr):
        """Set the learning rate."""
        self._optimizer.set_learning_rate(lr)

    # --- Steps ---

    def step(self, batch_size, ignore_stale_grad=False):
        """Sum the gradients over the devices and update the parameters.

        Parameters
        ----------
        batch_size : int
            The gradients are divided by it.
        ignore_stale_grad : bool
            Skip parameters whose gradient backward() did not fill since the last step, instead of raising
            UserWarning.
        """
        self._prepare(batch_size)
        self._reduce()
        self._update(ignore_stale_grad)

    def allreduce_grads(self):
        """Sum the gradients over the devices, without an update."""
        self._begin()
        if self._kvstore is not None and self._update_on_kvstore:
            raise AssertionError("allreduce_grads() when parameters are updated on kvstore is not supported. Try setting"
                                 " `update_on_kvstore` to False when creating trainer.")  # fmt: skip
        self._reduce()

    def update(self, batch_size, ignore_stale_grad=False):
        """Update the parameters by gradients that are summed already."""
        self._prepare(batch_size)
        if self._kvstore is not None and self._update_on_kvstore:
            raise AssertionError("update() when parameters are updated on kvstore is not supported. Try setting"
                                 " `update_on_kvstore` to False when creating trainer.")  # fmt: skip
        self._update(ignore_stale_grad)

    def _begin(self):
        if not self._kv_initialized:
            self._init_kvstore()

    def _prepare(self, batch_size):
        self._begin()
        self._optimizer.rescale_grad = self._scale / batch_size

    def _trained(self):
        return [(i, p) for i, p in enumerate(self._params) if p.grad_req != "null"]

    def _reduce(self):
        if self._kvstore is None:
            return
        for i, parameter in self._trained():
            self._kvstore.push(i, parameter.list_grad(), priority=-i)
            if not self._update_on_kvstore:
                self._kvstore.pull(i, parameter.list_grad(), priority=-i, ignore_sparse=False)

    def _update(self, ignore_stale_grad):
        scaler = getattr(self, "_amp_loss_scaler", None)  # see minpy.amp
        if scaler is not None and scaler.has_overflow(self._params):
            return
        for i, parameter in self._trained():
            fresh = [d for d in parameter._copies() if d._fresh_grad]
            if len(fresh) < len(parameter._copies()) and not ignore_stale_grad:
                stale = next(d for d in parameter._copies() if not d._fresh_grad)
                raise UserWarning(
                    f"Gradient of Parameter `{parameter.name}` on context {stale.context} has not been updated by"
                    " backward since last `step`. This could mean a bug in your model that made it only use a subset"
                    " of the Parameters (Blocks) for this iteration. If you are intentionally only using a subset,"
                    " call step with ignore_stale_grad=True to suppress this warning and skip updating of Parameters"
                    " with stale gradient"
                )
            if self._update_on_kvstore:
                self._kvstore.pull(i, parameter._copies(), priority=-i)
                for data in parameter._copies():
                    data._fresh_grad = False
                continue
            for updater, data in zip(self._updaters, parameter._copies()):
                if data._fresh_grad:
                    updater(i, data.grad, data)
                    data._fresh_grad = False

    # --- States ---

    def save_states(self, fname):
        """Save the optimizer and its states."""
        self._begin()
        if self._update_on_kvstore:
            self._kvstore.save_optimizer_states(fname, dump_optimizer=True)
            return
        write_atomically(fname, self._updaters[0].get_states(dump_optimizer=True))

    def load_states(self, fname):
        """Load the optimizer and its states."""
        self._begin()
        if self._update_on_kvstore:
            self._kvstore.load_optimizer_states(fname)
            self._optimizer = self._kvstore._updater.optimizer
        else:
            for updater in self._updaters:
                updater.load_states(fname)
                updater.optimizer = self._updaters[0].optimizer
            self._optimizer = self._updaters[0].optimizer
        self._optimizer.param_dict = dict(enumerate(self._params))
