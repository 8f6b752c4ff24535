"""Classes drawn for sampled softmax."""

import math

import minpy.numpy as np
from minpy._operators.registry import operator


@operator("_contrib_rand_zipfian", inputs=1, npx=False)
def rand_zipfian(true_classes, num_sampled, range_max, ctx=None):
    """Draw classes about as Zipf's law has them: class k with probability log((k + 2) / (k + 1)) / log(range_max + 1).

    Parameters
    ----------
    true_classes : NDArray
        The target classes.
    num_sampled : int
        How many classes to draw.
    range_max : int
        The number of classes.
    ctx : Context
        Of the result.

    Returns
    -------
    tuple of NDArray
        The drawn classes as int64, and how often the target classes and the drawn ones are expected, as float64.
    """
    from minpy import random

    scale = math.log(range_max + 1)
    draws = random.uniform(0, scale, shape=(num_sampled,), dtype="float64", ctx=ctx)
    sampled = (np.exp(draws) - 1).astype("int64") % range_max

    def expected(classes):
        classes = classes.astype("float64")
        return np.log((classes + 2) / (classes + 1)) / scale * num_sampled

    return sampled, expected(true_classes), expected(sampled)
