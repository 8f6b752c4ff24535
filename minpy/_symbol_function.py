"""`minpy.core.Function`: a Symbol as a differentiable function inside imperative code."""

import numpy

import minpy.numpy as np
from minpy import autograd
from minpy._core import ndarray


def _as_array(value):
    return value if isinstance(value, ndarray) else np.asarray(value)


class MXNetSymbolError(ValueError):
    """A symbol that a function cannot be made of."""


class Function:
    """A Symbol as a function of arrays, which are given by the names of its arguments.

    Gradients flow through a call like through any operator.

    Parameters
    ----------
    symbol : Symbol
        What it computes.
    input_shapes : dict of str to tuple of int
        Shapes of the inputs; the other arguments are parameters. None: told by the first call.
    name : str
        A name for messages.

    Raises
    ------
    TypeError
        When `input_shapes` is no dict.
    ValueError
        When it names what is no argument of the symbol, or does not tell the parameters' shapes.

    Examples
    --------
    >>> net = mx.sym.FullyConnected(mx.sym.Variable("x"), num_hidden=5, name="fc")
    >>> affine = Function(net, input_shapes={"x": (8, 3)})
    >>> affine.get_params()
    {'fc_weight': {'shape': (5, 3)}, 'fc_bias': {'shape': (5,)}}
    """

    def __init__(self, symbol, input_shapes=None, name="mxnet_symbol"):
        from minpy.symbol.program import Program

        if input_shapes is not None and not isinstance(input_shapes, dict):
            raise TypeError(
                f"{name}: input_shapes must be a dict from names to shapes, such as {{'x': (8, 3)}}, not"
                f" {type(input_shapes).__name__}"
            )
        self._symbol, self._name = symbol, name
        self._program = Program(symbol)
        self._aux = {}
        self._is_train = None
        self._param_shapes = self._out_shapes = None
        if input_shapes is not None:
            self._require_known(input_shapes)
            self._infer(input_shapes)

    def _require_known(self, names):
        unknown = [name for name in names if name not in self._program.arguments]
        if unknown:
            raise ValueError(
                f"{self._name}: {unknown} are no arguments of the symbol, which has {self._program.arguments}"
            )

    def _infer(self, shapes):
        from minpy.symbol import inference

        found = inference.infer_shapes(self._symbol, (), shapes)
        parameters = {n: s for n, s in zip(self._program.arguments, found[0]) if n not in shapes}
        unknown = [n for n, s in parameters.items() if not inference.complete(s)]
        if unknown:
            raise ValueError(
                f"{self._name}: the shapes of {unknown} do not follow from those of {list(shapes)}"
            )
        self._input_names = list(shapes)
        self._param_shapes = parameters
        self._out_shapes = dict(zip(self._symbol.list_outputs(), found[1]))
        self._aux_shapes = dict(zip(self._program.auxiliary, found[2]))

    @property
    def is_train(self):
        """Whether a call acts as in training; None, the default, leaves that to recording."""
        return self._is_train

    @is_train.setter
    def is_train(self, value):
        self._is_train = value

    def get_params(self):
        """The parameters by name, each a dict with its `shape`.

        Raises
        ------
        ValueError
            Before a call when no `input_shapes` were given.
        """
        if self._param_shapes is None:
            raise ValueError(f"{self._name}: the parameters are known after a call, or with input_shapes")
        return {name: {"shape": shape} for name, shape in self._param_shapes.items()}

    def get_output_shapes(self):
        """The shapes of the outputs by name.

        Raises
        ------
        ValueError
            Before a call when no `input_shapes` were given.
        """
        if self._out_shapes is None:
            raise ValueError(f"{self._name}: the shapes are known after a call, or with input_shapes")
        return dict(self._out_shapes)

    def get_one_output_shape(self):
        """The shape of the only output."""
        (shape,) = self.get_output_shapes().values()
        return shape

    @property
    def aux_states(self):
        """The auxiliary states by name, such as moving means; they are made by the first call."""
        return self._aux

    def __call__(self, **kwargs):
        """The output for arrays by name; a list of them when there are several.

        Arrays for auxiliary states may be among them, and are updated then. Names that the symbol does not have are
        left alone when all others are there, so that a model can pass all its parameters.

        Raises
        ------
        TypeError
            For missing names.
        """
        names, auxiliary = self._program.arguments, self._program.auxiliary
        missing = [name for name in names if name not in kwargs]
        if missing:
            unknown = [name for name in kwargs if name not in names and name not in auxiliary]
            raise TypeError(
                f"{self._name}: missing arguments {missing}, unknown arguments {unknown}; it takes {names}"
            )
        arrays = {n: _as_array(kwargs[n]) for n in names}
        self._make_auxiliary(arrays)
        states = [kwargs.get(n, self._aux[n]) for n in auxiliary]
        training = self._is_train
        if training is None:
            training = autograd.is_training() or autograd.is_recording()
        with autograd.train_mode() if training else autograd.predict_mode():
            outputs = self._program.run([*(arrays[n] for n in names), *states])
        return outputs[0] if len(outputs) == 1 else outputs

    def _make_auxiliary(self, arrays):
        if self._param_shapes is None or (self._program.auxiliary and not self._aux):
            shapes = {name: tuple(array.shape) for name, array in arrays.items()}
            if self._param_shapes is None:
                self._infer(shapes)
                self._param_shapes = {}
            dtype = next(iter(arrays.values())).dtype
            attributes = self._symbol.attr_dict()
            for name in self._program.auxiliary:
                start = numpy.ones if "one" in attributes.get(name, {}).get("__init__", "") else numpy.zeros
                self._aux[name] = np.array(start(self._aux_shapes[name], dtype=dtype))
