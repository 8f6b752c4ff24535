"""Operators written in Python, in MXNet's form: `CustomOp`, its description `CustomOpProp`, and `register`.

class Square(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], in_data[0] * in_data[0])

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        self.assign(in_grad[0], req[0], 2 * in_data[0] * out_grad[0])

@mx.operator.register("square")
class SquareProp(mx.operator.CustomOpProp):
    def create_operator(self, ctx, in_shapes, in_dtypes):
        return Square()

y = nd.Custom(x, op_type="square")
"""

import collections
import inspect
import itertools
import warnings

import numpy

__all__ = [
    "CustomOp",
    "CustomOpProp",
    "NDArrayOp",
    "NumpyOp",
    "OperatorArguments",
    "PythonOp",
    "get_all_registered_operators",
    "get_operator_arguments",
    "register",
]

OperatorArguments = collections.namedtuple("OperatorArguments", ["narg", "names", "types"])
_registered = {}


class CustomOp:
    """What a custom operator computes; one is made for each call."""

    def forward(self, is_train, req, in_data, out_data, aux):
        """Compute the outputs.

        Parameters
        ----------
        is_train : bool
            Whether layers act as in training.
        req : list of str
            For each output 'null', 'write' or 'add', as `assign` takes it.
        in_data, out_data, aux : list of NDArray
            Inputs, the outputs to fill, and auxiliary states, which may be changed.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        """Compute the inputs' gradients `in_grad` from those of the outputs; parameters as for `forward`."""
        raise NotImplementedError(f"{type(self).__name__} does not define backward")

    def assign(self, dst, req, src):
        """Write `src` to `dst` as `req` says: not at all, over what is there, or in addition to it."""
        if req == "null":
            return
        if req in ("write", "inplace"):
            dst[:] = src
        elif req == "add":
            dst[:] += src


class CustomOpProp:
    """The description of a custom operator: its arguments, shapes and dtypes.

    Parameters
    ----------
    need_top_grad : bool
        Whether the gradients of the outputs are used; losses do without.
    """

    def __init__(self, need_top_grad=True):
        self.need_top_grad_ = need_top_grad

    def infer_shape(self, in_shape):
        """Shapes of arguments, outputs and auxiliary states from those of the arguments: all like the first."""
        return in_shape, (in_shape[0],) * len(self.list_outputs()), ()

    def infer_type(self, in_type):
        """dtypes of arguments, outputs and auxiliary states from those of the arguments: all like the first."""
        return (
            in_type,
            [in_type[0]] * len(self.list_outputs()),
            [in_type[0]] * len(self.list_auxiliary_states()),
        )

    def infer_storage_type(self, in_stype):
        """Storage formats: dense."""
        return (
            in_stype,
            ["default"] * len(self.list_outputs()),
            ["default"] * len(self.list_auxiliary_states()),
        )

    def infer_storage_type_backward(self, ograd_stype, in_stype, out_stype, igrad_stype, aux_stype):
        """Storage formats of the gradients: dense."""
        return tuple(["default"] * len(s) for s in (ograd_stype, in_stype, out_stype, igrad_stype, aux_stype))

    def list_arguments(self):
        """The names of the arguments."""
        return ["data"]

    def list_outputs(self):
        """The names of the outputs."""
        return ["output"]

    def list_auxiliary_states(self):
        """The names of the auxiliary states."""
        return []

    def declare_backward_dependency(self, out_grad, in_data, out_data):
        """The numbers of the arrays that the gradient needs, of those given."""
        needed = list(out_grad) if self.need_top_grad_ else []
        return needed + list(in_data) + list(out_data)

    def create_operator(self, ctx, in_shapes, in_dtypes):
        """The operator for a device and the arguments' shapes and dtypes."""
        return CustomOp()


def register(reg_name):
    """A class decorator that makes a CustomOpProp known as `op_type=reg_name`."""

    def do_register(prop_cls):
        if not issubclass(prop_cls, CustomOpProp):
            raise TypeError(f"register: {prop_cls.__name__} is no subclass of CustomOpProp")
        _registered[reg_name] = prop_cls
        return prop_cls

    return do_register


def find_custom(op_type):
    """The CustomOpProp that is registered by this name; raises MXNetError."""
    if op_type not in _registered:
        from minpy.base import MXNetError

        raise MXNetError(f"Cannot find custom operator {op_type}")
    return _registered[op_type]


def get_all_registered_operators():
    """The names of all operators, in MXNet's spelling."""
    from minpy._operators import legacy_names

    return sorted(legacy_names())


