"""Shapes of an operator's inputs from that of its output: what `minpy.symbol.inference` passes backward.

A rule gets the shapes of the inputs, of the outputs and the values of the attributes, and returns those of the inputs.
None is a shape of unknown rank, 0 an unknown length. The rules are those of MXNet.
"""

from minpy.registry import by_names

__all__ = ["input_shapes_from_outputs"]

_rules = {}


_rule = by_names(_rules)


def _complete(inputs, i, shape):
    """Gives input number `i` the lengths of the shape where its own are unknown."""
    own = inputs[i]
    inputs[i] = tuple(shape) if own is None else tuple(n or m for n, m in zip(own, shape))


def input_shapes_from_outputs(name, inputs, outputs, values):
    """The shapes of the inputs of an operator, completed by those of its outputs.

    Parameters
    ----------
    name : str
        The operator.
    inputs, outputs : list of (tuple of int or None)
    values : dict
        The operator's attributes.
    """
    rule = _rules.get(name)
    if name == "SliceChannel":  # whose outputs all have one shape
        outputs = [shape for shape in outputs if shape is not None]
        outputs = [tuple(max(lengths) for lengths in zip(*outputs))] if outputs else []
    known = rule is not None and outputs and outputs[0] is not None
    return rule(list(inputs), outputs, values) if known else inputs


def _with(shape, axis, length):
    """The shape with an unknown length at the axis filled in."""
    return shape if shape[axis] or not length else (*shape[:axis], length, *shape[axis + 1 :])


@_rule("FullyConnected", "Deconvolution", "Pooling", "Pooling_v1")
def _same_batch(inputs, outputs, values):
    if inputs[0] is not None and outputs[0]:
        inputs[0] = _with(inputs[0], 0, outputs[0][0])
    return inputs


@_rule("Convolution", "Convolution_v1")
def _convolved(inputs, outputs, values):
    _same_batch(inputs, outputs, values)
    data, out, kernel = inputs[0], outputs[0], values.get("kernel", ())
    if data is None or len(data) != len(out) or len(kernel) != len(out) - 2:
        return inputs
    first = 2 if (values.get("layout") or "NC").index("C") == 1 else 1
    for i, size in enumerate(kernel):
        stride, dilate, pad = ((values.get(key) or ())[i : i + 1] for key in ("stride", "dilate", "pad"))
        if stride in ((), (1,)) and out[first + i]:  # else several lengths give the same one
            reach = (dilate or (1,))[0] * (size - 1)
            inputs[0] = _with(inputs[0], first + i, out[first + i] + reach - 2 * (pad or (0,))[0])
    return inputs


@_rule("RNN")
def _states_of_the_batch(inputs, outputs, values):
    data = inputs[0]
    if data is not None and len(outputs[0]) == 3:
        inputs[0] = data = _with(data, 1, outputs[0][1])
    for i in range(2, len(inputs)):
        if data is not None and inputs[i] is not None and len(inputs[i]) == 3:
            inputs[i] = _with(inputs[i], 1, data[1])
    return inputs


@_rule("Concat")
def _joined(inputs, outputs, values):
    out = outputs[0]
    axis = values.get("dim", 1) % len(out)
    shared = list(out)
    for shape in inputs:
        if shape is not None:
            shared = [n or m for n, m in zip(shared, shape)]
    lengths = [shape[axis] if shape is not None else 0 for shape in inputs]
    missing = [i for i, length in enumerate(lengths) if not length]
    if len(missing) == 1 and out[axis]:
        lengths[missing[0]] = out[axis] - sum(lengths)
    for i, shape in enumerate(inputs):
        rank = len(out) if shape is None else len(shape)
        known = (0,) * rank if shape is None else shape
        inputs[i] = tuple(lengths[i] if a == axis else n or shared[a] for a, n in enumerate(known))
    return inputs


@_rule("SliceChannel")
def _split(inputs, outputs, values):
    axis, count = values.get("axis", 1), values.get("num_outputs", 1)
    squeezed = values.get("squeeze_axis", False)
    part = outputs[0]
    axis %= len(part) + bool(squeezed)
    whole = list(part)
    if squeezed:
        whole.insert(axis, count)
    else:
        whole[axis] *= count
    _complete(inputs, 0, whole)
    return inputs


@_rule("where")
def _same_as_choice(inputs, outputs, values):
    for i in (1, 2):
        _complete(inputs, i, outputs[0])
    if inputs[0] is not None and len(inputs[0]) == len(outputs[0]):
        _complete(inputs, 0, outputs[0])
    return inputs


@_rule("SwapAxis")
def _swapped(inputs, outputs, values):
    whole = list(outputs[0])
    first, second = values.get("dim1", 0), values.get("dim2", 0)
    whole[first], whole[second] = whole[second], whole[first]
    _complete(inputs, 0, whole)
    return inputs


@_rule("expand_dims")
def _expanded(inputs, outputs, values):
    whole = list(outputs[0])
    del whole[values["axis"]]
    _complete(inputs, 0, whole)
    return inputs


@_rule("LeakyReLU", "softmax", "BatchNorm", "LayerNorm", "InstanceNorm")
def _like_output(inputs, outputs, values):
    _complete(inputs, 0, outputs[0])
    return inputs
