"""Shapes of inputs that follow from the others: what a layer's weight must look like for the data it is given.

A rule takes the known shapes of an operator's inputs (None where unknown; 0 marks an unknown length) and its
attributes, and returns the shapes of all inputs. Gluon's deferred initialisation and Symbol.infer_shape use it.
"""

import math

from minpy.registry import by_names

_rules = {}


infers = by_names(_rules)  # decorates a rule for the operators of these names, as in `registry.Operator.name`


def input_shapes(name, shapes, attributes):
    """The shapes of all inputs; those without a rule stay as they are."""
    rule = _rules.get(name)
    if rule is None or shapes[0] is None:
        return list(shapes)
    found = rule(*shapes, **attributes)
    return [merged(known, new) for known, new in zip(shapes, found, strict=False)] + list(
        shapes[len(found) :]
    )


def merged(known, new):
    """A partly known shape completed by another; ValueError when they contradict each other."""
    if known is None or new is None:
        return known if new is None else tuple(new)
    if len(known) != len(new) or any(a and b and a != b for a, b in zip(known, new)):
        raise ValueError(f"Shape inconsistent, Provided = {list(known)}, inferred shape={tuple(new)}")
    return tuple(a or b for a, b in zip(known, new))


def complete(shape):
    """Whether nothing of the shape is unknown."""
    return shape is not None and all(n > 0 for n in shape)


@infers("fully_connected")
def _fully_connected(data, weight, bias=None, num_hidden=None, flatten=True, **_):
    features = math.prod(data[1:]) if flatten else data[-1]
    hidden = num_hidden or (weight[0] if weight else 0)
    return data, (hidden, features), (hidden,)


def _channel_axis(layout):
    return layout.index("C") if layout else 1


@infers("convolution")
def _convolution(data, weight, bias=None, kernel=(), num_filter=0, num_group=1, layout=None, **_):
    axis = _channel_axis(layout)
    kernel = (kernel,) if isinstance(kernel, int) else tuple(kernel)
    channels = data[axis] // num_group
    shape = (num_filter, channels, *kernel) if axis == 1 else (num_filter, *kernel, channels)
    return data, shape, (num_filter,)


@infers("deformable_convolution")
def _deformable(data, offset, weight, bias=None, kernel=(), num_filter=0, num_group=1, **_):
    return data, offset, (num_filter, data[1] // num_group, *kernel), (num_filter,)


@infers("modulated_deformable_convolution")
def _modulated_deformable(data, offset, mask, weight, bias=None, kernel=(), num_filter=0, num_group=1, **_):
    return data, offset, mask, (num_filter, data[1] // num_group, *kernel), (num_filter,)


@infers("deconvolution")
def _deconvolution(data, weight, bias=None, kernel=(), num_filter=0, num_group=1, layout=None, **_):
    axis = _channel_axis(layout)
    kernel = (kernel,) if isinstance(kernel, int) else tuple(kernel)
    filters = num_filter // num_group
    shape = (data[axis], filters, *kernel) if axis == 1 else (data[axis], *kernel, filters)
    return data, shape, (num_filter,)


@infers("batch_norm")
def _batch_norm(data, *others, axis=1, **_):
    return (data, *(((data[axis],),) * 4))


@infers("layer_norm")
def _layer_norm(data, *others, axis=-1, **_):
    return data, (data[axis],), (data[axis],)


@infers("instance_norm", "group_norm")
def _channel_norm(data, *others, **_):
    return data, (data[1],), (data[1],)


@infers("embedding")
def _embedding(data, weight, input_dim=0, output_dim=0, **_):
    return data, (input_dim, output_dim)


@infers("leaky_relu")
def _leaky_relu(data, gamma=None, act_type="leaky", **_):
    if act_type != "prelu":
        return (data,)
    return data, gamma if gamma and complete(gamma) else (data[1] if len(data) > 1 else 1,)


@infers("rnn")
def _rnn(data, parameters, state=None, state_cell=None, sequence_length=None, state_size=0, num_layers=1, mode="lstm", bidirectional=False, projection_size=None, **_):  # fmt: skip
    directions = 2 if bidirectional else 1
    gates = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}[mode]
    out = projection_size or state_size
    total = 0
    for layer in range(num_layers):
        features = data[2] if layer == 0 else out * directions
        total += directions * gates * state_size * (features + out + 2)
        total += directions * projection_size * state_size if projection_size else 0
    states = (num_layers * directions, data[1], out)
    # The fourth array of the other modes is the lengths of the sequences.
    cell = (num_layers * directions, data[1], state_size) if mode == "lstm" else (data[1],)
    return data, (total,), states, cell, (data[1],)


@infers(
    "broadcast_add", "broadcast_sub", "broadcast_mul", "broadcast_div", "broadcast_power",
    "broadcast_maximum", "broadcast_minimum",
)  # fmt: skip
def _same_rank(lhs, rhs, **_):
    return lhs, (lhs if rhs is not None and len(rhs) == len(lhs) and not complete(rhs) else rhs)
