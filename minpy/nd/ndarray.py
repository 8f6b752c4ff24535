"""NDArray: the array of `mx.nd`, with MXNet's dtype policy over the array type of minpy.numpy."""

import functools

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._operators import legacy_names
from minpy.base import MXNetError
from minpy.context import Context, current_context

__all__ = ["NDArray", "as_context", "to_nd"]

_DEVICE_BITS = 16
_base = _core.NDArrayBase


def as_context(ctx):
    """The Context that was given, or the current one; a device that does not exist raises MXNetError."""
    ctx = current_context() if ctx is None else ctx
    if not isinstance(ctx, Context):
        raise MXNetError(f"Invalid context string {ctx}; a Context is required, such as mx.cpu(0)")
    if ctx.device_type == "gpu":
        raise MXNetError(f"GPU is not enabled: {ctx} was asked for, and this build computes on the CPU")
    if ctx.device_type == "mock" and not 0 <= ctx.device_id < _core.engine.mock_devices():
        raise MXNetError(
            f"There is no {ctx}: the mock devices are numbered from 0, below {_core.engine.mock_devices()}"
        )
    return ctx


def _context_number(ctx):
    return (ctx.device_typeid - 1) << _DEVICE_BITS | (ctx.device_id & 0xFFFF)


@functools.cache
def _numbered_context(number):
    device = number & 0xFFFF
    kind = Context.devtype2str[(number >> _DEVICE_BITS) + 1]
    return Context(kind, device - 0x10000 if device & 0x8000 else device)


def to_nd(array, ctx=None):
    """An NDArray over the bytes of any array."""
    return _core.to_nd_array(array, _context_number(as_context(ctx)))


def fresh_nd(array, ctx=None):
    """An array that was just made, and that nobody else has, as an NDArray: the same object, without a base."""
    return _core.become_nd_array(array, _context_number(as_context(ctx)))


