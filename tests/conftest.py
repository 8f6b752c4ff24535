"""What all tests share: the `long` marker, a fixed seed, and settings for hypothesis."""

import hypothesis
import pytest

hypothesis.settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True)
hypothesis.settings.register_profile("long", max_examples=5000, deadline=None)


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="also run the tests that take minutes")


def pytest_configure(config):
    hypothesis.settings.load_profile("long" if config.getoption("--long") else "ci")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--long"):
        return
    skip = pytest.mark.skip(reason="takes minutes: run with --long")
    for item in items:
        if "long" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _seed():
    import numpy

    numpy.random.seed(0)


@pytest.fixture
def default_threads():
    """Takes back the number of threads that a test has set."""
    from minpy import config

    yield
    config.num_threads = None


@pytest.fixture(scope="session")
def long_run(request):
    """Whether the long versions of the tests were asked for."""
    return request.config.getoption("--long")
