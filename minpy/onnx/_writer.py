"""What turns a Symbol into an ONNX graph, and what the rows of its table work with.

A row of the table (`ROWS`) is a function of a `Call`, one node of the Symbol; it returns the `Value` or the list of
values that stand for the node's outputs. `Value.op` appends a node to the ONNX graph; arithmetic of values does too.
Shapes have None where a dimension is to stay free in the exported model.
"""

import types

import numpy

from minpy.base import MXNetError
from minpy.onnx._package import onnx_package
from minpy.registry import by_names

__all__ = ["ROWS", "Call", "Value", "Writer", "row"]

ROWS = {}


row = by_names(ROWS)  # registers the function that exports the operators of these names


class Value:
    """A tensor of the ONNX graph; its shape is known for inputs and outputs of the Symbol's nodes."""

    __slots__ = ("writer", "name", "dtype", "shape")

    def __init__(self, writer, name, dtype, shape=None):
        self.writer, self.name, self.dtype, self.shape = writer, name, numpy.dtype(dtype), shape

    @property
    def rank(self):
        """The number of dimensions."""
        return len(self.shape)

    def op(self, kind, *others, dtype=None, outputs=1, **attributes):
        """The result of an ONNX operator on this value and others; numbers become constants of its dtype.

        Parameters
        ----------
        kind : str
            The ONNX operator.
        *others : Value, number, list of int or None
            Further inputs; a list becomes a vector of int64, None an input left out.
        dtype : dtype
            Of the result, when it is another than this value's.
        outputs : int
            Their number; more than one give a list.
        **attributes
            Of the ONNX node; None is left out.
        """
        return self.writer.emit(
            kind, (self, *others), self.dtype if dtype is None else dtype, outputs, attributes
        )

    def cast(self, dtype):
        """The value in another dtype."""
        dtype = numpy.dtype(dtype)
        if dtype == self.dtype:
            return self
        return self.op("Cast", dtype=dtype, to=self.writer.type_number(dtype))

    def transposed(self, axes):
        """The value with permuted axes."""
        axes = list(axes)
        return self if axes == sorted(axes) else self.op("Transpose", perm=axes)

    def reshaped(self, *lengths):
        """The value in another shape: numbers, with 0 and -1 as in ONNX, and vectors that give several lengths."""
        if all(isinstance(n, int) for n in lengths):
            return self.op("Reshape", list(lengths))
        parts = [n if isinstance(n, Value) else self.writer.constant([n], numpy.int64) for n in lengths]
        return self.op("Reshape", parts[0].op("Concat", *parts[1:], axis=0))

    def lengths(self, start=0, end=None):
        """The shape, or a part of it, as a vector."""
        return self.op("Shape", dtype=numpy.int64, start=start, end=end)

    def unsqueezed(self, *axes):
        """The value with new axes of length one."""
        return self.op("Unsqueeze", list(axes))

    def squeezed(self, *axes):
        """The value without these axes of length one."""
        return self.op("Squeeze", list(axes))

    def _pair(self, kind, other, reflected=False):
        if not isinstance(other, Value):
            other = self.writer.constant(other, self.dtype)
        return other.op(kind, self) if reflected else self.op(kind, other)

    def __add__(self, other):
        return self._pair("Add", other)

    def __sub__(self, other):
        return self._pair("Sub", other)

    def __mul__(self, other):
        return self._pair("Mul", other)

    def __truediv__(self, other):
        return self._pair("Div", other)

    def __pow__(self, other):
        return self._pair("Pow", other)

    def __radd__(self, other):
        return self._pair("Add", other, True)

    def __rsub__(self, other):
        return self._pair("Sub", other, True)

    def __rmul__(self, other):
        return self._pair("Mul", other, True)

    def __rtruediv__(self, other):
        return self._pair("Div", other, True)

    def __rpow__(self, other):
        return self._pair("Pow", other, True)

    def __neg__(self):
        return self.op("Neg")

    def __abs__(self):
        return self.op("Abs")


