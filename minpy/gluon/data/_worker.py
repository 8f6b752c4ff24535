"""What a worker process of a DataLoader does, and how its failures are told to the process that reads batches."""

import hashlib
import pickle
import random
import signal
import traceback

import numpy

import minpy.random
from minpy import config
from minpy.gluon.data import _shared_memory
from minpy.util import set_np


class WorkerTraceback(Exception):
    """The cause of an exception that was raised in a worker: its traceback there, as text."""

    def __str__(self):
        return f'\n"""\n{self.args[0]}"""'


class Seeds:
    """Seeds that differ between batches, and are the same again after `numpy.random.seed` and `random.seed`.

    Forked processes have equal generators, so that augmentations would repeat. The generators of this process are
    read and not advanced: shuffling is the same with and without workers.
    """

    def __init__(self):
        state = numpy.random.get_state()
        self._numpy = hashlib.blake2b(state[1].tobytes() + state[2].to_bytes(4, "little")).digest()
        self._python = hashlib.blake2b(repr(random.getstate()).encode()).digest()
        self._source = config.random

    def apply(self, ticket):
        """Seed the generators of NumPy, MXNet and Python for a batch."""
        seed = self._number(self._numpy, ticket)
        numpy.random.seed(seed)
        config.random = self._source
        minpy.random.seed(seed >> 1)
        random.seed(self._number(self._python, ticket))

    @staticmethod
    def _number(base, ticket):
        return int.from_bytes(hashlib.blake2b(base + ticket.to_bytes(8, "little")).digest()[:4], "little")


def run(connection, inherited, dataset, batchify_fn, np_state, seeds):
    """The main function of a worker process; it ends when it is told so, or the other process has ended.

    Parameters
    ----------
    connection : multiprocessing.connection.Connection
        Brings ``(ticket, samples)`` or None; takes ``(ticket, succeeded)`` with a batch, or with a failure.
    inherited : list of multiprocessing.connection.Connection
        The other ends, which a fork has copied: while they are open nobody would see that their owner has ended.
    dataset, batchify_fn, np_state, seeds
        See WorkerProcesses.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for end in inherited:
        end.close()
    set_np(*np_state)
    while True:
        try:
            task = connection.recv()
            if task is None:
                break
            ticket, samples = task
            seeds.apply(ticket)
            succeeded, dumped = _make(dataset, batchify_fn, samples)
            _shared_memory.send(connection, (ticket, succeeded), dumped)
        except (EOFError, ConnectionError):
            break


def _make(dataset, batchify_fn, samples):
    try:
        return True, _shared_memory.dump(batchify_fn([dataset[i] for i in samples]))
    except Exception as error:
        return False, _shared_memory.dump((_portable(error), traceback.format_exc()))


def _portable(error):
    """The exception, or None when it would not survive pickling."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return None
    return error


def reraise(failure):
    """Raise in this process what was raised in a worker."""
    error, text = failure
    if error is None:
        raise RuntimeError(f"a DataLoader worker failed:\n{text}")
    raise error from WorkerTraceback(text)
