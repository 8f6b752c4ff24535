"""What iterators over batches are, give and say of themselves."""

import collections

import numpy

__all__ = ["DataBatch", "DataDesc", "DataIter"]


class DataDesc(collections.namedtuple("DataDesc", ["name", "shape"])):
    """Name, shape, dtype and layout of an array in each batch.

    Parameters
    ----------
    name : str
    shape : tuple of int
        With the size of the batch.
    dtype : dtype
    layout : str
        A letter for each axis: N is the batch, T time, C channels, H height, W width.
    """

    def __new__(cls, name, shape, dtype=numpy.float32, layout="NCHW"):
        self = super().__new__(cls, name, shape)
        self.dtype = dtype
        self.layout = layout
        return self

    def __repr__(self):
        return f"DataDesc[{self.name},{self.shape},{self.dtype},{self.layout}]"

    def __getnewargs__(self):
        return self.name, self.shape, self.dtype, self.layout

    @staticmethod
    def get_batch_axis(layout):
        """The axis of the batch in a layout: 0 for None, -1 where there is no N."""
        return 0 if layout is None else layout.find("N")

    @staticmethod
    def get_list(shapes, types):
        """Descriptions of several arrays.

        Parameters
        ----------
        shapes : list of (str, tuple)
            Names and shapes.
        types : list of (str, dtype) or None
            Names and dtypes.

        Returns
        -------
        list of DataDesc
        """
        if types is None:
            return [DataDesc(name, shape) for name, shape in shapes]
        types = dict(types)
        return [DataDesc(name, shape, types[name]) for name, shape in shapes]


class DataBatch:
    """A batch: lists of arrays, whose first axis usually counts the samples.

    Parameters
    ----------
    data : list of NDArray
    label : list of NDArray
    pad : int
        How many samples at the end were only added to fill the batch.
    index : numpy.ndarray
        The numbers of the samples.
    bucket_key : object
        For networks that depend on the length of sequences.
    provide_data, provide_label : list of DataDesc
        What the arrays are.
    """

    def __init__(
        self,
        data,
        label=None,
        pad=None,
        index=None,
        bucket_key=None,
        provide_data=None,
        provide_label=None,
    ):
        if data is not None:
            assert isinstance(data, (list, tuple)), "Data must be list of NDArrays"
        if label is not None:
            assert isinstance(label, (list, tuple)), "Label must be list of NDArrays"
        self.data = data
        self.label = label
        self.pad = pad
        self.index = index
        self.bucket_key = bucket_key
        self.provide_data = provide_data
        self.provide_label = provide_label

    def __str__(self):
        data = [array.shape for array in self.data]
        label = [array.shape for array in self.label] if self.label else None
        return f"{type(self).__name__}: data shapes: {data} label shapes: {label}"


class DataIter:
    """What iterators derive from: either `next`, or `iter_next` and the ``get`` methods are theirs to define.

    After the last batch there is none until `reset` is called.

    Parameters
    ----------
    batch_size : int
    """

    def __init__(self, batch_size=0):
        self.batch_size = batch_size

    def __iter__(self):
        return self

    def __next__(self):
        return self.next()

    def reset(self):
        """Begin a new epoch."""

    def next(self):
        """The next batch.

        Returns
        -------
        DataBatch

        Raises
        ------
        StopIteration
            After the last one.
        """
        if not self.iter_next():
            raise StopIteration
        return DataBatch(self.getdata(), self.getlabel(), self.getpad(), self.getindex())

    def iter_next(self):
        """Go to the next batch; False when there is none."""

    def getdata(self):
        """The data of this batch, a list of NDArray."""

    def getlabel(self):
        """The labels of this batch, a list of NDArray."""

    def getindex(self):
        """The numbers of the samples in this batch, or None."""
        return None

    def getpad(self):
        """How many samples at the end of this batch only fill it."""


class BatchHolder(DataIter):
    """An iterator whose `iter_next` leaves the batch in `current_batch`."""

    current_batch = None

    def getdata(self):
        return self.current_batch.data

    def getlabel(self):
        return self.current_batch.label

    def getindex(self):
        return self.current_batch.index

    def getpad(self):
        return self.current_batch.pad
