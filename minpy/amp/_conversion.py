"""Trained networks made into ones that compute in lower precision: casts are put between the nodes of their graphs."""

from minpy import nd
from minpy.amp import _lists
from minpy.symbol import Symbol
from minpy.symbol.node import Node, auxiliary_ids, schema

__all__ = ["convert_bucketing_module", "convert_hybrid_block", "convert_model", "convert_symbol"]

_NUMBERS = {"float32": "0", "float16": "2", "bfloat16": "12"}  # of dtypes in files


def _cast_node(edge, dtype):
    node, index, _ = edge
    name = node.output_names()[index] if index < len(node.output_names()) else f"{node.name}_output{index}"
    return Node(schema("amp_cast"), f"{name}_amp_cast_{dtype}", {"dtype": dtype}, (edge,))


def cast_inputs(node, dtype):
    """Puts casts before the inputs of a node, besides those that it updates."""
    node.inputs = tuple(
        edge if i in node.op.auxiliary else (_cast_node(edge, dtype), 0, 0)
        for i, edge in enumerate(node.inputs)
    )


class _Conversion:
    """One pass over a graph: the converted nodes, and the dtype of each output."""

    def __init__(self, lists, excluded, params, cast_params):
        self.target, self.low, self.float32, self.widest, self.conditional = lists
        self.excluded, self.params, self.cast_params = excluded, params, cast_params
        self.twins, self.dtypes, self.casts = {}, {}, {}

    def run(self, symbol):
        order = symbol._order()
        auxiliary = auxiliary_ids(order)
        for node in order:
            if node.is_variable:
                self._take_variable(node, id(node) in auxiliary)
        if self.cast_params:
            self._cast_variables(order)
        for node in order:
            if not node.is_variable:
                self._take_call(node)
        return Symbol((self.twins[id(n)], i, v) for n, i, v in symbol._outputs)

    def _take_variable(self, node, auxiliary):
        twin = Node(None, node.name, dict(node.attrs))
        twin.version = node.version
        if node.name in self.params:
            twin.attrs["__dtype__"] = _NUMBERS["float32"]
        self.twins[id(node)] = twin
        self.dtypes[id(twin)] = "float32"

    def _cast_variables(self, order):
        """Parameters that only go where they would be cast get the lower precision themselves."""
        users = {}
        for node in order:
            for i, (source, _, _) in enumerate(node.inputs):
                takes = self._wanted(node) == self.target and i not in node.op.auxiliary
                users.setdefault(id(source), []).append(takes)
        for node in order:
            if node.is_variable and node.name in self.params and all(users.get(id(node), [False])):
                twin = self.twins[id(node)]
                twin.attrs["__dtype__"] = _NUMBERS[self.target]
                self.dtypes[id(twin)] = self.target

    def _wanted(self, node):
        """The dtype that a node's inputs are to have, 'widest', or None."""
        name = node.op.name
        if node.name in self.excluded:
            return "float32"
        if name in self.low:
            return self.target
        if name in self.float32 or any(
            node.attrs.get(key) in values for key, values in self.conditional.get(name, ())
        ):
            return "float32"
        return "widest" if name in self.widest else None

    def _take_call(self, node):
        edges = [(self.twins[id(n)], i, v) for n, i, v in node.inputs]
        wanted = self._wanted(node)
        found = [self.dtypes[id(n)] for n, _, _ in edges]
        if wanted == "widest":
            wanted = "float32" if "float32" in found else None
        if wanted is not None:
            edges = [
                edge if i in node.op.auxiliary else self._casted(edge, wanted) for i, edge in enumerate(edges)
            ]
        twin = Node(node.op, node.name, dict(node.attrs), tuple(edges))
        self.twins[id(node)] = twin
        self.dtypes[id(twin)] = wanted or (found[0] if found else "float32")

    def _casted(self, edge, dtype):
        node, index, _ = edge
        if self.dtypes[id(node)] == dtype:
            return edge
        key = (id(node), index, dtype)
        if key not in self.casts:
            self.casts[key] = _cast_node(edge, dtype)
            self.dtypes[id(self.casts[key])] = dtype
        return (self.casts[key], 0, 0)


