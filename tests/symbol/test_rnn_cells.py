"""mx.rnn: names, values and packed weights as MXNet 1.9.1 has them, in data/rnn_cells.npz."""

import pathlib

import numpy
import pytest

import minpy as mx
from minpy import nd, rnn, sym

RECORDED = numpy.load(pathlib.Path(__file__).parent / "data" / "rnn_cells.npz")
MODES = [
    f"{mode}:{directions}" for mode in ("lstm", "gru", "rnn_relu", "rnn_tanh") for directions in ("one", "bi")
]
KINDS = [
    "lstm",
    "gru",
    "rnn",
    "bi",
    "residual",
    "zoneout",
    *(f"{f}:{m}" for f in ("fused", "unfused") for m in MODES),
]


def make(kind):
    stack = rnn.SequentialRNNCell()
    if kind == "lstm":
        for cell in (rnn.LSTMCell(4, prefix="l0_"), rnn.DropoutCell(0.5), rnn.LSTMCell(3, prefix="l1_")):
            stack.add(cell)
        return stack
    if kind == "bi":
        stack.add(rnn.BidirectionalCell(rnn.LSTMCell(3, prefix="a_"), rnn.GRUCell(2, prefix="b_")))
        stack.add(rnn.RNNCell(4))
        return stack
    simple = {
        "gru": lambda: rnn.GRUCell(4),
        "rnn": lambda: rnn.RNNCell(4, activation="relu"),
        "residual": lambda: rnn.ResidualCell(rnn.GRUCell(5)),
        "zoneout": lambda: rnn.ZoneoutCell(rnn.LSTMCell(4), zoneout_outputs=0.0, zoneout_states=0.2),
    }
    if kind in simple:
        return simple[kind]()
    form, mode, directions = kind.split(":")
    fused = rnn.FusedRNNCell(4, 2, mode, bidirectional=directions == "bi", get_next_state=form == "fused")
    return fused if form == "fused" else fused.unfuse()


def flat(value):
    return [one for part in value for one in flat(part)] if isinstance(value, (list, tuple)) else [value]


def check(key, graph, **shapes):
    names = graph.list_arguments()
    assert (
        names == RECORDED[f"{key} args"].tolist() and graph.list_outputs() == RECORDED[f"{key} outs"].tolist()
    )
    rng = numpy.random.RandomState(1)
    found = sorted(zip(names, graph.infer_shape(**shapes)[0]))
    values = {name: nd.array(rng.uniform(-0.5, 0.5, shape)) for name, shape in found}
    for i, output in enumerate(graph.bind(mx.cpu(), values).forward()):
        numpy.testing.assert_allclose(output.asnumpy(), RECORDED[f"{key} out{i}"], rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore:NTC layout detected")
@pytest.mark.parametrize("layout, merge", [("NTC", True), ("TNC", False)])
@pytest.mark.parametrize("kind", KINDS)
def test_unrolled(kind, layout, merge):
    with mx.name.NameManager():
        graph = sym.Group(
            flat(make(kind).unroll(3, sym.Variable("data"), layout=layout, merge_outputs=merge))
        )
    check(f"{kind} {layout} {merge}", graph, data=(2, 3, 5) if layout == "NTC" else (3, 2, 5))


@pytest.mark.parametrize("kind", ["ConvRNNCell", "ConvLSTMCell", "ConvGRUCell"])
def test_convolutional(kind):
    with mx.name.NameManager():
        cell = getattr(rnn, kind)((2, 3, 6, 6), 4)
        outputs, _ = cell.unroll(2, [sym.Variable("d0"), sym.Variable("d1")], merge_outputs=False)
    assert cell.state_shape[0] == (0, 4, 6, 6)
    check(kind, sym.Group(outputs), d0=(2, 3, 6, 6), d1=(2, 3, 6, 6))


@pytest.mark.parametrize("kind", ["lstm", "gru", "bi", *(f"fused:{mode}" for mode in MODES)])
def test_packed_weights(kind):
    cell = make(kind)
    outputs, _ = cell.unroll(2, sym.Variable("data"), layout="TNC", merge_outputs=True)
    shapes = dict(zip(outputs.list_arguments(), outputs.infer_shape(data=(2, 2, 5))[0]))
    packed = {
        name: nd.array(numpy.random.RandomState(3).rand(*shape))
        for name, shape in shapes.items()
        if name != "data"
    }
    unpacked = cell.unpack_weights(packed)
    recorded = [key.split(" ")[2] for key in RECORDED.files if key.startswith(f"{kind} unpacked ")]
    assert not recorded or sorted(unpacked) == sorted(recorded)
    for name in recorded:
        numpy.testing.assert_allclose(
            unpacked[name].asnumpy(), RECORDED[f"{kind} unpacked {name}"], rtol=1e-6
        )
    again = cell.pack_weights(unpacked)
    assert sorted(again) == sorted(packed)
    for name, array in packed.items():
        assert numpy.array_equal(again[name].asnumpy(), array.asnumpy())


def test_fused_and_unfused_agree():
    fused = rnn.FusedRNNCell(4, 2, "lstm", bidirectional=True, prefix="f_")
    stack = fused.unfuse()
    data = sym.Variable("data")
    graphs = [one.unroll(3, data, layout="TNC", merge_outputs=True)[0] for one in (fused, stack)]
    weights = {
        "f_parameters": nd.random.uniform(-0.5, 0.5, shape=graphs[0].infer_shape(data=(3, 2, 5))[0][1])
    }
    x = nd.random.uniform(shape=(3, 2, 5))
    results = [
        graph.bind(mx.cpu(), {"data": x, **arrays}).forward()[0].asnumpy()
        for graph, arrays in zip(graphs, (weights, stack.pack_weights(fused.unpack_weights(weights))))
    ]
    numpy.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)


