"""Lists and tuples of arrays as operands: their parts keep their gradients."""

import numpy
import pytest

import minpy.numpy as np
from minpy.core import grad

CASES = {
    "unary": (lambda x: np.exp([x, 2 * x]).sum(), lambda x: numpy.exp(x) + 2 * numpy.exp(2 * x)),
    "binary": (
        lambda x: (np.array([[1.0, 2.0], [3.0, 4.0]]) * [x, x * x]).sum(),
        lambda x: [1, 2] + 2 * x * [3, 4],
    ),
    "tuple": (lambda x: np.add((x, x), 1).sum(), lambda x: [2, 2]),
    "scalars": (lambda x: (np.array([3.0, 5.0]) * [x[0], x[1]]).sum(), lambda x: [3, 5]),
    "array": (lambda x: np.array([x, [1.0, 2.0], x]).sum(), lambda x: [2, 2]),
}


@pytest.mark.parametrize("case", CASES)
def test_gradient_through_a_sequence(case):
    function, expected = CASES[case]
    x = numpy.array([0.5, 1.5])
    numpy.testing.assert_allclose(numpy.asarray(grad(function)(np.array(x))), expected(x), rtol=1e-14)
