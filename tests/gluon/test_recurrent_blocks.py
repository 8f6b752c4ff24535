"""Recurrent layers and cells: what MXNet 1.9.1 gives, recorded in data/rnn.npz and data/rnn.json."""

import json
import pathlib

import numpy
import pytest

import minpy as mx
from minpy import autograd, gluon, nd
from minpy.gluon import rnn

DATA = pathlib.Path(__file__).parent / "data"
RECORDED = numpy.load(DATA / "rnn.npz")
INFO = json.loads((DATA / "rnn.json").read_text())

LAYERS = {
    "rnn_relu": lambda rnn: rnn.RNN(4, 2, prefix="net_"),
    "rnn_tanh": lambda rnn: rnn.RNN(4, 1, activation="tanh", prefix="net_"),
    "lstm": lambda rnn: rnn.LSTM(4, 2, prefix="net_"),
    "lstm_bi": lambda rnn: rnn.LSTM(4, 2, bidirectional=True, prefix="net_"),
    "lstm_ntc": lambda rnn: rnn.LSTM(4, layout="NTC", prefix="net_"),
    "lstm_projection": lambda rnn: rnn.LSTM(4, projection_size=3, prefix="net_"),
    "gru": lambda rnn: rnn.GRU(4, 2, prefix="net_"),
    "gru_bi": lambda rnn: rnn.GRU(4, 1, bidirectional=True, prefix="net_"),
}


def _stack(rnn, *cells):
    stack = rnn.HybridSequentialRNNCell(prefix="net_")
    with stack.name_scope():
        for cell in cells:
            stack.add(cell)
    return stack


CELLS = {
    "rnn_cell": lambda rnn: rnn.RNNCell(4, prefix="net_"),
    "rnn_cell_relu": lambda rnn: rnn.RNNCell(4, activation="relu", prefix="net_"),
    "lstm_cell": lambda rnn: rnn.LSTMCell(4, prefix="net_"),
    "lstm_cell_other": lambda rnn: rnn.LSTMCell(
        4, activation="relu", recurrent_activation="tanh", prefix="net_"
    ),
    "gru_cell": lambda rnn: rnn.GRUCell(4, prefix="net_"),
    "stack": lambda rnn: _stack(
        rnn, rnn.LSTMCell(4, prefix="a_"), rnn.DropoutCell(0.5), rnn.GRUCell(3, prefix="b_")
    ),
    "residual": lambda rnn: rnn.ResidualCell(rnn.GRUCell(5, prefix="net_")),
    "zoneout": lambda rnn: rnn.ZoneoutCell(rnn.RNNCell(4, prefix="net_"), 0.5, 0.5),
    "bidirectional": lambda rnn: rnn.BidirectionalCell(
        rnn.LSTMCell(4, prefix="l_"), rnn.GRUCell(3, prefix="r_")
    ),
    "stack_bi": lambda rnn: _stack(
        rnn,
        rnn.BidirectionalCell(rnn.RNNCell(4, prefix="l_"), rnn.RNNCell(3, prefix="r_")),
        rnn.GRUCell(2, prefix="t_"),
    ),
}
X = numpy.random.RandomState(1).randn(6, 3, 5)
VALID = [1, 2, 3, 3, 2, 1]


def fill(net, scale=0.5):
    rng = numpy.random.RandomState(7)
    for parameter in net.collect_params().values():
        parameter.set_data(nd.array(rng.randn(*parameter.shape) * scale))


def made(make, call, x=X):
    """The network with its values, and (outputs, states) with the gradient of the input."""
    net = make(rnn)
    net.initialize()
    x = nd.array(x)
    call(net, x)
    fill(net)
    x.attach_grad()
    with autograd.record(train_mode=False):
        y, states = call(net, x)
        total = (y * y).sum()
    total.backward()
    return net, x, y, states


