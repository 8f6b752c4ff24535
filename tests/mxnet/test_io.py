"""Iterators over batches; the expected values were printed by MXNet 1.9.1."""

import gzip
import struct

import numpy
import pytest

import minpy as mx
from minpy import nd
from minpy.base import MXNetError

X = numpy.arange(20).reshape(10, 2)
Y = numpy.arange(10)


def epoch(it):
    return [
        ([array.asnumpy().reshape(len(array), -1)[:, 0].tolist() for array in b.data + b.label], b.pad)
        for b in it
    ]


def labels(it):
    return [(batch.label[0].asnumpy().tolist(), batch.pad) for batch in it]


def test_descriptions():
    desc = mx.io.DataDesc("x", (2, 3))
    assert repr(desc) == "DataDesc[x,(2, 3),<class 'numpy.float32'>,NCHW]"
    assert desc == ("x", (2, 3)) and desc.dtype is numpy.float32 and desc.layout == "NCHW"
    assert mx.io.DataDesc.get_batch_axis(None) == 0
    assert mx.io.DataDesc.get_batch_axis("TNC") == 1
    assert mx.io.DataDesc.get_batch_axis("TC") == -1
    assert repr(mx.io.DataDesc.get_list([("a", (1,))], [("a", "int8")])) == "[DataDesc[a,(1,),int8,NCHW]]"
    assert str(mx.io.DataBatch([nd.ones((4, 2))], [nd.ones(4)])) == (
        "DataBatch: data shapes: [(4, 2)] label shapes: [(4,)]"
    )
    assert str(mx.io.DataBatch([nd.ones(2)])) == "DataBatch: data shapes: [(2,)] label shapes: None"
    with pytest.raises(AssertionError, match="Data must be list of NDArrays"):
        mx.io.DataBatch(nd.ones(2))


LAST_BATCH = {
    "pad": [[([0, 1, 2, 3], 0), ([4, 5, 6, 7], 0), ([8, 9, 0, 1], 2)]] * 3,
    "discard": [[([0, 1, 2, 3], 0), ([4, 5, 6, 7], 0)]] * 3,
    "roll_over": [
        [([0, 1, 2, 3], 0), ([4, 5, 6, 7], 0)],
        [([8, 9, 0, 1], 2), ([2, 3, 4, 5], 0), ([6, 7, 8, 9], 0)],
        [([0, 1, 2, 3], 0), ([4, 5, 6, 7], 0)],
    ],
}


@pytest.mark.parametrize("how", LAST_BATCH)
def test_last_batch(how):
    it = mx.io.NDArrayIter(X, Y, 4, last_batch_handle=how)
    for expected in LAST_BATCH[how]:
        assert [(label, pad) for (_, label), pad in epoch(it)] == expected
        assert list(it) == []
        it.reset()


def test_shuffle():
    numpy.random.seed(0)
    it = mx.io.NDArrayIter(nd.array(X, dtype="int32"), Y, 4, shuffle=True)
    expected = [
        [([2, 8, 4, 9], 0), ([1, 6, 7, 3], 0), ([0, 5, 2, 8], 2)],
        [([5, 7, 0, 1], 0), ([6, 2, 4, 3], 0), ([9, 8, 5, 7], 2)],
        [([9, 6, 1, 2], 0), ([5, 4, 8, 0], 0), ([7, 3, 9, 6], 2)],
    ]
    for one in expected:
        batches = list(it)
        assert labels(batches) == one
        assert all((b.data[0].asnumpy()[:, 0] == 2 * b.label[0].asnumpy()).all() for b in batches)
        assert batches[0].data[0].dtype == numpy.int32
        it.reset()


def test_names_and_dtypes():
    it = mx.io.NDArrayIter([X, X + 1], {"b": Y, "a": nd.array(Y, dtype="int64")}, batch_size=4)
    assert repr(it.provide_data) == (
        "[DataDesc[_0_data,(4, 2),<class 'numpy.float32'>,NCHW], "
        "DataDesc[_1_data,(4, 2),<class 'numpy.float32'>,NCHW]]"
    )
    assert [(d.name, d.dtype) for d in it.provide_label] == [("a", numpy.int64), ("b", numpy.float32)]
    batch = next(it)
    assert [array.asnumpy()[1, 0] for array in batch.data] == [2, 3]
    assert batch.index is None


