"""KVStore: sums, updaters, compression and errors as MXNet 1.9.1 has them."""

import numpy
import pytest

import minpy as mx
from minpy import nd
from minpy.base import MXNetError

KINDS = ("local", "device")


def pulled(kv, key, shape=(2,)):
    out = nd.full(shape, -1)
    kv.pull(key, out=out)
    return out.asnumpy().tolist()


@pytest.fixture(params=KINDS)
def kv(request):
    return mx.kv.create(request.param)


def test_what_it_is(kv):
    assert kv.type in KINDS and kv.rank == 0 and kv.num_workers == 1
    assert kv.is_capable("optimizer")
    with pytest.raises(ValueError, match="Unknown capability: foo"):
        kv.is_capable("foo")
    assert isinstance(kv, mx.kvstore.KVStoreBase)
    assert mx.kv.create("LOCAL").type == "local"


def test_the_tutorial():
    """Document 001: 2, 8, 4 and 4, then an updater: 6."""
    shape = (2, 3)
    kv = mx.kv.create("local")
    kv.init(3, nd.ones(shape) * 2)
    a = nd.zeros(shape)
    kv.pull(3, out=a)
    assert (a.asnumpy() == 2).all()
    kv.push(3, nd.ones(shape) * 8)
    kv.pull(3, out=a)
    assert (a.asnumpy() == 8).all()
    contexts = [mx.cpu(i) for i in range(4)]
    b = [nd.ones(shape, ctx) for ctx in contexts]
    kv.push(3, b)
    kv.pull(3, out=b)
    assert all((x.asnumpy() == 4).all() for x in b)
    assert [x.context for x in b] == contexts

    def update(key, input, stored):
        assert key == 3
        stored += input * 2

    kv._set_updater(update)
    kv.push(3, nd.ones(shape))
    kv.pull(3, out=a)
    assert (a.asnumpy() == 6).all()


def test_keys_by_devices(kv):
    keys = [5, 7, 9]
    kv.init(keys, [nd.zeros(2)] * 3)
    kv.push(keys, [[nd.full(2, k + d, ctx=mx.cpu(d)) for d in range(2)] for k in keys])
    out = [[nd.zeros(2, ctx=mx.cpu(d)) for d in range(2)] for _ in keys]
    kv.pull(keys, out=out)
    assert [[o.asnumpy().tolist() for o in row] for row in out] == [[[2 * k + 1.0] * 2] * 2 for k in keys]


@pytest.mark.parametrize("count", [2, 3, 5, 6, 9])
def test_bits_of_sums(kv, count):
    rng = numpy.random.RandomState(count)
    arrays = [(rng.randn(100) * 10 ** rng.uniform(-3, 3, 100)).astype("f") for _ in range(count)]
    expected = arrays[0]
    step = {"local": 4, "device": 1}[kv.type]
    for start in range(1, count, step):
        part = arrays[start]
        for array in arrays[start + 1 : start + step]:
            part = part + array
        expected = expected + part
    kv.init(0, nd.zeros(100))
    kv.push(0, [nd.array(a, ctx=mx.cpu(i)) for i, a in enumerate(arrays)])
    assert numpy.array_equal(numpy.float32(pulled(kv, 0, (100,))), expected)


def test_assignment_and_the_same_key_twice(kv):
    kv.init("a", nd.zeros(2))
    kv.push("a", nd.ones(2))
    kv.push("a", nd.full(2, 5))
    assert pulled(kv, "a") == [5, 5]
    kv.push(["a", "a"], [nd.ones(2), nd.ones(2)])
    assert pulled(kv, "a") == [2, 2]


def test_values_are_copies(kv):
    value = nd.ones(2)
    kv.init(1, value)
    value[:] = 9
    assert pulled(kv, 1) == [1, 1]
    kv.push(1, value)
    value[:] = 3
    assert pulled(kv, 1) == [9, 9]


