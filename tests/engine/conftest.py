"""Engine tests choose what is deferred."""

import contextlib

import pytest

from minpy import _core

EAGER = 2**62


@contextlib.contextmanager
def deferring(least):
    """Operators on at least that many elements are deferred."""
    before = _core.set_deferral_threshold(least)
    try:
        yield
    finally:
        _core.set_deferral_threshold(before)


@pytest.fixture(params=[1, EAGER], ids=["deferred", "eager"])
def deferral(request):
    """Runs the test with everything and with nothing deferred."""
    with deferring(request.param):
        yield request.param
