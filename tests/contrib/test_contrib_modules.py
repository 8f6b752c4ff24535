"""mx.contrib: autograd, io, tensorboard, text, svrg_optimization, quantization, onnx; mx.library."""

import collections
import sys
import types

import numpy
import pytest

import minpy as mx
from minpy import contrib, gluon, nd, sym
from minpy.base import MXNetError
from minpy.contrib import text
from minpy.contrib.svrg_optimization import SVRGModule


def test_modules():
    assert contrib.nd is nd.contrib and contrib.symbol is sym.contrib and contrib.amp is mx.amp
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        contrib.nothing


def test_autograd():
    grad = contrib.autograd.grad(lambda a, b: a * b + b)
    assert [g.asnumpy().tolist() for g in grad(nd.array([2.0]), nd.array([3.0]))] == [[3], [3]]
    both = contrib.autograd.grad_and_loss(lambda a, b: a * b, argnum=1)
    grads, loss = both(nd.array([2.0]), nd.array([3.0]))
    assert grads[0].asscalar() == 2 and loss.asscalar() == 6
    x, dx = nd.array([3.0]), nd.zeros((1,))
    contrib.autograd.mark_variables([x], [dx])
    with contrib.autograd.train_section():
        assert mx.autograd.is_training()
        y = x * x
        with contrib.autograd.test_section():
            assert not mx.autograd.is_recording()
    contrib.autograd.compute_gradient([y])
    assert dx.asscalar() == 6


def test_data_loader_iter():
    loader = gluon.data.DataLoader(
        gluon.data.ArrayDataset(numpy.arange(10.0).reshape(5, 2), numpy.arange(5)), 2
    )
    it = contrib.io.DataLoaderIter(loader)
    assert it.provide_data == [("data", (2, 2))] and it.provide_label == [("softmax_label", (2,))]
    for _ in range(2):
        found = [(b.data[0].asnumpy().tolist(), b.label[0].asnumpy().tolist(), b.pad) for b in it]
        assert found[0] == ([[0, 1], [2, 3]], [0, 1], 0) and found[2] == ([[8, 9], [0, 0]], [4, 0], 1)
        it.reset()


def test_tensorboard(monkeypatch):
    written = []

    class Writer:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, name, value, global_step):
            written.append((self.folder, name, value, global_step))

    monkeypatch.setitem(sys.modules, "mxboard", types.SimpleNamespace(SummaryWriter=Writer))
    callback = contrib.tensorboard.LogMetricsCallback("logs", prefix="train")
    metric = mx.metric.Accuracy()
    metric.update([nd.array([0, 1])], [nd.array([[0.9, 0.1], [0.8, 0.2]])])
    callback(mx.model.BatchEndParam(3, 0, metric, None))
    callback(mx.model.BatchEndParam(3, 0, None, None))
    assert written == [("logs", "train-accuracy", 0.5, 3)]
    for name in ("mxboard", "torch.utils.tensorboard", "tensorboardX"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="install tensorboardX"):
        contrib.tensorboard.LogMetricsCallback("logs")


# --- Text ---


def test_counts():
    counts = text.utils.count_tokens_from_str(" Life is great ! \n life is good . \n", to_lower=True)
    assert counts == {"life": 2, "is": 2, "great": 1, "!": 1, "good": 1, ".": 1}
    assert text.utils.count_tokens_from_str("*a*b*", token_delim=r"\*", counter_to_update=counts)["a"] == 1


def test_vocabulary():
    counter = collections.Counter(["a", "b", "b", "c", "c", "c", "some_word$"])
    vocabulary = text.vocab.Vocabulary(counter, most_freq_count=None, min_freq=1, unknown_token="<unk>",
                                       reserved_tokens=["<pad>"])  # fmt: skip
    assert vocabulary.idx_to_token == ["<unk>", "<pad>", "c", "b", "a", "some_word$"]
    assert vocabulary.to_indices("c") == 2 and vocabulary.to_indices(["b", "x"]) == [3, 0]
    assert vocabulary.to_tokens([2, 0]) == ["c", "<unk>"] and vocabulary.to_tokens(4) == "a"
    assert len(vocabulary) == 6 and vocabulary.reserved_tokens == ["<pad>"]
    assert len(text.vocab.Vocabulary(counter, most_freq_count=2)) == 3
    assert text.vocab.Vocabulary(counter, min_freq=2).idx_to_token == ["<unk>", "c", "b"]
    with pytest.raises(ValueError, match="Token index 9 in the provided `indices` is invalid."):
        vocabulary.to_tokens(9)
    with pytest.raises(AssertionError, match="cannot contain `unknown_token`"):
        text.vocab.Vocabulary(reserved_tokens=["<unk>"])


