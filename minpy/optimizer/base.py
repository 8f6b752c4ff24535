"""Optimizer: learning rates, weight decays and update counts by parameter; and the registry."""

import warnings

import numpy

from minpy import nd
from minpy.registry import add_class

__all__ = ["Optimizer", "create", "register"]


class Optimizer:
    """The base of optimizers.

    Parameters
    ----------
    rescale_grad : float
        Factor of the gradients; often 1 / batch size.
    param_idx2name : dict of int to str
        Names of the parameters by index; weight decay is off for names that do not end in _weight or _gamma.
    wd : float
        Weight decay, the factor of an L2 penalty.
    clip_gradient : float
        Limit of the rescaled gradients' absolute values; None: none.
    learning_rate : float
        None: that of the scheduler, or 0.01.
    lr_scheduler : LRScheduler
        Gives the learning rate by the number of updates.
    sym : Symbol
        Whose attributes __lr_mult__ and __wd_mult__ are factors.
    begin_num_update : int
        Number of updates done before.
    multi_precision : bool
        Keep float32 copies of float16 weights.
    param_dict : dict of int to Parameter
        Gluon parameters by index, with their factors.
    """

    opt_registry = {}
    _copy_comes_last = False  # where states with a float32 copy of the weight have it, as in MXNet's files
    _only_mxnet_reads = {}  # attributes in pickles, besides those that have a meaning here

    def __init__(self, rescale_grad=1.0, param_idx2name=None, wd=0.0, clip_gradient=None, learning_rate=None,
                 lr_scheduler=None, sym=None, begin_num_update=0, multi_precision=False, param_dict=None):  # fmt: skip
        self.rescale_grad = rescale_grad
        self.lr_scheduler = lr_scheduler
        if lr_scheduler is not None:
            if learning_rate is None:
                learning_rate = lr_scheduler.base_lr
            elif lr_scheduler.base_lr != learning_rate:
                warnings.warn(UserWarning("learning rate from ``lr_scheduler`` has been overwritten by"
                                          " ``learning_rate`` in optimizer."), stacklevel=3)  # fmt: skip
                lr_scheduler.base_lr = learning_rate
        self.lr = 0.01 if learning_rate is None else learning_rate
        self.wd = wd
        self.begin_num_update = self.num_update = begin_num_update
        self._all_index_update_counts = {0: {}}
        self._index_update_count = self._all_index_update_counts[0]
        self.clip_gradient = clip_gradient
        self.multi_precision = multi_precision
        self.aggregate_num = 0
        if param_idx2name is not None and not isinstance(param_idx2name, dict):
            raise AssertionError("param_idx2name should be a dict of param indexes to names.")
        self.idx2name = dict(param_idx2name or {})
        self.sym_info = (sym.attr_dict(), sym.list_arguments()) if sym is not None else ()
        self.param_dict = param_dict or {}
        self.lr_mult, self.wd_mult = {}, {}
        self.set_lr_mult({})
        self.set_wd_mult({})

    @staticmethod
    def register(klass):
        """Registers an Optimizer class under its lower-case name."""
        return add_class(Optimizer.opt_registry, klass, "optimizer")

    @staticmethod
    def create_optimizer(name, **kwargs):
        """An optimizer by its name, in any case.

        Raises
        ------
        ValueError
            When no optimizer has the name.
        """
        if name.lower() not in Optimizer.opt_registry:
            raise ValueError(f"Cannot find optimizer {name}")
        return Optimizer.opt_registry[name.lower()](**kwargs)

    # --- To be defined by the classes ---

    def create_state(self, index, weight):
        """The state of a parameter: None, an NDArray, or a tuple of them."""

    def update(self, index, weight, grad, state):
        """Update a weight and its state in place."""
        raise NotImplementedError

    # --- float16 weights ---

    def _is_low(self, weight):
        return self.multi_precision and weight.dtype == numpy.float16

    def create_state_multi_precision(self, index, weight):
        """The state, with a float32 copy of a float16 weight first when `multi_precision` asks for it."""
        if self._is_low(weight):
            copy = weight.astype(numpy.float32)
            state = self.create_state(index, copy)
            return (state, copy) if self._copy_comes_last else (copy, state)
        if weight.dtype == numpy.float16 and not self.multi_precision:
            warnings.warn(
                "Accumulating with float16 in optimizer can lead to poor accuracy or slow convergence. Consider using"
                " multi_precision=True option of the optimizer",
                stacklevel=2,
            )
        return self.create_state(index, weight)

    def update_multi_precision(self, index, weight, grad, state):
        """`update`, on the float32 copy when there is one."""
        if not self._is_low(weight):
            self.update(index, weight, grad, state)
            return
        copy, inner = reversed(state) if self._copy_comes_last else state
        self.update(index, copy, grad.astype(numpy.float32), inner)
        weight[:] = copy.astype(weight.dtype)

    # --- Learning rates and weight decays ---

    @property
    def learning_rate(self):
        """The current learning rate."""
        return self.lr if self.lr_scheduler is None else self.lr_scheduler(self.num_update)

    def set_learning_rate(self, lr):
        """Set the learning rate; UserWarning is raised when a scheduler decides it."""
        if self.lr_scheduler is not None:
            raise UserWarning("LRScheduler of the optimizer has already been defined. Note that set_learning_rate can"
                              " mutate the value of the learning rate of the optimizer only when the LRScheduler of the"
                              " optimizer is undefined.")  # fmt: skip
        self.lr = lr

    def set_lr_scale(self, args_lrscale):
        """Deprecated: use set_lr_mult."""
        raise DeprecationWarning

    def set_lr_mult(self, args_lr_mult):
        """Factors of the learning rate by parameter name or index."""
        self.lr_mult = self._from_symbol("__lr_mult__")
        self.lr_mult.update(args_lr_mult)

    def set_wd_mult(self, args_wd_mult):
        """Factors of the weight decay by parameter name or index."""
        self.wd_mult = {
            name: 0.0 for name in self.idx2name.values() if not name.endswith(("_weight", "_gamma"))
        }
        self.wd_mult.update(self._from_symbol("__wd_mult__"))
        self.wd_mult.update(args_wd_mult)

    def _from_symbol(self, key):
        if not self.sym_info:
            return {}
        attributes, arguments = self.sym_info
        return {name: float(attributes[name][key]) for name in arguments if key in attributes.get(name, {})}

    def _factor(self, index, table, attribute):
        if index in self.param_dict:
            return getattr(self.param_dict[index], attribute)
        if index in table:
            return table[index]
        return table.get(self.idx2name.get(index), 1.0)

    def _set_current_context(self, device_id):
        """Each device counts its updates."""
        counts = self._all_index_update_counts
        self._index_update_count = counts.setdefault(device_id, {})

    def _update_count(self, index):
        for i in index if isinstance(index, (list, tuple)) else (index,):
            self._index_update_count[i] = self._index_update_count.get(i, self.begin_num_update) + 1
            self.num_update = max(self._index_update_count[i], self.num_update)

    def _get_lr(self, index):
        return self.learning_rate * self._factor(index, self.lr_mult, "lr_mult")

    def _get_wd(self, index):
        return self.wd * self._factor(index, self.wd_mult, "wd_mult")

    def _get_lrs(self, indices):
        return [self._get_lr(i) for i in indices]

    def _get_wds(self, indices):
        return [self._get_wd(i) for i in indices]

    def _begin(self, index):
        """Counts an update; (learning rate, weight decay, number of the update)."""
        self._update_count(index)
        return self._get_lr(index), self._get_wd(index), self._index_update_count[index]

    @property
    def _scaling(self):
        """What the update operators take for the gradient."""
        return {"rescale_grad": self.rescale_grad, "clip_gradient": self.clip_gradient or -1.0}

    def _prepared(self, grad, weight=None, wd=0.0):
        """The gradient rescaled and limited, with the weight decay added."""
        grad = grad * self.rescale_grad
        if self.clip_gradient is not None:
            grad = nd.clip(grad, -self.clip_gradient, self.clip_gradient)
        return grad + wd * weight if wd else grad

    def _decayed_then_limited(self, grad, weight, wd):
        """The gradient rescaled, with the weight decay added, and then limited."""
        grad = grad * self.rescale_grad + wd * weight
        return grad if self.clip_gradient is None else nd.clip(grad, -self.clip_gradient, self.clip_gradient)

    def __getstate__(self):
        state = self.__dict__.copy()
        state.pop("_index_update_count", None)
        state.pop("param_dict", None)  # parameters belong to the network and its own files
        return {**state, "allow_np_array": False, **self._only_mxnet_reads}

    def __setstate__(self, state):
        self.__dict__.update(state)
        for name in ("allow_np_array", *(n for n in self._only_mxnet_reads if n != "aggregate_num")):
            self.__dict__.pop(name, None)
        self.__dict__.setdefault("param_dict", {})
        self.__dict__.setdefault("_all_index_update_counts", {0: state.get("_index_update_count", {})})
        self._set_current_context(0)


def zeros_like_weight(weight):
    """A state of zeros like the weight."""
    return nd.zeros(weight.shape, weight.context, dtype=weight.dtype)


register = Optimizer.register
create = Optimizer.create_optimizer
