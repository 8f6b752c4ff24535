"""Datasets: what has `__getitem__` and `__len__`, and what is made of others without copying their samples."""

import os

from minpy import nd, recordio
from minpy.gluon.data.sampler import FilterSampler, Sampler, SequentialSampler

__all__ = ["ArrayDataset", "Dataset", "RecordFileDataset", "SimpleDataset"]


class Dataset:
    """What datasets derive from: `__getitem__` gives the i-th sample, `__len__` their number.

    Lists and arrays can stand where a dataset is wanted.
    """

    def __getitem__(self, idx):
        raise NotImplementedError

    def __len__(self):
        raise NotImplementedError

    def filter(self, fn):
        """The samples for which `fn` is true; it is called once for each, now.

        Parameters
        ----------
        fn : callable
            From a sample to a bool.

        Returns
        -------
        Dataset
        """
        return _SampledDataset(self, FilterSampler(fn, self))

    def shard(self, num_shards, index):
        """One of several parts of the dataset, each of consecutive samples.

        Shard before shuffling where every worker shall have samples of its own.

        Parameters
        ----------
        num_shards : int
        index : int
            Number of the part, from 0.

        Returns
        -------
        Dataset
            The first parts are longer by one where the length leaves a rest.
        """
        assert index < num_shards, f"Shard index of out bound: {index} out of {num_shards}"
        assert num_shards > 0, "Number of shards must be greater than 0"
        assert index >= 0, "Index must be non-negative"
        each, rest = divmod(len(self), num_shards)
        start = each * index + min(index, rest)
        return _SampledDataset(self, SequentialSampler(each + (index < rest), start))

    def take(self, count):
        """The first `count` samples; all of them for None or more than there are."""
        if count is None or count > len(self):
            count = len(self)
        return _SampledDataset(self, SequentialSampler(count))

    def sample(self, sampler):
        """The samples whose indices a sampler gives, in its order.

        Parameters
        ----------
        sampler : Sampler
            It is read once, now.

        Returns
        -------
        Dataset

        Raises
        ------
        TypeError
            If it is no Sampler.
        """
        if not isinstance(sampler, Sampler):
            raise TypeError(f"Invalid sampler type: {type(sampler)}. Expected gluon.data.Sampler instead.")
        return _SampledDataset(self, sampler)

    def transform(self, fn, lazy=True):
        """The dataset of what a function makes of the samples.

        Parameters
        ----------
        fn : callable
            From a sample; one that is a tuple is passed as several arguments.
        lazy : bool
            Call it whenever a sample is wanted. If False, once for each sample, now: a function that draws random
            numbers then gives the same sample in every epoch.

        Returns
        -------
        Dataset
        """
        transformed = _LazyTransformDataset(self, fn)
        return transformed if lazy else SimpleDataset([transformed[i] for i in range(len(transformed))])

    def transform_first(self, fn, lazy=True):
        """As `transform`, of the first element of each sample: of the data and not of the label."""
        return self.transform(_TransformFirstClosure(fn), lazy)


class SimpleDataset(Dataset):
    """A list or an array as a dataset.

    Parameters
    ----------
    data : sequence
        Of samples; anything with `len` and `[]`.
    """

    def __init__(self, data):
        self._data = data

    def __len__(self):
        return len(self._data)

    def __getitem__(self, idx):
        return self._data[idx]


class _LazyTransformDataset(Dataset):
    def __init__(self, data, fn):
        self._data = data
        self._fn = fn

    def __len__(self):
        return len(self._data)

    def __getitem__(self, idx):
        item = self._data[idx]
        return self._fn(*item) if isinstance(item, tuple) else self._fn(item)


class _TransformFirstClosure:
    """Applies a function to the first argument. An object, since nested functions cannot be pickled."""

    def __init__(self, fn):
        self._fn = fn

    def __call__(self, first, *others):
        return (self._fn(first), *others) if others else self._fn(first)


class _SampledDataset(Dataset):
    def __init__(self, dataset, sampler):
        self._dataset = dataset
        self._sampler = sampler
        self._indices = list(sampler)

    def __len__(self):
        return len(self._indices)

    def __getitem__(self, idx):
        return self._dataset[self._indices[idx]]


class ArrayDataset(Dataset):
    """Several datasets or arrays side by side: sample i is ``(x1[i], x2[i] ...)``, or ``x1[i]`` of only one.

    Parameters
    ----------
    *args : sequence
        Of the same length. Of an NDArray with one axis the samples are NumPy scalars.
    """

    def __init__(self, *args):
        assert len(args) > 0, "Needs at least 1 arrays"
        self._length = len(args[0])
        self._data = []
        for i, data in enumerate(args):
            assert len(data) == self._length, (
                f"All arrays must have the same length; array[0] has length {self._length} while "
                f"array[{i + 1}] has {len(data)}."
            )
            flat = isinstance(data, nd.NDArray) and len(data.shape) == 1
            self._data.append(data.asnumpy() if flat else data)

    def __getitem__(self, idx):
        if len(self._data) == 1:
            return self._data[0][idx]
        return tuple(data[idx] for data in self._data)

    def __len__(self):
        return self._length


class RecordFileDataset(Dataset):
    """The records of a RecordIO file, as bytes.

    Parameters
    ----------
    filename : str
        Of the records. The index must lie beside it, with the ending ``.idx``.
    """

    def __init__(self, filename):
        self.filename = filename
        self.idx_file = os.path.splitext(filename)[0] + ".idx"
        self._record = recordio.MXIndexedRecordIO(self.idx_file, self.filename, "r")

    def __getitem__(self, idx):
        return self._record.read_idx(self._record.keys[idx])

    def __len__(self):
        return len(self._record.keys)


class _DownloadedDataset(Dataset):
    """What MNIST and its like derive from: `_get_data` sets `_data` and `_label`."""

    def __init__(self, root, transform):
        self._transform = transform
        self._data = None
        self._label = None
        self._root = os.path.expanduser(root)
        os.makedirs(self._root, exist_ok=True)
        self._get_data()

    def __getitem__(self, idx):
        sample = self._data[idx], self._label[idx]
        return sample if self._transform is None else self._transform(*sample)

    def __len__(self):
        return len(self._label)

    def _get_data(self):
        raise NotImplementedError
