"""Memory of arrays: how much is in use, and giving back what is kept for reuse."""

from minpy._core import engine as _engine

__all__ = ["empty_cache", "reset_peak", "stats"]


def stats():
    """Figures of the host allocator, in bytes.

    Returns
    -------
    dict
        "live": in arrays that exist. "peak": the highest that "live" has been since the start or `reset_peak`.
        "cached": kept for reuse. "reserved": taken from the system. "packed": convolutions' weights in the order
        that their kernels read, kept for the next call; beside the others.
    """
    return _engine.memory_stats()


def reset_peak():
    """Let "peak" begin again at what is in use now."""
    _engine.reset_peak_memory()


def empty_cache():
    """Give what is kept for reuse back to the system; returns the number of bytes."""
    return _engine.empty_cache()
