"""Keywords, methods, writes, batches and complex inputs: values, first and second derivatives."""

import pytest
from derivatives import Check, make_inputs
from variants import VARIANTS


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("name", VARIANTS)
def test_variant(name):
    function, letters = VARIANTS[name]
    Check(function, make_inputs(letters)).check_all()
