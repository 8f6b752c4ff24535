"""Optimizers that adapt the learning rate to each element."""

import math

from minpy import nd
from minpy.optimizer.base import Optimizer, register, zeros_like_weight

__all__ = [
    "FTML",
    "LAMB",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "GroupAdaGrad",
    "Nadam",
    "RMSProp",
    "Test",
]


class _WithTwoArrays(Optimizer):
    """What optimizers share whose state is two arrays, which begin as zeros."""

    def create_state(self, index, weight):
        return (zeros_like_weight(weight), zeros_like_weight(weight))


@register
class Adam(_WithTwoArrays):
    """Adam (Kingma and Ba, arXiv:1412.6980).

    Parameters
    ----------
    learning_rate : float
        Length of the step.
    beta1, beta2 : float
        Shares of the old means of the gradient and of its square.
    epsilon : float
        Added to the denominator.
    lazy_update : bool
        Update only the rows that a row-sparse gradient has.
    **kwargs
        See Optimizer.
    """

    def __init__(self, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8, lazy_update=True, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1, self.beta2, self.epsilon, self.lazy_update = beta1, beta2, epsilon, lazy_update

    def update(self, index, weight, grad, state):
        lr, wd, t = self._begin(index)
        lr *= math.sqrt(1.0 - self.beta2**t) / (1.0 - self.beta1**t)
        nd.adam_update(
            weight, grad, *state, out=weight, lr=lr, wd=wd, beta1=self.beta1, beta2=self.beta2, epsilon=self.epsilon,
            **self._scaling,
        )  # fmt: skip


@register
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101)."""

    def update(self, index, weight, grad, state):
        lr, wd, t = self._begin(index)
        correction = math.sqrt(1.0 - self.beta2**t) / (1.0 - self.beta1**t)
        nd.contrib.adamw_update(
            weight, grad, *state, out=weight, rescale_grad=self.rescale_grad, lr=lr * correction, eta=1.0, wd=lr * wd,
            beta1=self.beta1, beta2=self.beta2, epsilon=self.epsilon, clip_gradient=self.clip_gradient or -1.0,
        )  # fmt: skip


@register
class AdaGrad(Optimizer):
    """AdaGrad (Duchi, Hazan and Singer, 2011): the rate falls with the sum of squared gradients.

    Parameters
    ----------
    eps : float
        Added to the sum, inside the root.
    **kwargs
        See Optimizer.
    """

    def __init__(self, eps=1e-7, **kwargs):
        super().__init__(**kwargs)
        self.float_stable_eps = eps

    def create_state(self, index, weight):
        return zeros_like_weight(weight)

    def update(self, index, weight, grad, state):
        lr, wd, _ = self._begin(index)
        grad = self._prepared(grad, weight, wd)
        state[:] = state + grad * grad
        weight[:] = weight - lr * grad / nd.sqrt(state + self.float_stable_eps)


@register
class RMSProp(Optimizer):
    """RMSProp (Tieleman and Hinton, 2012); centered after Graves, arXiv:1308.0850.

    Parameters
    ----------
    learning_rate : float
        Length of the step.
    gamma1 : float
        Share of the old mean of the squared gradient.
    gamma2 : float
        Momentum, when centered.
    epsilon : float
        Added inside the root.
    centered : bool
        Divide by the standard deviation instead of the root mean square.
    clip_weights : float
        Limit of the weights' absolute values; None: none.
    **kwargs
        See Optimizer.
    """

    def __init__(self, learning_rate=0.001, gamma1=0.9, gamma2=0.9, epsilon=1e-8, centered=False, clip_weights=None,
                 **kwargs):  # fmt: skip
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.gamma1, self.gamma2, self.epsilon = gamma1, gamma2, epsilon
        self.centered, self.clip_weights = centered, clip_weights

    def create_state(self, index, weight):
        return tuple(zeros_like_weight(weight) for _ in range(3 if self.centered else 1))

    def update(self, index, weight, grad, state):
        lr, wd, _ = self._begin(index)
        options = {
            "lr": lr,
            "wd": wd,
            "gamma1": self.gamma1,
            "epsilon": self.epsilon,
            "clip_weights": self.clip_weights or -1.0,
            **self._scaling,
        }
        if self.centered:
            nd.rmspropalex_update(weight, grad, *state, out=weight, gamma2=self.gamma2, **options)
        else:
            nd.rmsprop_update(weight, grad, *state, out=weight, **options)


@register
class AdaDelta(_WithTwoArrays):
    """AdaDelta (Zeiler, arXiv:1212.5701); it needs no learning rate.

    Parameters
    ----------
    rho : float
        Share of the old means of squares.
    epsilon : float
        Added inside the roots.
    **kwargs
        See Optimizer.
    """

    def __init__(self, rho=0.90, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.rho, self.epsilon = rho, epsilon

    def update(self, index, weight, grad, state):
        _, wd, _ = self._begin(index)
        grad = self._prepared(grad)
        squares, steps = state
        squares[:] = self.rho * squares + (1 - self.rho) * grad * grad
        step = nd.sqrt(steps + self.epsilon) / nd.sqrt(squares + self.epsilon) * grad
        steps[:] = self.rho * steps + (1 - self.rho) * step * step
        weight[:] = weight - step - wd * weight


@register
class Ftrl(_WithTwoArrays):
    """Follow the regularised leader, proximally (McMahan et al., 2013).

    Parameters
    ----------
    lamda1 : float
        Strength of the L1 penalty.
    learning_rate : float
        Length of the step.
    beta : float
        Of the rate per coordinate.
    **kwargs
        See Optimizer.
    """

    lazy_for_sparse_weights = True  # then only the rows of a row-sparse gradient are updated, as in MXNet

    def __init__(self, lamda1=0.01, learning_rate=0.1, beta=1, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.lamda1, self.beta = lamda1, beta

    def update(self, index, weight, grad, state):
        lr, wd, _ = self._begin(index)
        nd.ftrl_update(
            weight,
            grad,
            *state,
            out=weight,
            lr=lr,
            wd=wd,
            lamda1=self.lamda1,
            beta=self.beta,
            **self._scaling,
        )


@register
class Adamax(_WithTwoArrays):
    """Adam with the maximum norm (Kingma and Ba, arXiv:1412.6980, section 7).

    Parameters
    ----------
    learning_rate : float
        Length of the step.
    beta1, beta2 : float
        Shares of the old mean and of the old maximum.
    **kwargs
        See Optimizer.
    """

    def __init__(self, learning_rate=0.002, beta1=0.9, beta2=0.999, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1, self.beta2 = beta1, beta2

    def update(self, index, weight, grad, state):
        lr, wd, t = self._begin(index)
        lr /= 1.0 - self.beta1**t
        grad = self._decayed_then_limited(grad, weight, wd)
        mean, largest = state
        mean[:] = self.beta1 * mean + (1.0 - self.beta1) * grad
        largest[:] = nd.maximum(self.beta2 * largest, nd.abs(grad))
        weight[:] = weight - lr * mean / largest


@register
class Nadam(_WithTwoArrays):
    """Adam with Nesterov's momentum (Dozat, 2016).

    Parameters
    ----------
    learning_rate : float
        Length of the step.
    beta1, beta2 : float
        Shares of the old means of the gradient and of its square.
    epsilon : float
        Added to the denominator.
    schedule_decay : float
        How fast the momentum's schedule falls.
    **kwargs
        See Optimizer.
    """

    def __init__(
        self, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8, schedule_decay=0.004, **kwargs
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1, self.beta2, self.epsilon, self.schedule_decay = beta1, beta2, epsilon, schedule_decay
        self.m_schedule = 1.0

    def update(self, index, weight, grad, state):
        lr, wd, t = self._begin(index)
        grad = self._decayed_then_limited(grad, weight, wd)
        now, then = (self.beta1 * (1.0 - 0.5 * 0.96 ** ((t + k) * self.schedule_decay)) for k in (0, 1))
        self.m_schedule *= now
        following = self.m_schedule * then
        mean, var = state
        mean[:] = self.beta1 * mean + (1.0 - self.beta1) * grad
        var[:] = self.beta2 * var + (1.0 - self.beta2) * grad * grad
        grad_prime = grad / (1.0 - self.m_schedule)
        mean_prime = mean / (1.0 - following)
        var_prime = var / (1.0 - self.beta2**t)
        mean_bar = (1.0 - now) * grad_prime + then * mean_prime
        weight[:] = weight - lr * mean_bar / (nd.sqrt(var_prime) + self.epsilon)


@register
class FTML(Optimizer):
    """Follow the moving leader (Zheng and Kwok, 2017).

    Parameters
    ----------
    beta1, beta2 : float
        Shares of the old means.
    epsilon : float
        Added to the denominator.
    **kwargs
        See Optimizer.
    """

    def __init__(self, beta1=0.6, beta2=0.999, epsilon=1e-8, **kwargs):
        super().__init__(**kwargs)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def create_state(self, index, weight):
        return (zeros_like_weight(weight), zeros_like_weight(weight), zeros_like_weight(weight))

    def update(self, index, weight, grad, state):
        lr, wd, t = self._begin(index)
        nd.ftml_update(
            weight, grad, *state, out=weight, lr=lr, t=t, wd=wd, beta1=self.beta1, beta2=self.beta2,
            epsilon=self.epsilon, rescale_grad=self.rescale_grad, clip_grad=self.clip_gradient or -1.0,
        )  # fmt: skip


@register
class LAMB(_WithTwoArrays):
    """Layer-wise adaptive rates for large batches (You et al., arXiv:1904.00962).

    Parameters
    ----------
    learning_rate : float
        Length of the step.
    beta1, beta2 : float
        Shares of the old means of the gradient and of its square.
    epsilon : float
        Added to the denominator.
    lower_bound, upper_bound : float
        Limits of the weight's norm; None: none.
    bias_correction : bool
        Correct the means for their start at 0.
    **kwargs
        See Optimizer.
    """

    _only_mxnet_reads = {"aggregate_num": 45}

    def __init__(self, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-6, lower_bound=None, upper_bound=None,
                 bias_correction=True, **kwargs):  # fmt: skip
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.lower_bound, self.upper_bound, self.bias_correction = lower_bound, upper_bound, bias_correction

    def update(self, index, weight, grad, state):
        lr, wd, t = self._begin(index)
        direction = nd.lamb_update_phase1(
            weight, grad, *state, t=t, wd=wd, beta1=self.beta1, beta2=self.beta2, epsilon=self.epsilon,
            bias_correction=self.bias_correction, **self._scaling,
        )  # fmt: skip
        nd.lamb_update_phase2(
            weight, direction, nd.norm(weight), nd.norm(direction), out=weight, lr=lr,
            lower_bound=self.lower_bound or -1.0, upper_bound=self.upper_bound or -1.0,
        )  # fmt: skip


@register
class GroupAdaGrad(Optimizer):
    """AdaGrad with one rate per row, for embeddings; no weight decay.

    Parameters
    ----------
    eps : float
        Added to the denominator.
    **kwargs
        See Optimizer.
    """

    def __init__(self, eps=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.float_stable_eps = eps

    def create_state(self, index, weight):
        if len(weight.shape) < 2:
            raise AssertionError("GroupAdaGrad needs weights of at least two axes")
        return nd.zeros((weight.shape[0], 1), weight.context, dtype=weight.dtype)

    def update(self, index, weight, grad, state):
        lr, wd, _ = self._begin(index)
        if wd:
            raise AssertionError("Weight decay is not supported for GroupAdaGrad")
        nd.contrib.group_adagrad_update(
            weight, grad, state, out=weight, lr=lr, epsilon=self.float_stable_eps, **self._scaling
        )


@register
class Test(Optimizer):
    """weight + rescale_grad * grad: for tests of what stands around an optimizer."""

    def create_state(self, index, weight):
        return zeros_like_weight(weight)

    def update(self, index, weight, grad, state):
        weight[:] = weight + grad * self.rescale_grad
        state[:] = weight
