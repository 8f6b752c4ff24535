"""Update rules: functions of a parameter, its gradient and a dict of settings.

A rule returns the next value of the parameter and the dict for its next call, in which it keeps its state, such as
the velocity. It may work in place. Missing settings are filled in; all rules have a `learning_rate`.
"""

import minpy.numpy as np

__all__ = ["adam", "rmsprop", "sgd", "sgd_momentum"]


def _settings(config, **defaults):
    config = {} if config is None else config
    for key, value in defaults.items():
        config.setdefault(key, value)
    return config, float(config["learning_rate"])


def sgd(w, dw, config=None):
    """Steps against the gradient, in place.

    Parameters
    ----------
    w, dw : ndarray
        The parameter and its gradient.
    config : dict, optional
        `learning_rate` (0.01).

    Returns
    -------
    ndarray, dict
        The next value and the settings.
    """
    config, rate = _settings(config, learning_rate=1e-2)
    w -= rate * dw
    return w, config


def sgd_momentum(w, dw, config=None):
    """Steps along a velocity that the gradients accelerate: ``v = momentum * v - learning_rate * dw``.

    Parameters
    ----------
    w, dw : ndarray
        The parameter and its gradient.
    config : dict, optional
        `learning_rate` (0.01), `momentum` (0.9); `velocity` is kept there.

    Returns
    -------
    ndarray, dict
        The next value and the settings.
    """
    config, rate = _settings(config, learning_rate=1e-2, momentum=0.9)
    velocity = config.get("velocity")
    velocity = (0.0 if velocity is None else config["momentum"] * velocity) - rate * dw
    config["velocity"] = velocity
    return w + velocity, config


def rmsprop(x, dx, config=None):
    """Divides the gradient by the root of a moving average of its square.

    Parameters
    ----------
    x, dx : ndarray
        The parameter and its gradient.
    config : dict, optional
        `learning_rate` (0.01), `decay_rate` of the average (0.99), `epsilon` (1e-8); `cache` is kept there.

    Returns
    -------
    ndarray, dict
        The next value and the settings.
    """
    config, rate = _settings(config, learning_rate=1e-2, decay_rate=0.99, epsilon=1e-8)
    decay = config["decay_rate"]
    cache = decay * config.get("cache", 0.0) + (1 - decay) * dx**2
    config["cache"] = cache
    return x - rate * dx / (np.sqrt(cache) + config["epsilon"]), config


def adam(x, dx, config=None):
    """Adam (Kingma and Ba, 2015), with the correction of both averages for their start at 0.

    Parameters
    ----------
    x, dx : ndarray
        The parameter and its gradient.
    config : dict, optional
        `learning_rate` (0.001), `beta1` (0.9), `beta2` (0.999), `epsilon` (1e-8); the averages `m` and `v` and the
        number of steps `t` are kept there.

    Returns
    -------
    ndarray, dict
        The next value and the settings.
    """
    config, rate = _settings(
        config, learning_rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8, m=0.0, v=0.0, t=0
    )
    beta1, beta2 = config["beta1"], config["beta2"]
    config["t"] = t = config["t"] + 1
    config["m"] = m = beta1 * config["m"] + (1 - beta1) * dx
    config["v"] = v = beta2 * config["v"] + (1 - beta2) * dx**2
    return x - rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + config["epsilon"]), config
