"""Worker processes and threads of a DataLoader: `submit` a list of samples for a ticket, `collect` its batch.

A process has one connection of its own, over which tasks go one way and finished batches the other. Nothing is shared
among workers, so that the death of one, at whatever moment, can neither block the others nor this process.
"""

import collections
import concurrent.futures
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import time
import weakref

from minpy.gluon.data import _shared_memory, _worker
from minpy.util import is_np_array, is_np_shape, set_np

_DEPTH = 16  # tasks that a worker is sent in advance; their messages must fit into a socket's buffer
_our_ends = weakref.WeakSet()

_SLOW = """Worker timed out after {} seconds. This might be caused by
            - Slow transform. Please increase timeout to allow slower data loading in each worker.
"""
_FULL = """            - Insufficient shared_memory if `timeout` is large enough.
            Please consider reduce `num_workers` or increase shared_memory in system.
"""


class WorkerThreads:
    """Workers that are threads.

    Parameters
    ----------
    count : int
    dataset : Dataset
    batchify_fn : callable
    """

    def __init__(self, count, dataset, batchify_fn):
        self._dataset = dataset
        self._batchify_fn = batchify_fn
        self._executor = concurrent.futures.ThreadPoolExecutor(
            count, "DataLoader", set_np, (is_np_shape(), is_np_array())
        )
        self.closed = False

    def submit(self, samples):
        """Begin to make a batch; gives its ticket."""
        return self._executor.submit(self._make, samples)

    def _make(self, samples):
        return self._batchify_fn([self._dataset[i] for i in samples])

    def collect(self, ticket, timeout):
        """The batch of a ticket, or the exception that was raised instead; waits `timeout` seconds."""
        done, _ = concurrent.futures.wait([ticket], timeout)
        if not done:
            self.close()
            raise multiprocessing.TimeoutError(_SLOW.format(timeout))
        return ticket.result()

    def forget(self, ticket):
        """Nobody wants this batch."""
        ticket.cancel()

    def close(self):
        """End the workers; they finish the batches that they are making."""
        self.closed = True
        self._executor.shutdown(wait=False, cancel_futures=True)


class _Process:
    """A worker process, this end of its connection, and the tickets that it has not delivered."""

    def __init__(self, context, arguments):
        self.connection, other = context.Pipe(duplex=True)
        _our_ends.add(self.connection)
        inherited = list(_our_ends) if context.get_start_method() == "fork" else []
        self.process = context.Process(
            target=_worker.run, args=(other, inherited, *arguments), daemon=True, name="DataLoader"
        )
        self.process.start()
        other.close()
        self.tickets = collections.OrderedDict()

    def close(self):
        self.connection.close()
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()


class WorkerProcesses:
    """Workers that are processes.

    Parameters
    ----------
    count : int
    dataset : Dataset
    batchify_fn : callable

    Notes
    -----
    They are forked where that is safe, so that datasets and functions need not be picklable. The switches of NumPy
    semantics hold in them too, and every batch has random numbers of its own (`Seeds`).
    """

    def __init__(self, count, dataset, batchify_fn):
        context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
        arguments = dataset, batchify_fn, (is_np_shape(), is_np_array()), _worker.Seeds()
        self._owner = os.getpid()
        self._next_ticket = 0
        self._waiting = collections.OrderedDict()
        self._done = {}
        self._forgotten = set()
        self.closed = False
        self._workers = []
        for _ in range(count):
            self._workers.append(_Process(context, arguments))

    def submit(self, samples):
        """Begin to make a batch; gives its ticket."""
        ticket = self._next_ticket
        self._next_ticket += 1
        self._waiting[ticket] = list(samples)
        self._dispatch()
        return ticket

    def _dispatch(self):
        while self._waiting:
            worker = min(self._workers, key=lambda worker: len(worker.tickets))
            if len(worker.tickets) >= _DEPTH:
                return
            ticket, samples = self._waiting.popitem(last=False)
            worker.tickets[ticket] = samples
            try:
                worker.connection.send((ticket, samples))
            except OSError:
                self._fail(worker)

    def collect(self, ticket, timeout):
        """The batch of a ticket, or the exception that was raised instead.

        Raises
        ------
        multiprocessing.TimeoutError
            After `timeout` seconds.
        RuntimeError
            If a worker ended.
        """
        end = time.monotonic() + timeout
        while ticket not in self._done:
            if self.closed:
                raise RuntimeError("the workers of this DataLoader have ended: begin a new iteration")
            try:
                self._receive(end, timeout)
            except Exception:
                raise
            except BaseException:  # an interrupt may have come between the two parts of a message
                self.close()
                raise
        succeeded, load = self._done.pop(ticket)
        content = load()
        if not succeeded:
            _worker.reraise(content)
        return content

    def _receive(self, end, timeout):
        """Wait for at least one message, and take what is there."""
        by_event = {worker.connection: worker for worker in self._workers}
        sentinels = {worker.process.sentinel: worker for worker in self._workers}
        ready = multiprocessing.connection.wait([*by_event, *sentinels], max(0, end - time.monotonic()))
        if not ready:
            self.close()
            raise multiprocessing.TimeoutError(_SLOW.format(timeout) + _FULL)
        messages = [event for event in ready if event in by_event]
        for connection in messages:
            self._take(by_event[connection])
        if not messages:
            self._fail(sentinels[ready[0]])

    def _take(self, worker):
        try:
            (ticket, succeeded), load = _shared_memory.receive(worker.connection)
        except (EOFError, OSError):
            self._fail(worker)
        del worker.tickets[ticket]
        if ticket in self._forgotten:
            self._forgotten.remove(ticket)
        else:
            self._done[ticket] = succeeded, load
        self._dispatch()

    def _fail(self, worker):
        worker.process.join(1)
        code, pid, tickets = worker.process.exitcode, worker.process.pid, worker.tickets
        self.close()
        how = f"exit code {code}"
        if code is not None and code < 0:
            how = f"signal {signal.Signals(-code).name}"
            if code == -signal.SIGKILL:
                how += " (the system does that when memory is short)"
        samples = next(iter(tickets.values()), None)
        what = "" if samples is None else f" while it made the batch of the samples {_brief(samples)}"
        raise RuntimeError(f"DataLoader worker (pid {pid}) ended with {how}{what}.")

    def forget(self, ticket):
        """Nobody wants this batch."""
        if self._waiting.pop(ticket, None) is None and self._done.pop(ticket, None) is None:
            self._forgotten.add(ticket)

    def close(self):
        """End the processes. A copy that a fork has made of this object must leave them alone."""
        if self.closed or self._owner != os.getpid():
            return
        self.closed = True
        for worker in self._workers:
            worker.close()

    def __del__(self):
        if hasattr(self, "_workers"):
            self.close()


def _brief(samples):
    shown = ", ".join(str(sample) for sample in samples[:8])
    return f"[{shown}{', ...' if len(samples) > 8 else ''}]"
