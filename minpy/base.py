"""The exception that MXNet's errors have in common."""

__all__ = ["MXNetError"]


class MXNetError(RuntimeError):
    """Base class of the errors that MXNet's own code raises: what its ``except`` clauses name."""
