"""What a node needs to know of its operator: its inputs and outputs by name, and its attributes as text.

Graphs call operators by MXNet's canonical names, which differ from some of the names in the table; attributes are
text in the graph and values when the operator runs.
"""

import ast
import functools
import inspect

import numpy

from minpy.base import MXNetError
from minpy.symbol import operators

# Names that MXNet replaces by others in graphs.
_CANONICAL = {
    "_contrib_box_non_maximum_suppression": "_contrib_box_nms",
    "_npx_multibox_prior": "_contrib_MultiBoxPrior",
    "_npx_multibox_target": "_contrib_MultiBoxTarget",
    "_npx_multibox_detection": "_contrib_MultiBoxDetection",
    "broadcast_plus": "broadcast_add",
    "broadcast_minus": "broadcast_sub",
    "_plus": "elemwise_add",
    "_add": "elemwise_add",
    "_minus": "elemwise_sub",
    "_sub": "elemwise_sub",
    "_mul": "elemwise_mul",
    "_div": "elemwise_div",
    "_pow": "_power",
    "ElementWiseSum": "add_n",
    "cast": "Cast",
    "_sparse_Embedding": "Embedding",
    "choose_element_0index": "pick",
    "linalg_gemm2": "_linalg_gemm2",
    "linalg_gemm": "_linalg_gemm",
    "Softmax": "SoftmaxOutput",
    "stop_gradient": "BlockGrad",
    "ctc_loss": "CTCLoss",
    "pad": "Pad",
    "shuffle": "_shuffle",
    "sum_axis": "sum",
    "max_axis": "max",
    "min_axis": "min",
    "reshape": "Reshape",
    "flatten": "Flatten",
    "swapaxes": "SwapAxis",
    "concat": "Concat",
    "split": "SliceChannel",
    "crop": "slice",
    "identity": "_copy",
    "uniform": "_random_uniform",
    "normal": "_random_normal",
    "flip": "reverse",
    "broadcast_axes": "broadcast_axis",
    "ravel_multi_index": "_ravel_multi_index",
    "unravel_index": "_unravel_index",
    "histogram": "_histogram",
    "split_v2": "_split_v2",
}
# Inputs that operators update in training, by position, and how they start.
_AUXILIARY = {
    name: {3: '["zero", {}]', 4: '["one", {}]'}
    for name in ("BatchNorm", "_contrib_SyncBatchNorm", "_contrib_BatchNormWithReLU")
} | {"IdentityAttachKLSparseReg": {1: None}}
# How other variables start that are made for inputs.
_INITIAL = {"LeakyReLU": {1: '["Constant", {"value": 0.25}]'}}
# Inputs that are there under a condition on the attributes.
_CONDITIONAL = {
    ("LeakyReLU", "gamma"): lambda a: a.get("act_type") == "prelu",
    ("RNN", "state_cell"): lambda a: a.get("mode") == "lstm",
    ("RNN", "sequence_length"): lambda a: bool(a.get("use_sequence_length")),
    ("_contrib_BilinearResize2D", "like"): lambda a: a.get("mode") == "like",
    ("softmax", "length"): lambda a: bool(a.get("use_length")),
    ("SequenceMask", "sequence_length"): lambda a: bool(a.get("use_sequence_length")),
    ("SequenceLast", "sequence_length"): lambda a: bool(a.get("use_sequence_length")),
    ("SequenceReverse", "sequence_length"): lambda a: bool(a.get("use_sequence_length")),
    ("CTCLoss", "data_lengths"): lambda a: bool(a.get("use_data_lengths")),
    ("CTCLoss", "label_lengths"): lambda a: bool(a.get("use_label_lengths")),
    ("_contrib_DeformableConvolution", "bias"): lambda a: not a.get("no_bias"),
}
_WITH_BIAS = ("FullyConnected", "Convolution", "Convolution_v1", "Deconvolution")
_STATISTICS = {"BatchNorm": ("output", "mean", "var"), "_contrib_SyncBatchNorm": ("output", "mean", "var"),
               "LayerNorm": ("output", "mean", "std"), "GroupNorm": ("output", "mean", "std")}  # fmt: skip
_SEVERAL = {"moments": 2, "_linalg_gelqf": 2, "_linalg_syevd": 2, "_linalg_slogdet": 2,
            "_contrib_bipartite_matching": 2, "_contrib_MultiBoxTarget": 3}  # fmt: skip
# Outputs as MXNet counts them, with those that only its gradients read.
_TOTAL_OUTPUTS = {"BatchNorm": 3, "Dropout": 2, "LayerNorm": 3, "GroupNorm": 3, "InstanceNorm": 3, "LRN": 2,
                  "L2Normalization": 2, "CTCLoss": 2, "ROIPooling": 2, "SpatialTransformer": 3, "BilinearSampler": 2,
                  "GridGenerator": 2, "Correlation": 3, "_contrib_box_nms": 2}  # fmt: skip
