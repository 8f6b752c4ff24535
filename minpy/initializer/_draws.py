"""Initializers with random values."""

import numpy as np

from minpy import random
from minpy.initializer._base import Initializer, register
from minpy.util import is_np_array


def _fill_uniform(low, high, arr):
    """Fill with numbers from `low` to `high`, from the stream of the kind of arrays that is in use."""
    if is_np_array():
        random._fill_in_turn("uniform", low, high - low, arr)
    else:
        random.uniform(low, high, arr.shape, out=arr)


def _fill_normal(sigma, arr):
    if is_np_array():
        random._fill_in_turn("normal", 0, sigma, arr)
    else:
        random.normal(0, sigma, arr.shape, out=arr)


@register
class Uniform(Initializer):
    """Weights are equally likely everywhere between -`scale` and `scale`.

    Parameters
    ----------
    scale : float
    """

    def __init__(self, scale=0.07):
        super().__init__(scale=scale)
        self.scale = scale

    def _init_weight(self, _, arr):
        _fill_uniform(-self.scale, self.scale, arr)


@register
class Normal(Initializer):
    """Weights are normal numbers of mean 0.

    Parameters
    ----------
    sigma : float
        The standard deviation.
    """

    def __init__(self, sigma=0.01):
        super().__init__(sigma=sigma)
        self.sigma = sigma

    def _init_weight(self, _, arr):
        _fill_normal(self.sigma, arr)


@register
class Orthogonal(Initializer):
    """Weights whose rows, or columns where there are fewer, are orthogonal (Saxe et al., arXiv:1312.6120).

    Parameters
    ----------
    scale : float
        Length of the rows or columns.
    rand_type : {'uniform', 'normal'}
        What the numbers are from which the matrix is made.
    """

    def __init__(self, scale=1.414, rand_type="uniform"):
        super().__init__(scale=scale, rand_type=rand_type)
        self.scale = scale
        self.rand_type = rand_type

    def _init_weight(self, _, arr):
        shape = (arr.shape[0], int(np.prod(arr.shape[1:])))
        if self.rand_type not in ("uniform", "normal"):
            raise ValueError("Unknown random type")
        first = -1.0 if self.rand_type == "uniform" else 0.0
        start = np.asarray(getattr(random, self.rand_type)(first, 1.0, shape=shape))
        left, _, right = np.linalg.svd(start, full_matrices=False)
        matrix = left if left.shape == start.shape else right
        arr[:] = self.scale * matrix.reshape(arr.shape)


@register
class Xavier(Initializer):
    """Weights whose spread keeps the size of activations and gradients alike in all layers (Glorot and Bengio).

    The spread is ``sqrt(magnitude / factor)``, where the factor is the number of inputs of a unit ('in'), of its
    outputs ('out') or the mean of both ('avg').

    Parameters
    ----------
    rnd_type : {'uniform', 'gaussian'}
        Whether the spread is the bound of uniform numbers or the standard deviation of normal ones.
    factor_type : {'avg', 'in', 'out'}
    magnitude : float

    Raises
    ------
    ValueError
        When called for a vector.
    """

    def __init__(self, rnd_type="uniform", factor_type="avg", magnitude=3):
        super().__init__(rnd_type=rnd_type, factor_type=factor_type, magnitude=magnitude)
        self.rnd_type = rnd_type
        self.factor_type = factor_type
        self.magnitude = float(magnitude)

    def _init_weight(self, name, arr):
        shape = arr.shape
        if len(shape) < 2:
            raise ValueError(
                f"Xavier initializer cannot be applied to vector {name}. It requires at least 2D."
            )
        area = np.prod(shape[2:]) if len(shape) > 2 else 1.0
        fan_in, fan_out = shape[1] * area, shape[0] * area
        factors = {"avg": (fan_in + fan_out) / 2.0, "in": fan_in, "out": fan_out}
        if self.factor_type not in factors:
            raise ValueError("Incorrect factor type")
        scale = np.sqrt(self.magnitude / factors[self.factor_type])
        if self.rnd_type == "uniform":
            _fill_uniform(-scale, scale, arr)
        elif self.rnd_type == "gaussian":
            _fill_normal(scale, arr)
        else:
            raise ValueError("Unknown random type")


@register
class MSRAPrelu(Xavier):
    """Normal weights for layers before a PReLU (He et al., arXiv:1502.01852): `Xavier` of magnitude 2 / (1 + slope²).

    Parameters
    ----------
    factor_type : {'avg', 'in', 'out'}
    slope : float
        Of the nonlinearity where it is negative.
    """

    def __init__(self, factor_type="avg", slope=0.25):
        super().__init__("gaussian", factor_type, 2.0 / (1 + slope**2))
        self._kwargs = {"factor_type": factor_type, "slope": slope}
