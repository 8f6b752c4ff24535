"""Parameters of networks: arrays with gradients, one copy per device, made when their shape is known."""

import warnings

import numpy

from minpy import _core, autograd, initializer, nd
from minpy._compiled import untraced
from minpy._nested import per_axis
from minpy._operators.inference import complete
from minpy.base import MXNetError
from minpy.context import Context, as_contexts, cpu, current_context  # noqa: F401  (mx.gluon.parameter.Context)
from minpy.util import is_np_array

__all__ = ["Constant", "DeferredInitializationError", "Parameter", "tensor_types"]

tensor_types = (nd.NDArray,)

_NOT_INITIALIZED = (
    "Parameter '{}' has not been initialized. Note that you should initialize parameters and create Trainer with "
    "Block.collect_params() instead of Block.params because the later does not include Parameters of nested child "
    "Blocks"
)
_DEFERRED = (
    "Parameter '{}' has not been initialized yet because initialization was deferred. Actual initialization happens "
    "during the first forward pass. Please pass one batch of data through the network before accessing Parameters. "
    "You can also avoid deferred initialization by specifying in_units, num_features, etc., for network layers."
)


class DeferredInitializationError(MXNetError):
    """A parameter was asked for before a first batch told its shape."""


def _row_context(row_id):
    if not isinstance(row_id, nd.NDArray):
        raise TypeError(f"row_id must have NDArray type, but {type(row_id)} is given")
    return row_id.context


def fits(known, shape):
    """Whether a shape agrees with one whose lengths may be unknown, 0 or -1, or which is unknown as a whole, None."""
    return known is None or (len(known) == len(shape) and all(a in (0, -1, b) for a, b in zip(known, shape)))


