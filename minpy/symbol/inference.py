"""Shapes and dtypes of a graph, from some of them.

Shapes pass forward along the graph, completing those of weights by the rules of minpy/_operators/inference.py, and
backward through elementwise operators, until nothing changes. Where no rule tells an operator's result, the operator
runs once on zeros of the shapes. None is a shape of unknown rank, 0 an unknown length.
"""

import functools
import math

import numpy

from minpy._nested import as_list, per_axis
from minpy._operators import inference as operators_inference
from minpy._operators.elementwise import UNARY_NAMES
from minpy._operators.inference import complete
from minpy._operators.pooling import pooled_size
from minpy.base import MXNetError
from minpy.symbol.backward_inference import input_shapes_from_outputs
from minpy.symbol.node import auxiliary_ids
from minpy.symbol.operators import SCALAR_NAMES

TYPES = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool")  # MXNet's numbers
_BFLOAT16 = 12

_ELEMENTWISE_PAIRS = (
    "elemwise_add", "elemwise_sub", "elemwise_mul", "elemwise_div", "_mod", "_power", "_maximum", "_minimum", "_hypot",
    "_equal", "_not_equal", "_greater", "_greater_equal", "_lesser", "_lesser_equal", "_logical_and", "_logical_or",
    "_logical_xor",
)  # fmt: skip
_SAME_SHAPE = frozenset(UNARY_NAMES) | SCALAR_NAMES | set(_ELEMENTWISE_PAIRS) | {
    "Activation", "BlockGrad", "Cast", "amp_cast", "Dropout", "LRN", "L2Normalization", "MakeLoss", "SoftmaxActivation", "_copy",
    "_shuffle", "add_n", "clip", "hard_sigmoid", "log_softmax", "logical_not", "make_loss", "ones_like", "smooth_l1",
    "softmin", "zeros_like",
}  # fmt: skip
_PROBES = (61, 67)
_LIKE_DATA = {"BatchNorm", "LayerNorm", "GroupNorm", "InstanceNorm", "LeakyReLU", "softmax", "SoftmaxOutput",
              "LinearRegressionOutput", "LogisticRegressionOutput", "MAERegressionOutput", "SVMOutput"}  # fmt: skip


# --- Shapes ---


def infer_shapes(symbol, args, kwargs):
    """Shapes of arguments, outputs and auxiliary states, as far as they follow from the given ones."""
    order = symbol._order()
    given = _given(symbol, order, args, kwargs, "InferShape")
    return _by_kind(symbol, order, _all_shapes(order, given))


def output_shapes(symbol, given):
    """The shapes of all nodes' outputs by (id of the node, index), from those of variables by name."""
    return _all_shapes(symbol._order(), given)


def _all_shapes(order, given):
    shapes = _start(order, given)
    calls = _calls(order)
    changed = True
    while changed:
        changed = False
        for call in calls:
            changed |= _visit(*call, shapes)
    return shapes


def _calls(order):
    """(node, keys of its inputs, keys of its outputs) for the nodes with an operator."""
    return [
        (
            node,
            [(id(n), i) for n, i, _ in node.inputs],
            [(id(node), i) for i in range(len(node.output_names()))],
        )
        for node in order
        if node.op is not None
    ]


def _given(symbol, order, args, kwargs, what):
    arguments = symbol.list_arguments()
    if args and kwargs:
        raise ValueError("Can only specify known argument shapes either by positional or kwargs way.")
    if len(args) > len(arguments):
        raise MXNetError(f"{what}: {len(args)} values were given for {len(arguments)} arguments {arguments}")
    names = [node.name for node in order if node.is_variable]
    for name, value in kwargs.items():
        if name not in names:
            listed = "".join(f"\n\t[{i}]{n}" for i, n in enumerate(arguments))
            raise MXNetError(f"{what}Keyword argument name {name} not found.\nCandidate arguments:{listed}\n")
        if what == "InferShape" and not isinstance(value, (tuple, list)):
            raise TypeError(
                f"Arguments need to be shapes (tuple), but '{name}' is {type(value)}." if value is not None
                else f"Arguments need to be shapes (tuple), but '{name}' is None."
            )  # fmt: skip
    return {n: v for n, v in {**dict(zip(arguments, args)), **kwargs}.items() if v is not None}


