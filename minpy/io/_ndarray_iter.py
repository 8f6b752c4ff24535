"""NDArrayIter: batches of arrays in memory."""

import numpy

from minpy import nd
from minpy.io._base import DataBatch, DataDesc, DataIter

__all__ = ["NDArrayIter"]


def init_data(data, allow_empty, default_name):
    """Arrays by name, in the order of the names.

    Parameters
    ----------
    data : array_like, list of array_like, dict from str to array_like, or None
    allow_empty : bool
        Whether there may be none.
    default_name : str
        Of a single array; of several ``_0_name``, ``_1_name`` ...

    Returns
    -------
    list of (str, NDArray)

    Raises
    ------
    TypeError
        If it is something else.
    """
    assert data is not None or allow_empty
    if data is None:
        data = []
    if hasattr(data, "shape") and not isinstance(data, dict):
        data = [data]
    if isinstance(data, list):
        assert allow_empty or len(data) > 0
        single = len(data) == 1
        data = {default_name if single else f"_{i}_{default_name}": array for i, array in enumerate(data)}
    if not isinstance(data, dict):
        raise TypeError(
            "Input must be NDArray, numpy.ndarray, h5py.Dataset a list of them or dict with them as values"
        )
    return sorted((name, _as_nd(name, array)) for name, array in data.items())


def _as_nd(name, array):
    if isinstance(array, (nd.NDArray, nd.sparse.CSRNDArray)):
        return array
    try:
        return nd.array(array)
    except Exception as error:
        raise TypeError(
            f"Invalid type '{type(array)}' for {name}, should be NDArray, numpy.ndarray or h5py.Dataset"
        ) from error


class NDArrayIter(DataIter):
    """Batches of arrays in memory.

    Parameters
    ----------
    data : array_like, list of array_like, or dict from str to array_like
        NDArrays keep their dtype, all else becomes float32. Batches of csr matrices are csr.
    label : the same, or None
    batch_size : int
    shuffle : bool
        Bring the samples into a new order for each epoch, which NumPy's global generator chooses.
    last_batch_handle : {'pad', 'discard', 'roll_over'}
        A last batch that is too short is filled with samples from the start, left out, or begins the next epoch.
    data_name, label_name : str
        Names of arrays that come without one.
    layout : str
        In which axis the N stands.

    Attributes
    ----------
    provide_data, provide_label : list of DataDesc

    Examples
    --------
    >>> it = mx.io.NDArrayIter(numpy.zeros((10, 2)), numpy.arange(10), batch_size=4)
    >>> [(batch.label[0].asnumpy().tolist(), batch.pad) for batch in it]
    [([0.0, 1.0, 2.0, 3.0], 0), ([4.0, 5.0, 6.0, 7.0], 0), ([8.0, 9.0, 0.0, 1.0], 2)]
    """

    def __init__(
        self,
        data,
        label=None,
        batch_size=1,
        shuffle=False,
        last_batch_handle="pad",
        data_name="data",
        label_name="softmax_label",
        layout="NCHW",
    ):
        super().__init__(batch_size)
        self.data = init_data(data, allow_empty=False, default_name=data_name)
        self.label = init_data(label, allow_empty=True, default_name=label_name)
        self.layout = layout
        self._axis = max(0, layout.find("N"))
        self.num_data = self.data[0][1].shape[self._axis]
        for name, array in self.data + self.label:
            count = array.shape[self._axis_of(array)]
            if count != self.num_data:
                raise ValueError(f"{name} has {count} samples, {self.data[0][0]} has {self.num_data}")
        self.idx = numpy.arange(self.num_data)
        self.shuffle = shuffle
        self.last_batch_handle = last_batch_handle
        self._carried = None  # data and labels that the epoch before has left over
        self.cursor = -batch_size
        self.reset()

    @property
    def data_list(self):
        """All arrays, the labels last."""
        return [array for _, array in self.data + self.label]

    @property
    def num_source(self):
        """How many arrays there are."""
        return len(self.data) + len(self.label)

    @property
    def provide_data(self):
        """Descriptions of the data."""
        return self._descriptions(self.data)

    @property
    def provide_label(self):
        """Descriptions of the labels."""
        return self._descriptions(self.label)

    def _descriptions(self, source):
        found = []
        for name, array in source:
            axis = self._axis_of(array)
            shape = (*array.shape[:axis], self.batch_size, *array.shape[axis + 1 :])
            found.append(DataDesc(name, shape, array.dtype, layout=self.layout))
        return found

    def _axis_of(self, array):
        return self._axis if array.ndim > self._axis else 0

    def hard_reset(self):
        """Begin a new epoch, and forget what the one before has left over."""
        self._carried = None
        self._ended = False
        self._shuffle_data()
        self.cursor = -self.batch_size

    def reset(self):
        self._ended = False
        self._shuffle_data()
        left = self.num_data - self.cursor
        if self.last_batch_handle == "roll_over" and 0 < left < self.batch_size:
            self.cursor = -left - self.batch_size
        else:
            self.cursor = -self.batch_size

    def _shuffle_data(self):
        if not self.shuffle:
            return
        numpy.random.shuffle(self.idx)
        for source in (self.data, self.label):
            for i, (name, array) in enumerate(source):
                values = numpy.take(array.asnumpy(), self.idx, axis=self._axis_of(array))
                source[i] = name, nd.array(values, array.context, array.dtype).tostype(array.stype)

    def iter_next(self):
        if self._ended:
            return False
        self.cursor += self.batch_size
        return self.cursor < self.num_data

    def next(self):
        if not self.iter_next():
            raise StopIteration
        if self.cursor + self.batch_size > self.num_data and self.last_batch_handle != "pad":
            self._carried = [
                self._range(source, self.cursor, self.num_data) for source in (self.data, self.label)
            ]
            self._ended = True
            raise StopIteration
        data, label = self.getdata(), self.getlabel()
        pad = self.getpad()
        if self.cursor < 0:
            self._carried = None
        return DataBatch(data, label, pad, None)

    def getdata(self):
        return self._batch(self.data, 0)

    def getlabel(self):
        return self._batch(self.label, 1)

    def getpad(self):
        if self.last_batch_handle == "pad":
            return max(0, self.cursor + self.batch_size - self.num_data)
        if self.last_batch_handle == "roll_over" and -self.batch_size < self.cursor < 0:
            return -self.cursor
        return 0

    def _batch(self, source, which):
        assert self.cursor < self.num_data, "DataIter needs reset."
        end = self.cursor + self.batch_size
        if self.last_batch_handle == "roll_over" and -self.batch_size < self.cursor < 0:
            assert self._carried is not None, "next epoch should have cached data"
            return self._joined(source, self._carried[which], self._range(source, 0, end))
        if end <= self.num_data or self.last_batch_handle != "pad":
            return self._range(source, max(0, self.cursor), min(end, self.num_data))
        return self._range(source, self.cursor, end)

    def _range(self, source, begin, end):
        """Copies of samples; those behind the last are those from the start again."""
        found = []
        for _, array in source:
            axis = self._axis_of(array)
            pieces = []
            at = begin
            while at < end:
                first = at % self.num_data
                last = min(self.num_data, first + end - at)
                csr = array.stype == "csr"
                pieces.append(
                    array[first:last] if csr else array.slice_axis(axis=axis, begin=first, end=last)
                )
                at += last - first
            found.append(pieces[0] if len(pieces) == 1 else nd.concat(*pieces, dim=axis))
        return found

    def _joined(self, source, first, second):
        return [
            nd.concat(a, b, dim=self._axis_of(array))
            for (_, array), a, b in zip(source, first, second, strict=True)
        ]