def test_embeddings(tmp_path):
    path = tmp_path / "my.txt"
    path.write_text("a 0.1 0.2 0.3\nb 0.4 0.5 0.6\na 9 9 9\n")
    with pytest.warns(UserWarning, match="a duplicate embedding"):
        one = text.embedding.CustomEmbedding(str(path))
    assert len(one) == 3 and one.vec_len == 3
    vectors = one.get_vecs_by_tokens(["a", "A", "zzz"], lower_case_backup=True).asnumpy()
    numpy.testing.assert_allclose(vectors, [[0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [0, 0, 0]], rtol=1e-6)
    one.update_token_vectors("b", nd.array([1, 2, 3]))
    assert one.get_vecs_by_tokens("b").asnumpy().tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="Token q is unknown"):
        one.update_token_vectors(["q", "a"], nd.ones((2, 3)))
    vocabulary = text.vocab.Vocabulary(collections.Counter(["b", "b", "q"]))
    composite = text.embedding.CompositeEmbedding(vocabulary, [one, one])
    assert composite.vec_len == 6 and composite.idx_to_token == ["<unk>", "b", "q"]
    assert composite.idx_to_vec.asnumpy().tolist() == [[0] * 6, [1, 2, 3, 1, 2, 3], [0] * 6]
    path.write_text("2 3\n<unk> 7 7\nx 1 2\n")
    with pytest.warns(UserWarning, match="likely a header"):
        path.write_text("5\n2 9\n".replace("5\n", "h 5\n") + "<unk> 7 7\nx 1 2\n")
        again = text.embedding.CustomEmbedding(str(path), vocabulary=None)
    assert again.idx_to_vec[0].asnumpy().tolist() == [7, 7]


def test_pretrained_embeddings(tmp_path):
    names = text.embedding.get_pretrained_file_names()
    assert set(names) == {"glove", "fasttext"} and "glove.6B.50d.txt" in names["glove"]
    with pytest.raises(FileNotFoundError, match="nlp.stanford.edu"):
        text.embedding.create("glove", pretrained_file_name="glove.6B.50d.txt", embedding_root=str(tmp_path))
    (tmp_path / "glove").mkdir()
    (tmp_path / "glove" / "glove.6B.50d.txt").write_text("hello 1 2\nworld 3 4\n")
    made = text.embedding.GloVe("glove.6B.50d.txt", embedding_root=str(tmp_path))
    assert made.to_indices("world") == 2
    with pytest.raises(KeyError, match="Cannot find pretrained file x for token embedding fasttext"):
        text.embedding.FastText("x")
    with pytest.raises(KeyError, match="Cannot find `embedding_name` y"):
        text.embedding.get_pretrained_file_names("y")


# --- The others ---


def regression(module_class, **settings):
    rng = numpy.random.RandomState(0)
    x = rng.randn(40, 3)
    y = x @ [1.0, -2, 3]
    graph = sym.LinearRegressionOutput(
        sym.FullyConnected(sym.var("data"), num_hidden=1, name="fc"), sym.var("lin_label"), name="lin"
    )
    module = module_class(graph, data_names=("data",), label_names=("lin_label",), **settings)
    it = mx.io.NDArrayIter(x, y, 8, label_name="lin_label")
    module.fit(
        it,
        num_epoch=12,
        eval_metric="mse",
        optimizer_params={"learning_rate": 0.1},
        initializer=mx.init.Zero(),
    )
    return module, it


@pytest.mark.filterwarnings("ignore:Parameters already")
@pytest.mark.parametrize("context", [mx.cpu(0), [mx.cpu(0), mx.cpu(1)]], ids=["one", "two"])
def test_svrg(context):
    module, it = regression(SVRGModule, update_freq=2, context=context)
    weights = module.get_params()[0]["fc_weight"].asnumpy()
    numpy.testing.assert_allclose(weights, [[1, -2, 3]], atol=0.05)
    assert module.score(it, "mse")[0][1] < 0.01


