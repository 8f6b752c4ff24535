"""DataLoader: the batches of a dataset, made here or by workers in advance."""

import collections

from minpy import nd
from minpy.context import cpu_pinned
from minpy.gluon.data._workers import WorkerProcesses, WorkerThreads
from minpy.gluon.data.batchify import default_batchify_fn
from minpy.gluon.data.sampler import BatchSampler, RandomSampler, SequentialSampler

__all__ = ["DataLoader", "default_batchify_fn", "default_mp_batchify_fn"]

default_mp_batchify_fn = default_batchify_fn


def _as_in_context(data, ctx):
    """The arrays of a batch on a device."""
    if isinstance(data, nd.NDArray):
        return data.as_in_context(ctx)
    if isinstance(data, (list, tuple)):
        return [_as_in_context(item, ctx) for item in data]
    return data


def _batch_sampler(dataset, batch_size, shuffle, sampler, last_batch, batch_sampler):
    if batch_sampler is not None:
        if batch_size is not None or shuffle or sampler is not None or last_batch is not None:
            raise ValueError(
                "batch_size, shuffle, sampler and last_batch must not be specified if batch_sampler is specified."
            )
        return batch_sampler
    if batch_size is None:
        raise ValueError("batch_size must be specified unless batch_sampler is specified")
    if sampler is None:
        sampler = RandomSampler(len(dataset)) if shuffle else SequentialSampler(len(dataset))
    elif shuffle:
        raise ValueError("shuffle must not be specified if sampler is specified")
    return BatchSampler(sampler, batch_size, last_batch or "keep")


class DataLoader:
    """The batches of a dataset; each ``for`` over it is an epoch.

    Parameters
    ----------
    dataset : Dataset or sequence
    batch_size : int
    shuffle : bool
        Take the samples in a new order in each epoch, which NumPy's global generator chooses.
    sampler : Sampler
        Gives the order instead of `shuffle`.
    last_batch : {'keep', 'discard', 'rollover'}
        What becomes of a last batch that is too short: it is given (default), left out, or begins the next epoch.
    batch_sampler : Sampler
        Gives the batches as lists of indices, instead of `batch_size`, `shuffle`, `sampler` and `last_batch`.
    batchify_fn : callable
        Makes a batch of a list of samples; by default arrays are stacked, and of tuples each element.
    num_workers : int
        How many workers make the batches; 0: they are made here, when they are wanted.
    pin_memory : bool
        Copy the batches to memory from which copies to a GPU are fast.
    pin_device_id : int
        The GPU that is meant.
    prefetch : int
        How many batches are made in advance; by default two for each worker.
    thread_pool : bool
        Whether workers are threads; else they are processes, and the batches come through shared memory.
    timeout : int
        How many seconds to wait for a batch of a worker.
    auto_reload : bool
        Begin the next epoch in advance, when this object is made and when an epoch ends.

    Raises
    ------
    ValueError
        For arguments that exclude each other.

    Notes
    -----
    What a worker raises is raised here, with its traceback as the cause. A worker that dies raises a RuntimeError, one
    that is too slow `multiprocessing.TimeoutError`; the next epoch has new workers.

    Examples
    --------
    >>> dataset = gluon.data.ArrayDataset(numpy.random.rand(10, 3), numpy.arange(10))
    >>> for data, label in gluon.data.DataLoader(dataset, batch_size=5, shuffle=True, num_workers=2):
    ...     print(data.shape, label.dtype)
    (5, 3) <class 'numpy.int64'>
    (5, 3) <class 'numpy.int64'>
    """

    def __init__(
        self,
        dataset,
        batch_size=None,
        shuffle=False,
        sampler=None,
        last_batch=None,
        batch_sampler=None,
        batchify_fn=None,
        num_workers=0,
        pin_memory=False,
        pin_device_id=0,
        prefetch=None,
        thread_pool=False,
        timeout=120,
        auto_reload=False,
    ):
        assert timeout > 0, f"timeout must be positive, given {timeout}"
        self._dataset = dataset
        self._pin_context = cpu_pinned(pin_device_id) if pin_memory else None
        self._timeout = timeout
        self._batch_sampler = _batch_sampler(dataset, batch_size, shuffle, sampler, last_batch, batch_sampler)
        self._num_workers = max(0, num_workers)
        self._prefetch = max(0, int(prefetch) if prefetch is not None else 2 * self._num_workers)
        self._batchify_fn = default_batchify_fn if batchify_fn is None else batchify_fn
        self._worker_kind = WorkerThreads if thread_pool else WorkerProcesses
        self._workers = None
        self._iter = None
        self.auto_reload = auto_reload
        if self._num_workers:
            self._workers = self._new_workers()
        if auto_reload:
            self.refresh()

    def _new_workers(self):
        return self._worker_kind(self._num_workers, self._dataset, self._batchify_fn)

    def __iter__(self):
        if self._iter is None:
            self.refresh()
        batches, self._iter = self._iter, None
        try:
            for batch in batches:
                yield batch if self._pin_context is None else _as_in_context(batch, self._pin_context)
        finally:
            batches.close()
        if self._iter is None and self.auto_reload:
            self.refresh()

    def __len__(self):
        return len(self._batch_sampler)

    def __del__(self):
        if getattr(self, "_workers", None) is not None:
            self._workers.close()

    def refresh(self):
        """Begin an epoch in advance: workers make its first batches now."""
        self.clean()
        if not self._num_workers:
            self._iter = self._batches()
            return
        if self._workers.closed:
            self._workers = self._new_workers()
        self._iter = _BatchesOfWorkers(self._workers, self._batch_sampler, self._prefetch, self._timeout)

    def clean(self):
        """Give up an epoch that was begun in advance."""
        if self._iter is not None:
            self._iter.close()
        self._iter = None

    def _batches(self):
        for samples in self._batch_sampler:
            yield self._batchify_fn([self._dataset[i] for i in samples])


class _BatchesOfWorkers:
    """An epoch that workers make: the batches in order, some of them in advance."""

    def __init__(self, workers, batch_sampler, prefetch, timeout):
        self._workers = workers
        self._samples = iter(batch_sampler)
        self._timeout = timeout
        self._tickets = collections.deque()
        for _ in range(prefetch):
            self._submit()

    def _submit(self):
        samples = next(self._samples, None)
        if samples is not None:
            self._tickets.append(self._workers.submit(samples))

    def __iter__(self):
        return self

    def __next__(self):
        self._submit()
        if not self._tickets:
            raise StopIteration
        return self._workers.collect(self._tickets.popleft(), self._timeout)

    def close(self):
        """Give up the batches that were not read."""
        while self._tickets:
            self._workers.forget(self._tickets.popleft())