def _start(order, given):
    shapes = {}
    for node in order:
        if not node.is_variable:
            continue
        shape = given.get(node.name)
        declared = node.attrs.get("__shape__")
        if shape is None and declared:
            shape = _declared_shape(node, declared)
        if shape is not None and len(shape):
            shapes[id(node), 0] = tuple(max(int(n), 0) for n in shape)
        elif shape is not None and node.name in given and node.attrs.get("__shape__"):
            shapes[id(node), 0] = _declared_shape(node, declared)
    return shapes


def _declared_shape(node, declared):
    import ast

    try:
        return tuple(int(n) for n in ast.literal_eval(declared.replace("L", "")))
    except (ValueError, SyntaxError, TypeError):
        raise MXNetError(f"Variable {node.name}: attribute __shape__ is no shape: {declared!r}") from None


def _visit(node, keys, outputs, shapes):
    """Applies the node's rule; whether something became known."""
    known = [shapes.get(key) for key in keys]
    results = [shapes.get(key) for key in outputs]
    if all(complete(s) for s in known) and all(complete(s) for s in results):
        return False
    try:
        found, made = _rule(node, known, results)
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        if any(s is None for s in known) and not isinstance(error, ValueError):
            return False
        raise MXNetError(f"Error in operator {node.name}: {error}") from None
    changed = False
    for key, old, new in (*zip(keys, known, found), *zip(outputs, results, made)):
        if new is not None and new != shapes.get(key):
            try:
                shapes[key] = operators_inference.merged(shapes.get(key), tuple(new))
            except ValueError as error:
                raise MXNetError(f"Error in operator {node.name}: {error}") from None
            changed |= shapes[key] != old
    return changed


def _rule(node, known, results):
    """The shapes of the inputs and outputs of a node."""
    name = node.op.name
    if name in _SAME_SHAPE:
        shape = _one_shape(node, known, results)
        return [shape] * len(known), [shape] * len(results)
    values = node.op.arguments(node.attrs)
    if name in ("_zeros", "_ones", "_full"):
        shape = values.get("shape", ())
        return [], [tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)]
    if name == "Custom":
        return node.op.shapes(known)
    if name in ("SoftmaxOutput", "SVMOutput") or name.endswith("RegressionOutput"):
        found = [known[0], _label_shape(name, known, values)]
    elif node.op.variadic or name.startswith("broadcast_"):
        found = list(known)
    else:
        found = operators_inference.input_shapes(node.op.row.name, known, values)
    found = input_shapes_from_outputs(name, found, results, values)
    if name in _LIKE_DATA and found[0] is not None:
        extra = len(results) - 1
        return found, [found[0], *([None] * extra)] if not extra or not complete(found[0]) else _run(
            node, found
        )
    made = _known_result(node, found, values)
    if made is not None:
        return found, [made]
    if all(complete(s) for s in found) and not any(complete(s) for s in results):
        return found, _run(node, found)
    if all(s is not None for s in found) and not any(results):
        return found, _run_partly(node, found)
    return found, results


def _one_shape(node, known, results):
    shape = None
    for i, other in enumerate((*known, *results)):
        try:
            shape = operators_inference.merged(shape, other)
        except ValueError:
            text = [",".join(map(str, s)) for s in (shape, other)]
            raise ValueError(
                f"Incompatible attr in node {node.name} at {i}-th input: expected [{text[0]}], got [{text[1]}]"
            ) from None
    return shape


def _label_shape(name, known, values):
    data, label = known
    if label is not None or data is None:
        return label
    if name.endswith("RegressionOutput"):
        return data[:1] if len(data) == 2 and data[1] == 1 else data
    if values.get("multi_output"):
        return (data[0], *data[2:])
    return data[:1] if name == "SVMOutput" else data[:-1]


