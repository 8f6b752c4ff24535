"""Graphs as MXNet's JSON: what every MXNet from 0.8 on wrote is read, and 1.9.1's is written."""

import json

from minpy.base import MXNetError
from minpy.symbol.custom import custom_schema
from minpy.symbol.node import Node, auxiliary_ids, walk
from minpy.symbol.schema import HIDDEN_KEYS, schema

_VERSION = 10901


# --- Writing ---


def to_json(symbol):
    """The text of a symbol's graph."""
    order = symbol._order()
    number = {id(node): i for i, node in enumerate(order)}
    nodes = [_node_rows(node, number) for node in order]
    starts = [0]
    for node in order:
        starts.append(starts[-1] + (1 if node.is_variable else node.op.total_outputs(node.attrs)))
    heads = [[number[id(n)], i, v if n.is_variable else 0] for n, i, v in symbol._outputs]
    rows = [
        ("nodes", _array(nodes, 1, lines=True)),
        ("arg_nodes", _numbers([i for i, node in enumerate(order) if node.is_variable], 1)),
        ("node_row_ptr", _numbers(starts, 1)),
        ("heads", _numbers(heads, 1)),
        ("attrs", f'{{"mxnet_version": ["int", {_VERSION}]}}'),
    ]
    return _object(rows, 0)


def _node_rows(node, number):
    rows = [("op", json.dumps("null" if node.is_variable else node.op.name)), ("name", _quoted(node.name))]
    if node.attrs:
        pairs = [(key, _quoted(node.attrs[key])) for key in sorted(node.attrs)]
        rows.append(("attrs", _object(pairs, 3) if len(pairs) > 1 else f'{{"{pairs[0][0]}": {pairs[0][1]}}}'))
    rows.append(("inputs", _numbers([[number[id(n)], i, v] for n, i, v in node.inputs], 3)))
    return _object(rows, 2)


def _quoted(value):
    return json.dumps(value, ensure_ascii=False)


def _object(rows, depth):
    pad = "  " * (depth + 1)
    return "{\n" + ", \n".join(f'{pad}"{key}": {value}' for key, value in rows) + "\n" + "  " * depth + "}"


def _array(items, depth, lines):
    if not lines:
        return "[" + ", ".join(items) + "]"
    pad = "  " * (depth + 1)
    return "[\n" + ", \n".join(pad + item for item in items) + "\n" + "  " * depth + "]"


def _numbers(items, depth):
    """A list of numbers or of triples; more than ten stand one to a line."""
    return _array([json.dumps(item) for item in items], depth, lines=len(items) > 10)


def save(fname, content):
    """Writes the text to a file or URL."""
    from minpy._files import write_atomically

    write_atomically(fname, content.encode())


# --- Reading ---


def load(fname):
    """Read a Symbol from a file or URL.

    Parameters
    ----------
    fname : str

    Raises
    ------
    MXNetError
        When the file is no graph; it names the file and the place.
    """
    from minpy._files import read_file

    if not isinstance(fname, str):
        raise TypeError("fname need to be string")
    content = read_file(fname)
    try:
        return _from_text(content.decode(), fname)
    except UnicodeDecodeError as error:
        raise MXNetError(f"{fname}: not a symbol's JSON: byte {error.start} is not UTF-8") from None


def load_json(json_str):
    """The Symbol of a JSON text.

    Parameters
    ----------
    json_str : str

    Raises
    ------
    MXNetError
        When the text is no graph.
    """
    if not isinstance(json_str, str):
        raise TypeError("fname required to be string")
    return _from_text(json_str, "JSON")


fromjson = load_json


def _from_text(content, source):
    from minpy.symbol.symbol import Symbol

    try:
        graph = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise MXNetError(f"{source}: not a symbol's JSON: {error}") from None
    rows = graph.get("nodes") if isinstance(graph, dict) else None
    if not isinstance(rows, list) or not rows:
        raise MXNetError(f"{source}: a symbol's JSON must have a list 'nodes'")
    version = _version(graph)
    nodes = []
    for i, row in enumerate(rows):
        nodes.append(_read_node(row, nodes, version, f"{source}: node {i}"))
    heads = graph.get("heads", [[len(nodes) - 1, 0]])
    if not isinstance(heads, list) or not heads:
        raise MXNetError(f"{source}: 'heads' must be a list of outputs")
    outputs = [_entry(head, nodes, f"{source}: head {i}") for i, head in enumerate(heads)]
    _number_versions(outputs)
    return Symbol(outputs)