class Parameter:
    """A parameter of a Block.

    Parameters
    ----------
    name : str
        Full name, prefix included.
    grad_req : {'write', 'add', 'null'}
        What backward() does with the gradient; 'null': there is none.
    shape : int or tuple of int
        0 and -1 stand for lengths that the first batch will tell.
    dtype : dtype
        Of the data and the gradient.
    lr_mult, wd_mult : float
        Factors of the learning rate and the weight decay.
    init : Initializer or str
        Comes before the initializer that `initialize` is given.
    allow_deferred_init : bool
        Whether `initialize` may come before the shape is known.
    differentiable : bool
        False: never a gradient.
    stype, grad_stype : {'default', 'row_sparse', 'csr'}
        Storage formats.
    """

    def __init__(
        self,
        name,
        grad_req="write",
        shape=None,
        dtype=numpy.float32,
        lr_mult=1.0,
        wd_mult=1.0,
        init=None,
        allow_deferred_init=False,
        differentiable=True,
        stype="default",
        grad_stype="default",
    ):
        for what, given in (("stype", stype), ("grad_stype", grad_stype)):
            if given not in ("default", "row_sparse", "csr"):
                raise AssertionError(f"{what} for Parameter '{name}' must be one of 'default', 'row_sparse', or 'csr',"
                                     f" but got '{given}'")  # fmt: skip
        self.name = name
        self._shape = None if shape is None else per_axis(shape)
        self.dtype = dtype
        self.lr_mult, self.wd_mult = lr_mult, wd_mult
        self.init = init
        self._differentiable = differentiable
        self._allow_deferred_init = allow_deferred_init
        self._stype, self._grad_stype = stype, grad_stype
        self._data = None  # {Context: NDArray}
        self._by_number = {}  # the same by the number of the device
        self._deferred_init = None  # (init, contexts, default_init, data)
        self._var = None  # (settings, Symbol)
        self._grad_req = None
        self.grad_req = grad_req

    def __repr__(self):
        return f"{type(self).__name__} {self.name} (shape={self.shape}, dtype={self.dtype})"

    # --- Attributes ---

    @property
    def shape(self):
        """The shape; unknown lengths are 0."""
        return self._shape

    @shape.setter
    def shape(self, shape):
        if not fits(self._shape, shape):
            raise AssertionError(
                f"Expected shape {tuple(shape)} is incompatible with given shape {self._shape}."
            )
        self._shape = tuple(shape)

    @property
    def grad_req(self):
        """What backward() does with the gradient."""
        return self._grad_req

    @grad_req.setter
    def grad_req(self, req):
        if req not in ("write", "add", "null"):
            raise AssertionError(f"grad_req must be one of 'write', 'add', or 'null', but got '{req}'")
        req = req if self._differentiable else "null"
        if req == self._grad_req:
            return
        self._grad_req = req
        for array in (self._data or {}).values():
            self._attach(array)

    @property
    def stype(self):
        """The storage format of the data."""
        return self._stype

    @property
    def grad_stype(self):
        """The storage format of the gradient."""
        return self._grad_stype

    # --- Initialisation ---

    def initialize(self, init=None, ctx=None, default_init=None, force_reinit=False):
        """Make the data and gradient arrays, now or when the shape is known.

        Parameters
        ----------
        init : Initializer
            Overrides the parameter's own.
        ctx : Context or list of Context
            One copy is made on each; None: the current context.
        default_init : Initializer
            For parameters without one.
        force_reinit : bool
            Also when it is initialised already.

        Raises
        ------
        ValueError
            When the shape is not known and initialisation may not be deferred.
        """
        if self._data is not None and not force_reinit:
            warnings.warn(
                f"Parameter '{self.name}' is already initialized, ignoring. Set force_reinit=True to re-initialize.",
                stacklevel=2,
            )
            return
        contexts = as_contexts(ctx)
        init = init or self.init or default_init or initializer.Uniform()
        self._data, self._by_number = None, {}
        self._deferred_init = (init, contexts, None)
        if complete(self._shape):
            self._finish_deferred_init()
        elif not self._allow_deferred_init:
            self._deferred_init = None
            raise ValueError(
                f"Cannot initialize Parameter '{self.name}' because it has invalid shape: {self._shape}."
            )

    def _finish_deferred_init(self):
        """Makes the arrays, now that the shape is known."""
        if self._deferred_init is None:
            return
        init, contexts, data = self._deferred_init
        if not complete(self._shape):
            raise ValueError(
                f"Cannot initialize Parameter '{self.name}' because it has invalid shape: {self._shape}. Please "
                "specify in_units, in_channels, etc for `Block`s."
            )
        self._deferred_init = None
        with untraced(), autograd.pause():
            if data is None:
                data = nd.zeros(self._shape, ctx=cpu(), dtype=self.dtype)
                made = init if callable(init) else initializer.create(init)
                made._init_weight(initializer.InitDesc(self.name), data)
            self._set_copies(data, contexts)

    def _set_copies(self, data, contexts):
        self._data = {}
        for context in contexts:
            array = data.copyto(context)
            if is_np_array():
                array = _core.plain_array(array)
            self._attach(array)
            self._data[context] = _core.adopt(array)
        self._number()

    def _number(self):
        self._by_number = {_core.context_of(array): array for array in self._data.values()}

    def _attach(self, array):
        if self._grad_req == "null" and numpy.dtype(array.dtype).kind in "iub":
            return  # integers have no gradient that could be taken off
        array.attach_grad(self._grad_req, self._grad_stype)

    def _load_init(self, data, ctx, cast_dtype=False, dtype_source="current"):
        """Takes over values from a file."""
        if cast_dtype and numpy.dtype(data.dtype) != numpy.dtype(self.dtype):
            if dtype_source == "saved":
                self.cast(data.dtype)
            data = data.astype(self.dtype)
        self._check_loaded(data)
        data = data.tostype("default") if isinstance(data, nd.sparse.BaseSparseNDArray) else data
        self._shape = tuple(data.shape)
        contexts = None if ctx is None else as_contexts(ctx)
        if self._data is None:
            pending = self._deferred_init[1] if self._deferred_init else None
            if pending and contexts and set(pending) != set(contexts):
                raise AssertionError(
                    f"Failed to load Parameter '{self.name}' on {contexts} because it was previous initialized on"
                    f" {pending}."
                )
            self._deferred_init = None
            self._set_copies(data, contexts or pending or [cpu()])
        else:
            self.set_data(data)
            if contexts and set(contexts) != set(self._data):
                self.reset_ctx(contexts)

    def _check_loaded(self, data):
        if not fits(self._shape, data.shape):
            raise AssertionError(
                f"Failed loading Parameter '{self.name}' from saved params: shape incompatible expected {self._shape}"
                f" vs saved {tuple(data.shape)}"
            )
        if numpy.dtype(data.dtype) != numpy.dtype(self.dtype):
            raise AssertionError(
                f"Failed loading Parameter '{self.name}' from saved params: dtype incompatible expected"
                f" {self.dtype} vs saved {data.dtype}. Set cast_dtype=True to cast the dtype of saved params."
            )

    # --- Data and gradients ---

    def _checked(self, ctx):
        if self._data is not None:
            if ctx is None:
                ctx = next(iter(self._data)) if len(self._data) == 1 else current_context()
            if ctx in self._data:
                return self._data[ctx]
            raise RuntimeError(
                f"Parameter '{self.name}' was not initialized on context {ctx}. It was only initialized on"
                f" {list(self._data)}."
            )
        if self._deferred_init is not None:
            raise DeferredInitializationError(_DEFERRED.format(self.name))
        raise RuntimeError(_NOT_INITIALIZED.format(self.name))

    def data(self, ctx=None):
        """The data on a device.

        Raises
        ------
        DeferredInitializationError
            Before a first batch told the shape.
        RuntimeError
            When it was not initialised, or not on that device.
        """
        if self._stype != "default":
            raise RuntimeError(
                f"Cannot return a copy of Parameter '{self.name}' on ctx {ctx} via data() because its storage type is"
                f" {self._stype}. Please use row_sparse_data() instead."
            )
        return self._checked(ctx)

    def list_data(self):
        """The data on all devices."""
        if self._stype != "default":
            raise RuntimeError(
                f"Cannot return copies of Parameter '{self.name}' on all contexts via list_data() because its storage"
                f" type is {self._stype}. Please use row_sparse_data() instead."
            )
        return self._copies()

    def _copies(self):
        """The dense arrays on all devices, whatever the storage format."""
        return [self._checked(ctx) for ctx in self.list_ctx()]

    def grad(self, ctx=None):
        """The gradient on a device."""
        data = self._checked(ctx)
        if self._grad_req == "null":
            raise RuntimeError(
                f"Cannot get gradient array for Parameter '{self.name}' because grad_req='null'"
            )
        return data.grad

    def list_grad(self):
        """The gradients on all devices."""
        return [self.grad(ctx) for ctx in self.list_ctx()]

    def list_ctx(self):
        """The devices that hold the parameter."""
        if self._data is not None:
            return list(self._data)
        if self._deferred_init is not None:
            return self._deferred_init[1]
        raise RuntimeError(f"Parameter '{self.name}' has not been initialized")

    def zero_grad(self):
        """Set the gradients to zero."""
        if self._grad_req != "null":
            for array in (self._data or {}).values():
                array.grad[:] = 0

    def set_data(self, data):
        """Set the values on all devices."""
        self.shape = data.shape
        if self._data is None:
            if self._deferred_init is None:
                raise RuntimeError(f"Parameter '{self.name}' has not been initialized")
            init, contexts, _ = self._deferred_init
            self._deferred_init = (init, contexts, data)
            return
        with autograd.pause():
            for array in self._data.values():
                array[:] = data.tostype("default") if hasattr(data, "tostype") else data

    def row_sparse_data(self, row_id):
        """The rows of a parameter with row-sparse storage, as a RowSparseNDArray that belongs to the parameter.

        Parameters
        ----------
        row_id : NDArray
            Numbers of rows; the rows come from the copy on its device.
        """
        if self._stype != "row_sparse":
            raise RuntimeError(
                f"Cannot return a copy of Parameter {self.name} via row_sparse_data() because its storage type is"
                f" {self._stype}. Please use data() instead."
            )
        return self._rows(row_id, _row_context(row_id))

    def list_row_sparse_data(self, row_id):
        """The same from the copies on all devices, as a list."""
        if self._stype != "row_sparse":
            raise RuntimeError(
                f"Cannot return copies of Parameter '{self.name}' on all contexts via list_row_sparse_data() because"
                f" its storage type is {self._stype}. Please use data() instead."
            )
        _row_context(row_id)
        return [self._rows(row_id, ctx) for ctx in self.list_ctx()]

    def _rows(self, row_id, ctx):
        whole = self._checked(ctx)
        with autograd.pause():
            rows = nd.array(numpy.unique(row_id.asnumpy()), ctx=ctx, dtype=numpy.int64)
            return nd.sparse.RowSparseNDArray(nd.take(whole, rows), rows, whole.shape)._standing_for(whole)

    def reset_ctx(self, ctx):
        """Move the parameter to other devices."""
        contexts = as_contexts(ctx)
        if self._data is not None:
            with autograd.pause():
                self._set_copies(self._reduced().tostype("default"), contexts)
        elif self._deferred_init is not None:
            self._deferred_init = (self._deferred_init[0], contexts, self._deferred_init[2])
        else:
            raise ValueError(
                f"Cannot reset context for Parameter '{self.name}' because it has not been initialized."
            )

    reset_device = reset_ctx

    def _reduced(self):
        """The mean over the devices, on the CPU."""
        copies = [array.copyto(cpu()) for array in self._copies()]
        mean = copies[0] if len(copies) == 1 else sum(copies[1:], copies[0]) / len(copies)
        return mean if self._stype == "default" else mean.tostype(self._stype)

    def cast(self, dtype):
        """Change the dtype of data and gradient."""
        self.dtype = dtype
        if self._data is not None:
            with autograd.pause():
                casted = {ctx: array.astype(dtype) for ctx, array in self._data.items()}
            for array in casted.values():
                self._attach(array)
            self._data = casted
            self._number()

    def var(self):
        """The Symbol that stands for the parameter: one, so that a graph that uses it twice has one argument."""
        from minpy import symbol

        settings = {
            "shape": self.shape,
            "dtype": self.dtype,
            "lr_mult": self.lr_mult,
            "wd_mult": self.wd_mult,
            "init": self._symbol_init(),
            "stype": self._stype,
        }
        if self._var is None or self._var[0] != settings:
            self._var = (settings, symbol.var(self.name, **settings))
        return self._var[1]

    def _symbol_init(self):
        return self.init


class Constant(Parameter):
    """A parameter that training does not change.

    Parameters
    ----------
    name : str
        Name.
    value : array_like
        What it is.
    """

    def __init__(self, name, value):
        self.value = value if isinstance(value, nd.NDArray) else nd.array(value)
        super().__init__(
            name,
            grad_req="null",
            shape=self.value.shape,
            dtype=self.value.dtype,
            init=initializer.Constant(self.value),
            differentiable=False,
        )

    def _finish_deferred_init(self):
        if self._deferred_init is not None:
            contexts = self._deferred_init[1]
            self._deferred_init = None
            with untraced():
                self._set_copies(self.value, contexts)

    def _symbol_init(self):
        return None  # a Constant's array is no text


def __getattr__(name):
    if name == "ParameterDict":  # MXNet has it in this module
        from minpy.gluon.parameter_dict import ParameterDict

        return ParameterDict
    raise AttributeError(f"module 'minpy.gluon.parameter' has no attribute {name!r}")