def test_misuse():
    cell = rnn.RNNCell(4)
    rnn.ZoneoutCell(cell, 0.1)
    with pytest.raises(AssertionError, match="base cell cannot be called directly"):
        cell.begin_state()
    with pytest.raises(NotImplementedError, match="cannot be stepped. Please use unroll"):
        rnn.FusedRNNCell(4)(None, None)
    with pytest.raises(AssertionError, match="FusedRNNCell doesn't support zoneout. Please unfuse first"):
        rnn.ZoneoutCell(rnn.FusedRNNCell(4))
    with pytest.raises(AssertionError, match="Only support odd number"):
        rnn.ConvRNNCell((2, 3, 6, 6), 4, h2h_kernel=(2, 3))
    with pytest.warns(UserWarning, match="rnn_unroll is deprecated"):
        rnn.rnn_unroll(rnn.GRUCell(4), 2, sym.Variable("data"))


def test_shared_weights():
    params = rnn.RNNParams("shared_")
    first, second = rnn.GRUCell(4, params=params), rnn.GRUCell(4, params=params)
    graph = sym.Group([cell.unroll(1, sym.Variable("data"))[0][0] for cell in (first, second)])
    assert graph.list_arguments().count("shared_i2h_weight") == 1


def test_sentences(capsys):
    coded, vocabulary = rnn.encode_sentences([["a", "b"], ["b", "c"]], start_label=1)
    assert coded == [[1, 2], [2, 3]] and vocabulary == {"\n": -1, "a": 1, "b": 2, "c": 3}
    assert rnn.encode_sentences([["a", "x"]], vocabulary, start_label=4, unknown_token="<unk>")[0] == [[1, 4]]
    with pytest.raises(AssertionError, match="Unknown token y"):
        rnn.encode_sentences([["y"]], vocabulary)
    sentences = [[1, 2, 3]] * 5 + [[4, 5]] * 4 + [[1] * 9]
    it = rnn.BucketSentenceIter(sentences, 2, buckets=[2, 4], invalid_label=0, layout="TN")
    assert "discarded 1 sentences longer" in capsys.readouterr().out
    assert it.provide_data == [("data", (4, 2))] and it.default_bucket_key == 4
    batches = list(it)
    assert sorted(b.bucket_key for b in batches) == [2, 2, 4, 4]
    longest = next(b for b in batches if b.bucket_key == 4)
    assert longest.data[0].asnumpy().T.tolist() == [[1, 2, 3, 0]] * 2
    assert longest.label[0].asnumpy().T.tolist() == [[2, 3, 0, 0]] * 2


def test_checkpoints(tmp_path):
    cell = rnn.LSTMCell(3, prefix="l_")
    graph = cell.unroll(2, sym.Variable("data"), merge_outputs=True)[0]
    shapes = zip(graph.list_arguments(), graph.infer_shape(data=(2, 2, 5))[0])
    arrays = {name: nd.random.uniform(shape=shape) for name, shape in shapes if name != "data"}
    rnn.do_rnn_checkpoint(cell, str(tmp_path / "net"), period=2)(1, graph, arrays, {})
    assert "arg:l_i2h_f_weight" in nd.load(str(tmp_path / "net-0002.params"))
    _, again, _ = rnn.load_rnn_checkpoint([cell], str(tmp_path / "net"), 2)
    assert all(numpy.array_equal(again[name].asnumpy(), array.asnumpy()) for name, array in arrays.items())


@pytest.mark.filterwarnings("ignore:NTC layout detected", "ignore:Parameters already")
def test_language_model_learns(capsys):
    """The bucketing example: an LSTM that learns to count."""
    mx.random.seed(0)
    numpy.random.seed(0)
    sentences = [
        [(start + i) % 5 + 1 for i in range(length)]
        for start in range(5)
        for length in (4, 6)
        for _ in range(8)
    ]
    it = rnn.BucketSentenceIter(sentences, 8, buckets=[4, 6], invalid_label=0)
    stack = rnn.SequentialRNNCell()
    stack.add(rnn.LSTMCell(16, prefix="l0_"))

    def generate(length):
        embedded = sym.Embedding(sym.Variable("data"), input_dim=6, output_dim=8, name="embed")
        stack.reset()
        outputs, _ = stack.unroll(length, embedded, merge_outputs=True)
        dense = sym.FullyConnected(sym.Reshape(outputs, shape=(-1, 16)), num_hidden=6, name="pred")
        label = sym.Reshape(sym.Variable("softmax_label"), shape=(-1,))
        return sym.SoftmaxOutput(dense, label, name="softmax"), ("data",), ("softmax_label",)

    module = mx.mod.BucketingModule(generate, default_bucket_key=it.default_bucket_key)
    metric = mx.metric.Perplexity(0)
    module.fit(it, num_epoch=12, eval_metric=metric, optimizer="adam", optimizer_params={"learning_rate": 0.03},
               initializer=mx.init.Xavier())  # fmt: skip
    assert metric.get()[1] < 1.5
