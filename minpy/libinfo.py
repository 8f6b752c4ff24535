"""Where the compiled library lies, and which release of MXNet the mx names follow."""

from minpy.base import __version__

__all__ = ["__version__", "find_include_path", "find_lib_path"]


def find_lib_path(prefix="libmxnet"):
    """A list with the path of the compiled library; `prefix` is accepted for MXNet's sake."""
    from minpy import _core

    return [_core.__file__]


def find_include_path():
    """There are no headers to compile against, so this raises RuntimeError."""
    raise RuntimeError("minpy installs no C headers: operators are added as described in CONTRIBUTING.md")
