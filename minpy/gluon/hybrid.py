"""HybridBlock: a block whose computation does not depend on the values, so that it can be compiled."""

from minpy import _core, nd
from minpy._compiled import Compiled, Untraceable
from minpy._nested import leaves, replaced
from minpy.context import current_context
from minpy.gluon import deferred
from minpy.gluon.block import Block
from minpy.gluon.located import ERRORS, locate

__all__ = ["HybridBlock"]


def front_end(value):
    """The F of `hybrid_forward`: `minpy.nd` for arrays, `minpy.symbol` for symbols, also of a list."""
    first = value[0] if isinstance(value, (list, tuple)) else value
    if isinstance(first, _core.ndarray):
        return nd
    from minpy import symbol

    return symbol


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
        self._compiled = None
        self._seen_inputs = None  # how the arguments of the first hybridized call were nested

    def register_child(self, block, name=None):
        """Add a child, which must be a HybridBlock."""
        if not isinstance(block, HybridBlock):
            raise ValueError(
                f"Children of HybridBlock must also be HybridBlock, but {block} has type {type(block)}. If you are"
                " using Sequential, please try HybridSequential instead."
            )
        super().register_child(block, name)

    def hybridize(self, active=True, **kwargs):
        """Compile the computation: trace it once for each kind of inputs, then run what was traced.

        `forward` runs for the first call with inputs of some shapes, dtypes and devices, in training or not; which
        operators it called, in which order, is written down with the arrays that they took. Later calls of the
        kind make these calls again, without the Python code around them. Results and gradients are the same, bit
        for bit. Prints and counters in `forward`, and hooks of the blocks below, run for the first call only.

        Parameters
        ----------
        active : bool
            Whether to.
        static_alloc, static_shape : bool
            Accepted as in MXNet: plans always reuse memory.

        Raises
        ------
        MXNetError
            By the first call, where `forward` reads the values of arrays (``if x.sum() > 0``, ``x.asnumpy()``);
            the message names the line.

        Warns
        -----
        UserWarning
            Once, when the computation cannot be followed for another reason; it then runs as without hybridize.

        See Also
        --------
        debug_str : What was traced.
        """
        self._active = active
        self._flags = kwargs
        self._compiled = Compiled(self.forward, self.name, self._arrays_of_parameters) if active else None
        self._seen_inputs = None
        super().hybridize(active, **kwargs)

    def _arrays_of_parameters(self):
        return [
            (array, parameter, number)
            for parameter in self._structural_params().values()
            for number, array in parameter._by_number.items()
        ]

    def __call__(self, *args):
        if self._compiled is None or _core.is_tracing():
            return super().__call__(*args)
        if self._seen_inputs is None:
            self._seen_inputs = replaced(args, lambda leaf: leaf is not None)
        for hook in self._forward_pre_hooks.values():
            hook(self, args)
        try:
            out = self._compiled(*args)
        except Untraceable:
            out = self.forward(*args)
        except ERRORS as error:
            locate(error, self)
            raise
        for hook in self._forward_hooks.values():
            hook(self, args, out)
        return out

    def debug_str(self):
        """The plans of the calls so far, for people to read: operators, shapes, and memory that is reused.

        Returns
        -------
        str
            Empty before the first call after `hybridize`.
        """
        plans = [] if self._compiled is None else self._compiled.plans
        return "\n".join(plan.text for plan in plans)

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
        if all(value is not None for value in params.values()):
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

    def export(self, path, epoch=0, remove_amp_cast=True):
        """Save the computation as a symbol and the parameters, for `SymbolBlock.imports` and the Module API.

        Parameters
        ----------
        path : str
            The files are `path-symbol.json` and `path-NNNN.params`, with `epoch` for the number.
        epoch : int
            See `path`.

        Returns
        -------
        symbol_filename, params_filename : str

        Raises
        ------
        RuntimeError
            Before the block was hybridized and called.
        """
        if self._seen_inputs is None:
            raise RuntimeError(
                "Please first call block.hybridize() and then run forward with this block at least once before calling"
                " export."
            )
        graph = self._symbol_graph()
        graph.save(f"{path}-symbol.json")
        arguments, auxiliary = set(graph.list_arguments()), set(graph.list_auxiliary_states())
        values = {}
        for name, parameter in self.collect_params().items():
            kind = "arg:" if name in arguments else "aux:" if name in auxiliary else None
            if kind is not None:
                values[kind + name] = parameter._reduced()
        nd.save(f"{path}-{epoch:04d}.params", values)
        return f"{path}-symbol.json", f"{path}-{epoch:04d}.params"

    def _symbol_graph(self):
        """The computation as a Symbol of the inputs `data`, or `data0`, `data1` ..."""
        from minpy import symbol

        count = sum(leaves(self._seen_inputs))
        inputs = iter([symbol.var("data" if count == 1 else f"data{i}") for i in range(count)])
        outputs = self(*replaced(self._seen_inputs, lambda given: next(inputs) if given else None))
        flat = [leaf for leaf in leaves(outputs) if leaf is not None]
        return flat[0] if len(flat) == 1 else symbol.Group(flat)

    def hybrid_forward(self, F, x, *args, **kwargs):
        """Compute the outputs with the operators of F; to be defined by the class."""
        raise NotImplementedError(f"{type(self).__name__} defines neither forward nor hybrid_forward")