def check(name, net, x, y, states):
    info = INFO[name]
    assert [[n, list(p.shape)] for n, p in net.collect_params().items()] == info["params"]
    assert sorted(net._collect_params_with_prefix()) == info["keys"]
    assert repr(net) == info["repr"]
    assert [[list(s["shape"]), s["__layout__"]] for s in net.state_info(3)] == info["state_info"]
    values = {"y": y, **{f"s{i}": s for i, s in enumerate(states)}}
    if f"{name}|dx" in RECORDED:
        values.update(dx=x.grad, dw=next(iter(net.collect_params().values())).grad())
    for key, value in values.items():
        numpy.testing.assert_allclose(value.asnumpy(), RECORDED[f"{name}|{key}"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    check(name, *made(LAYERS[name], lambda net, x: net(x, net.begin_state(x.shape[net._layout.find("N")]))))


@pytest.mark.parametrize("name", CELLS)
def test_cells(name):
    check(name, *made(CELLS[name], lambda net, x: net.unroll(3, x, layout="NTC", merge_outputs=True)))


@pytest.mark.parametrize("name", [n for n in CELLS if n != "stack_bi"])
def test_valid_lengths(name):
    valid = nd.array(VALID)
    result = made(
        CELLS[name],
        lambda net, x: net.unroll(3, x, layout="NTC", merge_outputs=True, valid_length=valid),
    )
    check(name + "_valid", *result)
    y = result[2].asnumpy()
    assert not any(y[i, n:].any() for i, n in enumerate(VALID))


@pytest.mark.parametrize("layout", ["NTC", "TNC"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("make", [rnn.RNN, rnn.LSTM, rnn.GRU])
def test_layers_are_unrolled_cells(make, bidirectional, layout):
    net = make(4, num_layers=2, bidirectional=bidirectional, layout=layout)
    net.initialize()
    x = nd.array(X)
    net(x)
    fill(net)
    x.attach_grad()
    with autograd.record():
        outputs, states = net(x, net.begin_state(x.shape[layout.find("N")]))
        total = (outputs**3).sum()
    total.backward()
    expected = x.grad.copy()
    cells = net._unfuse()
    with autograd.record():
        again, after = cells.unroll(x.shape[layout.find("T")], x, layout=layout, merge_outputs=True)
        total = (again**3).sum()
    total.backward()
    numpy.testing.assert_allclose(again.asnumpy(), outputs.asnumpy(), rtol=1e-5, atol=1e-6)
    numpy.testing.assert_allclose(x.grad.asnumpy(), expected.asnumpy(), rtol=1e-4, atol=1e-5)
    kinds = len(states)
    for kind in range(kinds):
        stacked = nd.stack(*after[kind::kinds], axis=0)
        numpy.testing.assert_allclose(stacked.asnumpy(), states[kind].asnumpy(), rtol=1e-5, atol=1e-6)


def test_a_bidirectional_stack_with_valid_lengths():
    """MXNet 1.9.1 fails here; rows of length n are what sequences of length n give."""
    net, _, whole, _ = made(
        CELLS["stack_bi"],
        lambda net, x: net.unroll(3, x, layout="NTC", merge_outputs=True, valid_length=nd.array(VALID)),
    )
    for i, n in enumerate(VALID):
        alone, _ = net.unroll(n, nd.array(X[i : i + 1, :n]), layout="NTC", merge_outputs=True)
        numpy.testing.assert_allclose(whole.asnumpy()[i, :n], alone.asnumpy()[0], rtol=1e-5, atol=1e-6)


# --- Layers ---


def test_calls_without_states():
    net = rnn.LSTM(4)
    net.initialize()
    x = nd.array(X)
    alone = net(x)
    outputs, states = net(x, net.begin_state(3))
    assert numpy.array_equal(alone.asnumpy(), outputs.asnumpy())
    assert [s.shape for s in states] == [(1, 3, 4), (1, 3, 4)]
    gru = rnn.GRU(4)
    gru.initialize()
    outputs, states = gru(x, nd.zeros((1, 3, 4)))
    assert outputs.shape == (6, 3, 4) and len(states) == 1


def test_deferred_input_size():
    net = rnn.LSTM(4, 2)
    assert repr(net) == "LSTM(None -> 4, TNC, num_layers=2)"
    net.initialize()
    net(nd.array(X))
    assert net.l0_i2h_weight.shape == (16, 5) and net.l1_i2h_weight.shape == (16, 4)
    assert repr(net) == "LSTM(5 -> 4, TNC, num_layers=2)"


def test_sequence_lengths():
    net = rnn.GRU(4, use_sequence_length=True)
    net.initialize()
    x = nd.array(X)
    outputs, states = net(x, net.begin_state(3), nd.array([2, 6, 4]))
    y = outputs.asnumpy()
    assert not y[2:, 0].any() and not y[4:, 2].any() and y[:, 1].all()
    numpy.testing.assert_array_equal(states[0].asnumpy()[0], [y[1, 0], y[5, 1], y[3, 2]])


def test_errors_of_layers():
    with pytest.raises(AssertionError, match=r"Invalid layout CTN; must be one of \['TNC' or 'NTC'\]"):
        rnn.LSTM(4, layout="CTN")
    net = rnn.LSTM(4)
    net.initialize()
    with pytest.raises(
        ValueError, match=r"Invalid recurrent state shape. Expecting \(1, 3, 4\), got \(1, 2, 4\)"
    ):
        net(nd.array(X), net.begin_state(2))


def test_dropout_between_layers():
    net = rnn.LSTM(16, 2, dropout=0.5)
    net.initialize()
    x = nd.array(X)
    quiet = net(x).asnumpy()
    assert numpy.array_equal(net(x).asnumpy(), quiet)
    with autograd.record():
        noisy = net(x)
    assert not numpy.allclose(noisy.asnumpy(), quiet)


def test_files_and_devices(tmp_path):
    path = str(tmp_path / "net.params")
    net = rnn.LSTM(4, 2, bidirectional=True)
    net.initialize()
    expected = net(nd.array(X)).asnumpy()
    net.save_parameters(path)
    assert "_unfused.0.l_cell.i2h_weight" in nd.load(path)
    other = rnn.LSTM(4, 2, bidirectional=True)
    other.load_parameters(path, ctx=mx.cpu(1))
    result = other(nd.array(X, ctx=mx.cpu(1)))
    assert result.context == mx.cpu(1) and numpy.array_equal(result.asnumpy(), expected)


def test_cast():
    net = rnn.LSTM(4, input_size=5)
    net.initialize()
    net.cast("float64")
    assert net(nd.array(X, dtype="float64")).dtype is numpy.float64


# --- Cells ---


def test_a_step():
    cell = rnn.LSTMCell(4)
    cell.initialize()
    states = cell.begin_state(batch_size=3)
    assert [s.shape for s in states] == [(3, 4), (3, 4)]
    output, states = cell(nd.ones((3, 5)), states)
    assert output.shape == (3, 4) and len(states) == 2
    ones = cell.begin_state(batch_size=2, func=nd.ones, ctx=mx.cpu(1))
    assert ones[0].context == mx.cpu(1) and ones[0].asnumpy().all()


def test_lists_of_steps():
    cell = rnn.GRUCell(4, prefix="gru_")
    cell.initialize()
    steps = [nd.array(X[i]) for i in range(6)]
    outputs, _ = cell.unroll(6, steps)
    assert isinstance(outputs, list) and len(outputs) == 6 and outputs[0].shape == (3, 4)
    whole, _ = cell.unroll(6, nd.array(X), layout="TNC", merge_outputs=True)
    assert whole.shape == (6, 3, 4)
    numpy.testing.assert_array_equal(whole.asnumpy(), numpy.stack([o.asnumpy() for o in outputs]))
    apart, _ = cell.unroll(6, nd.array(X), layout="TNC", merge_outputs=False)
    assert isinstance(apart, list) and len(apart) == 6


def test_modified_cells():
    base = rnn.RNNCell(4)
    cell = rnn.ResidualCell(base)
    with pytest.raises(AssertionError, match="After applying modifier cells"):
        base.begin_state(batch_size=1)
    with pytest.raises(AssertionError, match="is already modified. One cell cannot be modified twice"):
        rnn.ZoneoutCell(base)
    assert [s.shape for s in cell.begin_state(batch_size=2)] == [(2, 4)]
    with pytest.raises(AssertionError, match="BidirectionalCell doesn't support zoneout"):
        rnn.ZoneoutCell(rnn.BidirectionalCell(rnn.RNNCell(4), rnn.RNNCell(4)))
    with pytest.raises(NotImplementedError, match="Bidirectional cannot be stepped. Please use unroll"):
        rnn.BidirectionalCell(rnn.RNNCell(4), rnn.RNNCell(4))(nd.ones((1, 4)), [])


def test_zoneout_while_training():
    """Elements either are the step's or stay as they were before it."""
    cell = rnn.ZoneoutCell(rnn.RNNCell(50, input_size=5), zoneout_outputs=0.0, zoneout_states=0.5)
    cell.initialize(mx.init.Normal(1))
    before = nd.random.normal(shape=(3, 50))
    mx.random.seed(3)
    with autograd.record():
        output, (after,) = cell(nd.array(X[0]), [before])
    kept = after.asnumpy() == before.asnumpy()
    assert 0.3 < kept.mean() < 0.7
    assert numpy.array_equal(after.asnumpy()[~kept], output.asnumpy()[~kept])


def test_dropout_cell():
    cell = rnn.DropoutCell(0.5)
    x = nd.ones((4, 3, 50))
    assert numpy.array_equal(cell.unroll(3, x, merge_outputs=True)[0].asnumpy(), x.asnumpy())
    with autograd.record():
        outputs, states = cell.unroll(3, x, merge_outputs=True)
    assert set(outputs.asnumpy().ravel()) == {0, 2} and states == []


def test_names():
    """Prefixes count by kind of cell."""
    with mx.name.NameManager():
        cells = [rnn.LSTMCell(2), rnn.LSTMCell(2), rnn.GRUCell(2), rnn.RNNCell(2), rnn.LSTM(2)]
    assert [c.prefix for c in cells] == ["lstm0_", "lstm1_", "gru0_", "rnn0_", "lstm2_"]


def test_a_network_learns():
    """The sum of a sequence, by an LSTM below a Dense."""
    mx.random.seed(1)
    net = gluon.nn.Sequential()
    net.add(rnn.LSTM(16, layout="NTC"), gluon.nn.Dense(1))
    net.initialize(mx.init.Xavier())
    rng = numpy.random.RandomState(0)
    x = rng.rand(64, 5, 1).astype("f")
    data, label = nd.array(x), nd.array(x.sum(axis=1))
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.02})
    losses = []
    for _ in range(60):
        with autograd.record():
            loss = gluon.loss.L2Loss()(net(data), label)
        loss.backward()
        trainer.step(64)
        losses.append(float(loss.mean().asscalar()))
    assert losses[-1] < 0.02 * losses[0]


# --- Symbols ---


def test_cells_compose_symbols():
    """Arguments in the order that MXNet lists them."""
    from minpy import sym

    own = ["l_i2h_weight", "l_i2h_bias", "l_h2h_weight", "l_h2h_bias"]
    cell = rnn.GRUCell(4, prefix="l_")
    outputs, _ = cell.unroll(3, sym.var("x"), merge_outputs=True)
    assert outputs.list_arguments() == ["x", *own]
    cell = rnn.LSTMCell(4, prefix="l_")
    output, states = cell(sym.var("x"), cell.begin_state(func=sym.var))
    assert output.list_arguments() == ["x", *own[:2], "l_begin_state_0", *own[2:], "l_begin_state_1"]
    both = rnn.BidirectionalCell(rnn.LSTMCell(4, prefix="l_"), rnn.LSTMCell(4, prefix="r_"))
    outputs, _ = both.unroll(3, [sym.var(f"t{i}") for i in range(3)])
    assert [o.name for o in outputs] == ["bi_t0", "bi_t1", "bi_t2"]
    layer = rnn.LSTM(4, prefix="n_")
    assert layer(sym.var("x")).list_arguments() == [
        "x",
        "n_l0_i2h_weight",
        "n_l0_h2h_weight",
        "n_l0_i2h_bias",
        "n_l0_h2h_bias",
    ]