def test_updaters(kv):
    calls = []

    def update(key, merged, stored):
        calls.append((key, merged.asnumpy().tolist(), str(stored.context)))
        stored += merged

    kv._set_updater(update)
    kv.init([3, 1, 2], [nd.zeros(2)] * 3)
    kv.push([3, 2, 1], [[nd.ones(2)] * 2] * 3)
    assert calls == [(k, [2, 2], "cpu_pinned(0)") for k in (1, 2, 3)]
    assert pulled(kv, 3) == [2, 2]

    calls.clear()
    kv = mx.kv.create(kv.type)
    kv._set_updater(update)
    kv.init(["c", "a", "b"], [nd.zeros(2)] * 3)
    kv.push(["b", "a", "c"], [nd.ones(2)] * 3)
    assert [key for key, *_ in calls] == [b"c", b"a", b"b"]

    def fail(key, merged, stored):
        raise ArithmeticError("from the updater")

    kv._set_updater(fail)
    with pytest.raises(ArithmeticError, match="from the updater"):
        kv.push("a", nd.ones(2))
    kv._set_updater(None)
    kv.push("a", nd.full(2, 7))
    assert pulled(kv, "a") == [7, 7]


def test_pushpull_and_broadcast(kv):
    kv.init("a", nd.zeros(2))
    values = [nd.array([1, 2], ctx=mx.cpu(0)), nd.array([3, 4], ctx=mx.cpu(1))]
    kv.pushpull("a", values)
    assert [v.asnumpy().tolist() for v in values] == [[4, 6], [4, 6]]
    out = nd.zeros(2)
    kv.pushpull("a", nd.full(2, 7), out=out)
    assert out.asnumpy().tolist() == [7, 7]
    out = [nd.zeros(2), nd.zeros(2)]
    kv.broadcast("z", nd.full(2, 3), out=out)
    assert [o.asnumpy().tolist() for o in out] == [[3, 3], [3, 3]]
    with pytest.raises(MXNetError, match="duplicate init of key z"):
        kv.broadcast("z", nd.ones(2), out=out)


def test_dtypes(kv):
    kv.init(1, nd.zeros(2))
    kv.push(1, nd.full(2, 7, dtype="float64"))
    for dtype in ("float32", "float64", "float16"):
        out = nd.zeros(2, dtype=dtype)
        kv.pull(1, out=out)
        assert out.asnumpy().tolist() == [7, 7] and numpy.dtype(out.dtype) == dtype


def test_errors(kv):
    kv.init(1, nd.zeros(2))
    with pytest.raises(
        MXNetError, match="duplicate init of key 1. Please double check if you called kv.init or"
    ):
        kv.init(1, nd.zeros(2))
    with pytest.raises(MXNetError, match="duplicate init of key 7"):
        kv.init(7, [nd.zeros(2)] * 2)
    with pytest.raises(MXNetError, match="Mixed key types are not allowed"):
        kv.init("a", nd.zeros(2))
    with pytest.raises(AssertionError, match="inconsistent types of keys detected"):
        kv.init([3, "a"], [nd.zeros(2)] * 2)
    with pytest.raises(AssertionError, match="unexpected type for keys: <class 'float'>"):
        kv.init(1.5, nd.zeros(2))
    with pytest.raises(MXNetError, match="key 99 has not been inited"):
        kv.push(99, nd.zeros(2))
    with pytest.raises(MXNetError, match="key 98 has not been inited"):
        kv.pull(98, nd.zeros(2))
    with pytest.raises(MXNetError, match=r"operands shape mismatch from.shape = \[2\] to.shape=\[3\]"):
        kv.pull(1, nd.zeros(3))
    with pytest.raises(MXNetError, match=r"operands shape mismatch from.shape = \[3\] to.shape=\[2\]"):
        kv.push(1, nd.zeros(3))
    with pytest.raises(AssertionError):
        kv.push([1, 2], [nd.zeros(2)])
    with pytest.raises(AssertionError):
        kv.push(1, numpy.zeros(2))
    with pytest.raises(AssertionError):
        kv.pull(1)
    with pytest.raises(AssertionError, match="Cannot save states for distributed training"):
        kv.save_optimizer_states("nowhere")


