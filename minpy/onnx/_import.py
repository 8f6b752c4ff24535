"""Import of ONNX models as Symbols and Gluon blocks."""

import os

import numpy

from minpy.base import MXNetError
from minpy.onnx._package import onnx_package

__all__ = ["get_model_metadata", "import_model", "import_to_gluon"]


def _loaded(model_file):
    """The model in a file, with a checked structure."""
    from minpy._files import read_file

    onnx = onnx_package()
    try:
        model = onnx.load_model_from_string(read_file(model_file))
        if "://" not in model_file:
            onnx.load_external_data_for_model(model, os.path.dirname(os.path.abspath(model_file)))
        onnx.checker.check_model(model)
    except MXNetError:
        raise
    except Exception as error:  # the package raises classes of its own and of protobuf
        raise MXNetError(f"{model_file}: not a valid ONNX model: {error}") from None
    return model


def _tables():
    """Fills the table of operators."""
    from minpy.onnx import _read_elementwise, _read_layers, _read_reductions, _read_rnn, _read_shapes  # noqa: F401


def import_model(model_file):
    """Read an ONNX model as a Symbol and its parameters.

    Parameters
    ----------
    model_file : str
        File name or URL.

    Returns
    -------
    sym : Symbol
    arg_params, aux_params : dict of str to NDArray
        What the variables hold that are not inputs of the model.

    Raises
    ------
    ImportError
        When the package onnx is missing.
    MXNetError
        When the file is no valid model, or has an operator or an option of one without counterpart; names the file and
        the node.
    """
    from minpy import nd
    from minpy.onnx._reader import Reader

    _tables()
    reader = Reader(_loaded(model_file), model_file)
    symbol = reader.read()
    parameters = {name: nd.array(array, dtype=array.dtype) for name, array in reader.parameters.items()}
    kinds = symbol.list_arguments(), symbol.list_auxiliary_states()
    return (symbol, *({name: parameters[name] for name in part if name in parameters} for part in kinds))


def import_to_gluon(model_file, ctx=None):
    """Read an ONNX model as a `gluon.SymbolBlock`.

    Parameters
    ----------
    model_file : str
        File name or URL.
    ctx : Context or list of Context
        Where the parameters go.

    Returns
    -------
    SymbolBlock

    Raises
    ------
    ImportError, MXNetError
        See `import_model`.
    """
    from minpy import gluon, symbol

    graph, arguments, auxiliary = import_model(model_file)
    parameters = {**arguments, **auxiliary}
    names = [name for name in graph.list_inputs() if name not in parameters]
    block = gluon.SymbolBlock(graph, [symbol.var(name) for name in names])
    for name, parameter in block.collect_params().items():
        if numpy.dtype(parameters[name].dtype).kind in "iub":
            parameter.grad_req = "null"
        parameter._load_init(parameters[name], ctx, cast_dtype=True, dtype_source="saved")
    return block


def get_model_metadata(model_file):
    """The names and shapes of a model's inputs and outputs.

    Parameters
    ----------
    model_file : str
        File name or URL.

    Returns
    -------
    dict
        ``input_tensor_data`` and ``output_tensor_data``: lists of (name, shape), with 0 for open dimensions.
    """
    from minpy.onnx._reader import declared_shape

    graph = _loaded(model_file).graph
    stored = {tensor.name for tensor in graph.initializer}
    parts = ([i for i in graph.input if i.name not in stored], graph.output)
    shapes = [[(i.name, tuple(n or 0 for n in declared_shape(i) or ())) for i in part] for part in parts]
    return {"input_tensor_data": shapes[0], "output_tensor_data": shapes[1]}
