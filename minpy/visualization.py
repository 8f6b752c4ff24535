"""Symbols as a table (`print_summary`) and as a drawing (`plot_network`) in MXNet's layout."""

import ast
import json
import math
import os
import re

from minpy._files import write_atomically
from minpy.symbol import Symbol

__all__ = ["plot_network", "print_summary"]

_WEIGHTS = (
    "_weight", "_bias", "_beta", "_gamma", "_moving_var", "_moving_mean", "_running_var", "_running_mean",
)  # fmt: skip

_COLORS = {
    "null": "#8dd3c7",
    "Convolution": "#fb8072",
    "FullyConnected": "#fb8072",
    "BatchNorm": "#bebada",
    "Activation": "#ffffb3",
    "LeakyReLU": "#ffffb3",
    "Pooling": "#80b1d3",
    "Concat": "#fdb462",
    "Flatten": "#fdb462",
    "Reshape": "#fdb462",
}
_OTHER_COLOR = "#fccde5"


def _shapes(symbol, shape):
    """The shapes of all variables and outputs by their names; {} if none is given."""
    if shape is None:
        return {}
    internals = symbol.get_internals()
    outputs = internals.infer_shape(**shape)[1]
    if outputs is None:
        raise ValueError("Input shape is incomplete")
    return dict(zip(internals.list_outputs(), outputs))


def _attrs(node):
    return node.get("attrs", {})


def _numbers(text):
    value = ast.literal_eval(text)
    return value if isinstance(value, tuple) else (value,)


def _is_true(text):
    return text in ("True", "true", "1")


def _parameter_count(node, channels):
    """The number of parameters of a layer whose inputs have so many channels."""
    attrs, op = _attrs(node), node["op"]
    bias = not _is_true(attrs.get("no_bias", "False"))
    if op == "Convolution":
        filters = int(attrs["num_filter"])
        weights = channels * filters * math.prod(_numbers(attrs["kernel"]))
        return weights // int(attrs.get("num_group", "1")) + filters * bias
    if op == "FullyConnected":
        return int(attrs["num_hidden"]) * (channels + bias)
    if op == "BatchNorm":
        return 2 * channels
    if op == "Embedding":
        return int(attrs["input_dim"]) * int(attrs["output_dim"])
    return 0


def _row(fields, ends):
    line = ""
    for field, end in zip(fields, ends):
        line = (line + str(field))[:end].ljust(end)
    return line


def print_summary(symbol, shape=None, line_length=120, positions=[0.44, 0.64, 0.74, 1.0]):  # noqa: B006
    """Print a table of a symbol's layers, their output shapes and numbers of parameters.

    Parameters
    ----------
    symbol : Symbol
        The network.
    shape : dict, optional
        Shapes of the inputs, with the batch first.
    line_length : int
        Width of the table.
    positions : list of float
        Where the columns end, in characters or, up to 1, as parts of the width.
    """
    if not isinstance(symbol, Symbol):
        raise TypeError("symbol must be Symbol")
    shapes = _shapes(symbol, shape)
    ends = [int(line_length * p) for p in positions] if positions[-1] <= 1 else positions
    nodes = json.loads(symbol.tojson())["nodes"]
    layers = [node for i, node in enumerate(nodes) if i == 0 or node["op"] != "null"]
    print("_" * line_length)
    print(_row(["Layer (type)", "Output Shape", "Param #", "Previous Layer"], ends))
    print("=" * line_length)
    total = 0
    for layer in layers:
        inputs = [nodes[i] for i, *_ in layer["inputs"] if i == 0 or nodes[i]["op"] != "null"]
        channels = sum((_output_shape(node, shapes) or (0,))[0] for node in inputs)
        count = _parameter_count(layer, channels)
        total += count
        first, *others = [node["name"] for node in inputs] or [""]
        out_shape = "x".join(map(str, _output_shape(layer, shapes)))
        print(_row([f"{layer['name']}({layer['op']})", out_shape, count, first], ends))
        for name in others:
            print(_row(["", "", "", name], ends))
        print(("=" if layer is layers[-1] else "_") * line_length)
    print(f"Total params: {total}")
    print("_" * line_length)


def _output_shape(node, shapes):
    """The shape of a node's only output without the batch; () if it isn't known."""
    return shapes.get(node["name"] + ("_output" if node["op"] != "null" else ""), ())[1:]


