"""Dense, Dropout, Embedding, Flatten and functions as layers."""

from minpy import nd
from minpy.gluon.block import Block
from minpy.gluon.hybrid import HybridBlock
from minpy.gluon.nn.activations import Activation

__all__ = ["Dense", "Dropout", "Embedding", "Flatten", "HybridLambda", "Lambda"]


class Dense(HybridBlock):
    """A linear map with an optional activation: `activation(x @ weight.T + bias)`.

    Parameters
    ----------
    units : int
        Number of outputs.
    activation : str
        See `Activation`; None: none.
    use_bias : bool
        Whether to add a bias.
    flatten : bool
        Make one axis of all axes but the first; else the last axis alone is mapped.
    dtype : dtype
        Of the parameters.
    weight_initializer, bias_initializer : Initializer or str
        Of the parameters.
    in_units : int
        Number of inputs; 0: told by the first batch.
    """

    def __init__(self, units, activation=None, use_bias=True, flatten=True, dtype="float32", weight_initializer=None,
                 bias_initializer="zeros", in_units=0, **kwargs):  # fmt: skip
        super().__init__(**kwargs)
        self._flatten = flatten
        self._units, self._in_units = units, in_units
        with self.name_scope():
            self.weight = self.params.get(
                "weight",
                shape=(units, in_units),
                init=weight_initializer,
                dtype=dtype,
                allow_deferred_init=True,
            )
            self.bias = None
            if use_bias:
                self.bias = self.params.get(
                    "bias", shape=(units,), init=bias_initializer, dtype=dtype, allow_deferred_init=True
                )
            self.act = Activation(activation, prefix=activation + "_") if activation is not None else None

    def hybrid_forward(self, F, x, weight, bias=None):
        options = {"no_bias": bias is None, "num_hidden": self._units, "flatten": self._flatten}
        if self.act is not None and self.act.fuses(x, ("relu", "sigmoid", "tanh")):
            return F.FullyConnected(x, weight, bias, act_type=self.act._act_type, **options)
        out = F.FullyConnected(x, weight, bias, name="fwd", **options)
        return out if self.act is None else self.act(out)

    def __repr__(self):
        shape = self.weight.shape
        return f"Dense({shape[1] or None} -> {shape[0]}, {self.act if self.act else 'linear'})"


class Dropout(HybridBlock):
    """Sets elements to zero at random while training, and scales the others up.

    Parameters
    ----------
    rate : float
        The share that is set to zero.
    axes : tuple of int
        Axes along which one decision holds.
    """

    def __init__(self, rate, axes=(), **kwargs):
        super().__init__(**kwargs)
        self._rate, self._axes = rate, axes

    def hybrid_forward(self, F, x):
        if self._rate > 0:
            return F.Dropout(x, p=self._rate, axes=self._axes, name="fwd", cudnn_off=False)
        return F.identity(x)

    def __repr__(self):
        return f"Dropout(p = {self._rate}, axes={self._axes})"


class Embedding(HybridBlock):
    """Rows of a table by their indices.

    Parameters
    ----------
    input_dim : int
        Number of rows.
    output_dim : int
        Length of a row.
    dtype : dtype
        Of the table.
    weight_initializer : Initializer
        Of the table.
    sparse_grad : bool
        Store the gradient by rows.
    """

    def __init__(
        self, input_dim, output_dim, dtype="float32", weight_initializer=None, sparse_grad=False, **kwargs
    ):
        super().__init__(**kwargs)
        self._kwargs = {
            "input_dim": input_dim,
            "output_dim": output_dim,
            "dtype": dtype,
            "sparse_grad": sparse_grad,
        }
        with self.name_scope():
            self.weight = self.params.get(
                "weight",
                shape=(input_dim, output_dim),
                init=weight_initializer,
                dtype=dtype,
                allow_deferred_init=True,
                grad_stype="row_sparse" if sparse_grad else "default",
            )

    def hybrid_forward(self, F, x, weight):
        return F.Embedding(x, weight, name="fwd", **self._kwargs)

    def __repr__(self):
        return "Embedding({input_dim} -> {output_dim}, {dtype})".format(**self._kwargs)


class Flatten(HybridBlock):
    """Makes one axis of all axes but the first."""

    def hybrid_forward(self, F, x):
        return F.Flatten(x)

    def __repr__(self):
        return "Flatten"


class _Function:
    """A function, or the name of one of `mx.nd`."""

    def _take(self, function, kind):
        if isinstance(function, str):
            if not hasattr(nd, function):
                raise AssertionError(f"Function name {function} is not found in {kind}.")
            self._func_name, self._func_impl = function, None
        elif callable(function):
            self._func_name, self._func_impl = function.__name__, function
        else:
            raise ValueError(f"Unrecognized function in lambda: {function} of type {type(function)}")

    def __repr__(self):
        return f"{type(self).__name__}({self._func_name})"


class Lambda(_Function, Block):
    """A function of arrays as a block.

    Parameters
    ----------
    function : str or callable
        A name of `mx.nd`, or f(*args).
    """

    def __init__(self, function, prefix=None):
        super().__init__(prefix=prefix)
        self._take(function, "ndarray")

    def forward(self, *args):
        return (self._func_impl or getattr(nd, self._func_name))(*args)


class HybridLambda(_Function, HybridBlock):
    """A function of arrays or symbols as a hybrid block.

    Parameters
    ----------
    function : str or callable
        A name that `mx.nd` and `mx.sym` have, or f(F, *args).
    """

    def __init__(self, function, prefix=None):
        super().__init__(prefix=prefix)
        self._take(function, "symbol/ndarray")

    def hybrid_forward(self, F, x, *args):
        if self._func_impl is not None:
            return self._func_impl(F, x, *args)
        return getattr(F, self._func_name)(x, *args)
