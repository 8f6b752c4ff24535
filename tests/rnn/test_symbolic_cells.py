"""mx.rnn: graphs, values, gradients and trainings as MXNet 1.9.1 has them, recorded by cells.py and language.py."""

import gzip
import hashlib
import json
import pathlib
import sys
import warnings

import numpy
import pytest

import minpy as mx

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import cells
import language

sys.path.pop(0)

ANSWERS = json.loads(gzip.decompress((cells.DATA / "cells.json.gz").read_bytes()))
VALUES = numpy.load(cells.DATA / "cells.npz")
BUILDERS = cells.builders(mx)
LANGUAGE = json.loads((cells.DATA / "language.json").read_text())


def test_all_cases_are_recorded():
    assert sorted(BUILDERS) == sorted(ANSWERS) and len(BUILDERS) == 34


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_cells(name):
    text, arrays = cells.run(mx, name, BUILDERS[name])
    expected = dict(ANSWERS[name])
    layout = expected.pop("arrays")
    assert json.loads(json.dumps(text)) == expected
    assert [[key, list(arrays[key].shape)] for key in sorted(arrays)] == layout
    found = numpy.concatenate([arrays[key].ravel() for key in sorted(arrays)])
    numpy.testing.assert_allclose(found, VALUES[name], rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("name", sorted(language.cells(mx)))
def test_language_model_in_buckets(name, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        perplexities, module, batches = language.train(mx, language.cells(mx)[name])
    numpy.testing.assert_allclose(perplexities, LANGUAGE[name], rtol=1e-4)
    assert perplexities[-1] < 3 and sorted(module._buckets) == [5, 9]
    assert "WARNING: discarded 0 sentences longer than the largest bucket." in capsys.readouterr().out
    batches.reset()
    assert module.score(batches, mx.metric.Perplexity(0))[0][1] < 3


@pytest.mark.parametrize("layout", ["NT", "TN"])
def test_sentences(layout):
    found = json.dumps(language.stream(mx, layout)).encode()
    assert hashlib.sha256(found).hexdigest() == LANGUAGE[layout]


def test_encode_sentences():
    coded, vocab = mx.rnn.encode_sentences([["a", "b"], ["b", "c"]], invalid_label=1)
    assert coded == [[0, 2], [2, 3]] and vocab == {"\n": 1, "a": 0, "b": 2, "c": 3}
    with pytest.raises(AssertionError, match="Unknown token d"):
        mx.rnn.encode_sentences([["d"]], vocab=vocab)
    assert mx.rnn.encode_sentences([["d", "a"]], vocab=vocab, unknown_token="c")[0] == [[0, 0]]
    with pytest.raises(ValueError, match="Invalid layout"):
        mx.rnn.BucketSentenceIter([[1, 2]] * 4, 2, layout="TT")
    batches = mx.rnn.BucketSentenceIter([[1, 2, 3], [1, 2]], 1, buckets=[2])
    assert batches.buckets == [2] and next(batches).label[0].asnumpy().tolist() == [[2, -1]]


def unrolled(cell, params, data):
    outputs, _ = cell.unroll(data.shape[1], mx.sym.Variable("data"), merge_outputs=True)
    executor = outputs.simple_bind(mx.cpu(), data=data.shape)
    executor.copy_params_from(params, allow_extra_params=False)
    return executor.forward(data=mx.nd.array(data))[0].asnumpy()


@pytest.mark.filterwarnings("ignore:NTC layout")
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("mode", ["rnn_tanh", "rnn_relu", "lstm", "gru"])
def test_fused_and_unfused_cells_agree(mode, bidirectional, tmp_path):
    fused = mx.rnn.FusedRNNCell(3, num_layers=2, mode=mode, bidirectional=bidirectional, prefix="x_")
    data = cells.values("data", (2, 4, 5))
    symbol, _ = fused.unroll(4, mx.sym.Variable("data"), merge_outputs=True)
    shape = dict(zip(symbol.list_arguments(), symbol.infer_shape(data=data.shape)[0]))["x_parameters"]
    params = {"x_parameters": mx.nd.array(cells.values("p", shape) / 2)}
    prefix = str(tmp_path / "rnn")
    mx.rnn.do_rnn_checkpoint(fused, prefix, period=2)(1, symbol, params, {})
    mx.rnn.do_rnn_checkpoint(fused, prefix, period=3)(1, symbol, params, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rnn-0002.params", "rnn-symbol.json"]
    stack = fused.unfuse()
    _, for_stack, aux = mx.rnn.load_rnn_checkpoint(stack, prefix, 2)
    _, for_fused, _ = mx.rnn.load_rnn_checkpoint([fused], prefix, 2)
    assert aux == {} and (for_fused["x_parameters"].asnumpy() == params["x_parameters"].asnumpy()).all()
    expected = unrolled(fused, params, data)
    assert numpy.abs(expected).max() > 0.1
    numpy.testing.assert_allclose(unrolled(stack, for_stack, data), expected, rtol=1e-5, atol=1e-6)


def test_dropout_and_zoneout_while_training():
    steps = 4
    inner = mx.rnn.RNNCell(50, activation="relu")
    cell = mx.rnn.ZoneoutCell(inner, zoneout_outputs=0.4)
    outputs, _ = cell.unroll(steps, mx.sym.Variable("data"))
    executor = mx.sym.Group(outputs).simple_bind(mx.cpu(), data=(20, steps, 3))
    for array in executor.arg_dict.values():
        array[:] = 0.1
    found = [out.asnumpy() for out in executor.forward(is_train=True)]
    assert 0.3 < (found[0] == 0).mean() < 0.5
    kept = [(after == before).mean() for before, after in zip(found, found[1:])]
    assert all(0.3 < share < 0.5 for share in kept)
    still = [out.asnumpy() for out in executor.forward(is_train=False)]
    assert all((after != before).all() for before, after in zip(still, still[1:]))


def test_states_by_variables_and_their_names():
    cell = mx.rnn.LSTMCell(5, prefix="a_")
    first = cell.begin_state(func=mx.sym.Variable)
    assert [state.name for state in first] == ["a_begin_state_0", "a_begin_state_1"]
    assert first[0].attr("__layout__") == "NC" and cell.state_shape == [(0, 5), (0, 5)]
    output, states = cell(mx.sym.Variable("x"), first)
    assert output.list_outputs() == ["a_t0_out_output"] and [s.name for s in states] == [
        "a_t0_out",
        "a_t0_state",
    ]
    arguments = [*output.list_arguments()]
    assert {"x", "a_begin_state_0", "a_begin_state_1", "a_i2h_weight"} <= set(arguments)
    shapes = dict(zip(arguments, output.infer_shape(x=(2, 3))[0]))
    assert shapes["a_begin_state_1"] == (2, 5)
    bias = mx.nd.zeros(20)
    mx.init.Zero()(
        mx.init.InitDesc("a_i2h_bias", cell.params.get("i2h_bias").attr_dict()["a_i2h_bias"]), bias
    )
    assert bias.asnumpy().reshape(4, 5).sum(axis=1).tolist() == [0, 5, 0, 0]


def test_misuse():
    cell = mx.rnn.RNNCell(3)
    residual = mx.rnn.ResidualCell(cell)
    with pytest.raises(AssertionError, match="After applying modifier cells"):
        cell.begin_state()
    assert len(residual.begin_state()) == 1 and cell._modified
    with pytest.raises(NotImplementedError, match="FusedRNNCell cannot be stepped"):
        mx.rnn.FusedRNNCell(3)(None, None)
    both = mx.rnn.BidirectionalCell(mx.rnn.RNNCell(3, prefix="l_"), mx.rnn.RNNCell(3, prefix="r_"))
    with pytest.raises(NotImplementedError, match="cannot be stepped"):
        both(None, None)
    for base, message in ((mx.rnn.FusedRNNCell(3), "unfuse first"), (both, "doesn't support zoneout")):
        with pytest.raises(AssertionError, match=message):
            mx.rnn.ZoneoutCell(base)
    with pytest.raises(AssertionError, match="must be a number"):
        mx.rnn.DropoutCell("half")
    with pytest.raises(AssertionError, match="Only support odd number"):
        mx.rnn.ConvRNNCell((1, 1, 4, 4), 2, h2h_kernel=(2, 2))
    with pytest.raises(AssertionError, match="has been deprecated"):
        mx.rnn.GRUCell(2).unroll(2, None)
    own = mx.rnn.GRUCell(2)
    own.params.get("i2h_weight")
    with pytest.raises(AssertionError, match="not both"):
        mx.rnn.SequentialRNNCell(params=mx.rnn.RNNParams("p_")).add(own)
    with pytest.warns(UserWarning, match="rnn_unroll is deprecated"):
        outputs, _ = mx.rnn.rnn_unroll(mx.rnn.GRUCell(2), 2, mx.sym.Variable("data"))
    assert len(outputs) == 2
    with pytest.raises(NotImplementedError):
        mx.rnn.BaseRNNCell()(None, None)


def test_zeros_of_unknown_length_follow_the_batch():
    h = mx.sym.zeros(shape=(0, 3)) + 1
    y = mx.sym.Concat(
        mx.sym.FullyConnected(h, num_hidden=2, no_bias=True, name="fc"), mx.sym.Variable("x"), dim=1
    )
    executor = y.simple_bind(mx.cpu(), x=(4, 5))
    executor.arg_dict["fc_weight"][:] = 1
    assert executor.forward()[0].asnumpy()[:, :2].tolist() == [[3, 3]] * 4
    assert executor.reshape(allow_up_sizing=True, x=(6, 5)).forward()[0].shape == (6, 7)