def _checked_lists(target_dtype, target_dtype_ops, fp32_ops, conditional_fp32_ops):
    """What a conversion goes by; AssertionError for operators that are unknown or in two lists."""
    assert target_dtype in ("float16", "bfloat16"), (
        "Only target_dtype float16 and bfloat16 are supported currently"
    )
    low = _lists.list_lp16_ops(target_dtype) if target_dtype_ops is None else target_dtype_ops
    float32 = _lists.list_fp32_ops(target_dtype) if fp32_ops is None else fp32_ops
    if conditional_fp32_ops is None:
        conditional_fp32_ops = _lists.list_conditional_fp32_ops(target_dtype)
    assert isinstance(low, list), "target_dtype_ops should be a list of strs"
    assert isinstance(float32, list), "fp32_ops should be a list of strs"
    assert isinstance(conditional_fp32_ops, list), "conditional_fp32_ops should be a list"
    conditional = {}
    for name, key, values in conditional_fp32_ops:
        conditional.setdefault(name, []).append((key, values))
    groups = {
        "target_dtype_ops": set(low),
        "fp32_ops": set(float32),
        "conditional_fp32_ops": set(conditional),
    }
    names = list(groups)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            common = groups[first] & groups[second]
            assert not common, (
                f"Ops cannot be in two or more lists. Common ops in {first} and {second} {common}"
            )
    known = {
        *_lists.list_lp16_ops(target_dtype),
        *_lists.list_fp32_ops(target_dtype),
        *_lists.list_lp16_fp32_ops(target_dtype),
        *(name for name, _, _ in _lists.list_conditional_fp32_ops(target_dtype)),
    }
    illegal = set().union(*groups.values()) - known
    assert not illegal, (
        f"Op {illegal} not in any of amp.list_lp16_ops, list_fp32_ops, list_lp16_fp32_ops and list_conditional_fp32_ops"
    )
    return (
        target_dtype,
        groups["target_dtype_ops"],
        groups["fp32_ops"],
        set(_lists.list_widest_type_cast(target_dtype)),
        conditional,
    )


def convert_symbol(sym, target_dtype="float16", target_dtype_ops=None, fp32_ops=None, conditional_fp32_ops=None,
                   excluded_sym_names=None, data_names=None, cast_optional_params=False):  # fmt: skip
    """A graph with casts to lower precision before the operators that gain from it, and back where range is needed.

    Parameters
    ----------
    sym : Symbol
        Of a network in float32.
    target_dtype : {'float16', 'bfloat16'}
    target_dtype_ops, fp32_ops : list of str
        Operators that compute in it, and in float32, instead of `list_lp16_ops()` and `list_fp32_ops()`.
    conditional_fp32_ops : list of (str, str, list of str)
        Operator, attribute and its values for which it computes in float32.
    excluded_sym_names : list of str
        Nodes that compute in float32.
    data_names : list of str
        Variables that are no parameters; None: those without a dtype of their own.
    cast_optional_params : bool
        Have parameters in lower precision that would only be cast to it.

    Returns
    -------
    Symbol
    """
    assert isinstance(sym, Symbol), "First argument to convert_symbol should be Symbol"
    excluded = [] if excluded_sym_names is None else excluded_sym_names
    assert isinstance(excluded, list), "excluded_sym_names should be a list of strs"
    lists = _checked_lists(target_dtype, target_dtype_ops, fp32_ops, conditional_fp32_ops)
    inputs = sym.list_inputs()
    if data_names is None:
        attributes = sym.attr_dict()
        data_names = [name for name in inputs if "__dtype__" not in attributes.get(name, {})]
    params = set(inputs) - set(data_names)
    return _Conversion(lists, set(excluded), params, cast_optional_params).run(sym)


def _cast_arrays(sym, arrays):
    """The arrays in the dtypes that the graph says."""
    dtypes = {number: name for name, number in _NUMBERS.items()}
    attributes = sym.attr_dict()
    found = {}
    for name, array in arrays.items():
        dtype = dtypes.get(attributes.get(name, {}).get("__dtype__"))
        found[name] = array if dtype is None else array.astype(dtype)
    return found