_MOST_OUTPUTS = 1 << 16
_NUMBERED = ("CTCLoss", "_contrib_box_nms")  # their single output is numbered

HIDDEN_KEYS = ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage", "profiler_scope")


class Schema:
    """An operator as graphs see it; one object for each canonical name."""

    def __init__(self, name, row):
        self.name = name
        self.row = row
        self.variadic = bool(row.inputs) and row.inputs[0].startswith("*")
        self.inputs = tuple(i.lstrip("*") for i in row.inputs)
        self.auxiliary = _AUXILIARY.get(name, {})
        self.initial = _INITIAL.get(name, self.auxiliary)
        self.parameters = self.inputs + tuple(row.attributes)

    def values(self, attributes):
        """The attributes as values, those left out with their defaults; `attributes` are text."""
        given = {}
        for key, default in self.row.attributes.items():
            if key in attributes:
                given[key] = parse(attributes[key], default)
            elif default is not inspect.Parameter.empty:
                given[key] = default
        return given

    def arguments(self, attributes):
        """What the operator is called with: the given attributes as values."""
        defaults = self.row.attributes
        return {
            key: parse(text, defaults[key])
            for key, text in attributes.items()
            if key in defaults and key != "num_args"
        }

    def input_names(self, attributes, count=None):
        """The names of the inputs that the operator has under these attributes."""
        if self.variadic:
            count = int(attributes.get("num_args", 0)) if count is None else count
            return tuple(f"arg{i}" for i in range(count))
        values = self.values(attributes)
        return tuple(name for name in self.inputs if self._has_input(name, values))

    def _has_input(self, name, values):
        if name == "bias" and self.name in _WITH_BIAS:
            return not values.get("no_bias")
        condition = _CONDITIONAL.get((self.name, name))
        return condition is None or condition(values)

    def output_names(self, attributes):
        """The names of the visible outputs."""
        values = self.values(attributes)
        if self.name in _STATISTICS:
            return _STATISTICS[self.name] if values.get("output_mean_var") else ("output",)
        if self.name == "RNN":
            names = ("output", "state_output", "statecell_output")
            return names[: (3 if values.get("mode") == "lstm" else 2) if values.get("state_outputs") else 1]
        if self.name == "make_loss":
            return ("loss",)
        count = self._output_count(values)
        if not 0 < count <= _MOST_OUTPUTS:
            raise MXNetError(f"{self.name} cannot have {count} outputs")
        if count == 1 and self.name not in _NUMBERED:
            return ("output",)
        return tuple(f"output{i}" for i in range(count))

    def _output_count(self, values):
        if self.name in ("SliceChannel", "amp_multicast"):
            return int(values.get("num_outputs", 1))
        if self.name == "_split_v2":
            return values.get("sections") or len(values.get("indices") or (0,))
        if self.name == "topk":
            return 2 if values.get("ret_typ") == "both" else 1
        if self.name in ("_sample_multinomial", "_contrib_Proposal", "_contrib_MultiProposal"):
            return 2 if values.get("get_prob") or values.get("output_score") else 1
        return _SEVERAL.get(self.name, 1)

    def total_outputs(self, attributes):
        """The number of outputs as MXNet's files count them."""
        if self.name == "Pooling":
            return 2 if attributes.get("pool_type", "max") == "max" else 1
        return max(_TOTAL_OUTPUTS.get(self.name, 1), len(self.output_names(attributes)))


@functools.cache
def schema(name):
    """The Schema of an operator by any of its names; raises MXNetError for an unknown one."""
    try:
        row = operators.find(name)
    except KeyError:
        raise MXNetError(f"Cannot find op {name}: there is no operator of that name") from None
    if name.startswith(("random_", "sample_")):
        canonical = "_" + name
    else:
        canonical = _CANONICAL.get(name, name)
    return Schema(canonical, row) if canonical == name else schema(canonical)


def text(value):
    """An attribute's value as graphs keep it."""
    if isinstance(value, str):
        return value
    if isinstance(value, (type, numpy.dtype)):
        return numpy.dtype(value).name
    if isinstance(value, numpy.generic):
        return str(value.item())
    return str(value)


_TRUTH = {"True": True, "true": True, "1": True, "False": False, "false": False, "0": False}


@functools.lru_cache(maxsize=4096, typed=True)
def _literal(value):
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        plain = value.replace("L", "")
        if plain == value:
            return value
        try:
            found = ast.literal_eval(plain)
        except (ValueError, SyntaxError):
            return value
    return tuple(found) if isinstance(found, list) else found


def parse(value, default=None):
    """An attribute's value from its text; the default tells what kind of value is meant."""
    if isinstance(default, bool) and value in _TRUTH:
        return _TRUTH[value]
    if value in ("true", "false"):
        return _TRUTH[value]
    if isinstance(default, str) or not isinstance(value, str):
        return value
    return _literal(value)