def test_fewer_samples_than_a_batch():
    it = mx.io.NDArrayIter(X[:3], batch_size=8)
    assert epoch(it) == [([[0, 2, 4, 0, 2, 4, 0, 2]], 5)]
    assert it.provide_label == []


def test_axis_of_the_batch():
    x = numpy.arange(30).reshape(2, 5, 3)
    it = mx.io.NDArrayIter(x, numpy.arange(5), 2, layout="TNC")
    batches = list(it)
    assert it.provide_data[0].shape == (2, 2, 3) and it.provide_label[0].shape == (2,)
    assert [batch.pad for batch in batches] == [0, 0, 1]
    assert (batches[2].data[0].asnumpy() == x[:, [4, 0]]).all()
    assert batches[2].label[0].asnumpy().tolist() == [4, 0]


def test_a_batch_does_not_share_memory_with_the_data():
    source = nd.array(X)
    for size in (4, 10):
        mx.io.NDArrayIter(source, Y, size).next().data[0][:] = -1
    assert (source.asnumpy() == X).all()


def test_steps_by_hand():
    it = mx.io.NDArrayIter(X, Y, 4)
    assert it.iter_next() and it.getdata()[0].shape == (4, 2) and it.getpad() == 0
    assert it.cursor == 0 and it.num_data == 10
    it.hard_reset()
    assert len(list(it)) == 3
    with pytest.raises(AssertionError, match="DataIter needs reset."):
        it.getdata()


def test_what_is_no_data():
    with pytest.raises(TypeError, match="Input must be NDArray, numpy.ndarray, h5py.Dataset a list of them"):
        mx.io.NDArrayIter("abc")
    with pytest.raises(TypeError, match="Invalid type '<class 'str'>' for q, should be"):
        mx.io.NDArrayIter({"q": "abc"})
    with pytest.raises(ValueError, match="softmax_label has 5 samples, data has 10"):
        mx.io.NDArrayIter(X, Y[:5])


def test_resize_iter():
    it = mx.io.ResizeIter(mx.io.NDArrayIter(X, Y, 4), 5)
    assert [batch.pad for batch in it] == [0, 0, 2, 0, 0]
    it.reset()
    assert [batch.data[0][0, 0].asscalar() for batch in it] == [0, 8, 16, 0, 8]
    kept = mx.io.ResizeIter(mx.io.NDArrayIter(X, Y, 4), 2, reset_internal=False)
    assert [label[0] for label, _ in labels(kept)] == [0, 4]
    kept.reset()
    assert [label[0] for label, _ in labels(kept)] == [8, 0]


def test_prefetching_iter():
    sources = [mx.io.NDArrayIter(X, Y, 4), mx.io.NDArrayIter(X + 1, Y, 4)]
    it = mx.io.PrefetchingIter(
        sources,
        rename_data=[{"data": "a"}, {"data": "b"}],
        rename_label=[{"softmax_label": "c"}, {"softmax_label": "d"}],
    )
    assert [d.name for d in it.provide_data + it.provide_label] == ["a", "b", "c", "d"]
    assert it.batch_size == 4
    for _ in range(3):
        batches = list(it)
        assert [batch.pad for batch in batches] == [0, 0, 2]
        assert batches[1].data[1][0, 0].asscalar() == 9
        assert [d.name for d in batches[0].provide_data] == ["a", "b"]
        it.reset()
    shorter = mx.io.PrefetchingIter(
        [mx.io.NDArrayIter(X, batch_size=4), mx.io.NDArrayIter(X[:4], batch_size=4)]
    )
    shorter.next()
    with pytest.raises(AssertionError, match="Number of entry mismatches between iterators"):
        shorter.next()


class _Broken(mx.io.DataIter):
    provide_data = [mx.io.DataDesc("data", (4, 2))]
    provide_label = []

    def next(self):
        raise KeyError("broken")


def test_errors_of_a_prefetched_iterator():
    with pytest.raises(KeyError, match="broken"):
        mx.io.PrefetchingIter(_Broken()).next()


@pytest.fixture
def csv(tmp_path):
    numpy.savetxt(tmp_path / "d.csv", X, delimiter=",", fmt="%g")
    numpy.savetxt(tmp_path / "l.csv", Y, fmt="%g")
    return str(tmp_path / "d.csv"), str(tmp_path / "l.csv")


