"""Calls of the operators that users register with minpy.operator."""

import minpy.numpy as np
from minpy import _core
from minpy._gradients.registry import record
from minpy._operators.registry import operator


def _arrays(prop, op_type, data, kwargs):
    """The arrays of a call in the order of the arguments and auxiliary states; takes those given by name."""
    names = [*prop.list_arguments(), *prop.list_auxiliary_states()]
    arrays = list(data)
    for name in names[len(arrays) :]:
        if name not in kwargs:
            raise TypeError(
                f"Custom operator {op_type} takes {len(names)} arrays ({', '.join(names)}); {name} is missing"
            )
        arrays.append(kwargs.pop(name))
    if len(arrays) > len(names):
        raise TypeError(f"Custom operator {op_type} takes {len(names)} arrays, but {len(arrays)} were given")
    return arrays


def _checked_shapes(prop, op_type, inputs):
    """The outputs' shapes; an input of another shape than the description wants raises ValueError."""
    found = prop.infer_shape([list(a.shape) for a in inputs])
    for name, wanted, array in zip(prop.list_arguments(), found[0], inputs):
        if tuple(wanted) != array.shape:
            raise ValueError(
                f"Custom operator {op_type}: {name} must have shape {tuple(wanted)}, its shape is {array.shape}"
            )
    return [tuple(int(n) for n in shape) for shape in found[1]]


class _Call:
    """One call of a custom operator: runs forward, and backward for the tape."""

    def __init__(self, op_type, data, kwargs):
        from minpy.operator import as_dtypes, find_custom

        prop_class = find_custom(op_type)
        attributes = {k: str(v) for k, v in kwargs.items() if not isinstance(v, _core.ndarray)}
        self._prop = prop_class(**attributes)
        given = {k: v for k, v in kwargs.items() if k not in attributes}
        arrays = _arrays(self._prop, op_type, data, given)
        count = len(self._prop.list_arguments())
        self.inputs, self._aux = [_nd(a) for a in arrays[:count]], [_nd(a) for a in arrays[count:]]
        self._shapes = _checked_shapes(self._prop, op_type, self.inputs)
        dtypes = [a.dtype for a in self.inputs]
        self._dtypes = as_dtypes(self._prop.infer_type(dtypes)[1])
        shapes = [list(a.shape) for a in self.inputs]
        self._context = self.inputs[0].context if self.inputs else None
        self._operator = self._prop.create_operator(self._context, shapes, dtypes)

    def forward(self):
        from minpy import autograd
        from minpy.nd import zeros

        is_train = autograd.is_training()
        outputs = [zeros(s, self._context, d) for s, d in zip(self._shapes, self._dtypes)]
        with autograd.pause(train_mode=is_train):
            inputs = [a.detach() for a in self.inputs]
            self._operator.forward(is_train, ["write"] * len(outputs), inputs, outputs, self._aux)
        return outputs

    def backward(self, gradients, *saved):
        from minpy import autograd
        from minpy.nd import zeros_like

        saved = [_nd(a) for a in saved]
        inputs, outputs = saved[: len(self.inputs)], saved[len(self.inputs) :]
        with autograd.pause(train_mode=True):
            inputs, outputs = [a.detach() for a in inputs], [a.detach() for a in outputs]
            heads = [_nd(g).detach() for g in gradients]
            found = [zeros_like(a) for a in inputs]
            self._operator.backward(["write"] * len(found), heads, inputs, outputs, found, self._aux)
        return tuple(found)


def _nd(array):
    from minpy.nd.ndarray import NDArray, to_nd

    return array if isinstance(array, NDArray) else to_nd(np.asarray(array))


@operator("Custom", inputs=1, npx=False)
def custom(*data, op_type, **kwargs):
    """Call an operator that is registered with `minpy.operator.register`.

    Parameters
    ----------
    *data : ndarray
        Its arguments, then its auxiliary states; they may also be given by name.
    op_type : str
        The name that it is registered by.
    **kwargs
        What its description is made with, as text.

    Returns
    -------
    NDArray or list of NDArray
    """
    call = _Call(op_type, data, kwargs)
    outputs = call.forward()
    if _core.is_recording():
        outputs = list(
            record(
                f"Custom({op_type})",
                tuple(call.inputs),
                tuple(outputs),
                call.backward,
                (*call.inputs, *outputs),
            )
        )
    return outputs if len(outputs) > 1 else outputs[0]