def plot_network(symbol, title="plot", save_format="pdf", shape=None, dtype=None, node_attrs={},  # noqa: B006
                 hide_weights=True):  # fmt: skip
    """Draw a symbol as a graph.

    Parameters
    ----------
    symbol : Symbol
        The network.
    title : str
        Name of the graph and its file.
    save_format : str
        What `render` of the result writes.
    shape : dict, optional
        Shapes of the inputs; edges are labelled with shapes then.
    dtype : dict, optional
        Types of the inputs; shapes don't depend on them.
    node_attrs : dict
        Attributes of Graphviz for all nodes.
    hide_weights : bool
        Leave out the edges to parameters.

    Returns
    -------
    graphviz.Digraph, or Drawing without that package
    """
    if not isinstance(symbol, Symbol):
        raise TypeError("symbol must be a Symbol")
    shapes = _shapes(symbol, shape)
    nodes = json.loads(symbol.tojson())["nodes"]
    defaults = {"shape": "box", "fixedsize": "true", "width": "1.3", "height": "0.8034", "style": "filled"}
    defaults.update(node_attrs)
    graph = _digraph(title, save_format)
    for node in nodes:
        if not _is_weight(node):
            oval = {"shape": "oval"} if node["op"] == "null" else {}
            color = _COLORS.get(node["op"], _OTHER_COLOR)
            graph.node(name=node["name"], label=_label(node), **{**defaults, **oval, "fillcolor": color})
    for node in nodes:
        for index, output, *_ in node["inputs"]:
            source = nodes[index]
            if not (hide_weights and _is_weight(source)):
                label = "x".join(map(str, _edge_shape(source, output, shapes)))
                graph.edge(
                    tail_name=node["name"],
                    head_name=source["name"],
                    label=label,
                    dir="back",
                    arrowtail="open",
                )
    return graph


def _is_weight(node):
    return node["op"] == "null" and node["name"].endswith(_WEIGHTS)


def _edge_shape(source, output, shapes):
    numbered = f"{source['name']}_output{output}"
    return shapes[numbered][1:] if numbered in shapes else _output_shape(source, shapes)


def _label(node):
    attrs, op = _attrs(node), node["op"]
    if op in ("Convolution", "Pooling"):
        kernel, stride = ("x".join(map(str, _numbers(attrs.get(key, "1")))) for key in ("kernel", "stride"))
        if op == "Pooling":
            return f"Pooling\n{attrs.get('pool_type', 'max')}, {kernel}/{stride}"
        return f"Convolution\n{kernel}/{stride}, {attrs['num_filter']}"
    if op == "FullyConnected":
        return f"FullyConnected\n{attrs['num_hidden']}"
    if op == "Activation":
        return f"Activation\n{attrs['act_type']}"
    if op == "LeakyReLU":
        return f"LeakyReLU\n{attrs.get('act_type', 'Leaky')}"
    return node["name"]


def _digraph(title, save_format):
    try:
        from graphviz import Digraph
    except ImportError:
        return Drawing(title, save_format)
    return Digraph(name=title, format=save_format)


def _quoted(text):
    plain = re.fullmatch(r"[A-Za-z_]\w*|-?(\.\d+|\d+(\.\d*)?)", text, re.ASCII)
    keyword = text.lower() in ("node", "edge", "graph", "digraph", "subgraph", "strict")
    if plain and not keyword:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Drawing:
    """A graph in the DOT language, for Graphviz's `dot`; stands in for `graphviz.Digraph`.

    Parameters
    ----------
    name : str
        Of the graph, and of the file by default.
    format : str
        Kept; drawing needs the package graphviz.
    """

    def __init__(self, name, format="pdf"):
        self.name = name
        self.format = format
        self.body = []

    def _add(self, what, label, attrs):
        texts = [f"{key}={_quoted(value)}" for key, value in [("label", label), *sorted(attrs.items())]]
        self.body.append(f"\t{what} [{' '.join(texts)}]\n")

    def node(self, name, label, **attrs):
        """Add a node."""
        self._add(_quoted(name), label, attrs)

    def edge(self, tail_name, head_name, label, **attrs):
        """Add an edge."""
        self._add(f"{_quoted(tail_name)} -> {_quoted(head_name)}", label, attrs)

    @property
    def source(self):
        """The graph as DOT text."""
        return f"digraph {_quoted(self.name)} {{\n{''.join(self.body)}}}\n"

    def __str__(self):
        return self.source

    def save(self, filename=None, directory=None):
        """Write the DOT text to a file and return its path.

        Parameters
        ----------
        filename : str, optional
            By default the graph's name with ``.dot``.
        directory : str, optional
            Where.
        """
        path = os.path.join(directory or "", filename or f"{self.name}.dot")
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        write_atomically(path, self.source.encode())
        return path

    def render(self, filename=None, directory=None, **kwargs):
        """Write the DOT text, as `save` does, with ``.dot`` after the name; `kwargs` are for graphviz only."""
        return self.save(f"{filename or self.name}.dot", directory)
