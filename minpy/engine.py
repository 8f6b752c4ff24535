"""Tasks that run in the background as soon as what they read and write allows.

    weights, log = engine.Var(), engine.Var()
    engine.push(load, writes=[weights])
    engine.push(report, reads=[weights], writes=[log], device=1)
    engine.wait_to_read(log)

Per variable, tasks take their turn in the order in which they were pushed: any number of readers at once, a
writer alone. Tasks of one device run one after the other, those of different devices at the same time. A task
that raises, or that reads what a failed task should have written, leaves the variables it writes failed: waiting
for one of them raises the first task's exception, every time, and no other call does.
"""

import atexit as _atexit
import contextlib as _contextlib
import os as _os
import traceback as _traceback

from minpy import _core
from minpy._core import engine as _engine

__all__ = ["Var", "bulk", "push", "set_bulk_size", "wait_to_read", "wait_to_write", "waitall"]

Var = _engine.Var


_bulk_size = 0


def set_bulk_size(size):
    """Set the number that `bulk` sets; returns the one before.

    MXNet runs so many operators together. Here operators are deferred and fused as far as they allow, whatever the
    number, which is kept for programs that read it.
    """
    global _bulk_size
    before, _bulk_size = _bulk_size, int(size)
    return before


@_contextlib.contextmanager
def bulk(size):
    """A ``with`` block with another `set_bulk_size`."""
    before = set_bulk_size(size)
    try:
        yield
    finally:
        set_bulk_size(before)


def push(fn, reads=(), writes=(), device=0, name=None):
    """Run `fn()` when the tasks pushed before that conflict with it are done.

    Parameters
    ----------
    fn : callable
        Called without arguments on the device's thread. It must not wait for other tasks.
    reads, writes : iterable of Var
        What it reads and writes. A variable in both is changed; one in `writes` alone is written anew, which also
        ends its failure.
    device : int
        Which of the background threads, from 0.
    name : str, optional
        Shown by the profiler; the function's own name by default.
    """
    _engine.push(fn, reads, writes, device, name or getattr(fn, "__name__", type(fn).__name__))


def wait_to_read(var):
    """Wait until the tasks pushed so far that write `var` are done; raises what made it fail."""
    _engine.wait_to_read(var)


def wait_to_write(var):
    """Wait until the tasks pushed so far that read or write `var` are done; raises what made it fail."""
    _engine.wait_to_write(var)


def waitall():
    """Wait until no deferred operator and no task is left.

    Raises the oldest failure that no wait has raised yet, if there is one.
    """
    _core.waitall()
    _engine.wait_all()


def _before_exit():
    try:
        waitall()
    except Exception:  # nobody is left to whom it could be raised
        _traceback.print_exc()
    _engine.stop_workers()


def _before_fork():
    if not _engine.on_worker():
        _engine.wait_until_idle()


_atexit.register(_before_exit)
_os.register_at_fork(before=_before_fork, after_in_child=_engine.forget_workers)
