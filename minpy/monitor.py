"""Watching outputs, weights and gradients of executors while they train."""

import logging
import re
from math import sqrt

from minpy._nested import as_list
from minpy.base import py_str

__all__ = ["Monitor"]


def _scaled_norm(x):
    """The norm of an array over the root of its size: the root of the mean square."""
    from minpy import nd

    return nd.norm(x) / sqrt(x.size)


class Monitor:
    """Collects a statistic of the arrays in executors, every so many batches.

    Parameters
    ----------
    interval : int
        Batches from one collection to the next.
    stat_func : callable, optional
        From an array to the statistic, an array or a list of arrays. By default the norm over the root of the size.
    pattern : str
        A regular expression; names that match it at their start are watched.
    sort : bool
        Whether the results are sorted by name.
    monitor_all : bool
        Whether inputs of operators are watched too, and not only outputs.

    Examples
    --------
    >>> monitor = mx.monitor.Monitor(100, pattern=".*weight")
    >>> module.install_monitor(monitor)
    >>> monitor.tic(); module.forward_backward(batch); monitor.toc_print()
    """

    def __init__(self, interval, stat_func=None, pattern=".*", sort=False, monitor_all=False):
        self.stat_func = _scaled_norm if stat_func is None else stat_func
        self.interval = interval
        self.activated = False
        self.queue = []
        self.step = 0
        self.exes = []
        self.re_prog = re.compile(pattern)
        self.sort = sort
        self.monitor_all = monitor_all

    def stat_helper(self, name, array):
        """What executors call with the name (text or bytes) and the value of each array they compute."""
        if self.activated:
            self._collect(py_str(name), array)

    def _collect(self, name, array):
        if self.re_prog.match(name):
            self.queue.append((self.step, name, self.stat_func(array)))

    def install(self, exe):
        """Watch an executor; several can be watched."""
        exe.set_monitor_callback(self.stat_helper, self.monitor_all)
        self.exes.append(exe)

    def tic(self):
        """Start a batch; to be called before its forward pass."""
        if self.step % self.interval == 0:
            self.queue = []
            self.activated = True
        self.step += 1

    def toc(self):
        """End a batch.

        Returns
        -------
        list of tuple
            Number of the batch (from 1), name, and the statistic as text, for each array watched; empty for
            batches between two collections.
        """
        if not self.activated:
            return []
        for exe in self.exes:
            symbol = exe._symbol
            for name, array in (
                *zip(symbol.list_arguments(), exe.arg_arrays),
                *zip(symbol.list_auxiliary_states(), exe.aux_arrays),
            ):
                self._collect(name, array)
        self.activated = False
        if self.sort:
            self.queue.sort(key=lambda row: row[1])
        rows = [(step, name, _text(value)) for step, name, value in self.queue]
        self.queue = []
        return rows

    def toc_print(self):
        """End a batch and log what was collected, a line for each array."""
        for step, name, text in self.toc():
            logging.info(f"Batch: {step:7d} {name:30s} {text:s}")


def _text(value):
    return "".join(f"{_shown(v)}\t" for v in as_list(value))


def _shown(value):
    array = value.asnumpy()
    # A scalar of NumPy has as many digits as its dtype.
    return str(array.reshape(())[()] if array.shape in ((), (1,)) else array)
