"""Iterators over other iterators: of another length, and read in advance."""

import concurrent.futures

from minpy.io._base import BatchHolder, DataBatch, DataDesc

__all__ = ["PrefetchingIter", "ResizeIter"]


class ResizeIter(BatchHolder):
    """An iterator with another number of batches: it stops early, or begins the other one again.

    Parameters
    ----------
    data_iter : DataIter
    size : int
        Batches in an epoch.
    reset_internal : bool
        Whether `reset` resets the other iterator too.

    Examples
    --------
    >>> it = mx.io.ResizeIter(mx.io.NDArrayIter(mx.nd.ones((100, 10)), batch_size=25), 2)
    >>> len(list(it))
    2
    """

    def __init__(self, data_iter, size, reset_internal=True):
        super().__init__(data_iter.batch_size)
        self.data_iter = data_iter
        self.size = size
        self.reset_internal = reset_internal
        self.cur = 0
        self.provide_data = data_iter.provide_data
        self.provide_label = data_iter.provide_label
        if hasattr(data_iter, "default_bucket_key"):
            self.default_bucket_key = data_iter.default_bucket_key

    def reset(self):
        self.cur = 0
        if self.reset_internal:
            self.data_iter.reset()

    def iter_next(self):
        if self.cur == self.size:
            return False
        try:
            self.current_batch = self.data_iter.next()
        except StopIteration:
            self.data_iter.reset()
            self.current_batch = self.data_iter.next()
        self.cur += 1
        return True


class PrefetchingIter(BatchHolder):
    """Reads the next batch of one or several iterators in threads while this one is used.

    Parameters
    ----------
    iters : DataIter or list of DataIter
        The arrays of their batches make one batch.
    rename_data, rename_label : list of dict
        For each iterator from its names to new ones, as several may have the same.

    Examples
    --------
    >>> it = mx.io.PrefetchingIter(
    ...     [mx.io.NDArrayIter(x, batch_size=25), mx.io.NDArrayIter(y, batch_size=25)],
    ...     rename_data=[{"data": "data_1"}, {"data": "data_2"}])
    """

    def __init__(self, iters, rename_data=None, rename_label=None):
        super().__init__()
        self.iters = iters if isinstance(iters, list) else [iters]
        self.n_iter = len(self.iters)
        assert self.n_iter > 0
        self.rename_data = rename_data
        self.rename_label = rename_label
        self.batch_size = self.provide_data[0][1][0]
        self._executor = concurrent.futures.ThreadPoolExecutor(self.n_iter, "PrefetchingIter")
        self._begin()

    def _begin(self):
        self._pending = [self._executor.submit(_next_or_none, source) for source in self.iters]

    def __del__(self):
        if hasattr(self, "_executor"):
            self._executor.shutdown(wait=False, cancel_futures=True)

    @property
    def provide_data(self):
        """Descriptions of all data."""
        return self._descriptions("provide_data", self.rename_data)

    @property
    def provide_label(self):
        """Descriptions of all labels."""
        return self._descriptions("provide_label", self.rename_label)

    def _descriptions(self, attribute, names):
        names = names or [{}] * self.n_iter
        found = []
        for new, source in zip(names, self.iters, strict=True):
            for old in getattr(source, attribute):
                old = old if isinstance(old, DataDesc) else DataDesc(*old)
                found.append(DataDesc(new.get(old.name, old.name), old.shape, old.dtype, old.layout))
        return found

    def reset(self):
        concurrent.futures.wait(self._pending)
        for source in self.iters:
            source.reset()
        self._begin()

    def iter_next(self):
        batches = [pending.result() for pending in self._pending]
        first = batches[0]
        mismatch = "Number of entry mismatches between iterators"
        if first is None:
            assert all(batch is None for batch in batches), mismatch
            return False
        assert all(batch is not None and batch.pad == first.pad for batch in batches), mismatch
        self.current_batch = DataBatch(
            sum((list(batch.data) for batch in batches), []),
            sum((list(batch.label or []) for batch in batches), []),
            first.pad,
            first.index,
            provide_data=self.provide_data,
            provide_label=self.provide_label,
        )
        self._begin()
        return True

    def next(self):
        if not self.iter_next():
            raise StopIteration
        return self.current_batch


def _next_or_none(source):
    try:
        return source.next()
    except StopIteration:
        return None
