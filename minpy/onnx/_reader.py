"""What turns an ONNX graph into a Symbol, and what the rows of its table work with.

A row of the table (`ROWS`) is a function of a `Call`, one node of the ONNX graph; it returns the Symbol of the node's
output, a NumPy array when that is a constant, or a list of these. Nodes whose inputs are all constants are computed
while reading, so that shapes, which are inputs in ONNX and attributes here, become numbers.
"""

import numpy

from minpy._nested import as_list
from minpy.base import MXNetError
from minpy.onnx._package import onnx_package
from minpy.registry import by_names
from minpy.symbol.compose import compose
from minpy.symbol.inference import complete, infer_shapes
from minpy.symbol.symbol import Symbol, var

__all__ = ["ROWS", "Call", "Reader", "row"]

ROWS = {}
MOST_FOLDED = 1 << 24  # elements of a constant that is computed while reading
_ENLARGING = ("ConstantOfShape", "Expand", "OneHot", "Pad", "Range", "Resize", "Tile")


row = by_names(ROWS)  # registers the function that imports the ONNX operators of these names


class Call:
    """A node of the ONNX graph that is imported."""

    def __init__(self, reader, node):
        self.reader, self.node, self.kind = reader, node, node.op_type
        self.inputs = list(node.input)
        self.outputs = list(node.output)
        self.name = node.name or self.outputs[0]
        self._attributes = {a.name: a for a in node.attribute}
        self._made = 0

    def require(self, condition, what):
        """Raises MXNetError unless the condition holds."""
        if not condition:
            raise MXNetError(f"{self.reader.source}: node {self.name} ({self.kind}): {what}")

    def attr(self, name, default=None):
        """An attribute as Python's value."""
        if name not in self._attributes:
            return default
        value = self.reader.onnx.helper.get_attribute_value(self._attributes[name])
        return value.decode() if isinstance(value, bytes) else value

    def has(self, position):
        """Whether there is an input at this position."""
        return position < len(self.inputs) and self.inputs[position] != ""

    def constant(self, position, default=None):
        """The array of an input, which must be a constant; the default where there is no such input."""
        if not self.has(position):
            return default
        found = self.reader.constants.get(self.inputs[position])
        self.require(found is not None, f"input {position} ({self.inputs[position]}) must be a constant")
        return found

    def ints(self, position, attribute=None, default=None):
        """A list of integers: an input, or in older models an attribute."""
        if attribute is not None and attribute in self._attributes:
            return as_list(self.attr(attribute))
        found = self.constant(position)
        return default if found is None else [int(n) for n in found.reshape(-1)]

    def number(self, position):
        """The only element of a constant input; None when the input is anything else."""
        found = self.reader.constants.get(self.inputs[position])
        return (
            found.reshape(-1)[0].item() if found is not None and found.size == 1 and found.ndim < 2 else None
        )

    def sym(self, position):
        """An input as a Symbol."""
        self.require(self.has(position), f"input {position} is required")
        return self.reader.symbol(self.inputs[position])

    def syms(self):
        """All inputs as Symbols."""
        return [self.sym(i) for i in range(len(self.inputs))]

    def shape(self, position):
        """The shape of an input with None for open dimensions; None when not even its rank is known."""
        return self.reader.shape(self.inputs[position])

    def rank(self, position=0):
        """The number of axes of an input."""
        shape = self.shape(position)
        self.require(shape is not None, f"the number of axes of input {position} is not known")
        return len(shape)

    def known(self, position, what):
        """The shape of an input, which must be known."""
        shape = self.shape(position)
        self.require(shape is not None and None not in shape, f"{what} needs the shape of input {position}")
        return shape

    def op(self, name, *inputs, **attributes):
        """A node of the Symbol. The first one that a row makes has the name of the ONNX node."""
        label = self.name if self._made == 0 else f"{self.name}_{self._made}"
        self._made += 1
        return compose(name, name.lower(), inputs, {**attributes, "name": label})

    def stored(self, array, suffix):
        """A variable with a value of its own."""
        return self.reader.variable(f"{self.name}_{suffix}", array)

    def auxiliary(self, position):
        """An input with statistics that the operator updates: a constant becomes a variable that nothing else uses."""
        name = self.inputs[position]
        if name in self.reader.constants and self.reader.uses[name] > 1:
            return self.stored(self.constant(position), f"input{position}")
        return self.sym(position)


