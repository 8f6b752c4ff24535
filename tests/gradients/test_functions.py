"""Every differentiable function of NumPy: value as without recording, first and second derivative."""

import numpy
import pytest
from derivatives import Check, make_inputs
from function_table import CASES


def test_table_is_complete():
    assert len(CASES) == 308 + hasattr(numpy, "row_stack")  # gone from NumPy 2.5


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("name", CASES)
def test_function(name):
    function, letters = CASES[name]
    Check(function, make_inputs(letters)).check_all()
