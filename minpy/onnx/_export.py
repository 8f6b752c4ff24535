"""Export of Symbols and Gluon blocks as ONNX models."""

import contextlib
import logging

import numpy

from minpy._nested import leaves
from minpy.base import MXNetError, as_numpy
from minpy.onnx._package import onnx_package
from minpy.onnx._writer import ROWS, Call, Value, Writer
from minpy.symbol.inference import complete, infer_shapes

__all__ = ["export_model", "get_operator_support"]

OPSET, IR_VERSION = 17, 8
_MOST_BYTES = (1 << 31) - (1 << 20)  # a file is one protobuf message, which holds less than 2 GiB
# Their second input is a label, which the exported model does without.
_LOSSES = ("SoftmaxOutput", "LinearRegressionOutput", "LogisticRegressionOutput", "MAERegressionOutput")


def get_operator_support(opset_version=None):
    """The names of the operators that `export_model` can write, in order.

    Parameters
    ----------
    opset_version : int
        Accepted as in MXNet; one opset is written.
    """
    _tables()
    return sorted(ROWS)


def _tables():
    from minpy.onnx import _write_elementwise, _write_layers, _write_reductions, _write_rnn, _write_shapes  # noqa: F401


def export_model(
    sym,
    params=None,
    in_shapes=None,
    in_types=numpy.float32,
    onnx_file_path="model.onnx",
    verbose=False,
    dynamic=False,
    dynamic_input_shapes=None,
    run_shape_inference=False,
    input_type=None,
    input_shape=None,
):
    """Write a Symbol or a Gluon block as an ONNX model for inference.

    Parameters
    ----------
    sym : Symbol, HybridBlock or str
        The graph, or the path of its JSON file. A block brings its parameters.
    params : dict, list of two dicts, or str
        The parameters, also with the prefixes ``arg:`` and ``aux:``; arguments and auxiliary states apart; or the path
        of their file.
    in_shapes : list of tuple
        The shapes of the inputs in the order of `Symbol.list_arguments`, without labels.
    in_types : dtype or list of dtype
        Their dtypes.
    onnx_file_path : str
        File name or URL of the model. The file is written under a temporary name and renamed.
    verbose : bool
        Log each node.
    dynamic : bool
        Leave dimensions of the inputs open.
    dynamic_input_shapes : list of tuple
        Which ones: None or a name stands for an open dimension. By default all are.
    run_shape_inference : bool
        Store the shapes of inner values too.
    input_type, input_shape
        Older names of `in_types` and `in_shapes`.

    Returns
    -------
    str
        `onnx_file_path`.

    Raises
    ------
    ImportError
        When the package onnx is missing.
    MXNetError
        When an operator or an option of it has no counterpart, a parameter is missing, or an open dimension cannot
        stay open.

    Notes
    -----
    Models have opset 17 and ir_version 8. Operators that act in training only are left out.
    """
    onnx = onnx_package()
    from minpy._files import write_atomically

    in_shapes = input_shape if input_shape is not None else in_shapes
    in_types = input_type if input_type is not None else in_types
    if in_shapes is None:
        raise ValueError("export_model: in_shapes is required, a list with the shape of each input")
    in_shapes = [tuple(shape) for shape in in_shapes]
    graph, parameters = _graph_and_parameters(sym, params, len(in_shapes))
    inputs = _inputs(graph, parameters, in_shapes, in_types)
    open_shapes = _open_shapes(inputs, dynamic, dynamic_input_shapes)
    model = _Exporter(graph, parameters, inputs, open_shapes, verbose).model()
    if run_shape_inference:
        model = onnx.shape_inference.infer_shapes(model)
    write_atomically(onnx_file_path, model.SerializeToString())
    logging.info("Exported ONNX file %s saved to disk", onnx_file_path)
    return onnx_file_path