@pytest.mark.filterwarnings("ignore:Parameters already")
def test_svrg_corrects_gradients():
    """At the weights of the full gradient, every batch's corrected gradient is the full one."""
    module, it = regression(SVRGModule, update_freq=100)
    module.update_full_grads(it)
    it.reset()
    corrected = []
    for batch in it:
        module.forward(batch, is_train=True)
        module.backward()
        module._update_svrg_gradients()
        corrected.append(module._exec_group.grad_arrays[0][0].asnumpy().copy())
    for one in corrected:
        numpy.testing.assert_allclose(one, module._param_dict[0]["fc_weight"].asnumpy(), rtol=1e-4, atol=1e-5)


def test_svrg_settings():
    with pytest.raises(TypeError, match="update_freq in SVRGModule must be an integer"):
        SVRGModule(sym.var("data"))
    with pytest.raises(ValueError, match="update_freq in SVRGModule must be a positive integer"):
        SVRGModule(sym.var("data"), update_freq=0)


def test_quantization():
    counts, edges = numpy.histogram([0.5, -0.5], bins=4, range=(-1, 1))
    found = contrib.quantization.combine_histogram(
        (counts, edges, -0.5, 0.5, 1), numpy.float32([0.1, -1.4]), -1.4, 0.1, 1.4
    )
    assert found[0].sum() == 4 and len(found[0]) == 6 and found[2:] == (-1.4, 0.5, 1.5)
    smooth = contrib.quantization._smooth_distribution(numpy.array([0, 2, 2, 0]))
    numpy.testing.assert_allclose(smooth, [0.0001, 1.9999, 1.9999, 0.0001])
    for name in ("quantize_net", "quantize_model", "quantize_net_v2", "quantize_graph", "calib_graph"):
        with pytest.raises(MXNetError, match=rf"quantization.{name}: .*amp.convert_model"):
            getattr(contrib.quantization, name)(None)


def test_library(tmp_path):
    with pytest.raises(MXNetError, match="load path missing.so does NOT exist"):
        mx.library.load("missing.so")
    path = tmp_path / "lib.txt"
    path.write_text("")
    with pytest.raises(MXNetError, match="is NOT a library file"):
        mx.library.load(str(path))
    path = tmp_path / "lib.so"
    path.write_text("")
    with pytest.raises(MXNetError, match=r"lib.so cannot be loaded: .*CustomOp"):
        mx.library.load(str(path))


def test_parts_of_batches():
    from minpy.executor_manager import _check_arguments, _load_data, _split_input_slice

    assert _split_input_slice(10, [1, 1, 2]) == [slice(0, 2), slice(2, 4), slice(4, 10)]
    with pytest.raises(ValueError, match="Too many slices"):
        _split_input_slice(1, [1, 1])
    _check_arguments(sym.FullyConnected(sym.var("data"), num_hidden=1))
    with pytest.raises(ValueError, match='Find duplicated argument name "a"'):
        _check_arguments(sym.var("a") + sym.var("a"))
    halves = [nd.zeros((2, 1)), nd.zeros((2, 1))]
    batch = mx.io.DataBatch([nd.arange(4).reshape((4, 1))])
    _load_data(batch, [[(slice(0, 2), halves[0]), (slice(2, 4), halves[1])]])
    assert halves[1].asnumpy().tolist() == [[2], [3]]


def test_updates_of_own_loops():
    from minpy.model import _create_kvstore, _initialize_kvstore, _update_params, _update_params_on_kvstore

    args = {"w": nd.ones((2,))}
    assert _create_kvstore("local", 1, args) == (None, False) and _create_kvstore(None, 2, args) == (
        None,
        False,
    )
    store, on_store = _create_kvstore("local", 2, args)
    assert on_store
    with pytest.raises(TypeError, match="kvstore must be KVStore, str or None"):
        _create_kvstore(3, 2, args)
    weights, grads = ([[nd.ones((2,), ctx=mx.cpu(i)) for i in range(2)]] for _ in range(2))
    store.set_optimizer(mx.optimizer.SGD(learning_rate=0.5))
    _initialize_kvstore(store, weights, args, ["w"], True)
    _update_params_on_kvstore(weights, grads, store, ["w"])
    assert [w.asnumpy().tolist() for w in weights[0]] == [[0, 0]] * 2
    plain = mx.kv.create("local")
    _initialize_kvstore(plain, weights, args, ["w"], False)
    _update_params(
        weights, grads, mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=0.5)), 2, plain, ["w"]
    )
    assert [w.asnumpy().tolist() for w in weights[0]] == [[-1, -1]] * 2
