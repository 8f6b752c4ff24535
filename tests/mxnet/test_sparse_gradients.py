"""Gradients by rows: what backward gives sparse gradients, and training with them, with MXNet 1.9.1's numbers."""

import numpy
import pytest

import minpy as mx
from minpy import autograd, gluon, nd


def variable(shape=(4, 3), stype="row_sparse", req="write"):
    array = nd.arange(int(numpy.prod(shape))).reshape(shape)
    array.attach_grad(req, stype=stype)
    return array


def look_up(weight, *numbers, sparse_grad=True):
    return nd.Embedding(nd.array(numbers), weight, *weight.shape, sparse_grad=sparse_grad)


def parts(array):
    array.check_format()
    return array.indices.asnumpy().tolist(), array.data.asnumpy()[:, 0].tolist()


def test_rows_that_were_looked_up():
    w = variable()
    assert w.grad.stype == "row_sparse" and parts(w.grad) == ([], [])
    with autograd.record():
        y = look_up(w, 1, 3, 1)
    y.backward()
    assert parts(w.grad) == ([1, 3], [2, 1])
    with autograd.record():
        y = look_up(w, 0) * 0
    y.backward()
    assert parts(w.grad) == ([0], [0])  # the row is kept, though its gradient is zero


def test_the_gradient_is_one_object():
    w = variable()
    gradient = w.grad
    with autograd.record():
        y = look_up(w, 2)
    y.backward()
    assert w.grad is gradient and parts(gradient) == ([2], [1])
    gradient[:] = 0
    assert parts(w.grad) == ([], [])


def test_sums_of_several_uses():
    w = variable()
    with autograd.record():
        y = look_up(w, 1, 3) + look_up(w, 1, 2)
    y.backward()
    assert parts(w.grad) == ([1, 2, 3], [2, 1, 1])
    with autograd.record():
        y = look_up(w, 1, 3).sum() + (w * w).sum()
    y.backward()
    assert parts(w.grad) == ([0, 1, 2, 3], [0, 7, 12, 19])


def test_add():
    w = variable(req="add")
    for last in (3, 2):
        with autograd.record():
            y = look_up(w, 1, last, 1)
        y.backward()
    assert parts(w.grad) == ([1, 2, 3], [4, 1, 1])


def test_dense_gradients_are_converted():
    w = variable()
    with autograd.record():
        y = (w[1:3] * 2).sum()
    y.backward()
    assert parts(w.grad) == ([1, 2], [2, 2])
    dense = variable(stype="default")
    with autograd.record():
        y = look_up(dense, 1, 3, 1)
    y.backward()
    assert dense.grad[:, 0].asnumpy().tolist() == [0, 2, 0, 1]


def test_grad_function_and_higher_order():
    w = variable()
    with autograd.record():
        y = look_up(w, 1, 3, 1)
    assert parts(autograd.grad(y, [w])[0]) == ([1, 3], [2, 1])
    with autograd.record():
        y = (look_up(w, 1, 3, 1) ** 3).sum()
        slope = autograd.grad(y, [w], create_graph=True)[0]
        total = slope.sum()
    total.backward()
    assert parts(w.grad) == ([1, 3], [2 * 6 * 3, 6 * 9])


def test_mark_variables():
    w = nd.ones((3, 2))
    gradient = nd.sparse.zeros("row_sparse", (3, 2))
    autograd.mark_variables([w], [gradient])
    with autograd.record():
        y = look_up(w, 2)
    y.backward()
    assert parts(gradient) == ([2], [1])


@pytest.mark.parametrize("stype", ["row_sparse", "default"])
def test_product_of_a_csr_matrix(stype):
    w = nd.ones((3, 2))
    w.attach_grad(stype=stype)
    x = nd.array([[0, 1, 0], [2, 0, 0]]).tostype("csr")
    with autograd.record():
        y = nd.sparse.dot(x, w)
    y.backward()
    assert w.grad.stype == stype
    if stype == "row_sparse":
        assert parts(w.grad) == ([0, 1], [2, 1])
    assert w.grad.asnumpy().tolist() == [[2, 2], [1, 1], [0, 0]]


