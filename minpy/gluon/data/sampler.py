"""Samplers: in which order the samples of a dataset are taken, and which of them make a batch."""

import numpy

__all__ = [
    "BatchSampler",
    "FilterSampler",
    "IntervalSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
]


class Sampler:
    """What samplers derive from: `__iter__` gives indices, `__len__` how many."""

    def __iter__(self):
        raise NotImplementedError

    def __len__(self):
        raise NotImplementedError


class SequentialSampler(Sampler):
    """The indices start, start + 1 ... start + length - 1.

    Parameters
    ----------
    length : int
    start : int
    """

    def __init__(self, length, start=0):
        self._length = length
        self._start = start

    def __iter__(self):
        return iter(range(self._start, self._start + self._length))

    def __len__(self):
        return self._length


class RandomSampler(Sampler):
    """The indices 0 to length - 1 in an order that NumPy's global generator chooses for each pass.

    Parameters
    ----------
    length : int
    """

    def __init__(self, length):
        self._length = length

    def __iter__(self):
        indices = numpy.arange(self._length)
        numpy.random.shuffle(indices)
        return iter(indices)

    def __len__(self):
        return self._length


class FilterSampler(Sampler):
    """The indices of the samples for which a function is true.

    Parameters
    ----------
    fn : callable
        From a sample to a bool. It is called once for each sample, at construction.
    dataset : Dataset
    """

    def __init__(self, fn, dataset):
        self._fn = fn
        self._dataset = dataset
        self._indices = [i for i, sample in enumerate(dataset) if fn(sample)]

    def __iter__(self):
        return iter(self._indices)

    def __len__(self):
        return len(self._indices)


class IntervalSampler(Sampler):
    """Every `interval`-th index, first from 0, then from 1 and so on.

    Parameters
    ----------
    length : int
    interval : int
    rollover : bool
        Whether to start again from 1, 2 ... until every index has been taken.

    Examples
    --------
    >>> list(gluon.data.IntervalSampler(13, interval=3))
    [0, 3, 6, 9, 12, 1, 4, 7, 10, 2, 5, 8, 11]
    >>> list(gluon.data.IntervalSampler(13, interval=3, rollover=False))
    [0, 3, 6, 9, 12]
    """

    def __init__(self, length, interval, rollover=True):
        assert interval <= length, f"Interval {interval} must be smaller than or equal to length {length}"
        self._length = length
        self._interval = interval
        self._rollover = rollover

    def __iter__(self):
        for start in range(self._interval if self._rollover else 1):
            yield from range(start, self._length, self._interval)

    def __len__(self):
        return self._length if self._rollover else len(range(0, self._length, self._interval))


class BatchSampler(Sampler):
    """Lists of indices from another sampler.

    Parameters
    ----------
    sampler : Sampler
    batch_size : int
    last_batch : {'keep', 'discard', 'rollover'}
        What becomes of a last batch that is too short: it is given, left out, or begins the next pass.

    Examples
    --------
    >>> sampler = gluon.data.SequentialSampler(10)
    >>> list(gluon.data.BatchSampler(sampler, 3, 'keep'))
    [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    """

    def __init__(self, sampler, batch_size, last_batch="keep"):
        self._sampler = sampler
        self._batch_size = batch_size
        self._last_batch = last_batch
        self._prev = []

    def __iter__(self):
        batch, self._prev = self._prev, []
        for index in self._sampler:
            batch.append(index)
            if len(batch) == self._batch_size:
                yield batch
                batch = []
        if not batch or self._last_batch == "discard":
            return
        if self._last_batch == "keep":
            yield batch
        elif self._last_batch == "rollover":
            self._prev = batch
        else:
            raise self._unknown()

    def __len__(self):
        size = self._batch_size
        if self._last_batch == "keep":
            return (len(self._sampler) + size - 1) // size
        if self._last_batch == "discard":
            return len(self._sampler) // size
        if self._last_batch == "rollover":
            return (len(self._prev) + len(self._sampler)) // size
        raise self._unknown()

    def _unknown(self):
        return ValueError(
            f"last_batch must be one of 'keep', 'discard', or 'rollover', but got {self._last_batch}"
        )
