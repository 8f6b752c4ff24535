"""Export: the fused recurrent layers."""

import itertools

import numpy

from minpy.onnx._write_shapes import sliced
from minpy.onnx._writer import row

# ONNX's order of the gates, as places in MXNet's: i f g o becomes i o f g, and r z n becomes z r n.
_GATES = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn_tanh": (0,), "rnn_relu": (0,)}
_KINDS = {"lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN", "rnn_relu": "RNN"}


@row("RNN")
def _rnn(c):
    attrs = c.attrs
    for name in ("projection_size", "lstm_state_clip_min", "lstm_state_clip_max"):
        c.require(not getattr(attrs, name), f"{name} is not exported")
    mode, directions = attrs.mode, 2 if attrs.bidirectional else 1
    x, states = c.inputs[0], range(2, 4 if mode == "lstm" else 3)
    lengths = c.inputs[-1].cast(numpy.int32) if attrs.use_sequence_length else None
    weights = _unpacked(c, directions)
    options = {"hidden_size": attrs.state_size, "direction": "bidirectional" if directions == 2 else None}
    if mode == "gru":
        options["linear_before_reset"] = 1
    if mode.startswith("rnn"):
        options["activations"] = ["Tanh" if mode == "rnn_tanh" else "Relu"] * directions
    last = []
    for layer in range(attrs.num_layers):
        initial = [_of_layer(c, i, layer, directions) for i in states]
        parts = [c.constant(w, x.dtype) for w in next(weights)]
        found = x.op(_KINDS[mode], *parts, lengths, *initial, outputs=1 + len(states), **options)
        last.append(found[1:])
        x = found[0].transposed([0, 2, 1, 3]).reshaped(0, 0, directions * attrs.state_size)
    if not attrs.state_outputs:
        return x
    return [
        x,
        *[group[0].op("Concat", *group[1:], axis=0) if len(group) > 1 else group[0] for group in zip(*last)],
    ]


def _of_layer(c, position, layer, directions):
    """The first state of a layer, of an input with those of all; None for zeros, which ONNX starts with."""
    source = c.node.inputs[position][0]
    if not source.is_variable and source.op.name in ("_zeros", "zeros_like"):
        return None
    if c.attrs.num_layers == 1:
        return c.inputs[position]
    return sliced(c.inputs[position], [layer * directions], [(layer + 1) * directions], [0])


def _unpacked(c, directions):
    """For each layer ONNX's W, R and B, with the directions stacked."""
    array = c.evaluated(1)
    size, gates, at = c.attrs.state_size, _GATES[c.attrs.mode], 0
    order = numpy.concatenate([numpy.arange(size) + gate * size for gate in gates])
    inputs = c.known(c.inputs[0].shape[2:], "the input of a recurrent layer")[0]
    keys = list(itertools.product(range(c.attrs.num_layers), range(directions), "WR"))
    matrices, biases = {}, {}
    for layer, direction, kind in keys:
        columns = size if kind == "R" else inputs if layer == 0 else size * directions
        count = len(order) * columns
        matrices[layer, direction, kind] = array[at : at + count].reshape(len(order), columns)[order]
        at += count
    for key in keys:
        biases[key] = array[at : at + len(order)][order]
        at += len(order)
    c.require(at == array.size, f"{array.size} parameters, where the layers have {at}")
    for layer in range(c.attrs.num_layers):
        both = range(directions)
        w, r = (numpy.stack([matrices[layer, d, kind] for d in both]) for kind in "WR")
        yield (
            w,
            r,
            numpy.stack([numpy.concatenate([biases[layer, d, "W"], biases[layer, d, "R"]]) for d in both]),
        )
