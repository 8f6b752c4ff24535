"""SymbolBlock: a symbolic graph as a block, whose variables beside the inputs are parameters."""

import ast
import os

from minpy import nd
from minpy._nested import as_list
from minpy.base import MXNetError
from minpy.context import current_context
from minpy.gluon.hybrid import HybridBlock

__all__ = ["SymbolBlock"]


class SymbolBlock(HybridBlock):
    """A block that computes a Symbol.

    Parameters
    ----------
    outputs : Symbol or list of Symbol
        What it computes.
    inputs : Symbol or list of Symbol
        The variables that are its inputs; the others become parameters.
    params : ParameterDict
        Shares parameters by name.

    Examples
    --------
    >>> net.export("lenet", epoch=2)
    >>> again = gluon.SymbolBlock.imports("lenet-symbol.json", ["data"], "lenet-0002.params")
    """

    @staticmethod
    def imports(symbol_file, input_names, param_file=None, ctx=None, allow_missing=False, ignore_extra=False):
        """A block from the files that `HybridBlock.export` or `Module.save_checkpoint` wrote.

        Parameters
        ----------
        symbol_file : str
            The JSON file.
        input_names : str or list of str
            The variables that are inputs.
        param_file : str
            The file with the parameters; None: they are to be initialised.
        ctx : Context or list of Context
            Where the parameters go.
        allow_missing, ignore_extra : bool
            Whether the file may lack parameters, or have more.
        """
        from minpy import symbol

        graph = symbol.load(symbol_file)
        names = [input_names] if isinstance(input_names, str) else list(input_names)
        block = SymbolBlock(graph, [symbol.var(name) for name in names])
        if param_file is not None:
            block.collect_params().load(
                param_file, ctx, allow_missing, ignore_extra, cast_dtype=True, dtype_source="saved"
            )
        return block

    def __init__(self, outputs, inputs, params=None):
        from minpy import symbol
        from minpy.symbol.program import Program

        super().__init__(prefix=None if params is None else "", params=params)
        self._prefix, self._name = "", ""
        self._params._prefix = ""
        inputs = as_list(inputs)
        self._single = not isinstance(outputs, (list, tuple)) and len(outputs) == 1
        self._graph = symbol.Group(outputs) if isinstance(outputs, (list, tuple)) else outputs
        for item in inputs:
            if len(item) != 1 or not item._outputs[0][0].is_variable:
                raise AssertionError(
                    f"Input symbols must be variable, but {item.name} is an output of operators"
                )
        self._input_names = [item.name for item in inputs]
        self._program = Program(self._graph)
        self._add_parameters()

    def _add_parameters(self):
        attributes = self._graph.attr_dict()
        program = self._program
        for name in (*program.arguments, *program.auxiliary):
            if name not in self._input_names:
                options = _options(attributes.get(name, {}))
                if name in program.auxiliary:
                    options["grad_req"] = "null"
                self.params.get(name, allow_deferred_init=True, **options)
        common = len(os.path.commonprefix(list(self.params.keys()))) if len(self.params) > 1 else 0
        for name, parameter in self.params.items():
            self._reg_params[name[common:]] = parameter

    def __repr__(self):
        return f"SymbolBlock(\n  {self._graph!r} : {len(self._input_names)} -> {len(self._graph)}\n)"

    def forward(self, x, *args):
        """Computes the outputs: one, or a list."""
        flat = [v for a in (x, *args) for v in as_list(a)]
        if len(flat) != len(self._input_names):
            raise ValueError(f"SymbolBlock takes the inputs {self._input_names}, {len(flat)} were given")
        if type(flat[0]).__name__ == "Symbol":
            return self._composed(dict(zip(self._input_names, flat)))
        given = dict(zip(self._input_names, flat))
        ctx = flat[0].context if isinstance(flat[0], nd.NDArray) else current_context()
        names = (*self._program.arguments, *self._program.auxiliary)
        if any(self.params[n]._data is None for n in names if n not in given):
            self._complete_shapes(given)
        outputs = self._program.run([given[n] if n in given else self.params[n].data(ctx) for n in names])
        return outputs[0] if self._single else outputs

    def _complete_shapes(self, given):
        from minpy.symbol import inference

        shapes = {n: tuple(a.shape) for n, a in given.items()}
        shapes |= {n: p.shape for n, p in self.params.items() if p.shape}
        found = inference.infer_shapes(self._graph, (), shapes)
        program = self._program
        for name, shape in (*zip(program.arguments, found[0]), *zip(program.auxiliary, found[2])):
            if name in given or self.params[name]._data is not None:
                continue
            if not inference.complete(shape):
                raise MXNetError(f"The shape of parameter {name} does not follow from those of the inputs")
            if self.params[name]._deferred_init is not None:
                self.params[name].shape = shape
                self.params[name]._finish_deferred_init()

    def _composed(self, variables):
        outputs = self._graph._replaced({name: s._outputs[0][:2] for name, s in variables.items()})
        return outputs if self._single else list(outputs)

    def infer_shape(self, *args):
        """Complete the shapes of deferred parameters for these inputs."""
        self._complete_shapes(dict(zip(self._input_names, args)))

    def cast(self, dtype):
        """Change the dtype of all parameters."""
        super().cast(dtype)

    def hybrid_forward(self, F, x, *args, **kwargs):
        """Not used: `forward` runs the graph."""
        raise NotImplementedError


def _options(attributes):
    """Arguments of Parameter from a variable's attributes."""
    from minpy.symbol.inference import type_of_number

    options = {}
    if "__shape__" in attributes:
        options["shape"] = ast.literal_eval(attributes["__shape__"])
    if "__dtype__" in attributes:
        options["dtype"] = type_of_number(int(attributes["__dtype__"]))
    for key in ("lr_mult", "wd_mult"):
        if f"__{key}__" in attributes:
            options[key] = float(attributes[f"__{key}__"])
    if "__init__" in attributes:
        options["init"] = _initializer(attributes["__init__"])
    return options


def _initializer(text):
    import json

    from minpy import initializer

    if not text.startswith("["):
        return text
    name, arguments = json.loads(text)
    return initializer.create(name, **arguments)
