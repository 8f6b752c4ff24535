"""Functions with gradients of one's own: `customop` makes them of functions of NumPy's or MXNet's arrays.

@customop("numpy")
def square(x):
    return x**2

square.def_grad(lambda ans, x: lambda g: 2 * x * g)
"""

import functools

import numpy

from minpy import _core, autograd
from minpy._gradients import registry
from minpy._nested import replaced
from minpy.core import numpy_to_minpy

__all__ = ["NoGradientFuncError", "Primitive", "customop"]


class NoGradientFuncError(ValueError):
    """The gradient of an argument is needed, but none was defined.

    Parameters
    ----------
    func_name : str
    arg : int or str
        The place or the name of the argument.
    """

    def __init__(self, func_name, arg):
        kind = "keyword argument" if isinstance(arg, str) else "argument"
        super().__init__(f"No partial derivative of {func_name} defined on {kind} {arg}.")


def _to_nd(array):
    from minpy.nd.ndarray import to_nd

    return to_nd(array, None)


_NATIVE = {"numpy": _core.to_numpy, "mxnet": _to_nd}


def _to_minpy(value):
    from minpy import nd

    return replaced(
        value, lambda one: one.as_np_ndarray() if isinstance(one, nd.NDArray) else numpy_to_minpy(one)
    )


def _recordable(result):
    """Numbers as arrays without dimensions, which can have a history."""
    return replaced(
        result,
        lambda one: numpy_to_minpy(numpy.asarray(one)) if isinstance(one, numpy.inexact) else one,
    )


def _like(gradient, argument):
    """The gradient, which may be a number, in the shape and dtype of its argument."""
    gradient = numpy.asarray(_core.to_numpy(gradient), dtype=argument.dtype)
    return numpy_to_minpy(numpy.array(numpy.broadcast_to(gradient, argument.shape)))


