"""One step of an optimizer as an operator: returns the new weight, and writes the new state into the state arrays.

Everywhere the gradient is first multiplied by `rescale_grad` and, when `clip_gradient` is positive, limited to
[-clip_gradient, clip_gradient]. With `out=weight` the weight is updated in place. References are those of the
classes in minpy/optimizer.
"""

import math

import minpy.numpy as np
from minpy._operators.registry import operator


def _scaled(grad, rescale_grad, clip_gradient):
    if rescale_grad != 1:
        grad = grad * rescale_grad
    return np.clip(grad, -clip_gradient, clip_gradient) if clip_gradient > 0 else grad


def _decayed(weight, grad, wd, rescale_grad, clip_gradient):
    grad = _scaled(grad, rescale_grad, clip_gradient)
    return grad + wd * weight if wd else grad


def _decayed_then_limited(weight, grad, wd, rescale_grad, clip_gradient):
    return _scaled(_decayed(weight, grad, wd, rescale_grad, -1), 1.0, clip_gradient)


def _keep_moments(grad, mean, var, beta1, beta2):
    """Moves the running means of the gradient and of its square in place."""
    mean[...] = beta1 * mean + (1 - beta1) * grad
    var[...] = beta2 * var + (1 - beta2) * (grad * grad)


@operator("sgd_update", inputs=2, npx=False)
def sgd_update(weight, grad, lr, wd=0.0, rescale_grad=1.0, clip_gradient=-1.0, lazy_update=True):
    """weight - lr * (grad + wd * weight)."""
    return weight - lr * _decayed(weight, grad, wd, rescale_grad, clip_gradient)


@operator("sgd_mom_update", inputs=3, npx=False)
def sgd_mom_update(weight, grad, mom, lr, momentum=0.0, wd=0.0, rescale_grad=1.0, clip_gradient=-1.0,
                   lazy_update=True):  # fmt: skip
    """mom = momentum * mom - lr * (grad + wd * weight); weight + mom."""
    mom[...] = momentum * mom - lr * _decayed(weight, grad, wd, rescale_grad, clip_gradient)
    return weight + mom


@operator("mp_sgd_update", inputs=3, npx=False)
def mp_sgd_update(weight, grad, weight32, lr, wd=0.0, rescale_grad=1.0, clip_gradient=-1.0, lazy_update=True):
    """sgd_update on a float32 copy of a weight of lower precision."""
    weight32[...] = sgd_update(weight32, grad.astype("float32"), lr, wd, rescale_grad, clip_gradient)
    return weight32.astype(weight.dtype)


@operator("mp_sgd_mom_update", inputs=4, npx=False)
def mp_sgd_mom_update(weight, grad, mom, weight32, lr, momentum=0.0, wd=0.0, rescale_grad=1.0, clip_gradient=-1.0,
                      lazy_update=True):  # fmt: skip
    """sgd_mom_update on a float32 copy of a weight of lower precision."""
    grad = grad.astype("float32")
    weight32[...] = sgd_mom_update(weight32, grad, mom, lr, momentum, wd, rescale_grad, clip_gradient)
    return weight32.astype(weight.dtype)


@operator("nag_mom_update", inputs=3, npx=False)
def nag_mom_update(weight, grad, mom, lr, momentum=0.0, wd=0.0, rescale_grad=1.0, clip_gradient=-1.0):
    """Nesterov's momentum: mom = momentum * mom - lr * g; weight + momentum * mom - lr * g."""
    step = lr * _decayed(weight, grad, wd, rescale_grad, clip_gradient)
    mom[...] = momentum * mom - step
    return weight + momentum * mom - step


@operator("signsgd_update", inputs=2, npx=False)
def signsgd_update(weight, grad, lr, wd=0.0, rescale_grad=1.0, clip_gradient=-1.0):
    """(1 - lr * wd) * weight - lr * sign(grad)."""
    return (1 - lr * wd) * weight - lr * np.sign(_scaled(grad, rescale_grad, clip_gradient))


@operator("signum_update", inputs=3, npx=False)
def signum_update(
    weight, grad, mom, lr, momentum=0.0, wd=0.0, rescale_grad=1.0, clip_gradient=-1.0, wd_lh=0.0
):
    """mom = momentum * mom - (1 - momentum) * g; (1 - lr * wd_lh) * weight + lr * sign(mom)."""
    mom[...] = momentum * mom - (1 - momentum) * _decayed(weight, grad, wd, rescale_grad, clip_gradient)
    return (1 - lr * wd_lh) * weight + lr * np.sign(mom)


@operator("adam_update", inputs=4, npx=False)
def adam_update(weight, grad, mean, var, lr, beta1=0.9, beta2=0.999, epsilon=1e-8, wd=0.0, rescale_grad=1.0,
                clip_gradient=-1.0, lazy_update=True):  # fmt: skip
    """weight - lr * mean / (sqrt(var) + epsilon), of running means of the gradient and its square."""
    grad = _decayed_then_limited(weight, grad, wd, rescale_grad, clip_gradient)
    _keep_moments(grad, mean, var, beta1, beta2)
    return weight - lr * mean / (np.sqrt(var) + epsilon)


