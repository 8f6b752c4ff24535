"""DataLoaderIter: a Gluon DataLoader as an iterator for modules."""

from minpy import nd
from minpy.io import DataDesc, DataIter

__all__ = ["DataLoaderIter"]


class DataLoaderIter(DataIter):
    """The batches of a DataLoader, each a pair of data and labels.

    Parameters
    ----------
    loader : gluon.data.DataLoader
    data_name, label_name : str
    dtype : str
        Of both.
    """

    def __init__(self, loader, data_name="data", label_name="softmax_label", dtype="float32"):
        super().__init__()
        self._loader = loader
        self._iter = iter(loader)
        data, label = next(self._iter)
        self.batch_size = data.shape[0]
        self.dtype = dtype
        self.provide_data = [DataDesc(data_name, data.shape, dtype)]
        self.provide_label = [DataDesc(label_name, label.shape, dtype)]
        self._current_batch = None
        self.reset()

    def reset(self):
        self._iter = iter(self._loader)

    def iter_next(self):
        self._current_batch = next(self._iter, None)
        return self._current_batch is not None

    def _filled(self, array):
        """The array in the dtype, with rows of zeros behind a batch that is too short."""
        array = array.astype(self.dtype)
        pad = self.getpad()
        return [
            nd.concat(array, nd.zeros((pad, *array.shape[1:]), dtype=self.dtype), dim=0) if pad else array
        ]

    def getdata(self):
        return self._filled(self._current_batch[0])

    def getlabel(self):
        return self._filled(self._current_batch[1])

    def getpad(self):
        return self.batch_size - self._current_batch[0].shape[0]

    def getindex(self):
        return None
