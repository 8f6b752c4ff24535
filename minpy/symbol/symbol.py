"""Symbol: outputs of a graph of operators that is to be computed later."""

import numbers
import sys
import warnings

from minpy.attribute import AttrScope
from minpy.base import MXNetError, NotImplementedForSymbol
from minpy.name import NameManager
from minpy.symbol import arithmetic, compose, inference, serialization
from minpy.symbol.node import Node, auxiliary_ids, copied, walk, without_casts
from minpy.symbol.schema import HIDDEN_KEYS, text

__all__ = ["Group", "Symbol", "Variable", "var"]


class Symbol:
    """One or more outputs of a graph.

    Symbols are made by `Variable`, by operators on symbols, by `Group` and by `load`. Operators name the
    variables for their weights after themselves: `fc1_weight`.

    Examples
    --------
    >>> net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=10, name="fc1")
    >>> net.list_arguments()
    ['data', 'fc1_weight', 'fc1_bias']
    """

    __module__ = "minpy.symbol"
    __array_priority__ = 1000.0
    __hash__ = None

    def __init__(self, outputs):
        self._outputs = list(outputs)

    # --- Structure ---

    def _order(self):
        return walk([node for node, _, _ in self._outputs])

    @property
    def name(self):
        """The name of the node; None for a group."""
        return self._outputs[0][0].name if self._is_one_node() else None

    def _is_one_node(self):
        return all(node is self._outputs[0][0] for node, _, _ in self._outputs)

    def __repr__(self):
        if self.name is None:
            return f"<{type(self).__name__} group [{', '.join(str(s.name) for s in self)}]>"
        return f"<{type(self).__name__} {self.name}>"

    def __len__(self):
        return len(self._outputs)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index):
        if isinstance(index, str):
            names = self.list_outputs()
            if names.count(index) > 1:
                raise ValueError(f'There are multiple outputs with name "{index}"')
            if index not in names:
                raise ValueError(f'Cannot find output that matches name "{index}"')
            index = names.index(index)
        if isinstance(index, slice):
            return Group([self[i] for i in range(*index.indices(len(self)))])
        if not isinstance(index, numbers.Integral):
            raise TypeError("Symbol only support integer index to fetch i-th output")
        if not 0 <= index < len(self):
            raise IndexError(f"Index: [{index}] should be in the range [0, {len(self)})")
        return Symbol([self._outputs[index]])

    def __bool__(self):
        raise NotImplementedForSymbol(self.__bool__, "bool")

    def __copy__(self):
        return self.__deepcopy__(None)

    def __deepcopy__(self, memo):
        return self._replaced({})

    def __reduce__(self):
        return serialization.load_json, (self.tojson(remove_amp_cast=False),)

    def _replaced(self, variables):
        copies = copied([node for node, _, _ in self._outputs], variables)
        return Symbol(
            (*variables[n.name], v) if n.is_variable and n.name in variables else (copies[id(n)], i, v)
            for n, i, v in self._outputs
        )

    def __call__(self, *args, **kwargs):
        """The graph with variables replaced by symbols, as a new Symbol.

        Parameters
        ----------
        **kwargs : Symbol
            By the name of the variable; `name` renames the node.
        """
        name = kwargs.pop("name", None)
        if args and kwargs:
            raise TypeError(
                "compose only accept input Symbols either as positional or keyword arguments, not both"
            )
        for value in (*args, *kwargs.values()):
            if not isinstance(value, Symbol):
                raise TypeError("Compose expect `Symbol` as arguments")
        if args:
            raise MXNetError("General composition only support kwargs for now")
        known = self.list_arguments()
        for key in kwargs:
            if key not in known:
                raise MXNetError(f"Keyword argument name {key} not found. Candidate arguments: {known}")
        composed = self._replaced({key: s._outputs[0][:2] for key, s in kwargs.items()})
        if name and composed._is_one_node():
            composed._outputs[0][0].name = NameManager._current.value.get(name, "")
        return composed

    def get_internals(self):
        """A group of all outputs of all nodes, inputs before what uses them."""
        return Symbol((node, i, 0) for node in self._order() for i in range(len(node.output_names())))

    def get_children(self):
        """A group of the inputs of the nodes; None when there are none."""
        nodes = {id(node): node for node, _, _ in self._outputs}
        entries = [entry for node in nodes.values() for entry in node.inputs]
        return Symbol(entries) if entries else None

    def get_inputs(self):
        """A group of all variables."""
        return Symbol((node, 0, 0) for node in self._order() if node.is_variable)

    # --- Names ---

    def list_arguments(self):
        """The names of the variables that are given or trained, in the order in which the graph uses them."""
        order = self._order()
        auxiliary = auxiliary_ids(order)
        return [n.name for n in order if n.is_variable and id(n) not in auxiliary]

    def list_auxiliary_states(self):
        """The names of the variables that operators update, such as moving means."""
        order = self._order()
        auxiliary = auxiliary_ids(order)
        return [n.name for n in order if id(n) in auxiliary]

    def list_inputs(self):
        """The names of all variables."""
        return [n.name for n in self._order() if n.is_variable]

    def list_outputs(self):
        """The names of the outputs."""
        return [node.output_names()[i] for node, i, _ in self._outputs]

    @property
    def num_outputs(self):
        """The number of outputs."""
        return len(self)

    # --- Attributes ---

    def attr(self, key):
        """An attribute of the node as text; None when it does not have it."""
        attrs = self._attr_node().attrs
        return attrs.get(f"__{key}__" if key in HIDDEN_KEYS else key)

    def _attr_node(self):
        if not self._is_one_node():
            raise MXNetError("Attributes are those of one node; a group has none")
        return self._outputs[0][0]

    def list_attr(self, recursive=False):
        """All attributes of the node as a dict of texts."""
        if recursive:
            raise DeprecationWarning(
                "Symbol.list_attr with recursive=True has been deprecated. Please use attr_dict instead."
            )
        return _listed(self._attr_node().attrs)

    def attr_dict(self):
        """The attributes of all nodes that have some, by the name of the node."""
        return {node.name: _listed(node.attrs) for node in self._order() if node.attrs}

    def _set_attr(self, **kwargs):
        for key, value in kwargs.items():
            if not isinstance(value, str):
                raise ValueError("Set Attr only accepts string values")
            self._attr_node().attrs[f"__{key}__" if key in HIDDEN_KEYS else key] = value

    # --- Shapes and types ---

    def infer_shape(self, *args, **kwargs):
        """The shapes of everything, from some.

        Parameters
        ----------
        *args : tuple of int
            Shapes of the arguments in their order; None leaves one out.
        **kwargs : tuple of int
            Shapes of arguments by name; 0 stands for a length that is not known.

        Returns
        -------
        arg_shapes, out_shapes, aux_shapes : list of tuple, or None
            None, and a warning, when what is given does not decide them.

        Raises
        ------
        MXNetError
            When shapes contradict each other, or a name is not that of an argument.
        """
        try:
            found = inference.infer_shapes(self, args, kwargs)
        except MXNetError:
            print("infer_shape error. Arguments:")
            for key, value in [*enumerate(args), *kwargs.items()]:
                print(f"  {key}: {value}")
            raise
        if all(inference.complete(shape) for part in found for shape in part):
            return found
        missing = [
            f"{name}: {shape}"
            for name, shape, known in zip(self.list_arguments(), inference.shown(found)[0], found[0])
            if not inference.complete(known)
        ]
        warnings.warn(
            "Cannot decide shape for the following arguments (0s in shape means unknown dimensions). Consider "
            "providing them as input:\n\t" + "\n\t".join(missing),
            stacklevel=2,
        )
        return None, None, None

    def infer_shape_partial(self, *args, **kwargs):
        """As `infer_shape`, but unknown shapes are () and unknown lengths 0 in what is returned."""
        return inference.shown(inference.infer_shapes(self, args, kwargs))

    def infer_type(self, *args, **kwargs):
        """The dtypes of everything, from some: lists for arguments, outputs and auxiliary states, or None."""
        found = inference.infer_types(self, args, kwargs)
        if any(dtype is None for part in found for dtype in part):
            missing = [f"{name}: None" for name, t in zip(self.list_arguments(), found[0]) if t is None]
            warnings.warn(
                "Cannot decide type for the following arguments. Consider providing them as input:\n\t"
                + "\n\t".join(missing),
                stacklevel=2,
            )
            return None, None, None
        return found

    def infer_type_partial(self, *args, **kwargs):
        """As `infer_type`, with None for what is not known."""
        return inference.infer_types(self, args, kwargs)

    # --- Files ---

    def tojson(self, remove_amp_cast=True):
        """The graph in MXNet's JSON; by default without the casts of mixed precision."""
        return serialization.to_json(Symbol(without_casts(self._outputs)) if remove_amp_cast else self)

    def save(self, fname, remove_amp_cast=True):
        """Write the graph to a file or URL; see `load`."""
        if not isinstance(fname, str):
            raise TypeError("fname need to be string")
        serialization.save(fname, self.tojson(remove_amp_cast))

    def debug_str(self):
        """The graph for people to read, a paragraph for each node."""
        rows = ["Symbol Outputs:"]
        rows += [f"\toutput[{i}]={node.name}({index})" for i, (node, index, _) in enumerate(self._outputs)]
        for node in self._order():
            if node.is_variable:
                rows.append(f"Variable:{node.name}")
                continue
            rows += ["--------------------", f"Op:{node.op.name}, Name={node.name}", "Inputs:"]
            rows += [
                f"\targ[{i}]={source.name}({index})" + (f" version={v}" if source.is_variable else "")
                for i, (source, index, v) in enumerate(node.inputs)
            ]
            if node.attrs:
                rows += ["Attrs:", *(f"\t{key}={node.attrs[key]}" for key in sorted(node.attrs))]
        return "\n".join(rows) + "\n"

    # --- Running ---

    def bind(
        self, ctx, args, args_grad=None, grad_req="write", aux_states=None, group2ctx=None, shared_exec=None
    ):
        """An Executor of the graph on the given arrays, which it shares.

        Parameters
        ----------
        ctx : Context
            The device.
        args, args_grad, aux_states : list or dict of NDArray
            Arrays for the arguments, their gradients (a dict may leave some out), and the auxiliary states.
        grad_req : {'write', 'add', 'null'} or list or dict of them
            What backward() does with the gradients.
        """
        from minpy.symbol.binding import bind

        return bind(self, ctx, args, args_grad, grad_req, aux_states)

    def simple_bind(self, ctx, grad_req="write", type_dict=None, stype_dict=None, group2ctx=None,
                    shared_arg_names=None, shared_exec=None, shared_buffer=None, **kwargs):  # fmt: skip
        """An Executor with new arrays of zeros, whose shapes follow from those given by name."""
        from minpy.symbol.binding import simple_bind

        return simple_bind(
            self, ctx, grad_req, type_dict, shared_exec, shared_arg_names, shared_buffer, kwargs
        )

    def eval(self, ctx=None, **kwargs):
        """The outputs as a list of NDArray, for arrays given by the names of the arguments."""
        from minpy.context import current_context

        return self.bind(current_context() if ctx is None else ctx, kwargs).forward()

    def grad(self, wrt):
        """Not implemented, as in MXNet."""
        raise MXNetError("Symbol.grad is not implemented; bind the symbol and call backward")

    def gradient(self, wrt):
        """Not implemented, as in MXNet."""
        raise MXNetError("Symbol.gradient is not implemented; bind the symbol and call backward")

    # --- What arrays have and symbols have not ---

    def as_nd_ndarray(self):
        """The symbol itself."""
        return self

    as_np_ndarray = as_nd_ndarray

    def astype(self, *args, **kwargs):
        """See `mx.sym.Cast`."""
        return sys.modules[__package__].Cast(self, *args, **kwargs)

    def reshape(self, *shape, **kwargs):
        """See `mx.sym.Reshape`."""
        if "shape" not in kwargs and shape:
            kwargs["shape"] = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return sys.modules[__package__].reshape(self, **kwargs)

    def transpose(self, *axes, **kwargs):
        """See `mx.sym.transpose`."""
        if axes:
            kwargs["axes"] = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return sys.modules[__package__].transpose(self, **kwargs)