def _graph_and_parameters(sym, params, count):
    """The Symbol, and the parameters as NumPy arrays by name."""
    from minpy import nd, symbol
    from minpy.gluon import HybridBlock

    if isinstance(sym, HybridBlock):
        if sym._seen_inputs is None or sum(leaves(sym._seen_inputs)) != count:
            names = ["data"] if count == 1 else [f"data{i}" for i in range(count)]
            outputs = sym(*[symbol.var(name) for name in names])
            graph = symbol.Group(list(outputs)) if isinstance(outputs, (list, tuple)) else outputs
        else:
            graph = sym._symbol_graph()
        params = (
            {name: p._reduced() for name, p in sym.collect_params().items()} if params is None else params
        )
    else:
        graph = symbol.load(sym) if isinstance(sym, str) else sym
    if not isinstance(graph, symbol.Symbol):
        raise ValueError(
            f"export_model: a Symbol, a HybridBlock or a path is required, not {type(sym).__name__}"
        )
    if isinstance(params, str):
        params = nd.load(params)
    if isinstance(params, (list, tuple)) and len(params) == 2 and all(isinstance(p, dict) for p in params):
        params = {**params[0], **params[1]}
    if not isinstance(params, dict):
        raise ValueError("export_model: params must be a dict, a list of two dicts or a path")
    found = {name.removeprefix("arg:").removeprefix("aux:"): value for name, value in params.items()}
    return graph, {name: as_numpy(v) for name, v in found.items()}


def _needed(graph):
    """The variables that the outputs depend on when labels are left out."""
    needed, order = set(), graph._order()
    wanted = {id(node) for node, _, _ in graph._outputs}
    for node in reversed(order):
        if id(node) not in wanted:
            continue
        if node.is_variable:
            needed.add(node.name)
            continue
        inputs = node.inputs[:1] if node.op.name in _LOSSES else node.inputs
        wanted.update(id(source) for source, _, _ in inputs)
    return needed


def _inputs(graph, parameters, shapes, types):
    """(shape, dtype) of the inputs by name."""
    needed = _needed(graph)
    names = [name for name in graph.list_inputs() if name in needed and name not in parameters]
    if len(names) != len(shapes):
        raise MXNetError(
            f"export_model: in_shapes has {len(shapes)} shapes, but {len(names)} variables have no parameter: {names}"
        )
    types = types if isinstance(types, (list, tuple)) else [types] * len(names)
    if len(types) != len(names):
        raise MXNetError(f"export_model: {len(types)} types were given for the inputs {names}")
    return {name: (shape, numpy.dtype(dtype)) for name, shape, dtype in zip(names, shapes, types)}


def _open_shapes(inputs, dynamic, chosen):
    """The shapes of the inputs as the model declares them, with None or a name for open dimensions."""
    if not dynamic:
        return {name: shape for name, (shape, _) in inputs.items()}
    if chosen is None:
        return {name: (None,) * len(shape) for name, (shape, _) in inputs.items()}
    if [len(s) for s in chosen] != [len(shape) for shape, _ in inputs.values()]:
        raise MXNetError(f"export_model: dynamic_input_shapes {chosen} do not fit the inputs {list(inputs)}")
    return {name: tuple(shape) for name, shape in zip(inputs, chosen)}


