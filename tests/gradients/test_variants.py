"""Keywords, methods, writes, batches and complex inputs: values, first and second derivatives."""

import pytest
from derivatives import Check, make_inputs
from variants import VARIANTS


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("name", VARIANTS)
def test_variant(name):
    function, letters = VARIANTS[name]
    check = Check(function, make_inputs(letters))
    try:
        check.check_values()
    except AttributeError as error:
        if str(error).startswith("module 'numpy"):
            pytest.skip(f"this NumPy lacks a function of {name}")
        raise
    check.check_first()
    check.check_second()