class Primitive:
    """A function, and functions for its gradients.

    Parameters
    ----------
    func : callable
        Computes one array or number, or a tuple of them.
    ty : {'numpy', 'mxnet'}
        Whether it gets its arrays as `numpy.ndarray` or as `mx.nd.NDArray`. The gradients get the same.
    mutate_args, mutate_kw : sequence, optional
        Places and names of arguments that `func` writes to. Arrays share their memory with the caller's anyway.
    type_str : str, optional
        For messages; the type by default.

    Raises
    ------
    ValueError
        For another type.
    """

    def __init__(self, func, ty, mutate_args=None, mutate_kw=None, type_str=None):
        if ty not in _NATIVE:
            raise ValueError(f"The type of a primitive is one of {list(_NATIVE)}, not {ty!r}")
        functools.update_wrapper(self, func)
        self._func, self._type = func, ty
        self._type_str = type_str or ty
        self._grads = {}  # by place or name: (function, the arguments that it gives the gradients of, or None)

    @property
    def type(self):
        """'numpy' or 'mxnet'."""
        return self._type

    @property
    def typestr(self):
        """The type for messages."""
        return self._type_str

    def __str__(self):
        return f"{self._type_str} {self.__name__}"

    def __call__(self, *args, **kwargs):
        """The result of the function, in minpy's arrays."""
        return self.call(args, kwargs)

    def call(self, args, kwargs):
        """The result for a tuple and a dict of arguments.

        Raises
        ------
        NoGradientFuncError
            In the backward pass that needs a gradient which is not defined.
        """
        values = {**dict(enumerate(numpy_to_minpy(args))), **numpy_to_minpy(kwargs)}
        with autograd.pause(autograd.is_training()):
            native = self._func(*self._convert(values, int), **self._convert(values, str, dict))
            result = _to_minpy(native)
        arrays = {key: value for key, value in values.items() if isinstance(value, _core.ndarray)}
        inputs = [key for key, value in arrays.items() if _core.is_taped(value)]
        if not inputs or not autograd.is_recording():
            return result
        plain = {key: value for key, value in values.items() if key not in arrays}
        vjp = functools.partial(self._backward, native, list(values), list(arrays), inputs, plain)
        return registry.record(
            self.__name__, [arrays[key] for key in inputs], _recordable(result), vjp, list(arrays.values())
        )

    def _convert(self, values, kind, container=list):
        native = _NATIVE[self._type]
        found = {
            key: native(value) if isinstance(value, _core.ndarray) else value
            for key, value in values.items()
            if isinstance(key, kind)
        }
        return found if container is dict else list(found.values())

    def _backward(self, ans, order, names, inputs, plain, gradients, *saved):
        values = {**plain, **dict(zip(names, saved))}
        values = {key: values[key] for key in order}
        with autograd.pause(autograd.is_training()):
            args, kwargs = self._convert(values, int), self._convert(values, str, dict)
            native = [_NATIVE[self._type](g) for g in gradients]
            upstream = tuple(native) if isinstance(ans, (tuple, list)) else native[0]
            found = self._gradients(ans, args, kwargs, inputs, upstream)
            grads = [_like(found[key], values[key]) for key in inputs]
        if autograd.is_recording():
            grads = list(registry.record(self.__name__, [*gradients, *saved], tuple(grads), self._no_second))
        return tuple(grads)

    def _gradients(self, ans, args, kwargs, inputs, upstream):
        found = {}
        for key in inputs:
            if key in found:
                continue
            if key not in self._grads:
                raise NoGradientFuncError(self.__name__, key)
            function, together = self._grads[key]
            result = function(ans, *args, **kwargs)(upstream)
            found.update({key: result} if together is None else dict(zip(together, result)))
        return {key: _to_minpy(value) for key, value in found.items()}

    def _no_second(self, gradients, *saved):
        raise NotImplementedError(
            f"{self.__name__} has no second derivative: it is no function of minpy.numpy"
        )

    def def_grad(self, func, argnum=0):
        """Define the gradient of a positional argument.

        Parameters
        ----------
        func : callable
            ``func(ans, *args, **kwargs)`` returns a function from the gradient of the result to that of the argument.
        argnum : int

        Returns
        -------
        Primitive
            Itself.
        """
        self._grads[argnum] = (func, None)
        return self

    def def_grad_kw(self, func, key):
        """Define the gradient of a keyword argument.

        Parameters
        ----------
        func : callable
            As for `def_grad`.
        key : str

        Returns
        -------
        Primitive
            Itself.
        """
        return self.def_grad(func, key)

    def def_grad_zero(self, argnum=0):
        """Define that the gradient of a positional argument is 0.

        Parameters
        ----------
        argnum : int

        Returns
        -------
        Primitive
            Itself.
        """
        return self.def_grad(lambda *args, **kwargs: lambda g: 0.0, argnum)

    def def_multiple_grad(self, func, argnums):
        """Define the gradients of several positional arguments at once.

        Parameters
        ----------
        func : callable
            As for `def_grad`, but the gradients are a tuple.
        argnums : tuple of int

        Returns
        -------
        Primitive
            Itself.
        """
        assert isinstance(argnums, tuple), "Indexes must be of type tuple."
        assert len(argnums) == len(set(argnums)), "Duplicate entries."
        for argnum in argnums:
            assert isinstance(argnum, int), "Indexes must be tuple of integers."
            self._grads[argnum] = (func, argnums)
        return self

    def gradable(self, bp_args, bp_kwargs):
        """Whether the gradients of all these arguments are defined.

        Parameters
        ----------
        bp_args : iterable of int
        bp_kwargs : iterable of str
        """
        return all(key in self._grads for key in [*bp_args, *bp_kwargs])


def customop(op_type):
    """A decorator that makes a `Primitive` of a function.

    Parameters
    ----------
    op_type : {'numpy', 'mxnet'}
        The arrays that the function gets.

    Raises
    ------
    ValueError
        For another type.
    """
    if op_type not in _NATIVE:
        raise ValueError('Wrong type for CustomOp. Must be either "numpy" or "mxnet"')
    return lambda func: Primitive(func, op_type, type_str="customized op")