class _Exporter:
    """Walks over a Symbol's graph and writes it node by node."""

    def __init__(self, graph, parameters, inputs, open_shapes, verbose):
        _tables()
        self.graph, self.inputs, self.open_shapes, self.verbose = graph, inputs, open_shapes, verbose
        self.writer = Writer(parameters)
        self.values = {}
        self.shapes = self._shapes(parameters)

    def _shapes(self, parameters):
        """The shape of every output of every node; dimensions that follow open ones are None."""
        internals = self.graph.get_internals()
        names = set(self.graph.list_inputs())
        given = {name: array.shape for name, array in parameters.items() if name in names}
        given |= {name: shape for name, (shape, _) in self.inputs.items()}
        shapes = infer_shapes(internals, (), given)[1]
        unknown = [name for name, s in zip(internals.list_outputs(), shapes) if not complete(s)]
        if unknown:
            raise MXNetError(
                f"export_model: in_shapes and the parameters do not tell the shapes of {unknown}"
            )
        others = self._probed(internals, given) or shapes
        free = [tuple(None if m != n else n for n, m in zip(*pair)) for pair in zip(shapes, others)]
        return {(id(node), i): shape for (node, i, _), shape in zip(internals._outputs, free)}

    def _probed(self, internals, given):
        """The shapes of all values when open dimensions have other lengths; None when there are none."""
        opened = {n: [not isinstance(d, int) for d in shape] for n, shape in self.open_shapes.items()}
        for most in (16, 1):  # where lengths belong to the parameters only the batch can stay open
            other = {
                name: tuple(
                    n + 32 if flag and i < most else n for i, (n, flag) in enumerate(zip(given[name], flags))
                )
                for name, flags in opened.items()
            }
            if any(other[name] != given[name] for name in other):
                with contextlib.suppress(MXNetError):
                    return infer_shapes(internals, (), {**given, **other})[1]
        return None

    def model(self):
        """The ONNX model."""
        writer = self.writer
        for name in self.inputs:
            writer.fresh(name)
        needed = _needed(self.graph)
        for node in self.graph._order():
            if node.is_variable:
                if node.name in needed:
                    self.values[id(node), 0] = self._variable(node)
            else:
                self._operator(node)
        outputs = self._named_outputs()
        return self._proto(outputs)

    def _variable(self, node):
        if node.name not in self.inputs:
            return self.writer.parameter(node.name)
        return Value(self.writer, node.name, self.inputs[node.name][1], self.shapes[id(node), 0])

    def _operator(self, node):
        export = ROWS.get(node.op.name)
        if export is None:
            raise MXNetError(
                f"ONNX export: there is no counterpart of the operator {node.op.name} ({node.name})"
            )
        self.writer.prefix = node.name
        inputs = [
            self.values[id(source), i] for source, i, _ in node.inputs if (id(source), i) in self.values
        ]
        shapes = [self.shapes[id(node), i] for i in range(len(node.output_names()))]
        found = export(Call(self.writer, node, inputs, shapes))
        found = found if isinstance(found, list) else [found]
        for i, (value, shape) in enumerate(zip(found, shapes)):
            self.values[id(node), i] = Value(self.writer, value.name, value.dtype, shape)
        if self.verbose:
            logging.info("Converted node %s (%s)", node.name, node.op.name)

    def _named_outputs(self):
        """The names of the outputs, which the values get."""
        taken, found = {}, []
        made = {name for node in self.writer.nodes for name in node.output}
        for (node, i, _), full in zip(self.graph._outputs, self.graph.list_outputs()):
            value = self.values[id(node), i]
            name = _output_name(full)
            if value.name not in made or value.name in taken:
                self.writer.prefix = name
                value = value.op("Identity")
            if name != value.name:
                name = self.writer.fresh(name)
                self.writer.rename(value.name, name)
            taken[value.name] = taken[name] = True
            found.append((name, self.shapes[id(node), i], value.dtype))
        return found

    def _proto(self, outputs):
        onnx, writer = self.writer.onnx, self.writer
        info = onnx.helper.make_tensor_value_info
        inputs = [
            info(name, writer.type_number(dtype), self.open_shapes[name])
            for name, (_, dtype) in self.inputs.items()
        ]
        results = [info(name, writer.type_number(dtype), shape) for name, shape, dtype in outputs]
        used = {name for node in writer.nodes for name in node.input}
        arrays = [
            onnx.numpy_helper.from_array(numpy.ascontiguousarray(a).reshape(a.shape), name)
            for name, a in writer.initializers.items()
            if name in used
        ]
        size = sum(len(tensor.raw_data) for tensor in arrays)
        if size > _MOST_BYTES:
            raise MXNetError(f"ONNX export: {size} bytes of parameters, an ONNX file holds less than 2 GiB")
        graph = onnx.helper.make_graph(writer.nodes, "minpy", inputs, results, arrays)
        model = onnx.helper.make_model(
            graph,
            opset_imports=[onnx.helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="minpy",
        )
        onnx.checker.check_model(model)
        return model


def _output_name(full):
    """MXNet's name of an output in ONNX files: without `_output`, but with its number."""
    for ending, number in (("_state_output", "1"), ("_statecell_output", "2"), ("_output", "")):
        if full.endswith(ending):
            return full.removesuffix(ending) + number
    name, _, number = full.rpartition("_output")
    return name + number if name and number.isdigit() else full
