"""Import: recurrent layers, as the fused operator RNN."""

import numpy

from minpy.onnx._reader import row

_ORDER = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}  # where MXNet's gates are among ONNX's


def _mode(c, directions):
    given = [a.decode() if isinstance(a, bytes) else a for a in c.attr("activations", [])]
    usual = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}[
        c.kind
    ] * directions
    if c.kind == "RNN" and given == ["Relu"] * directions:
        return "rnn_relu"
    c.require(given in ([], usual), f"activations {given} have no counterpart")
    c.require(
        c.kind != "GRU" or c.attr("linear_before_reset", 0), "linear_before_reset of 0 has no counterpart"
    )
    return {"LSTM": "lstm", "GRU": "gru", "RNN": "rnn_tanh"}[c.kind]


@row("LSTM", "GRU", "RNN")
def _recurrent(c):
    direction = c.attr("direction", "forward")
    backward = direction == "reverse"
    for name in ("clip", "layout", "input_forget"):
        c.require(not c.attr(name), f"{name} has no counterpart")
    c.require(not c.has(7), "peepholes have no counterpart")
    size, directions = c.attr("hidden_size"), 2 if direction == "bidirectional" else 1
    mode, cell = _mode(c, directions), c.kind == "LSTM"
    states = [_first_state(c, i, size, directions) for i in (5, 6)[: 1 + cell]]
    lengths = [c.op("Cast", c.sym(4), dtype="float32")] if c.has(4) else []
    data = _reversed(c, c.sym(0), lengths) if backward else c.sym(0)
    inputs = [data, c.stored(_packed(c, size, directions), "parameters"), *states]
    options = {"state_size": size, "num_layers": 1, "mode": mode, "bidirectional": directions == 2}
    if lengths:
        inputs += lengths
        options["use_sequence_length"] = True
    names = ("data", "parameters", "state", "state_cell" if cell else "sequence_length", "sequence_length")
    found = c.op("RNN", **dict(zip(names, inputs)), state_outputs=True, **options)
    output = _reversed(c, found[0], lengths) if backward else found[0]
    steps = c.op("transpose", c.op("Reshape", output, shape=(0, 0, directions, size)), axes=(0, 2, 1, 3))
    return [steps, *[found[i] for i in range(1, 2 + cell)]]


def _reversed(c, data, lengths):
    """The sequences from their ends to their beginnings."""
    return c.op("SequenceReverse", data, *lengths, use_sequence_length=bool(lengths))


def _first_state(c, position, size, directions):
    if c.has(position):
        return c.sym(position)
    batch = c.op("slice", c.sym(0), begin=(0, None, 0), end=(1, None, 1))
    return c.op("broadcast_axis", c.op("zeros_like", batch), axis=(0, 2), size=(directions, size))


def _packed(c, size, directions):
    """MXNet's vector of all weights and biases."""
    order = numpy.concatenate([numpy.arange(size) + gate * size for gate in _ORDER[c.kind]])
    weights = [c.constant(i) for i in (1, 2)]
    rows = len(order)
    biases = c.constant(3, numpy.zeros((directions, 2 * rows), weights[0].dtype))
    shapes = [(directions, rows, weights[0].shape[-1]), (directions, rows, size)]
    c.require(
        [w.shape for w in weights] == shapes and biases.shape == (directions, 2 * rows),
        "weights of other shapes",
    )
    parts = [w[d][order] for d in range(directions) for w in weights]
    parts += [biases[d, i * rows : (i + 1) * rows][order] for d in range(directions) for i in range(2)]
    return numpy.concatenate([part.reshape(-1) for part in parts])