def test_large_tables_stay_sparse():
    """A table of 4 GB would not do for each step; only rows are made."""
    w = nd.zeros((1_000_000, 8))
    w.attach_grad(stype="row_sparse")
    rng = numpy.random.RandomState(0)
    numbers = rng.randint(0, 1_000_000, 50)
    with autograd.record():
        y = (look_up(w, *numbers) * nd.array(rng.rand(50, 8))).sum()
    y.backward()
    assert w.grad.data.shape == (len(set(numbers.tolist())), 8)


@pytest.mark.parametrize("stype", ["row_sparse", "csr"])
def test_variables_that_are_sparse(stype):
    x = nd.array([[0, 1, 0], [2, 0, 0]]).tostype(stype)
    x.attach_grad()
    assert x.grad.stype == stype and not x.grad.asnumpy().any()
    for function in (lambda: x * x, lambda: nd.square(x), lambda: nd.dot(x, nd.array(numpy.eye(3))) ** 2):
        with autograd.record():
            y = function()
        y.backward()
        assert x.grad.asnumpy().tolist() == [[0, 2, 0], [4, 0, 0]]
    x[:] = nd.array([[0, 0, 3], [0, 0, 0]])
    with autograd.record():
        y = x * x
    y.backward()
    assert x.grad.asnumpy().tolist() == [[0, 0, 6], [0, 0, 0]]


def test_dense_gradient_of_a_sparse_variable():
    x = nd.array([[0, 1, 0], [2, 0, 0]]).tostype("row_sparse")
    x.attach_grad(stype="default")
    with autograd.record():
        y = nd.square(x)
    y.backward()
    assert x.grad.stype == "default" and x.grad.asnumpy().tolist() == [[0, 2, 0], [4, 0, 0]]


def test_retained_rows():
    a = nd.sparse.row_sparse_array(([[1.0, 2]], [1]), shape=(3, 2))
    b = nd.sparse.row_sparse_array(([[1.0, 2]], [2]), shape=(3, 2))
    for x in (a, b):
        x.attach_grad()
    with autograd.record():
        z = nd.sparse.retain(nd.elemwise_add(a, b), nd.array([1]))
    z.backward()
    for x in (a, b):
        assert x.grad.asnumpy().tolist() == [[0, 0], [1, 1], [0, 0]]


# --- Gluon ---


def test_embedding_layer_and_trainer():
    net = gluon.nn.Embedding(10, 2, sparse_grad=True)
    net.initialize(mx.init.One())
    assert net.weight.grad_stype == "row_sparse" and net.weight.grad().stype == "row_sparse"
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 1.0, "momentum": 0.9})
    for _ in range(2):
        with autograd.record():
            y = net(nd.array([1, 2, 2]))
        y.backward()
        assert parts(net.weight.grad()) == ([1, 2], [1, 2])
        trainer.step(1)
    numpy.testing.assert_allclose(net.weight.data()[:4, 0].asnumpy(), [1, -1.9, -4.8, 1], rtol=1e-6)
    net.weight.zero_grad()
    assert parts(net.weight.grad()) == ([], [])


def test_lazy_updates():
    """Rows without a gradient feel weight decay only when updates are not lazy."""
    last = []
    for lazy in (True, False):
        net = gluon.nn.Embedding(4, 2, sparse_grad=True)
        net.initialize(mx.init.One())
        trainer = gluon.Trainer(
            net.collect_params(), "adam", {"learning_rate": 0.1, "wd": 0.1, "lazy_update": lazy}
        )
        with autograd.record():
            y = net(nd.array([1]))
        y.backward()
        trainer.step(1)
        last.append(net.weight.data()[0, 0].asscalar())
    assert last[0] == 1 and last[1] < 1


def test_several_devices():
    """Gradients are summed by rows; each device counts its updates by itself."""
    p = gluon.Parameter("w", shape=(10, 2), grad_stype="row_sparse")
    p.initialize(mx.init.One(), ctx=[mx.cpu(0), mx.cpu(1)])
    trainer = gluon.Trainer([p], "adam", {"learning_rate": 0.5})
    for k in range(2):
        with autograd.record():
            ys = [
                nd.Embedding(nd.array([c.device_id, k], ctx=c), p.data(c), 10, 2, sparse_grad=True)
                for c in p.list_ctx()
            ]
        autograd.backward(ys)
        trainer.step(1)
        assert [parts(g)[0] for g in p.list_grad()] == [[0, 1], [0, 1]]
    for data in p.list_data():
        numpy.testing.assert_allclose(data[:3, 0].asnumpy(), [0.06446189, 0.0411033, 1], rtol=0, atol=1e-5)
    assert trainer._update_on_kvstore is False


