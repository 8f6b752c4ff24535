"""Rules for the initial values of parameters: functions of a shape and a dict of settings.

A rule returns a float32 array, except `custom`, whose function decides. The random ones draw from
`minpy.numpy.random`, hence `minpy.numpy.random.seed` makes them repeatable.
"""

import math

import minpy.numpy as np

__all__ = ["constant", "custom", "gaussian", "xavier"]


def _normal(shape, mean, deviation):
    return (np.random.randn(*shape) * deviation + mean).astype(np.float32)


def xavier(shape, config=None):
    """Normal values with the deviation ``sqrt(6 / (fan_out + fan_in))``.

    Parameters
    ----------
    shape : tuple of int
        The first axis counts as fan_out, all others as fan_in (0 if there are none).
    config : dict, optional
        Not used.
    """
    fan_in = math.prod(shape[1:]) if len(shape) > 1 else 0
    return _normal(shape, 0.0, math.sqrt(6.0 / (shape[0] + fan_in)))


def constant(shape, config):
    """One value everywhere.

    Parameters
    ----------
    shape : tuple of int
    config : dict
        `value`, 0 by default.
    """
    return np.full(shape, config.get("value", 0.0), dtype=np.float32)


def gaussian(shape, config):
    """Normal values.

    Parameters
    ----------
    shape : tuple of int
    config : dict
        `mu`, the mean (0 by default), and `stdvar`, the standard deviation (0.001 by default).
    """
    return _normal(shape, config.get("mu", 0.0), config.get("stdvar", 0.001))


def custom(shape, config):
    """What a function of the shape returns.

    Parameters
    ----------
    shape : tuple of int
    config : dict
        `function`; zeros without one.
    """
    return config.get("function", np.zeros)(shape)