def _version(graph):
    attrs = graph.get("attrs")
    found = attrs.get("mxnet_version") if isinstance(attrs, dict) else None
    return found[1] if isinstance(found, list) and len(found) == 2 and isinstance(found[1], int) else 800


def _read_node(row, nodes, version, place):
    if (
        not isinstance(row, dict)
        or not isinstance(row.get("op"), str)
        or not isinstance(row.get("name"), str)
    ):
        raise MXNetError(f"{place}: an object with the texts 'op' and 'name' is required")
    place = f"{place} ({row['name']})"
    attrs = {}
    for key in ("param", "attr", "attrs"):
        found = row.get(key, {})
        if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
            raise MXNetError(f"{place}: '{key}' must be an object of texts")
        attrs |= found
    inputs = row.get("inputs", [])
    if not isinstance(inputs, list):
        raise MXNetError(f"{place}: 'inputs' must be a list")
    if row["op"] == "null":
        return Node(None, row["name"], _special(attrs))
    try:
        op = custom_schema(attrs) if row["op"] == "Custom" else schema(row["op"])
    except MXNetError as error:
        raise MXNetError(f"{place}: {error}") from None
    edges = [_entry(entry, nodes, f"{place}, input {i}") for i, entry in enumerate(inputs)]
    node = Node(op, row["name"], _upgraded(op, attrs, edges, version))
    try:
        node.inputs = tuple(_completed(op, node, edges))
        node.output_names()
    except (ValueError, TypeError, MXNetError) as error:
        raise MXNetError(f"{place}: attributes {node.attrs} of {op.name}: {error}") from None
    return node


def _entry(entry, nodes, place):
    valid = isinstance(entry, list) and len(entry) in (2, 3) and all(type(n) is int and n >= 0 for n in entry)
    if not valid or entry[0] >= len(nodes):
        raise MXNetError(f"{place}: [node, output] of an earlier node is required, not {entry!r}")
    node = nodes[entry[0]]
    if entry[1] >= len(node.output_names()):
        raise MXNetError(f"{place}: {node.name} has no output {entry[1]}")
    return node, entry[1], entry[2] if len(entry) == 3 else 0


def _special(attrs):
    return {f"__{key}__" if key in HIDDEN_KEYS else key: value for key, value in attrs.items()}


def _upgraded(op, attrs, edges, version):
    """Attributes of older files as 1.9.1 has them: `weight_lr_mult` belongs to the variable `weight`."""
    names = dict(zip(op.inputs, edges)) if not op.variadic else {}
    kept = {}
    for key, value in _special(attrs).items():
        target = next(
            ((names[n][0], f"__{h}__") for h in HIDDEN_KEYS for n in names if key == f"{n}_{h}"), None
        )
        if target is not None and target[0].is_variable:
            target[0].attrs.setdefault(target[1], value)
        else:
            kept[key] = value
    if version < 904 and op.name in ("argmax", "argmin") and kept.get("axis") == "-1":
        del kept["axis"]
    return kept


def _completed(op, node, edges):
    """The inputs, with variables for those that files before 0.9 leave out."""
    if op.variadic:
        if "num_args" in node.attrs and int(node.attrs["num_args"]) != len(edges):
            raise MXNetError(f"num_args is {node.attrs['num_args']}, but there are {len(edges)} inputs")
        return edges
    names = op.input_names(node.attrs)
    for position in range(len(edges), len(names)):
        attrs = {"__init__": op.initial[position]} if op.initial.get(position) else {}
        edges.append((Node(None, f"{node.name}_{names[position]}", attrs), 0, 0))
    return edges


def _number_versions(outputs):
    """Variables know their last version, so that further operators count on."""
    order = walk([node for node, _, _ in outputs])
    auxiliary = auxiliary_ids(order)
    for node in order:
        for source, _, version in node.inputs:
            if id(source) in auxiliary:
                source.version = max(source.version, version)