class Reader:
    """Walks over an ONNX graph and builds the Symbol.

    Parameters
    ----------
    model : onnx.ModelProto
        With a checked structure.
    source : str
        The name of the file, for messages.
    """

    def __init__(self, model, source):
        self.onnx, self.source, self.graph = onnx_package(), source, model.graph
        self.opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)
        self.constants, self.symbols, self.parameters = {}, {}, {}
        self.shape_sources = {}  # names of shapes that are not known yet: what they are the shape of
        self.length_sources = {}  # names of single lengths: what they are a length of, and of which axis
        self._shapes = self._inferred(model)
        self.uses = {info.name: 1 for info in self.graph.output}
        for node in self.graph.node:
            for name in node.input:
                self.uses[name] = self.uses.get(name, 0) + 1

    def _inferred(self, model):
        try:
            model = self.onnx.shape_inference.infer_shapes(model, data_prop=True)
        except Exception as error:
            raise MXNetError(f"{self.source}: not a valid ONNX model: {error}") from None
        infos = (*model.graph.value_info, *model.graph.input, *model.graph.output)
        return {i.name: declared_shape(i) for i in infos}

    def shape(self, name):
        """The shape of a value with None for open dimensions; None when it is not known."""
        if name in self.constants:
            return self.constants[name].shape
        if self._shapes.get(name) is None and name in self.symbols:
            self._shapes[name] = self._inferred_by_symbol(self.symbols[name])
        return self._shapes.get(name)

    def _inferred_by_symbol(self, symbol):
        """The shape of a Symbol's output where ONNX's inference does not reach; None without the inputs' shapes."""
        known = {
            name: self.parameters[name].shape for name in symbol.list_inputs() if name in self.parameters
        }
        known |= {name: self._shapes.get(name) for name in symbol.list_inputs() if name not in known}
        if not all(shape is not None and None not in shape for shape in known.values()):
            return None
        (found,) = infer_shapes(symbol, (), known)[1]
        return found if complete(found) else None

    def symbol(self, name):
        """The Symbol of a value; a constant becomes a variable with that value."""
        if name not in self.symbols:
            if name not in self.constants:
                raise MXNetError(f"{self.source}: nothing gives the value {name!r}")
            self.symbols[name] = self.variable(name, self.constants[name])
        return self.symbols[name]

    def variable(self, name, array):
        """A variable that holds an array."""
        self.parameters[name] = array.reshape(1) if array.ndim == 0 else array
        return var(name, shape=self.parameters[name].shape)

    def read(self):
        """The Symbol of the graph's outputs."""
        from minpy.symbol.symbol import Group

        for tensor in self.graph.initializer:
            self.constants[tensor.name] = self.array(tensor)
        for info in self.graph.input:
            if info.name not in self.constants:
                self.symbols[info.name] = var(info.name)
        for node in self.graph.node:
            self._read_node(node)
        outputs = [self.symbol(info.name) for info in self.graph.output]
        return outputs[0] if len(outputs) == 1 else Group(outputs)

    def array(self, tensor):
        """The NumPy array of a tensor in the file."""
        try:
            return numpy.array(self.onnx.numpy_helper.to_array(tensor))
        except Exception as error:
            raise MXNetError(f"{self.source}: tensor {tensor.name!r} cannot be read: {error}") from None

    def _read_node(self, node):
        call = Call(self, node)
        if self._is_constant(call):
            found = self._computed(call)
        else:
            found = self._imported(call)
        for name, value in zip(call.outputs, found):
            (self.symbols if isinstance(value, Symbol) else self.constants)[name] = value

    def _imported(self, call):
        """What the row of the table makes of a node."""
        importer = ROWS.get(call.kind) if call.node.domain in ("", "ai.onnx") else None
        call.require(importer is not None, "there is no counterpart of this operator")
        try:
            found = importer(call)
        except MXNetError as error:
            call.require(str(error).startswith(self.source), str(error))
            raise
        except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError) as error:
            raise MXNetError(
                f"{self.source}: node {call.name} ({call.kind}) is not valid: {error}"
            ) from error
        return found if isinstance(found, list) else [found]

    def _is_constant(self, call):
        """Whether a node has constants only, and its outputs may be computed now."""
        if not any(call.inputs) or not all(name in self.constants for name in call.inputs if name):
            return False
        shapes = [self._shapes.get(name) for name in call.outputs if name]
        if all(s is not None and None not in s for s in shapes):
            return all(numpy.prod(s, dtype=float) <= MOST_FOLDED for s in shapes)
        return call.kind not in _ENLARGING

    def _computed(self, call):
        """The outputs of a node of constants, by the evaluator that comes with the package onnx."""
        from onnx.reference import ReferenceEvaluator

        arrays = {name: self.constants[name] for name in call.inputs if name}
        try:
            evaluator = ReferenceEvaluator(call.node, opsets={"": self.opset})
            return [numpy.asarray(value) for value in evaluator.run(None, arrays)]
        except Exception as error:  # it raises classes of its own
            raise MXNetError(
                f"{self.source}: node {call.name} ({call.kind}) cannot be computed: {error}"
            ) from error


def declared_shape(info):
    """The shape that a model declares for a value; None for open dimensions, or in all where there is none."""
    tensor = info.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)
