"""Data for the examples: handwritten digits, and sums of marked numbers in sequences."""

import numpy

from minpy.examples import _mnist_data
from minpy.nn.io import NDArrayIter


def digits(batch_size, seed=0):
    """Iterators over digits to train on and to test with: images (N, 784) in [0, 1], labels (N,)."""
    train_x, train_y, test_x, test_y = _mnist_data.load(numpy.random.RandomState(seed))
    return iterators((train_x, train_y), (test_x, test_y), batch_size)


def adding_problem(count, length, seed):
    """Sequences (count, length, 2) of random numbers and marks, two marks in each, and the marked numbers' sums.

    Returns
    -------
    x : numpy.ndarray, (count, length, 2) float32
    y : numpy.ndarray, (count, 1) float32
    """
    rng = numpy.random.RandomState(seed)
    numbers = rng.uniform(size=(count, length)).astype("float32")
    places = numpy.argsort(rng.uniform(size=(count, length)), axis=1)[:, :2]
    marks = numpy.zeros_like(numbers)
    numpy.put_along_axis(marks, places, 1, axis=1)
    return numpy.stack([numbers, marks], axis=2), numpy.sum(numbers * marks, axis=1, keepdims=True)


def iterators(train, test, batch_size):
    """Iterators over pairs of inputs and labels, the first of them shuffled."""
    return NDArrayIter(*train, batch_size=batch_size, shuffle=True), NDArrayIter(*test, batch_size=batch_size)