@_core.nd_array_type
class NDArray:
    """An array of numbers on a device, as MXNet's `nd` has it.

    It shares its memory layout, operators and gradients with `minpy.numpy.ndarray`; what differs is the policy:
    `nd.array` makes float32, a number takes the dtype of the array beside it, comparisons give numbers, and an
    index that selects one element gives an array of one element. Both kinds can be mixed; the result is an NDArray.

    Examples
    --------
    >>> from minpy import nd
    >>> x = nd.array([[1, 2], [3, 4]])
    >>> (x > 2) * x
    <BLANKLINE>
    [[0. 0.]
     [3. 4.]]
    <NDArray 2x2 @cpu(0)>
    """

    __module__ = "minpy.nd"
    __array_priority__ = 1000.0

    # --- What it is ---

    @property
    def context(self):
        """The device that holds the array."""
        return _numbered_context(_core.context_of(self))

    ctx = device = context

    @property
    def dtype(self):
        """The type of the elements, as a NumPy class such as numpy.float32."""
        return _base.dtype.__get__(self).type

    @property
    def stype(self):
        """The storage format: 'default', dense."""
        return "default"

    @property
    def T(self):
        """A copy with its axes reversed."""
        return self.transpose()

    @property
    def handle(self):
        """What MXNet's C API would take: the array itself."""
        return self

    def __repr__(self):
        shape = "x".join(map(str, self.shape))
        return f"\n{_core.peek(self)!s}\n<{type(self).__name__} {shape} @{self.context}>"

    __str__ = __repr__

    def __new__(cls, handle=None, writable=True):
        """An NDArray over the bytes of an array; without one an empty array, as a pickle starts with."""
        return fresh_nd(np.empty(0, dtype=numpy.float32)) if handle is None else to_nd(handle)

    def __reduce__(self):
        from minpy.nd import serialization

        if not serialization.is_storable(self.dtype):
            return _rebuild, (self.asnumpy(),)
        return NDArray, (None,), {"handle": bytearray(serialization.array_bytes(self))}

    def __setstate__(self, state):
        """Takes the elements from the pickle of an NDArray, MXNet's included."""
        from minpy.nd import serialization

        if state.get("handle") is not None:
            _core.take_contents(self, serialization.array_from_bytes(bytes(state["handle"])))

    def __deepcopy__(self, memo):
        return self.copy()

    def __copy__(self):
        return self.copy()

    # --- To the host and to other devices ---

    def asnumpy(self):
        """A numpy.ndarray with a copy of the elements; waits for them."""
        return numpy.array(_core.to_numpy(self))

    def asscalar(self):
        """The only element as a Python number.

        Raises
        ------
        ValueError
            When there is not exactly one element.
        """
        if self.size != 1:
            raise ValueError("The current array is not a scalar")
        return numpy.asarray(self).reshape(())[()]

    def item(self, *args):
        """The only element, or the one at an index, as a Python number."""
        return numpy.asarray(self).item(*args)

    def wait_to_read(self):
        """Wait until the elements are there; errors of their computation are raised here."""
        _core.to_numpy(self)
        _core.waitall()  # raises what a look at elements cannot

    wait_to_write = wait_to_read

    def copy(self):
        """A copy on the same device."""
        return _retyped(self, np.copy(self))

    def copyto(self, other):
        """Copy the elements to an NDArray, which is returned, or to a new one on the device `other`."""
        if isinstance(other, Context):
            source = self
            if self.context.device_type == "mock" and other != self.context:
                self.wait_to_read()  # it is here then, and so is what is made of the view
                source = _core.plain_array(self)
            return fresh_nd(np.copy(source), other)
        if isinstance(other, _core.ndarray):
            if other is not self:
                other[...] = self
            return other
        if getattr(other, "stype", "default") != "default":
            other[:] = self
            return other
        raise TypeError(f"copyto does not support type {type(other)}")

    def as_in_context(self, context):
        """The array itself when it is on that device, else a copy there."""
        return self if self.context == context else self.copyto(context)

    as_in_ctx = to_device = as_in_context

    def astype(self, dtype, copy=True):
        """The elements in another dtype; with copy=False the array itself when it has that dtype."""
        if not copy and numpy.dtype(dtype) == numpy.dtype(self.dtype):
            return self
        return _retyped(self, _base.astype(self, dtype))

    def as_np_ndarray(self):
        """A minpy.numpy.ndarray over the same memory; gradients flow through."""
        return _core.plain_array(self)

    def as_nd_ndarray(self):
        """The array itself."""
        return self

    def tostype(self, stype):
        """The array in another storage format."""
        if stype == "default":
            return self
        from minpy.nd import sparse

        return sparse.cast_storage(self, stype)

    # --- Views ---

    def reshape(self, *shape, **kwargs):
        """A view in another shape; MXNet's codes 0, -1, -2, -3, -4 are understood."""
        if "shape" in kwargs:
            shape = kwargs.pop("shape")
        elif len(shape) == 1 and not isinstance(shape[0], int):
            shape = shape[0]
        return _reshape(self, shape=tuple(shape) if not isinstance(shape, int) else (shape,), **kwargs)

    def broadcast_to(self, shape):
        """A copy with axes of length 1 repeated; 0 keeps a length."""
        shape = tuple(n or old for n, old in zip(shape, self.shape, strict=False)) if 0 in shape else shape
        return np.copy(np.broadcast_to(self, shape))

    def broadcast_like(self, other):
        """A copy with axes repeated to the shape of `other`."""
        return self.broadcast_to(other.shape)

    def transpose(self, *axes, **kwargs):
        """A copy with its axes permuted."""
        axes = kwargs.pop("axes", axes)
        if len(axes) == 1 and not isinstance(axes[0], int):
            axes = axes[0]
        return _row("transpose")(self, axes=axes or None)

    def tolist(self):
        """The elements as nested lists of Python numbers."""
        return self.asnumpy().tolist()

    # --- Gradients ---

    @property
    def grad(self):
        """The gradient that backward() fills, or None before attach_grad()."""
        found = _base.grad.__get__(self)
        return _retyped(self, found) if isinstance(found, _core.ndarray) else found

    def detach(self):
        """The array without its history, over the same memory."""
        return _retyped(self, _base.detach(self))

    def attach_grad(self, grad_req="write", stype=None):
        """Make the array a variable: backward() fills `grad`.

        Parameters
        ----------
        grad_req : {'write', 'add', 'null'}
            Whether a gradient overwrites or adds.
        stype : {'default', 'row_sparse', 'csr'}
            Storage format of the gradient; None: dense.
        """
        if stype in (None, "default"):
            _base.attach_grad(self, grad_req)
            return
        from minpy.nd import sparse

        gradient = sparse.zeros(stype, self.shape, self.context, self.dtype)
        _core.attach_sparse_grad(self, gradient, grad_req)


def _rebuild(values):
    return to_nd(np.array(values))


def _retyped(like, array):
    return _core.to_nd_array(array, _core.context_of(like))


def _row(name):
    return legacy_names()[name].function


_reshape = _row("Reshape")