def test_csv_iter_rounds_the_last_batch(csv):
    it = mx.io.CSVIter(data_csv=csv[0], data_shape=(2, 1), label_csv=csv[1], batch_size=4, dtype="int32")
    assert isinstance(it, mx.io.MXDataIter)
    assert [(d.shape, d.dtype) for d in it.provide_data + it.provide_label] == [
        ((4, 2, 1), numpy.int32),
        ((4,), numpy.int32),
    ]
    batches = list(it)
    assert labels(batches) == [([0, 1, 2, 3], 0), ([4, 5, 6, 7], 0), ([8, 9, 0, 1], 2)]
    assert batches[2].data[0].asnumpy().ravel().tolist() == [16, 17, 18, 19, 0, 1, 2, 3]
    assert batches[2].index.tolist() == [8, 9, 0, 1] and batches[2].index.dtype == numpy.uint64
    it.reset()
    assert labels(it) == [([2, 3, 4, 5], 0), ([6, 7, 8, 9], 0)]
    it.reset()
    next(it)
    it.reset()
    assert labels(it)[0] == ([0, 1, 2, 3], 0)


def test_csv_iter_without_rounding(csv):
    it = mx.io.CSVIter(data_csv=csv[0], data_shape=(2,), label_csv=csv[1], batch_size=4, round_batch=False)
    for _ in range(2):
        assert labels(it) == [([0, 1, 2, 3], 0), ([4, 5, 6, 7], 0), ([8, 9, 6, 7], 2)]
        it.reset()
    unlabelled = mx.io.CSVIter(data_csv=csv[0], data_shape=(2,), batch_size=5)
    assert unlabelled.next().label[0].asnumpy().tolist() == [0] * 5


def test_csv_errors(csv, tmp_path):
    with pytest.raises(MXNetError, match=r"specified shape=\[3\], the csv row-length=2"):
        mx.io.CSVIter(data_csv=csv[0], data_shape=(3,), batch_size=2)
    with pytest.raises(MXNetError, match="No such file"):
        mx.io.CSVIter(data_csv=str(tmp_path / "nope"), data_shape=(3,), batch_size=2)
    (tmp_path / "bad.csv").write_text("1,2\n3,x\n")
    with pytest.raises(MXNetError, match="bad.csv cannot be read as rows of numbers"):
        mx.io.CSVIter(data_csv=str(tmp_path / "bad.csv"), data_shape=(2,), batch_size=2)
    with pytest.warns(UserWarning, match="CSVIter has no parameter 'bach_size'"):
        mx.io.CSVIter(data_csv=csv[0], data_shape=(2,), batch_size=2, bach_size=3, prefetch_buffer=1)


def test_libsvm_iter(tmp_path):
    path = tmp_path / "x.svm"
    path.write_text("1 0:0.5 2:1.2\n-2 1:3\n-3 0:0.6 1:2.4 2:1.2\n4 2:-1.2\n5 0:1\n")
    it = mx.io.LibSVMIter(data_libsvm=str(path), data_shape=(3,), batch_size=2)
    assert labels(it) == [([1, -2], 0), ([-3, 4], 0), ([5, 1], 1)]
    it.reset()
    batch = it.next()
    assert batch.data[0].asnumpy().tolist() == numpy.float32([[0, 3, 0], [0.6, 2.4, 1.2]]).tolist()
    assert batch.data[0].stype == "csr" and batch.data[0].indptr.asnumpy().tolist() == [0, 1, 4]
    batch.data[0].check_format()
    part = mx.io.LibSVMIter(data_libsvm=str(path), data_shape=(3,), batch_size=2, num_parts=2, part_index=1)
    assert labels(part) == [([-3, 4], 0)]
    path.write_text("1 3:1\n")
    with pytest.raises(MXNetError, match="column 3 in line 1; data_shape says 3 columns"):
        mx.io.LibSVMIter(data_libsvm=str(path), data_shape=(3,), batch_size=2)
    path.write_text("1 0:1\n2 x:1\n")
    with pytest.raises(MXNetError, match="no LibSVM row in line 2"):
        mx.io.LibSVMIter(data_libsvm=str(path), data_shape=(3,), batch_size=2)


