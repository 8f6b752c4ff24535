"""The errors of the mx namespaces, and the registry of error classes by name."""

from minpy.base import MXNetError, register_error

__all__ = ["InternalError", "MXNetError", "register"]

register = register_error


@register_error
class InternalError(MXNetError):
    """A fault of the library itself; the message asks to report it."""

    _HINT = "MXNet hint:"

    def __init__(self, msg):
        if self._HINT not in msg:
            msg += (
                f"\n{self._HINT} You hit an internal error. Please report it with the program that shows it."
            )
        super().__init__(msg)


for _error in (ValueError, TypeError, AttributeError, IndexError, NotImplementedError):
    register_error(_error)