def _listed(attrs):
    """Attributes with MXNet's older names of the special ones beside the newer."""
    found = dict(attrs)
    for key in HIDDEN_KEYS:
        if f"__{key}__" in attrs:
            found[key] = attrs[f"__{key}__"]
    return found


def _refusal(name):
    def refuse(self, *args, **kwargs):
        raise NotImplementedForSymbol(refuse, None)

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = "Not implemented for symbols, which have no values."
    return refuse


for _name in ("wait_to_read", "asnumpy", "asscalar", "copy", "as_in_context", "detach", "backward"):
    setattr(Symbol, _name, _refusal(_name))
compose.Symbol = Symbol
arithmetic.install(Symbol)


def var(name, attr=None, shape=None, lr_mult=None, wd_mult=None, dtype=None, init=None, stype=None,
        profiler_scope=None, **kwargs):  # fmt: skip
    """A symbol that stands for an array to be given.

    Parameters
    ----------
    name : str
        Its name.
    attr : dict of str
        Further attributes.
    shape : tuple of int
        Its shape; 0 stands for an unknown length.
    lr_mult, wd_mult : float
        Factors of the learning rate and the weight decay.
    dtype : dtype
        Its type.
    init : Initializer
        How it is initialised.
    stype : str
        Its storage format.
    **kwargs : str
        Attributes whose names start and end with two underscores.
    """
    if not isinstance(name, str):
        raise TypeError("Expect a string for variable `name`")
    attrs = AttrScope._current.value.get(attr)
    if not all(isinstance(value, str) for value in attrs.values()):
        raise ValueError("Attributes need to be string")
    attrs = {f"__{key}__" if key in HIDDEN_KEYS else key: value for key, value in attrs.items()}
    special = {"shape": shape, "lr_mult": lr_mult, "wd_mult": wd_mult, "profiler_scope": profiler_scope}
    attrs |= {f"__{key}__": text(value) for key, value in special.items() if value is not None}
    if dtype is not None:
        attrs["__dtype__"] = str(inference.type_number(dtype))
    if init is not None:
        attrs["__init__"] = init if isinstance(init, str) else init.dumps()
    if stype is not None:
        attrs["__storage_type__"] = str({"default": 0, "row_sparse": 1, "csr": 2}[stype])
    for key, value in kwargs.items():
        if not (key.startswith("__") and key.endswith("__")):
            raise ValueError(
                f"Attribute name={key} is not supported. Additional attributes must start and end with double"
                " underscores, e.g, __yourattr__"
            )
        attrs[key] = str(value)
    return Symbol([(Node(None, name, attrs), 0, 0)])


Variable = var


def Group(symbols):
    """The outputs of several symbols as one.

    Parameters
    ----------
    symbols : list of Symbol
    """
    symbols = list(symbols)
    if not symbols or any(not isinstance(s, Symbol) for s in symbols):
        raise TypeError("Expected a list of symbols as input")
    return Symbol(entry for s in symbols for entry in s._outputs)