@pytest.mark.parametrize(
    "name, message",
    [
        ("foo", "Unknown KVStore type 'foo'"),
        ("nccl", "compile with USE_NCCL=1 to use nccl"),
        ("dist_sync", "needs an extra"),
        ("dist_async", "needs an extra"),
        ("horovod", "needs an extra"),
    ],
)
def test_kinds_that_do_not_exist(name, message):
    with pytest.raises(MXNetError, match=message):
        mx.kv.create(name)


def test_names_must_be_strings():
    with pytest.raises(TypeError, match="name must be a string"):
        mx.kv.create(1)


# --- Optimizers ---


def test_set_optimizer(kv, tmp_path):
    kv.init(["c", "a"], [nd.ones(2)] * 2)
    kv.set_optimizer(mx.optimizer.SGD(learning_rate=0.1, momentum=0.9, rescale_grad=0.5))
    kv.push("c", [nd.ones(2), nd.full(2, 3)])
    numpy.testing.assert_allclose(pulled(kv, "c"), [0.8, 0.8], rtol=1e-6)
    path = str(tmp_path / "states")
    kv.save_optimizer_states(path)
    kv.push("c", nd.zeros(2))
    after = pulled(kv, "c")
    numpy.testing.assert_allclose(after, [0.62, 0.62], rtol=1e-6)

    other = mx.kv.create(kv.type)
    other.init(["c", "a"], [nd.full(2, 0.8), nd.ones(2)])
    other.set_optimizer(mx.optimizer.SGD(learning_rate=0.1, momentum=0.9, rescale_grad=0.5))
    other.load_optimizer_states(path)
    other.push("c", nd.zeros(2))
    numpy.testing.assert_allclose(pulled(other, "c"), after, rtol=1e-6)

    kv.save_optimizer_states(path, dump_optimizer=True)
    other.load_optimizer_states(path)
    assert other._updater.optimizer.momentum == 0.9


# --- Compression ---


def test_two_bits_with_what_they_leave_out():
    kv = mx.kv.create("device")
    kv.set_gradient_compression({"type": "2bit", "threshold": 0.5})
    kv.init("w", nd.zeros(4))
    kv.init("single", nd.zeros(4))
    gradient = numpy.float32([0.3, 0.6, -0.7, 1.2])
    seen, single = [], []
    for _ in range(4):
        kv.push("w", [nd.array(gradient, ctx=mx.cpu(i)) for i in range(2)])
        kv.push("single", nd.array(gradient))
        seen.append(pulled(kv, "w", (4,)))
        single.append(pulled(kv, "single", (4,)))
    assert seen == [[0, 1, -1, 1], [1, 1, -1, 1], [0, 1, -1, 1], [1, 1, -1, 1]]
    assert single == (numpy.array(seen) / 2).tolist()


def test_half_precision():
    kv = mx.kv.create("device")
    kv.set_gradient_compression({"type": "fp16"})
    kv.init(0, nd.zeros(1))
    kv.push(0, nd.array([1 / 3]))
    assert pulled(kv, 0, (1,)) == [float(numpy.float16(1 / 3))]


@pytest.mark.parametrize(
    "params, error, message",
    [
        ({"type": "3bit"}, MXNetError, "Unknown type for gradient compression 3bit"),
        ({"type": "none"}, MXNetError, "Unknown type for gradient compression none"),
        ({}, MXNetError, "Required parameter type of string is not presented"),
        ([], AssertionError, "unexpected type for param_dict: <class 'list'>"),
        ({"type": "2bit", "threshold": -1}, MXNetError, "threshold must be greater than 0"),
    ],
)
def test_compression_errors(params, error, message):
    with pytest.raises(error, match=message):
        mx.kv.create("device").set_gradient_compression(params)


