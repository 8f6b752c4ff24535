"""Stochastic gradient descent and its relatives."""

import math

from minpy import nd
from minpy.optimizer.base import Optimizer, register, zeros_like_weight

__all__ = ["DCASGD", "LARS", "LBSGD", "NAG", "SGD", "SGLD", "Signum", "ccSGD"]


class _WithMomentum(Optimizer):
    """What optimizers share whose state is a momentum, or nothing when that is 0."""

    def __init__(self, momentum, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum

    def create_state(self, index, weight):
        return zeros_like_weight(weight) if self.momentum else None

    def _sgd_step(self, weight, grad, state, lr, wd, momentum=None):
        """One step of SGD in place; `momentum` overrides the optimizer's own."""
        if state is None:
            nd.sgd_update(weight, grad, out=weight, lr=lr, wd=wd, **self._scaling)
        else:
            momentum = self.momentum if momentum is None else momentum
            nd.sgd_mom_update(
                weight, grad, state, out=weight, lr=lr, momentum=momentum, wd=wd, **self._scaling
            )


@register
class SGD(_WithMomentum):
    """Stochastic gradient descent, with momentum when it is not 0.

    Parameters
    ----------
    momentum : float
        Share of the last step that is taken again.
    lazy_update : bool
        Update only the rows that a row-sparse gradient has.
    **kwargs
        See Optimizer.
    """

    _copy_comes_last = True
    _only_mxnet_reads = {"aggregate_num": 4}

    def __init__(self, momentum=0.0, lazy_update=True, **kwargs):
        super().__init__(momentum, **kwargs)
        self.lazy_update = lazy_update

    def update(self, index, weight, grad, state):
        lr, wd, _ = self._begin(index)
        self._sgd_step(weight, grad, state, lr, wd)


@register
class ccSGD(SGD):
    """SGD by its oldest name."""


@register
class NAG(_WithMomentum):
    """Nesterov's accelerated gradient.

    Parameters
    ----------
    momentum : float
        Share of the last step that is taken again.
    **kwargs
        See Optimizer.
    """

    _copy_comes_last = True

    def __init__(self, momentum=0.0, **kwargs):
        super().__init__(momentum, **kwargs)

    def update(self, index, weight, grad, state):
        lr, wd, _ = self._begin(index)
        if state is None:
            nd.sgd_update(weight, grad, out=weight, lr=lr, wd=wd, **self._scaling)
        else:
            nd.nag_mom_update(
                weight, grad, state, out=weight, lr=lr, momentum=self.momentum, wd=wd, **self._scaling
            )


@register
class SGLD(Optimizer):
    """Stochastic gradient Langevin dynamics: a half step of SGD and normal noise of variance lr."""

    def update(self, index, weight, grad, state):
        lr, wd, _ = self._begin(index)
        noise = nd.random.normal(0, math.sqrt(lr), shape=weight.shape, dtype=weight.dtype, ctx=weight.context)
        weight[:] = weight - lr / 2 * self._prepared(grad, weight, wd) + noise


@register
class Signum(_WithMomentum):
    """Steps by the sign of the momentum (Bernstein et al., arXiv:1802.04434).

    Parameters
    ----------
    learning_rate : float
        Length of the step.
    momentum : float
        Share of the old momentum.
    wd_lh : float
        Weight decay that is independent of the gradient.
    **kwargs
        See Optimizer.
    """

    def __init__(self, learning_rate=0.01, momentum=0.9, wd_lh=0.0, **kwargs):
        super().__init__(momentum, learning_rate=learning_rate, **kwargs)
        self.wd_lh = wd_lh

    def update(self, index, weight, grad, state):
        lr, wd, _ = self._begin(index)
        if state is None:
            nd.signsgd_update(weight, grad, out=weight, lr=lr, wd=wd, **self._scaling)
        else:
            nd.signum_update(
                weight,
                grad,
                state,
                out=weight,
                lr=lr,
                momentum=self.momentum,
                wd=wd,
                wd_lh=self.wd_lh,
                **self._scaling,
            )


@register
class DCASGD(Optimizer):
    """Asynchronous SGD with a correction for the delay (Zheng et al., arXiv:1609.08326).

    Parameters
    ----------
    momentum : float
        Share of the last step that is taken again.
    lamda : float
        Strength of the correction.
    **kwargs
        See Optimizer.
    """

    def __init__(self, momentum=0.0, lamda=0.04, **kwargs):
        super().__init__(**kwargs)
        self.momentum, self.lamda = momentum, lamda
        self.weight_previous = {}

    def create_state(self, index, weight):
        return (zeros_like_weight(weight) if self.momentum else None, weight.copy())

    def update(self, index, weight, grad, state):
        lr, wd, _ = self._begin(index)
        grad = self._prepared(grad)
        mom, previous = state
        step = -lr * (grad + wd * weight + self.lamda * grad * grad * (weight - previous))
        if mom is not None:
            mom[:] = self.momentum * mom + step
            step = mom
        previous[:] = weight
        weight[:] = weight + step


def _norm(array):
    return float(nd.norm(array).asscalar())


@register
class LARS(_WithMomentum):
    """SGD with a rate per layer by the ratio of the norms of weight and gradient (You et al., arXiv:1708.03888).

    Parameters
    ----------
    momentum : float
        Share of the last step that is taken again.
    lazy_update : bool
        See SGD.
    eta : float
        The trust coefficient.
    eps : float
        Added to the denominator.
    momentum_correction : bool
        Rescale the momentum when the learning rate changes.
    **kwargs
        See Optimizer.
    """

    _copy_comes_last = True
    _only_mxnet_reads = {"aggregate_num": 4, "skip": 0, "cur_lr": None}

    def __init__(self, momentum=0.0, lazy_update=True, eta=0.001, eps=0, momentum_correction=True, **kwargs):
        super().__init__(momentum, **kwargs)
        self.lazy_update = lazy_update
        self.eta, self.eps, self.momentum_correction = eta, eps, momentum_correction
        self.last_lr = None

    def _trust(self, index, weight, grad, wd):
        name = self.idx2name.get(index, str(index))
        if name.endswith(("gamma", "beta", "bias")):
            return 1.0
        w_norm, g_norm = _norm(weight), _norm(self._prepared(grad))
        if w_norm > 0 and g_norm > 0:
            return self.eta * w_norm / (g_norm + wd * w_norm + self.eps)
        return 1.0

    def update(self, index, weight, grad, state):
        lr, wd, _ = self._begin(index)
        base = self.learning_rate
        corrected = self.momentum
        if self.momentum_correction and self.last_lr:
            corrected *= base / self.last_lr
        self.last_lr = base
        lr *= self._trust(index, weight, grad, wd)
        self._sgd_step(weight, grad, state, lr, wd, corrected)


@register
class LBSGD(_WithMomentum):
    """SGD for large batches: warm-up of the learning rate and, with 'lars', a rate per layer.

    Parameters
    ----------
    momentum : float
        Share of the last step that is taken again.
    multi_precision : bool
        See Optimizer.
    warmup_strategy : {'linear', 'power2', 'sqrt', 'lars'}
        How the rate grows to `batch_scale` times itself.
    warmup_epochs : int
        Over how many epochs.
    batch_scale : int
        How many batches one step stands for.
    updates_per_epoch : int
        Updates in an epoch.
    begin_epoch, num_epochs : int
        First epoch and number of epochs.
    **kwargs
        See Optimizer.
    """

    _copy_comes_last = True
    _only_mxnet_reads = {"adaptive": False, "admult": 1}

    def __init__(self, momentum=0.0, multi_precision=False, warmup_strategy="linear", warmup_epochs=5, batch_scale=1,
                 updates_per_epoch=32, begin_epoch=0, num_epochs=60, **kwargs):  # fmt: skip
        super().__init__(momentum, multi_precision=multi_precision, **kwargs)
        self.warmup_strategy, self.warmup_epochs = warmup_strategy, warmup_epochs
        self.batch_scale, self.updates_per_epoch = batch_scale, updates_per_epoch
        self.init_updates, self.num_epochs = begin_epoch * updates_per_epoch, num_epochs
        self.lbmult = 1.0
        self.cumgrads = {}

    def _warmup_factor(self, updates):
        length = self.warmup_epochs * self.updates_per_epoch
        most = float(self.batch_scale)
        if updates >= length or length <= 1:
            return most
        share = updates / length
        grown = {"linear": share, "power2": share * share, "sqrt": math.sqrt(share)}.get(self.warmup_strategy)
        return 1.0 if grown is None else 1.0 + (most - 1) * grown

    def _lars_factor(self, weight, grad, wd):
        squares = float(nd.sum(nd.square(weight)).asscalar())
        ratio = math.sqrt(squares / (float(nd.sum(nd.square(grad)).asscalar()) + wd * squares + 1e-18))
        return min(max(ratio, 0.01), 100.0)

    def update(self, index, weight, grad, state):
        lr, wd, _ = self._begin(index)
        total = self.cumgrads.setdefault(index, {"sum": None, "count": 0})
        total["sum"] = grad.copy() if total["sum"] is None else total["sum"] + grad
        total["count"] += 1
        if total["count"] % self.batch_scale:
            return
        grad = total["sum"] / self.batch_scale if self.batch_scale > 1 else total["sum"]
        total["sum"] = None
        if self.warmup_strategy == "lars":
            factor = self._lars_factor(weight, grad, wd)
        else:
            factor = self._warmup_factor(self.num_update + self.init_updates)
        lr *= factor
        self._sgd_step(weight, grad, state, lr, wd)
