"""Calls of operators on symbols: they make nodes, with variables for the inputs that were not given."""

import inspect

from minpy.attribute import AttrScope
from minpy.base import MXNetError, _Null
from minpy.name import NameManager
from minpy.symbol.custom import custom_schema
from minpy.symbol.node import Node, mark_updates
from minpy.symbol.schema import HIDDEN_KEYS, schema, text

Symbol = None  # the class, which minpy/symbol/symbol.py puts here: it stands on this module


def compose(operator, hint, args, kwargs):
    """The Symbol of an operator's call.

    Parameters
    ----------
    operator : str
        Any name of the operator.
    hint : str
        What automatic names start with.
    args, kwargs
        Of the call: symbols, attributes, and `name` and `attr`.
    """
    kwargs = dict(kwargs)
    if operator in ("Custom", "custom"):
        settings = {
            k: v for k, v in kwargs.items() if k not in ("name", "attr") and not isinstance(v, Symbol)
        }
        op = custom_schema(settings)
    else:
        op = schema(operator)
    name, scope_attributes = kwargs.pop("name", None), AttrScope._current.value.get(kwargs.pop("attr", None))
    inputs, given = _split(op, args, kwargs)
    if op.variadic:
        given.setdefault("num_args", len(inputs))
        given = {k: v for k, v in given.items() if k != "num_args" or not _counts_itself(op)}
    attrs = _texts(op, given, scope_attributes)
    _require_attributes(op, attrs)
    name = NameManager._current.value.get(name, hint)
    node = Node(op, name, attrs)
    node.inputs = _edges(op, node, inputs)
    mark_updates(node)
    return visible(node)


def _counts_itself(op):
    return "num_args" not in op.row.attributes


def visible(node):
    """The Symbol of a node's visible outputs."""
    return Symbol([(node, i, 0) for i in range(len(node.output_names()))])


def _split(op, args, kwargs):
    """The symbols among the arguments by input name, and the other arguments by attribute name."""
    inputs, given = {}, {}
    if op.variadic:
        flat = [s for a in args for s in (a if isinstance(a, (list, tuple)) else (a,))]
        if not flat and isinstance(kwargs.get(op.inputs[0]), (list, tuple)):
            flat = list(kwargs.pop(op.inputs[0]))
        named = list(enumerate(flat))
        symbols = [s for _, s in named if isinstance(s, Symbol)]
        if len(symbols) != len(flat):
            raise TypeError(f"Positional arguments must be Symbols, {op.name} got {flat}")
        inputs = {f"arg{i}": s for i, s in enumerate(symbols)}
    else:
        if len(args) > len(op.parameters):
            raise TypeError(
                f"{op.name} takes {len(op.parameters)} positional arguments but {len(args)} were given"
            )
        kwargs = {**dict(zip(op.parameters, args)), **kwargs}
    for key, value in kwargs.items():
        if isinstance(value, Symbol):
            if key not in op.inputs and not (op.variadic and key.startswith("arg")):
                raise MXNetError(f"{op.name} has no input named '{key}'; its inputs are {list(op.inputs)}")
            inputs[key] = value
        elif key in op.inputs and value is not None:
            raise TypeError(f"{op.name}: input '{key}' must be a Symbol, not {type(value)}")
        elif key not in op.inputs and key != "out" and value is not _Null:
            given[key] = value
    return inputs, given


def _texts(op, given, scope_attributes):
    """The node's attributes as text; None where it is the default is left out."""
    attrs = {}
    for key, value in {**scope_attributes, **given}.items():
        if key in HIDDEN_KEYS:
            attrs[f"__{key}__"] = text(value)
        elif (
            key.startswith("__")
            and key.endswith("__")
            or key in op.row.attributes
            or op.variadic
            and key == "num_args"
        ):
            if value is not None or op.row.attributes.get(key) not in (None, ()):
                attrs[key] = text(value)
        elif key not in scope_attributes:
            raise MXNetError(
                f"Cannot find argument '{key}', Possible Arguments: {', '.join(op.row.attributes)},"
                f' in operator {op.name}(name="{given.get("name", "")}")'
            )
    return attrs


def _require_attributes(op, attrs):
    for key, default in op.row.attributes.items():
        if default is inspect.Parameter.empty and key not in attrs:
            raise MXNetError(f'Required parameter {key} is not presented, in operator {op.name}(name="")')


def _edges(op, node, inputs):
    """The node's inputs; variables are made for those that are not given."""
    names = list(op.input_names(node.attrs, len(inputs) if op.variadic and inputs else None))
    last = max((op.inputs.index(key) for key in inputs), default=-1) if not op.variadic else -1
    if not op.variadic:  # what was given counts, also where the attributes leave it out
        names = [n for i, n in enumerate(op.inputs) if n in names or (n in inputs and i <= last)]
        if "bias" in inputs and "bias" in names and "bias" not in op.input_names(node.attrs):
            names.remove("bias")
    edges = []
    for position, name in enumerate(names):
        if name in inputs:
            outputs = inputs[name]._outputs
            if len(outputs) != 1:
                raise MXNetError(
                    f"{op.name}: argument {name} has {len(outputs)} outputs, a single one is required"
                )
            edges.append(outputs[0])
        else:
            edges.append((_made_variable(op, node, name, position), 0, 0))
    return tuple(edges)


def _made_variable(op, node, name, position):
    attrs = dict(node.attrs)
    if op.initial.get(position):
        attrs["__init__"] = op.initial[position]
    return Node(None, f"{node.name}_{name}", attrs)


def compose_call(operator, name, args, kwargs):
    """What the operators of minpy/_operators call: a Symbol when an argument is one, else None."""
    if _has_symbol(args) or (kwargs and _has_symbol(kwargs.values())):
        return compose(operator, operator.removeprefix("broadcast_"), args, {"name": name, **kwargs})
    return None


def _has_symbol(values):
    for value in values:  # every call of an operator comes through here
        kind = type(value)
        if kind is Symbol or ((kind is list or kind is tuple) and value and type(value[0]) is Symbol):
            return True
    return False