def get_operator_arguments(op_name):
    """How many arguments an operator has, their names, and what they are.

    Returns
    -------
    OperatorArguments
    """
    from minpy._operators import find

    row = find(op_name)
    names = [name.lstrip("*") for name in row.inputs]
    types = ["NDArray-or-Symbol[]" if name.startswith("*") else "NDArray-or-Symbol" for name in row.inputs]
    for name, default in row.attributes.items():
        names.append(name)
        required = default is inspect.Parameter.empty
        types.append("required" if required else f"optional, default={default!r}")
    return OperatorArguments(len(names), names, types)


def as_dtypes(types):
    """The dtypes that a description returned, as NumPy's classes."""
    return [numpy.dtype(t).type for t in types]


# --- Operators of MXNet's first versions ---

_numbers = itertools.count()


class PythonOp:
    """An operator of symbols in Python; write a CustomOp instead.

    Calling one with symbols gives the symbol of its results; it keeps what it is, so each serves one place in a graph.

    Parameters
    ----------
    need_top_grad : bool
        Whether `backward` reads the gradients of the outputs; not for losses.
    """

    def __init__(self, need_top_grad=True):
        self.need_top_grad_ = need_top_grad
        warnings.warn(f"{type(self).__name__} has been deprecated. Please use CustomOp", stacklevel=2)

    def __call__(self, *args, **kwargs):
        return self.get_symbol(*args, **kwargs)

    def get_symbol(self, *args, **kwargs):
        """The symbol of the results for symbols, by position or by the names of `list_arguments`."""
        from minpy import symbol

        name = f"{type(self).__name__}_{next(_numbers)}"
        register(name)(_property_of(self))
        return symbol.Custom(*args, op_type=name, **kwargs)

    def _arrays(self, arrays):
        """What `forward` and `backward` get for NDArrays."""
        return arrays

    def forward(self, in_data, out_data):
        """Compute the outputs: write to the arrays in `out_data`."""
        out_data[0][:] = in_data[0]

    def backward(self, out_grad, in_data, out_data, in_grad):
        """Compute the gradients of the inputs: write to the arrays in `in_grad`."""
        in_grad[0][:] = 1.0

    def infer_shape(self, in_shape):
        """Shapes of inputs and of outputs, as lists, from those of the inputs."""
        return in_shape, [in_shape[0]]

    def list_outputs(self):
        """Names of the outputs."""
        return ["output"]

    def list_arguments(self):
        """Names of the inputs."""
        return ["data"]

    def need_top_grad(self):
        """Whether `backward` reads the gradients of the outputs."""
        return self.need_top_grad_


class NumpyOp(PythonOp):
    """A PythonOp whose `forward` and `backward` get NumPy arrays, to write into."""

    def _arrays(self, arrays):
        return [numpy.asarray(array) for array in arrays]


class NDArrayOp(PythonOp):
    """A PythonOp whose `forward` and `backward` get NDArrays, to write into."""

    def declare_backward_dependency(self, out_grad, in_data, out_data):
        """What of its arguments `backward` needs; everything is there in any case."""
        return [*(out_grad if self.need_top_grad() else ()), *in_data, *out_data]


def _property_of(python_op):
    """The description of a PythonOp as a custom operator."""

    class Run(CustomOp):
        def _call(self, function, outputs, req, others):
            from minpy import nd

            results = [nd.zeros(array.shape, ctx=array.context, dtype=array.dtype) for array in outputs]
            function(
                **{k: python_op._arrays(v) for k, v in others.items()}, results=python_op._arrays(results)
            )
            for target, how, result in zip(outputs, req, results):
                self.assign(target, how, result)

        def forward(self, is_train, req, in_data, out_data, aux):
            self._call(
                lambda in_data, results: python_op.forward(in_data=in_data, out_data=results),
                out_data,
                req,
                {"in_data": in_data},
            )

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            self._call(
                lambda results, **given: python_op.backward(in_grad=results, **given),
                in_grad,
                req,
                {"out_grad": out_grad, "in_data": in_data, "out_data": out_data},
            )

    class Property(CustomOpProp):
        def __init__(self):
            super().__init__(need_top_grad=python_op.need_top_grad())

        def list_arguments(self):
            return python_op.list_arguments()

        def list_outputs(self):
            return python_op.list_outputs()

        def infer_shape(self, in_shape):
            inputs, outputs = python_op.infer_shape([list(shape) for shape in in_shape])
            return inputs, outputs, []

        def create_operator(self, ctx, in_shapes, in_dtypes):
            return Run()

    return Property