def convert_model(sym, arg_params, aux_params, target_dtype="float16", target_dtype_ops=None, fp32_ops=None,
                  conditional_fp32_ops=None, excluded_sym_names=None, cast_optional_params=False):  # fmt: skip
    """A network for inference in lower precision, from one in float32.

    Parameters
    ----------
    sym : Symbol
    arg_params, aux_params : dict from str to NDArray
    target_dtype, target_dtype_ops, fp32_ops, conditional_fp32_ops, excluded_sym_names, cast_optional_params
        See `convert_symbol`.

    Returns
    -------
    sym : Symbol
    arg_params, aux_params : dict from str to NDArray
    """
    assert isinstance(sym, Symbol), "First argument to convert_model should be Symbol"
    assert isinstance(arg_params, dict), (
        "Second argument to convert_model should be a dict of name to ndarray"
    )
    assert isinstance(aux_params, dict), "Third argument to convert_model should be a dict of name to ndarray"
    data_names = [name for name in sym.list_inputs() if name not in arg_params and name not in aux_params]
    made = convert_symbol(sym, target_dtype, target_dtype_ops, fp32_ops, conditional_fp32_ops, excluded_sym_names,
                          data_names, cast_optional_params)  # fmt: skip
    return made, _cast_arrays(made, arg_params), _cast_arrays(made, aux_params)


def convert_hybrid_block(block, target_dtype="float16", target_dtype_ops=None, fp32_ops=None,
                         conditional_fp32_ops=None, excluded_sym_names=None, ctx=None,
                         cast_optional_params=False):  # fmt: skip
    """A block for inference in lower precision, from one that was hybridized and called.

    Parameters
    ----------
    block : HybridBlock
    ctx : Context or list of Context
        Where the parameters go; None: where they are.
    target_dtype, target_dtype_ops, fp32_ops, conditional_fp32_ops, excluded_sym_names, cast_optional_params
        See `convert_symbol`.

    Returns
    -------
    SymbolBlock

    Raises
    ------
    RuntimeError
        Before the block was hybridized and called.
    """
    import os
    import tempfile

    from minpy import symbol
    from minpy.gluon import HybridBlock, SymbolBlock

    assert isinstance(block, HybridBlock), "block input should be a HybridBlock"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "block")
        graph_file, params_file = block.export(path)
        graph, saved = symbol.load(graph_file), nd.load(params_file)
        kinds = {"arg": {}, "aux": {}}
        for name, array in (saved or {}).items():
            kind, _, rest = name.partition(":")
            kinds[kind][rest] = array
        made, args, aux = convert_model(graph, kinds["arg"], kinds["aux"], target_dtype, target_dtype_ops, fp32_ops,
                                        conditional_fp32_ops, excluded_sym_names, cast_optional_params)  # fmt: skip
        names = [name for name in made.list_inputs() if name not in args and name not in aux]
        result = SymbolBlock(made, [symbol.var(name) for name in names])
        converted = os.path.join(folder, "converted.params")
        nd.save(converted, {f"arg:{k}": v for k, v in args.items()} | {f"aux:{k}": v for k, v in aux.items()})
        contexts = ctx or next((p.list_ctx() for p in block.collect_params().values()), None)
        result.collect_params().load(converted, contexts, cast_dtype=True, dtype_source="saved")
    return result


def convert_bucketing_module(bucketing_mod, target_dtype="float16", target_dtype_ops=None, fp32_ops=None,
                             conditional_fp32_ops=None, excluded_sym_names=None,
                             cast_optional_params=False):  # fmt: skip
    """A BucketingModule for inference in lower precision, from one with parameters.

    Parameters
    ----------
    bucketing_mod : BucketingModule
    target_dtype, target_dtype_ops, fp32_ops, conditional_fp32_ops, excluded_sym_names, cast_optional_params
        See `convert_symbol`.

    Returns
    -------
    BucketingModule
        To be bound; it has the parameters.
    """
    from minpy.module import BucketingModule

    assert isinstance(bucketing_mod, BucketingModule), "module should be instance of bucketing module"
    assert bucketing_mod.params_initialized, (
        "bucketing_mod params should be initialized for mixed precision conversion"
    )
    args, aux = bucketing_mod.get_params()
    settings = (target_dtype, target_dtype_ops, fp32_ops, conditional_fp32_ops, excluded_sym_names,
                cast_optional_params)  # fmt: skip
    graphs = {}
    new_args, new_aux = args, aux
    for key, module in bucketing_mod._buckets.items():
        graphs[key], new_args, new_aux = convert_model(module.symbol, args, aux, *settings)
    return BucketingModule.load_dict(
        graphs,
        sym_gen=bucketing_mod._sym_gen,
        default_bucket_key=bucketing_mod._default_bucket_key,
        arg_params=new_args,
        aux_params=new_aux,
    )