class Call:
    """A node of the Symbol that is exported: its inputs, its attributes as values, and the shapes of its outputs."""

    def __init__(self, writer, node, inputs, shapes):
        self.writer, self.node, self.name = writer, node, node.name
        self.inputs = inputs
        self.attrs = types.SimpleNamespace(**node.op.values(node.attrs))
        self.shapes = shapes

    def require(self, condition, what):
        """Raises MXNetError unless the condition holds."""
        if not condition:
            raise MXNetError(f"ONNX export: {self.node.op.name} ({self.name}): {what}")

    def known(self, shape, what):
        """The shape; raises MXNetError where it has free dimensions."""
        self.require(shape is not None and None not in shape, f"{what} needs fixed dimensions, not {shape}")
        return shape

    def constant(self, values, dtype=numpy.int64):
        """A constant tensor."""
        return self.writer.constant(values, dtype)

    def unknown(self, dtype):
        """A value that nothing may use."""
        return Value(self.writer, None, dtype)

    def evaluated(self, position):
        """The array that an input of the node holds, which must depend on parameters only."""
        from minpy import nd, symbol

        source = symbol.Symbol([self.node.inputs[position]])
        names, given = source.list_arguments(), self.writer.parameters
        missing = [name for name in names if name not in given]
        self.require(not missing, f"input {position} must consist of parameters, but it depends on {missing}")
        return source.eval(**{name: nd.array(given[name], dtype=given[name].dtype) for name in names})[
            0
        ].asnumpy()

    def axes(self, axis, rank=None):
        """An attribute's axis or axes as a list of numbers from 0."""
        rank = self.inputs[0].rank if rank is None else rank
        chosen = [axis] if isinstance(axis, int) else list(axis)
        self.require(all(-rank <= a < rank for a in chosen), f"axis {axis} of {rank} axes")
        return [a % rank for a in chosen]

    def to_shape(self, value, copied=0):
        """The value in the shape of the node's output; its first `copied` axes are those of the value."""
        lengths = [
            0 if i < copied and n is None else -1 if n is None else n for i, n in enumerate(self.shapes[0])
        ]
        self.require(lengths.count(-1) < 2, f"the shape {self.shapes[0]} has too many free dimensions")
        zero = any(n == 0 and self.shapes[0][i] == 0 for i, n in enumerate(lengths))
        return value.op("Reshape", lengths, allowzero=1 if zero else None)


class Writer:
    """Collects the nodes and constants of an ONNX graph.

    Parameters
    ----------
    parameters : dict of str to numpy.ndarray
        What the variables that are no inputs hold.
    """

    def __init__(self, parameters):
        self.onnx = onnx_package()
        self.parameters = parameters
        self.nodes = []
        self.initializers = {}
        self.prefix = ""
        self._names = set(parameters)
        self._constants = {}

    def fresh(self, name):
        """A name that is not used yet; it starts with the given one."""
        found, number = name, 0
        while found in self._names:
            number += 1
            found = f"{name}_{number}"
        self._names.add(found)
        return found

    def type_number(self, dtype):
        """ONNX's number of a dtype."""
        return self.onnx.helper.np_dtype_to_tensor_dtype(numpy.dtype(dtype))

    def constant(self, values, dtype):
        """A constant tensor; equal ones are stored once."""
        array = numpy.asarray(values).astype(dtype)
        key = (array.dtype.name, array.shape, array.tobytes())
        if key not in self._constants:
            name = self.fresh("constant")
            self.initializers[name] = array
            self._constants[key] = name
        return Value(self, self._constants[key], array.dtype, array.shape)

    def parameter(self, name):
        """The variable of this name, which has a value."""
        array = self.initializers.setdefault(name, self.parameters[name])
        return Value(self, name, array.dtype, array.shape)

    def emit(self, kind, inputs, dtype, outputs, attributes):
        """Append a node; see `Value.op`."""
        names = [self._input(value, inputs[0].dtype) for value in inputs]
        while names and not names[-1]:
            names.pop()
        made = [self.fresh(self.prefix) for _ in range(outputs)]
        attributes = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(self.onnx.helper.make_node(kind, names, made, name=made[0], **attributes))
        values = [Value(self, name, dtype) for name in made]
        return values[0] if outputs == 1 else values

    def _input(self, value, dtype):
        if value is None:
            return ""
        if isinstance(value, list):
            return self.constant(value, numpy.int64).name
        if not isinstance(value, Value):
            return self.constant(value, dtype).name
        if value.name is None:
            raise MXNetError(
                f"ONNX export: {self.prefix} needs a constant whose shape depends on open dimensions"
            )
        return value.name

    def rename(self, old, new):
        """Gives a value that a node makes another name, everywhere."""
        for node in self.nodes:
            for names in (node.input, node.output):
                for i, name in enumerate(names):
                    if name == old:
                        names[i] = new
