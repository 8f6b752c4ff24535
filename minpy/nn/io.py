"""Batches of data: `NDArrayIter` gives minpy arrays; MXNet's iterators that read files are here by their names too."""

import pickle

import numpy

import minpy.io as _mx_io
import minpy.numpy as np
from minpy.core import numpy_to_minpy

__all__ = ["DataBatch", "DataIter", "NDArrayIter", "load_data_labels", "save_data_labels"]


class DataBatch:
    """A batch.

    Parameters
    ----------
    data, label : list of ndarray
    pad : int, optional
        How many of its last samples only fill it up.
    index : array_like, optional
        The numbers of its samples.
    """

    def __init__(self, data, label, pad=None, index=None):
        self.data = data
        self.label = label
        self.pad = pad
        self.index = index


class DataIter:
    """The base of iterators over batches. A subclass defines `iter_next`, `getdata`, `getlabel` and `reset`."""

    def __init__(self):
        self.batch_size = 0

    def __iter__(self):
        return self

    def __next__(self):
        return self.next()

    def reset(self):
        """Start again."""

    def next(self):
        """The next batch; StopIteration after the last one."""
        if not self.iter_next():
            raise StopIteration
        return DataBatch(data=self.getdata(), label=self.getlabel(), pad=self.getpad(), index=self.getindex())

    def iter_next(self):
        """Go on to the next batch, and tell whether there is one."""
        raise NotImplementedError()

    def getdata(self):
        """The inputs of this batch, a list of arrays."""
        raise NotImplementedError()

    def getlabel(self):
        """The labels of this batch, a list of arrays."""
        raise NotImplementedError()

    def getindex(self):
        """The numbers of the samples of this batch, or None."""
        return None

    def getpad(self):
        """How many of the last samples of this batch only fill it up."""
        return 0


def _by_name(data, default_name):
    """A list of pairs (name, array)."""
    data = [] if data is None else data
    if not isinstance(data, (list, dict)):
        data = [data]
    if isinstance(data, list):
        single = len(data) == 1
        data = {default_name if single else f"_{i}_{default_name}": array for i, array in enumerate(data)}
    for name, array in data.items():
        if not isinstance(array, (numpy.ndarray, np.ndarray)):
            raise TypeError(f"Invalid type '{type(array)}' for {name}, should be a NumPy or minpy array")
    return list(data.items())


class NDArrayIter(DataIter):
    """Batches of arrays in memory.

    Parameters
    ----------
    data : array, list of arrays, or dict from str to array
        The first axis counts samples. float64 data come as float32, all other dtypes as they are.
    label : the same, or None
    batch_size : int
    shuffle : bool
        Bring the samples into a random order once, by `minpy.numpy.random`.
    last_batch_handle : {'pad', 'discard', 'roll_over'}
        A last batch that is too short is filled with samples from the start, left out, or filled and the next
        epoch begins after those.

    Attributes
    ----------
    num_data : int
        Samples in an epoch.
    provide_data, provide_label : list of (str, tuple of int)
        Names and shapes of a batch's arrays.

    Raises
    ------
    TypeError
        For what is no array.
    """

    def __init__(self, data, label=None, batch_size=1, shuffle=False, last_batch_handle="pad"):
        super().__init__()
        self.data = _by_name(data, "data")
        self.label = _by_name(label, "softmax_label")
        assert self.data, "NDArrayIter needs data"
        count = self.data[0][1].shape[0]
        if last_batch_handle == "discard":
            count -= count % batch_size
        rows = np.random.permutation(len(self.data[0][1])) if shuffle else None
        for source in (self.data, self.label):
            for i, (name, array) in enumerate(source):
                array = _batch_dtype(array)
                source[i] = name, (array if rows is None else array[rows])[:count]
        assert count >= batch_size, "batch_size need to be smaller than data size."
        self.data_list = [array for _, array in self.data + self.label]
        self.num_source = len(self.data_list)
        self.num_data = count
        self.batch_size = batch_size
        self.last_batch_handle = last_batch_handle
        self.hard_reset()

    @property
    def provide_data(self):
        """Names and shapes of the inputs of a batch."""
        return [(name, (self.batch_size, *array.shape[1:])) for name, array in self.data]

    @property
    def provide_label(self):
        """Names and shapes of the labels of a batch."""
        return [(name, (self.batch_size, *array.shape[1:])) for name, array in self.label]

    def hard_reset(self):
        """Start with the first sample, also with 'roll_over'."""
        self.cursor = -self.batch_size

    def reset(self):
        """Start again."""
        rolled = self.last_batch_handle == "roll_over" and self.cursor + self.batch_size > self.num_data
        self.cursor = -self.batch_size + (self.cursor % self.num_data % self.batch_size if rolled else 0)

    def iter_next(self):
        """Go on to the next batch, and tell whether there is one."""
        self.cursor += self.batch_size
        return self.cursor < self.num_data

    def _rows(self, source):
        assert self.cursor < self.num_data, "DataIter needs reset."
        pad = max(0, self.cursor + self.batch_size - self.num_data)
        rows = [array[self.cursor : self.cursor + self.batch_size] for _, array in source]
        if pad:
            rows = [np.concatenate([part, array[:pad]]) for part, (_, array) in zip(rows, source)]
        return rows

    def getdata(self):
        """The inputs of this batch."""
        return self._rows(self.data)

    def getlabel(self):
        """The labels of this batch."""
        return self._rows(self.label)

    def getpad(self):
        """How many of the last samples of this batch only fill it up: with 'pad'."""
        return max(0, self.cursor + self.batch_size - self.num_data) if self.last_batch_handle == "pad" else 0

    def getsubiter(self, num_samples):
        """An iterator over so many of the samples, chosen at random.

        Parameters
        ----------
        num_samples : int
        """
        rows = np.random.permutation(self.num_data)[:num_samples]
        return NDArrayIter(
            {name: array[rows] for name, array in self.data},
            {name: array[rows] for name, array in self.label},
            min(self.batch_size, num_samples),
        )

    def getnumiterations(self):
        """How many batches an epoch has."""
        return -(-self.num_data // self.batch_size)


def _batch_dtype(array):
    array = numpy_to_minpy(array)
    return array.astype(np.float32) if array.dtype == np.float64 else array


def save_data_labels(data_vec, label_vec, file_name):
    """Write data and labels to a file, as a pickle.

    Parameters
    ----------
    data_vec, label_vec : object
    file_name : path_like
    """
    with open(file_name, "wb") as file:
        pickle.dump({"data": data_vec, "labels": label_vec}, file, protocol=pickle.HIGHEST_PROTOCOL)


def load_data_labels(file_name):
    """Data and labels from a file of `save_data_labels`. Only for files that you trust: it is a pickle.

    Parameters
    ----------
    file_name : path_like

    Returns
    -------
    tuple
        The data and the labels.
    """
    with open(file_name, "rb") as file:
        stored = pickle.load(file)
    return stored["data"], stored["labels"]


def __getattr__(name):
    if name.endswith("Iter") and hasattr(_mx_io, name):
        return getattr(_mx_io, name)
    raise AttributeError(f"module 'minpy.nn.io' has no attribute {name!r}")