def _known_result(node, found, values):
    """The shape of the single result by a rule; None where there is none or it does not reach."""
    name, data = node.op.name, found[0] if found else None
    if name == "FullyConnected" and data is not None:
        hidden = found[1][0] if found[1] else 0
        return (data[0], hidden) if values.get("flatten", True) else (*data[:-1], hidden)
    if name in ("Convolution", "Convolution_v1") and data is not None:
        return _convolved(data, found[1], values)
    if name in ("Pooling", "Pooling_v1") and data is not None:
        return _pooled(data, values)
    if name == "Embedding" and data is not None and found[1]:
        return (*data, found[1][1])
    if name == "Flatten" and complete(data):
        return data[0], math.prod(data[1:])
    if name == "Concat" and any(found):
        data = next(s for s in found if s)
        axis = values.get("dim", 1) % len(data)
        total = sum(s[axis] for s in found) if all(s and s[axis] for s in found) else 0
        return (*data[:axis], total, *data[axis + 1 :])
    if name == "SequenceLast" and data is not None:
        axis = values.get("axis", 0)
        return (*data[:axis], *data[axis + 1 :])
    if name == "where":
        return operators_inference.merged(found[1], found[2])
    if name.startswith(("_random_",)):
        return per_axis(values.get("shape") or 1)
    return None


def _convolved(data, weight, values):
    layout, axes = values.get("layout"), len(data) - 2
    channel = layout.index("C") if layout else 1
    spatial = [i for i in range(1, len(data)) if i != channel]
    kernel, stride, dilate, pad = (
        _each(values.get(key), axes, default)
        for key, default in (("kernel", 1), ("stride", 1), ("dilate", 1), ("pad", 0))
    )
    shape = [data[0], *([0] * (len(data) - 1))]
    shape[channel] = values.get("num_filter") or (weight[0] if weight else 0)
    for axis, k, s, d, p in zip(spatial, kernel, stride, dilate, pad):
        if data[axis]:
            size = data[axis] + 2 * p - d * (k - 1) - 1
            if size < 0:
                raise ValueError(
                    f"kernel size exceed input: the kernel {kernel} does not fit into data {data}"
                )
            shape[axis] = size // s + 1
    return tuple(shape)


def _pooled(data, values):
    layout = values.get("layout")
    channel = layout.index("C") if layout else 1
    spatial = [i for i in range(1, len(data)) if i != channel]
    if values.get("global_pool"):
        return tuple(1 if i in spatial else n for i, n in enumerate(data))
    kernel = _each(values.get("kernel"), len(spatial), 1)
    stride = _each(values.get("stride"), len(spatial), 1)
    pad = _each(values.get("pad"), len(spatial), 0)
    convention = values.get("pooling_convention", "valid")
    shape = list(data)
    for axis, k, s, p in zip(spatial, kernel, stride, pad):
        shape[axis] = pooled_size(data[axis], k, s, p, convention, axis) if data[axis] else 0
    return tuple(shape)


def _each(value, axes, default):
    return per_axis(default if value is None or value == () else value, axes)


def _run(node, shapes):
    """The shapes of the outputs, by running the operator on zeros."""
    key = tuple(sorted((k, v) for k, v in node.attrs.items() if not k.startswith("__")))
    return list(_ran(node.op, key, tuple(tuple(s) for s in shapes))[: len(node.output_names())])


def _run_partly(node, shapes):
    """The shapes of the outputs, as far as they are the same for two lengths in place of the unknown ones."""
    if not any(shapes) or max(s.count(0) for s in shapes) > 2:
        return [None] * len(node.output_names())
    try:
        runs = [_run(node, [tuple(n or length for n in s) for s in shapes]) for length in _PROBES]
    except (ValueError, TypeError, IndexError, AttributeError, MXNetError):
        return [None] * len(node.output_names())
    return [
        tuple(a if a == b else 0 for a, b in zip(*pair)) if len(pair[0]) == len(pair[1]) else None
        for pair in zip(*runs)
    ]


