"""`pytest -p minpy.mxnet.pytest_plugin`: in the tests, and in what they import, `import mxnet` means minpy."""

import minpy.mxnet

minpy.mxnet.install()


def pytest_report_header(config):
    """A line at the top of the report."""
    return f"mxnet: minpy {minpy.__version__} in MXNet's place"