@operator("_adamw_update", "_contrib_adamw_update", inputs=4, npx=False)
def adamw_update(weight, grad, mean, var, rescale_grad, lr, eta, beta1=0.9, beta2=0.999, epsilon=1e-8, wd=0.0,
                 clip_gradient=-1.0):  # fmt: skip
    """Adam with decoupled weight decay: weight - eta * (lr * mean / (sqrt(var) + epsilon) + wd * weight)."""
    scale = float(rescale_grad)
    if scale == 0 or not math.isfinite(scale):  # gradients overflowed: no step
        return weight + 0
    grad = _scaled(grad, scale, clip_gradient)
    _keep_moments(grad, mean, var, beta1, beta2)
    return weight - eta * (lr * mean / (np.sqrt(var) + epsilon) + wd * weight)


@operator("rmsprop_update", inputs=3, npx=False)
def rmsprop_update(weight, grad, n, lr, gamma1=0.95, epsilon=1e-8, wd=0.0, rescale_grad=1.0, clip_gradient=-1.0,
                   clip_weights=-1.0):  # fmt: skip
    """weight - lr * g / sqrt(n + epsilon), n a running mean of g * g."""
    grad = _decayed(weight, grad, wd, rescale_grad, clip_gradient)
    n[...] = gamma1 * n + (1 - gamma1) * (grad * grad)
    weight = weight - lr * grad / np.sqrt(n + epsilon)
    return np.clip(weight, -clip_weights, clip_weights) if clip_weights > 0 else weight


@operator("rmspropalex_update", inputs=5, npx=False)
def rmspropalex_update(weight, grad, n, g, delta, lr, gamma1=0.95, gamma2=0.9, epsilon=1e-8, wd=0.0, rescale_grad=1.0,
                       clip_gradient=-1.0, clip_weights=-1.0):  # fmt: skip
    """RMSProp with the variance of the gradient and a momentum (Graves, arXiv:1308.0850)."""
    grad = _decayed(weight, grad, wd, rescale_grad, clip_gradient)
    n[...] = gamma1 * n + (1 - gamma1) * (grad * grad)
    g[...] = gamma1 * g + (1 - gamma1) * grad
    delta[...] = gamma2 * delta - lr * grad / np.sqrt(n - g * g + epsilon)
    weight = weight + delta
    return np.clip(weight, -clip_weights, clip_weights) if clip_weights > 0 else weight


@operator("ftrl_update", inputs=4, npx=False)
def ftrl_update(weight, grad, z, n, lr, lamda1=0.01, beta=1.0, wd=0.0, rescale_grad=1.0, clip_gradient=-1.0):
    """Follow the regularised leader: sparse weights by an L1 penalty."""
    grad = _scaled(grad, rescale_grad, clip_gradient)
    squares = n + grad * grad
    z[...] = z + grad - (np.sqrt(squares) - np.sqrt(n)) * weight / lr
    n[...] = squares
    shrunk = (np.sign(z) * lamda1 - z) / ((beta + np.sqrt(n)) / lr + wd)
    return np.where(np.abs(z) > lamda1, shrunk, np.zeros_like(shrunk))


@operator("ftml_update", inputs=5, npx=False)
def ftml_update(weight, grad, d, v, z, lr, t, beta1=0.6, beta2=0.999, epsilon=1e-8, wd=0.0, rescale_grad=1.0,
                clip_grad=-1.0):  # fmt: skip
    """Follow the moving leader."""
    grad = _decayed_then_limited(weight, grad, wd, rescale_grad, clip_grad)
    v[...] = beta2 * v + (1 - beta2) * (grad * grad)
    new_d = (1 - math.pow(beta1, t)) / lr * (np.sqrt(v / (1 - math.pow(beta2, t))) + epsilon)
    z[...] = beta1 * z + (1 - beta1) * grad - (new_d - beta1 * d) * weight
    d[...] = new_d
    return -z / d


@operator("lamb_update_phase1", inputs=4, npx=False)
def lamb_update_phase1(weight, grad, mean, var, t, wd, beta1=0.9, beta2=0.999, epsilon=1e-6, bias_correction=True,
                       rescale_grad=1.0, clip_gradient=-1.0):  # fmt: skip
    """The direction of a LAMB step."""
    grad = _scaled(grad, rescale_grad, clip_gradient)
    _keep_moments(grad, mean, var, beta1, beta2)
    m, v = mean, var
    if bias_correction:
        m, v = m / (1 - math.pow(beta1, t)), v / (1 - math.pow(beta2, t))
    return m / (np.sqrt(v) + epsilon) + wd * weight


@operator("lamb_update_phase2", inputs=4, npx=False)
def lamb_update_phase2(weight, g, r1, r2, lr, lower_bound=-1.0, upper_bound=-1.0):
    """A LAMB step of direction g, by the ratio of the norms r1 of the weight and r2 of g."""
    if lower_bound > 0:
        r1 = np.maximum(r1, lower_bound)
    if upper_bound > 0:
        r1 = np.minimum(r1, upper_bound)
    undefined = r1 * r2 == 0
    trust = np.where(undefined, np.ones_like(r1), r1 / np.where(undefined, np.ones_like(r2), r2))
    return weight - lr * trust * g


@operator("_contrib_group_adagrad_update", inputs=3, npx=False)
def group_adagrad_update(weight, grad, history, lr, rescale_grad=1.0, clip_gradient=-1.0, epsilon=1e-5):
    """AdaGrad with one rate per row."""
    grad = _scaled(grad, rescale_grad, clip_gradient)
    axes = tuple(range(1, np.ndim(grad)))
    history[...] = history + np.mean(grad * grad, axis=axes, keepdims=True).reshape(np.shape(history))
    rows = history.reshape((np.shape(history)[0],) + (1,) * (np.ndim(grad) - 1))
    return weight - lr * grad / (np.sqrt(rows) + epsilon)