@functools.lru_cache(maxsize=4096)
def _ran(op, attributes, shapes):
    from minpy import autograd, nd

    with autograd.pause(), numpy.errstate(all="ignore"):
        result = op.row.function(*(nd.zeros(s) for s in shapes), **op.arguments(dict(attributes)))
    return tuple(tuple(r.shape) for r in as_list(result))


def _by_kind(symbol, order, values):
    auxiliary = auxiliary_ids(order)
    variables = [node for node in order if node.is_variable]
    return (
        [values.get((id(n), 0)) for n in variables if id(n) not in auxiliary],
        [values.get((id(n), i)) for n, i, _ in symbol._outputs],
        [values.get((id(n), 0)) for n in variables if id(n) in auxiliary],
    )


def shown(found):
    """Shapes as MXNet shows them: () for those of unknown rank."""
    return tuple([() if shape is None else shape for shape in part] for part in found)


# --- Dtypes ---


def type_number(dtype):
    """MXNet's number of a dtype."""
    name = numpy.dtype(dtype).name
    return _BFLOAT16 if name == "bfloat16" else TYPES.index(name)


def type_of_number(number):
    """The dtype of one of MXNet's numbers, as a class; None for -1."""
    if number == _BFLOAT16:
        import ml_dtypes

        return ml_dtypes.bfloat16
    return None if number < 0 else numpy.dtype(TYPES[number]).type


def infer_types(symbol, args, kwargs):
    """Dtypes of arguments, outputs and auxiliary states, as far as they follow from the given ones."""
    order = symbol._order()
    given = _given(symbol, order, args, kwargs, "InferType")
    types = {}
    for node in order:
        if node.is_variable:
            dtype = given.get(node.name)
            if dtype is None and "__dtype__" in node.attrs:
                dtype = type_of_number(int(node.attrs["__dtype__"]))
            if dtype is not None:
                types[id(node), 0] = numpy.dtype(dtype).type
    calls = _calls(order)
    before = -1
    while before != len(types):
        before = len(types)
        for node, keys, outputs in calls:
            if not (all(key in types for key in keys) and all(key in types for key in outputs)):
                _visit_types(node, keys, outputs, types)
    return _by_kind(symbol, order, types)


_INDEX_INPUTS = {
    "take": (1,),
    "pick": (1,),
    "Embedding": (0,),
    "gather_nd": (1,),
    "scatter_nd": (1,),
    "where": (0,),
}
_WITH_DTYPE = (
    "Cast",
    "Embedding",
    "one_hot",
    "amp_cast",
    "_zeros",
    "_ones",
    "_full",
    "_arange",
    "_linspace",
    "_eye",
)


def _visit_types(node, keys, outputs, types):
    name, values = node.op.name, node.op.values(node.attrs)
    apart = _INDEX_INPUTS.get(name, ())
    if name in ("Cast", "amp_cast"):
        apart = (0,)
    if name == "BatchNorm":
        low = types.get(keys[0]) is numpy.float16
        for key in keys[1:]:
            if keys[0] in types:
                types.setdefault(key, numpy.float32 if low else types[keys[0]])
        apart = range(1, len(keys))
    together = [key for i, key in enumerate(keys) if i not in apart]
    result = _named_type(name, values)
    if result is not None:
        types.setdefault(outputs[0], result)
        if name == "Embedding":
            types.setdefault(keys[1], result)
        return
    group = [*together, *outputs[:1]]
    found = next((types[key] for key in group if key in types), None)
    if found is not None:
        for key in (*group, *outputs):
            second = name == "topk" and key != outputs[0] and key in outputs
            types.setdefault(key, numpy.float32 if second else found)


def _named_type(name, values):
    """The dtype that attributes name for the result; None where they do not."""
    if name.startswith("_random_") or name in _WITH_DTYPE:
        dtype = values.get("dtype")
        return numpy.dtype("float32" if dtype in (None, "None") else dtype).type
    return None