def test_local_does_not_compress():
    with pytest.raises(Exception, match="Gradient compression is not supported for this type of kvstore"):
        mx.kv.create("local").set_gradient_compression({"type": "2bit"})


# --- Row-sparse values ---


def rows(values, indices, count=4):
    return nd.sparse.row_sparse_array((values, indices), shape=(count, 2))


def test_row_sparse_values(kv):
    kv.init("e", nd.ones((4, 2)).tostype("row_sparse"))
    out = nd.sparse.zeros("row_sparse", (4, 2))
    kv.row_sparse_pull("e", out=out, row_ids=nd.array([3, 1, 1]))
    assert out.indices.asnumpy().tolist() == [1, 3] and out.data.asnumpy().tolist() == [[1, 1], [1, 1]]
    kv.push("e", [rows([[5, 5]], [2]), rows([[1, 5]], [1])])
    kv.row_sparse_pull("e", out=out, row_ids=nd.array([0, 1, 2, 3]))
    assert out.asnumpy().tolist() == [[0, 0], [1, 5], [5, 5], [0, 0]]
    assert out.indices.asnumpy().tolist() == [0, 1, 2, 3]
    dense = nd.full((4, 2), 9)
    kv.pull("e", out=dense)
    assert dense.asnumpy().tolist() == [[0, 0], [1, 5], [5, 5], [0, 0]]
    kv.pull("e", out=out, ignore_sparse=False)
    assert out.indices.asnumpy().tolist() == [1, 2]
    several = [nd.sparse.zeros("row_sparse", (4, 2)) for _ in range(2)]
    kv.row_sparse_pull("e", out=several, row_ids=nd.array([1]))
    assert [s.asnumpy().tolist() for s in several] == [[[0, 0], [1, 5], [0, 0], [0, 0]]] * 2


def test_row_sparse_errors(kv):
    kv.init("e", nd.ones((4, 2)).tostype("row_sparse"))
    kv.init("d", nd.ones((4, 2)))
    out = nd.sparse.zeros("row_sparse", (4, 2))
    with pytest.raises(MXNetError, match="Expected row_sparse storage type for row_sparse_pull values"):
        kv.row_sparse_pull("e", out=nd.zeros((4, 2)), row_ids=nd.array([1]))
    with pytest.raises(MXNetError, match="PullRowSparse expects row_sparse src NDArray"):
        kv.row_sparse_pull("d", out=out, row_ids=nd.array([1]))
    with pytest.raises(IndexError, match="no row 9"):
        kv.row_sparse_pull("e", out=out, row_ids=nd.array([9]))
    with pytest.raises(AssertionError):
        kv.row_sparse_pull("e", out=out)


def test_row_sparse_gradients_of_an_optimizer(kv):
    kv.init("e", nd.ones((4, 2)))
    kv.set_optimizer(mx.optimizer.SGD(learning_rate=0.1))
    kv.push("e", rows([[1, 2]], [2]))
    numpy.testing.assert_allclose(pulled(kv, "e", (4, 2)), [[1, 1], [1, 1], [0.9, 0.8], [1, 1]], rtol=1e-6)


# --- Other stores ---


def test_registered_stores():
    @mx.kvstore.KVStoreBase.register
    class MyStore(mx.kvstore.KVStoreBase):
        pass

    try:
        assert type(mx.kv.create("MyStore")) is MyStore
        with pytest.raises(NotImplementedError):
            mx.kv.create("mystore").rank
        with pytest.warns(UserWarning, match="is overriding existing kvstore"):
            mx.kvstore.KVStoreBase.register(MyStore)
    finally:
        del mx.kvstore.KVStoreBase.kv_registry["mystore"]


def test_the_test_store():
    kv = mx.kv.create("teststore")
    values = [nd.ones(2), nd.full(2, 3)]
    kv.pushpull(0, values)
    assert [v.asnumpy().tolist() for v in values] == [[4, 4]] * 2
    out = nd.zeros(2)
    kv.broadcast(0, nd.ones(2), [out])
    assert out.asnumpy().tolist() == [1, 1]
