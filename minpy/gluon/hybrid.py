"""HybridBlock: a block whose computation does not depend on the values, so that it can be compiled."""

from minpy import _core, nd
from minpy.context import current_context
from minpy.gluon import deferred
from minpy.gluon.block import Block

__all__ = ["HybridBlock"]


class HybridBlock(Block):
    """A Block that defines `hybrid_forward(self, F, x, ..., **params)`, or plain `forward(self, x)`.

    F is `mx.nd` for arrays and `mx.sym` for symbols; the block's own parameters arrive by the names of the attributes
    that hold them.

    Parameters
    ----------
    prefix : str
        See Block.
    params : ParameterDict
        See Block.
    """

    def __init__(self, prefix=None, params=None):
        super().__init__(prefix, params)
        self._active = False
        self._flags = {}

    def register_child(self, block, name=None):
        """Add a child, which must be a HybridBlock."""
        if not isinstance(block, HybridBlock):
            raise ValueError(
                f"Children of HybridBlock must also be HybridBlock, but {block} has type {type(block)}. If you are"
                " using Sequential, please try HybridSequential instead."
            )
        super().register_child(block, name)

    def hybridize(self, active=True, **kwargs):
        """Compile the computation.

        Operators on arrays are fused into compiled programs in any case (docs/internals.md, "The engine");
        hybridizing says that `forward` does not depend on values.

        Parameters
        ----------
        active : bool
            Whether to.
        static_alloc, static_shape : bool
            Accepted as in MXNet.
        """
        self._active = active
        self._flags = kwargs
        super().hybridize(active, **kwargs)

    def infer_shape(self, *args):
        """Complete the shapes of deferred parameters for these inputs, by running the block once on them."""
        from minpy import autograd

        with autograd.pause():
            self(*args)

    def infer_type(self, *args):
        """Give parameters the dtype of the inputs."""
        self.cast(args[0].dtype)

    def forward(self, x, *args):
        """Calls `hybrid_forward` with the parameters on the device of `x`."""
        first = x[0] if isinstance(x, (list, tuple)) else x
        if not isinstance(first, _core.ndarray):
            return self._forward_symbol(x, *args)
        if not self._reg_params:
            return self.hybrid_forward(nd, x, *args)
        number = _core.context_of(first) if isinstance(first, nd.NDArray) else 0
        params = {name: p._by_number.get(number) for name, p in self._reg_params.items()}
        if None not in params.values():
            return self.hybrid_forward(nd, x, *args, **params)
        ctx = first.context if isinstance(first, nd.NDArray) else current_context()
        params = {name: self._argument(p, ctx) for name, p in self._reg_params.items()}
        with deferred.completing():
            return self.hybrid_forward(nd, x, *args, **params)

    def _forward_symbol(self, x, *args):
        if type(x[0] if isinstance(x, (list, tuple)) else x).__name__ != "Symbol":
            raise ValueError(
                "In HybridBlock, there must be one NDArray or one Symbol in the input. Please check the type of the"
                " args.\n"
            )
        from minpy import symbol

        params = {name: p.var() for name, p in self._reg_params.items()}
        with self.name_scope():
            return self.hybrid_forward(symbol, x, *args, **params)

    def hybrid_forward(self, F, x, *args, **kwargs):
        """Compute the outputs with the operators of F; to be defined by the class."""
        raise NotImplementedError(f"{type(self).__name__} defines neither forward nor hybrid_forward")