def test_libsvm_labels(tmp_path):
    (tmp_path / "x").write_text("1 0:1.5 2:2\n0 1:3\n1\n0 2:1\n2 0:4 \n")
    (tmp_path / "y").write_text("0:1\n1:3\n0:1\n1:1\n0:4\n")
    it = mx.io.LibSVMIter(data_libsvm=str(tmp_path / "x"), data_shape=(3,), label_libsvm=str(tmp_path / "y"),
                          label_shape=(2,), batch_size=2)  # fmt: skip
    batches = list(it)
    assert [b.data[0].indptr.asnumpy().tolist() for b in batches] == [[0, 2, 3], [0, 0, 1], [0, 1, 3]]
    assert {b.label[0].stype for b in batches} == {"csr"}
    assert batches[0].label[0].asnumpy().tolist() == [[1, 0], [0, 3]]


def test_ndarray_iter_of_csr_matrices():
    rows = numpy.float32([[0, 1], [2, 0], [0, 3], [4, 0], [5, 6]])
    it = mx.io.NDArrayIter(nd.array(rows).tostype("csr"), numpy.arange(5), batch_size=2)
    batches = list(it)
    assert {b.data[0].stype for b in batches} == {"csr"}
    assert numpy.array_equal(batches[2].data[0].asnumpy(), rows[[4, 0]])
    shuffled = mx.io.NDArrayIter(
        nd.array(rows).tostype("csr"), nd.array(rows), batch_size=5, shuffle=True
    ).next()
    assert numpy.array_equal(shuffled.data[0].asnumpy(), shuffled.label[0].asnumpy())


def write_idx(path, array, opener=open):
    array = array.astype(numpy.uint8)
    with opener(path, "wb") as file:
        file.write(b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape))
        file.write(array.tobytes())
    return str(path)


@pytest.fixture
def digits(tmp_path):
    images = Y[:, None, None] * numpy.ones((1, 3, 3))
    return {
        "image": write_idx(tmp_path / "images.gz", images, gzip.open),
        "label": write_idx(tmp_path / "labels", Y),
    }


def test_mnist_iter(digits):
    it = mx.io.MNISTIter(**digits, batch_size=4, shuffle=False)
    assert it.provide_data[0].shape == (4, 1, 3, 3)
    for _ in range(2):
        batches = list(it)
        assert labels(batches) == [([0, 1, 2, 3], 0), ([4, 5, 6, 7], 0)]
        assert (batches[1].data[0].asnumpy()[0] == 0.015625).all()
        it.reset()


@pytest.mark.parametrize(("seed", "order"), [(0, [0, 2, 3, 5, 9, 1, 6, 8]), (10, [3, 1, 4, 6, 9, 7, 5, 8])])
def test_mnist_iter_shuffles_as_mxnet_does(digits, seed, order):
    it = mx.io.MNISTIter(**digits, batch_size=4, seed=seed, flat=True)
    assert it.provide_data[0].shape == (4, 9)
    for _ in range(2):
        found = list(it)
        assert [x for label, _ in labels(found) for x in label] == order
        assert (found[0].data[0].asnumpy()[:, 0] * 256).tolist() == order[:4]
        it.reset()


def test_mnist_iter_parts_and_errors(digits, tmp_path):
    it = mx.io.MNISTIter(**digits, batch_size=2, shuffle=False, num_parts=3, part_index=1)
    assert labels(it) == [([3, 4], 0)]
    with pytest.raises(MXNetError, match='Open "nope": No such file or directory'):
        mx.io.MNISTIter(image="nope", label=digits["label"])
    with pytest.raises(MXNetError, match="10 images, .* has 9 labels"):
        mx.io.MNISTIter(image=digits["image"], label=write_idx(tmp_path / "nine", Y[:9]))
    whole = (tmp_path / "images.gz").read_bytes()
    for damaged in (whole[:-9], whole[:12], b"text", b""):
        (tmp_path / "damaged").write_bytes(damaged)
        with pytest.raises(MXNetError, match="damaged (cannot be decompressed|is not an IDX file)"):
            mx.io.MNISTIter(image=str(tmp_path / "damaged"), label=digits["label"])


def test_skipping_the_load(digits):
    it = mx.io.MNISTIter(**digits, batch_size=4, shuffle=False)
    it.debug_skip_load()
    assert [it.next().label[0].asnumpy()[0] for _ in range(5)] == [0] * 5
