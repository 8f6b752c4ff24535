"""Program: a graph in the order in which it runs."""

import inspect

from minpy import _core
from minpy.base import MXNetError
from minpy.symbol.completion import completed, is_incomplete
from minpy.symbol.node import auxiliary_ids

__all__ = ["Program"]


class _Step:
    """A node of the graph with its operator's arguments read: what runs once for each forward pass."""

    __slots__ = ("node", "function", "arguments", "sources", "targets")

    def __init__(self, node, slots):
        self.node = node
        self.function = inspect.unwrap(node.op.row.function)  # without what symbols and unknown shapes need
        self.arguments = node.op.arguments(node.attrs)
        self.sources = [slots[id(n), i] for n, i, _ in node.inputs]
        names = node.op.input_names(node.attrs, len(node.inputs))
        if not node.op.variadic and list(node.op.inputs[: len(names)]) != list(names):
            given = dict(zip(names, self.sources))
            self.sources = [given.get(n) for n in node.op.inputs[: node.op.inputs.index(names[-1]) + 1]]
        self.targets = [slots[id(node), i] for i in range(len(node.output_names()))]

    def run(self, values):
        """Computes the node's outputs from the values in their slots."""
        _core.set_label(self.node.name)
        try:
            result = _core.call_operator(
                self.function, *(None if s is None else values[s] for s in self.sources), **self.arguments
            )
        except MXNetError:
            raise
        except (TypeError, ValueError) as error:
            raise MXNetError(f"Error in operator {self.node.name}: {error}") from error
        if len(self.targets) == 1:
            values[self.targets[0]] = result[0] if isinstance(result, (list, tuple)) else result
        else:
            for target, value in zip(self.targets, result):
                values[target] = value


class Program:
    """A graph in the order in which it runs. It keeps no arrays, and serves several executors.

    Attributes
    ----------
    arguments, auxiliary : list of str
        The names of the variables.
    """

    def __init__(self, symbol):
        order = symbol._order()
        auxiliary = auxiliary_ids(order)
        variables = [node for node in order if node.is_variable]
        self.arguments = [node.name for node in variables if id(node) not in auxiliary]
        self.auxiliary = [node.name for node in variables if id(node) in auxiliary]
        ordered = sorted(variables, key=lambda node: id(node) in auxiliary)
        slots = {(id(node), 0): i for i, node in enumerate(ordered)}
        for node in order:
            if node.op is not None:
                for i in range(len(node.output_names())):
                    slots[id(node), i] = len(slots)
        self.size = len(slots)
        self.steps = [_Step(node, slots) for node in order if node.op is not None]
        self.heads = [slots[id(node), i] for node, i, _ in symbol._outputs]
        self._last_use()
        self._names = [node.name for node in ordered]
        self._symbol = symbol if is_incomplete(order) else None
        self._by_shapes = {}

    def _completed(self, arrays):
        """The program of the graph whose constants have the lengths that these arrays ask for."""
        shapes = tuple(tuple(array.shape) for array in arrays)
        if shapes not in self._by_shapes:
            self._by_shapes[shapes] = Program(completed(self._symbol, dict(zip(self._names, shapes))))
        return self._by_shapes[shapes]

    def _last_use(self):
        """Which slots each step is the last to read, so that their arrays can go."""
        keep = set(self.heads) | set(range(len(self.arguments) + len(self.auxiliary)))
        last = {}
        for number, step in enumerate(self.steps):
            for slot in step.sources:
                last[slot] = number
        self.done = [[] for _ in self.steps]
        for slot, number in last.items():
            if slot is not None and slot not in keep:
                self.done[number].append(slot)

    def run(self, arrays, watch=None):
        """The outputs for arrays of the arguments and auxiliary states, in this order.

        `watch` is told before and after each step, with the values by slot.
        """
        if self._symbol is not None:
            return self._completed(arrays).run(arrays, watch)
        values = [*arrays, *[None] * (self.size - len(arrays))]
        for step, done in zip(self.steps, self.done):
            if watch is None:
                step.run(values)
            else:
                watch.run(step, values)
            for slot in done:
                values[slot] = None
        return [values[slot] for slot in self.heads]
