"""Datasets, samplers and functions that make batches."""

import numpy
import pytest

import minpy as mx
from minpy import nd, recordio
from minpy.gluon import data
from minpy.gluon.data import batchify


def test_sampler_orders():
    assert list(data.SequentialSampler(4, 2)) == [2, 3, 4, 5]
    assert list(data.IntervalSampler(13, 3)) == [0, 3, 6, 9, 12, 1, 4, 7, 10, 2, 5, 8, 11]
    assert list(data.IntervalSampler(13, 3, rollover=False)) == [0, 3, 6, 9, 12]
    assert len(data.IntervalSampler(13, 3, rollover=False)) == 5
    assert list(data.FilterSampler(lambda x: x % 2, [1, 2, 3, 4, 5])) == [0, 2, 4]


def test_random_sampler_draws_from_numpy():
    numpy.random.seed(3)
    first = list(data.RandomSampler(10))
    numpy.random.seed(3)
    expected = numpy.arange(10)
    numpy.random.shuffle(expected)
    assert first == expected.tolist()


@pytest.mark.parametrize(
    ("last_batch", "lengths", "next_lengths"),
    [
        ("keep", [3, 3, 3, 1], [3, 3, 3, 1]),
        ("discard", [3, 3, 3], [3, 3, 3]),
        ("rollover", [3, 3, 3], [3, 3, 3]),
    ],
)
def test_last_batch(last_batch, lengths, next_lengths):
    sampler = data.BatchSampler(data.SequentialSampler(10), 3, last_batch)
    assert len(sampler) == len(lengths)
    assert [len(batch) for batch in sampler] == lengths
    batches = list(sampler)
    assert [len(batch) for batch in batches] == next_lengths
    assert batches[0] == ([9, 0, 1] if last_batch == "rollover" else [0, 1, 2])


def test_unknown_last_batch():
    sampler = data.BatchSampler(data.SequentialSampler(10), 3, "x")
    message = "last_batch must be one of 'keep', 'discard', or 'rollover', but got x"
    with pytest.raises(ValueError, match=message):
        list(sampler)
    with pytest.raises(ValueError, match=message):
        len(sampler)


def test_datasets_made_of_others():
    dataset = data.SimpleDataset(list(range(10)))
    assert [len(dataset.shard(4, i)) for i in range(4)] == [3, 3, 2, 2]
    assert [list(dataset.shard(4, i)) for i in range(4)] == [[0, 1, 2], [3, 4, 5], [6, 7], [8, 9]]
    assert list(dataset.take(3)) == [0, 1, 2]
    assert len(dataset.take(None)) == len(dataset.take(99)) == 10
    assert list(dataset.filter(lambda x: x > 6)) == [7, 8, 9]
    assert list(dataset.sample(data.SequentialSampler(2, 5))) == [5, 6]
    assert list(dataset.transform(lambda x: x * 2).take(3)) == [0, 2, 4]
    with pytest.raises(TypeError, match="Invalid sampler type"):
        dataset.sample([1, 2])
    with pytest.raises(AssertionError, match="Shard index of out bound: 4 out of 4"):
        dataset.shard(4, 4)


def test_transform_calls():
    calls = []

    def double(x):
        calls.append(x)
        return x * 2

    pairs = data.ArrayDataset([1, 2], [3, 4])
    lazy = pairs.transform_first(double)
    assert calls == []
    assert lazy[1] == (4, 4)
    eager = pairs.transform_first(double, lazy=False)
    assert calls == [2, 1, 2]
    assert [eager[0], eager[1]] == [(2, 3), (4, 4)]
    assert pairs.transform(lambda x, y: x + y)[0] == 4


def test_array_dataset():
    dataset = data.ArrayDataset(nd.array([[1, 2], [3, 4]]), nd.array([5, 6]), numpy.array([7, 8]))
    first, second, third = dataset[1]
    assert isinstance(first, nd.NDArray) and first.asnumpy().tolist() == [3, 4]
    assert isinstance(second, numpy.float32) and second == 6
    assert isinstance(third, numpy.int64)
    assert data.ArrayDataset([4, 5])[1] == 5
    with pytest.raises(AssertionError, match=r"array\[0\] has length 1 while array\[2\] has 2"):
        data.ArrayDataset([1], [1, 2])


def test_record_file_dataset(tmp_path):
    with recordio.MXIndexedRecordIO(str(tmp_path / "x.idx"), str(tmp_path / "x.rec"), "w") as file:
        for i in range(5):
            file.write_idx(i * 2, b"record %d" % i)
    dataset = data.RecordFileDataset(str(tmp_path / "x.rec"))
    assert len(dataset) == 5
    assert dataset[3] == b"record 3"
    loader = data.DataLoader(dataset, 2, batchify_fn=list, num_workers=2)
    assert [record for batch in loader for record in batch] == [b"record %d" % i for i in range(5)]


def test_pad():
    rows = [numpy.array([1, 2, 3]), numpy.array([4])]
    batch = batchify.Pad(val=-1)(rows)
    assert batch.asnumpy().tolist() == [[1, 2, 3], [4, -1, -1]]
    assert batch.dtype == numpy.int64
    assert batchify.Pad(round_to=4, dtype="float32")(rows).asnumpy().tolist() == [[1, 2, 3, 0], [4, 0, 0, 0]]
    blocks = [nd.ones((2, 1)), nd.ones((1, 3))]
    assert batchify.Pad()(blocks).asnumpy().tolist() == [[[1, 0, 0], [1, 0, 0]], [[1, 1, 1], [0, 0, 0]]]
    with pytest.raises(ValueError, match="one number of axes"):
        batchify.Pad()([numpy.ones(2), numpy.ones((2, 2))])


def test_group_and_others():
    samples = [([1, 2], 5, "a"), ([3], 6, "b")]
    tokens, labels, texts = batchify.Group(batchify.Pad(), batchify.Stack(), batchify.List())(samples)
    assert tokens.asnumpy().tolist() == [[1, 2], [3, 0]]
    assert labels.asnumpy().tolist() == [5, 6] and labels.dtype == numpy.int64
    assert texts == ["a", "b"]
    with pytest.raises(AssertionError, match="should contains 2 elements"):
        batchify.Group(batchify.Pad(), batchify.Stack())(samples)
    first, second = batchify.Append()([nd.ones(2), nd.ones(3)])
    assert first.shape == (1, 2) and second.shape == (1, 3)


def test_default_batches():
    batch = data.default_batchify_fn([(nd.ones(2), 1, (2.5, numpy.int8(3)))] * 3)
    assert isinstance(batch, list) and batch[0].shape == (3, 2)
    assert batch[1].dtype == numpy.int64
    assert [array.dtype for array in batch[2]] == [numpy.float64, numpy.int8]
    with mx.util.np_shape(True), mx.util.np_array(True):
        made = data.default_batchify_fn([1, 2])
    assert not isinstance(made, nd.NDArray) and made.dtype == numpy.int64
