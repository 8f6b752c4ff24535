"""The nodes of symbolic graphs, and walks over them.

A node is an operator's call or, without an operator, a variable. `inputs` are triples (node, output of it, version);
the version counts how many operators have updated the variable before. Nodes are shared between symbols; only their
attribute texts change after they were made.
"""

from minpy.symbol.schema import schema

_CASTS = ("amp_cast", "amp_multicast")


class Node:
    """A call of an operator, or a variable (`op` is None)."""

    __slots__ = ("op", "name", "attrs", "inputs", "version")

    def __init__(self, op, name, attrs=None, inputs=()):
        self.op = op  # a Schema
        self.name = name
        self.attrs = attrs or {}
        self.inputs = inputs
        self.version = 0

    @property
    def is_variable(self):
        """Whether the node has no operator."""
        return self.op is None

    def output_names(self):
        """The full names of the visible outputs."""
        if self.op is None:
            return (self.name,)
        return tuple(f"{self.name}_{name}" for name in self.op.output_names(self.attrs))


def walk(nodes):
    """All nodes that the given ones depend on and themselves, inputs before what uses them, each once."""
    seen, order = set(), []
    for root in nodes:
        stack = [(root, iter(root.inputs))] if id(root) not in seen else []
        seen.add(id(root))
        while stack:
            node, rest = stack[-1]
            child = next((entry[0] for entry in rest if id(entry[0]) not in seen), None)
            if child is None:
                order.append(node)
                stack.pop()
            else:
                seen.add(id(child))
                stack.append((child, iter(child.inputs)))
    return order


def auxiliary_ids(order):
    """The ids of the variables that operators update."""
    return {
        id(node.inputs[i][0])
        for node in order
        if node.op is not None
        for i in node.op.auxiliary
        if i < len(node.inputs) and node.inputs[i][0].is_variable
    }


def copied(nodes, replaced):
    """Copies of the graph under the nodes, by id; `replaced` has (node, index) for the variables by name."""
    copies = {}
    for node in walk(nodes):
        inputs = tuple(
            (*replaced[n.name], v) if n.is_variable and n.name in replaced else (copies[id(n)], i, v)
            for n, i, v in node.inputs
        )
        copies[id(node)] = twin = Node(node.op, node.name, dict(node.attrs), inputs)
        twin.version = node.version
    return copies


def without_casts(outputs):
    """The outputs of a graph without its amp_cast and amp_multicast; copies of nodes where there were any."""
    order = walk([node for node, _, _ in outputs])
    if not any(node.op is not None and node.op.name in _CASTS for node in order):
        return outputs
    twins = {}

    def source(edge):
        node, index, version = edge
        while node.op is not None and node.op.name in _CASTS:
            node, index, version = node.inputs[index if node.op.name == "amp_multicast" else 0]
        return (twins[id(node)], index, version)

    for node in order:
        if node.op is None or node.op.name not in _CASTS:
            twins[id(node)] = twin = Node(
                node.op, node.name, dict(node.attrs), tuple(map(source, node.inputs))
            )
            twin.version = node.version
    return [source(edge) for edge in outputs]


def mark_updates(node):
    """Counts the versions of the variables that the new node updates."""
    if not node.op.auxiliary:
        return
    inputs = list(node.inputs)
    for i in node.op.auxiliary:
        variable, index, _ = inputs[i]
        variable.version += 1
        inputs[i] = (variable, index, variable.version)
    node.inputs = tuple(inputs)


__all__ = ["Node", "auxiliary_ids", "copied", "mark_updates", "schema", "walk", "without_casts"]