def sparse_parameter():
    p = gluon.Parameter("w", shape=(10, 2), stype="row_sparse", grad_stype="row_sparse")
    p.initialize(mx.init.One())
    return p


def test_parameters_with_sparse_storage():
    p = sparse_parameter()
    trainer = gluon.Trainer([p], "sgd", {"learning_rate": 0.5})
    x = nd.array([[0, 1] + [0] * 8, [2] + [0] * 9]).tostype("csr")
    for _ in range(2):
        with autograd.record():
            rows = p.row_sparse_data(nd.array([0, 1, 1]))
            y = nd.sparse.dot(x, rows)
        assert parts(rows)[0] == [0, 1]
        y.backward()
        assert parts(p.grad()) == ([0, 1], [2, 1])
        trainer.step(1)
    whole = p.list_row_sparse_data(nd.arange(10))
    assert len(whole) == 1 and whole[0].asnumpy()[:, 0].tolist() == [-1, 0] + [1] * 8


def test_messages():
    p = sparse_parameter()
    with pytest.raises(
        RuntimeError, match=r"on ctx None via data\(\) because its storage type is row_sparse"
    ):
        p.data()
    with pytest.raises(RuntimeError, match=r"via list_data\(\) because its storage type is row_sparse"):
        p.list_data()
    with pytest.raises(TypeError, match="row_id must have NDArray type"):
        p.row_sparse_data([1])
    with pytest.raises(
        ValueError, match="Cannot set update_on_kvstore=False when sparse weights are present"
    ):
        trainer = gluon.Trainer([p], "sgd", update_on_kvstore=False)
        trainer.step(1)
    dense = gluon.Parameter("w", shape=(10, 2))
    dense.initialize()
    with pytest.raises(RuntimeError, match=r"Cannot return a copy of Parameter w via row_sparse_data\(\)"):
        dense.row_sparse_data(nd.array([1]))
    with pytest.raises(
        RuntimeError, match=r"via list_row_sparse_data\(\) because its storage type is default"
    ):
        dense.list_row_sparse_data(nd.array([1]))


def test_files(tmp_path):
    """A parameter with sparse storage is saved by rows, as in MXNet, and loaded again."""
    net = gluon.contrib.nn.SparseEmbedding(10, 2)
    net.initialize(mx.init.Uniform())
    net.save_parameters(str(tmp_path / "net"))
    saved = nd.load(str(tmp_path / "net"))
    assert [v.stype for v in saved.values()] == ["row_sparse"]
    again = gluon.contrib.nn.SparseEmbedding(10, 2)
    again.load_parameters(str(tmp_path / "net"))
    rows = nd.arange(10)
    assert numpy.array_equal(
        again.weight.row_sparse_data(rows).asnumpy(), net.weight.row_sparse_data(rows).asnumpy()
    )


def test_linear_classifier_on_csr_batches():
    """The sparse linear model of MXNet's examples learns, with weights that only few rows of change."""
    mx.random.seed(0)
    rng = numpy.random.RandomState(0)
    features = (rng.rand(200, 50) < 0.1) * rng.randn(200, 50)
    labels = (features @ rng.randn(50) > 0).astype("float32")
    p = gluon.Parameter("w", shape=(50, 2), stype="row_sparse", grad_stype="row_sparse")
    p.initialize(mx.init.Normal(0.01))
    trainer = gluon.Trainer([p], "adagrad", {"learning_rate": 0.5})
    loss_fn = gluon.loss.SoftmaxCrossEntropyLoss()
    batches = mx.io.NDArrayIter(
        nd.array(features).tostype("csr"), nd.array(labels), 20, last_batch_handle="discard"
    )
    for _ in range(20):
        batches.reset()
        for batch in batches:
            x, label = batch.data[0], batch.label[0]
            with autograd.record():
                loss = loss_fn(nd.sparse.dot(x, p.row_sparse_data(x.indices)), label)
            loss.backward()
            trainer.step(20)
    out = nd.dot(nd.array(features), p.row_sparse_data(nd.arange(50)).tostype("default"))
    assert (out.argmax(1).asnumpy() == labels).mean() > 0.95
