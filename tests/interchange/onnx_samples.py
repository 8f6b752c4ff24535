"""A sample of every operator that is exported: its inputs and attributes.

An input is a shape, for numbers between -1 and 1, or an array. Inputs in `parameters` are stored in the model.
"""

import numpy

_RANDOM = numpy.random.RandomState(5)


def _positive(*shape):
    return _RANDOM.uniform(0.5, 2, shape).astype("float32")


def _large(*shape):
    return (_RANDOM.uniform(-1, 1, shape) * 5).astype("float32")


def _integers(*values, dtype="float32"):
    return numpy.array(values, dtype)


class Sample:
    """One call of an operator."""

    def __init__(self, operator, *inputs, parameters=(), visible=None, **attributes):
        self.operator, self.attributes, self.parameters = operator, attributes, parameters
        self.inputs = [
            _RANDOM.uniform(-1, 1, i).astype("float32") if isinstance(i, tuple) else i for i in inputs
        ]

    def __repr__(self):
        return f"{self.operator}({', '.join(f'{k}={v}' for k, v in self.attributes.items())})"


_X = (2, 3, 4)
_IMAGE = (2, 4, 7, 6)
_UNIT = (
    "abs arccos arcsin arcsinh arctan arctanh ceil cos cosh erf exp floor negative relu rint sigmoid sign sin sinh"
    " softrelu softsign tan tanh cbrt degrees expm1 log_sigmoid mish radians square _copy BlockGrad Dropout MakeLoss"
    " make_loss IdentityAttachKLSparseReg cast_storage _contrib_gradientmultiplier hard_sigmoid logical_not"
    " _contrib_isnan _contrib_isinf _contrib_isfinite zeros_like ones_like shape_array size_array Flatten softmax"
    " softmin log_softmax SoftmaxActivation L2Normalization _contrib_div_sqrt_dim _contrib_arange_like sum mean max"
    " min prod norm argmax argmin argmax_channel transpose sort argsort cumsum _np_cumsum"
)
_MORE = {"_contrib_gradientmultiplier": {"scalar": 2.0}, "cast_storage": {"stype": "default"},
         "IdentityAttachKLSparseReg": None, "argmax_channel": None}  # fmt: skip
_PAIRS = "add sub mul div mod power maximum minimum hypot equal not_equal greater greater_equal lesser lesser_equal"
_LOGIC = "logical_and logical_or logical_xor"

SAMPLES = [
    Sample(name, _X, **_MORE.get(name, {})) for name in _UNIT.split() if _MORE.get(name, 0) is not None
]
SAMPLES += [Sample(name, _large(2, 3, 4)) for name in ("fix", "round", "trunc", "rint")]
SAMPLES += [
    Sample(name, _positive(2, 3, 4))
    for name in ("log", "log10", "log1p", "log2", "rcbrt", "reciprocal", "rsqrt", "sqrt")
]
SAMPLES += [Sample("arccosh", _positive(2, 3) + 1), Sample("argmax_channel", (3, 4))]
SAMPLES += [Sample("broadcast_" + n, _positive(2, 3, 4), _positive(3, 1)) for n in _PAIRS.split()]
SAMPLES += [Sample("broadcast_" + n, _integers(0, 1, 2), _integers(0, 0, 1)) for n in _LOGIC.split()]
SAMPLES += [Sample("elemwise_" + n, _X, _positive(2, 3, 4)) for n in ("add", "sub", "mul", "div")]
SAMPLES += [
    Sample("_" + n, _positive(2, 3, 4), _positive(2, 3, 4))
    for n in _PAIRS.split()
    if n not in ("add", "sub", "mul", "div")
]
SAMPLES += [Sample("_" + n, _integers(0, 1, 2), _integers(0, 0, 1)) for n in _LOGIC.split()]
SAMPLES += [
    Sample(f"_{n}_scalar", _positive(2, 3), scalar=1.5)
    for n in "plus minus mul div mod power rminus rdiv rmod rpower maximum minimum hypot".split()
]
SAMPLES += [
    Sample(f"_{n}_scalar", _integers(0, 1, 2), scalar=1.0)
    for n in "equal not_equal greater greater_equal lesser lesser_equal logical_and logical_or logical_xor".split()
]
SAMPLES += [
    Sample("_plus_scalar", _integers(1, 2, dtype="int32"), scalar=3),
    Sample("_mod", _integers(-5, 5, 7, dtype="int64"), _integers(3, -3, 4, dtype="int64")),
    *[Sample(n, _integers(0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.4, 2.0)) for n in ("rint", "round")],
    Sample("Cast", _large(2, 3), dtype="int32"),
    Sample("amp_cast", (2, 3), dtype="float32"),
    Sample("clip", _large(2, 3), a_min=-1.5, a_max=2),
    Sample("add_n", _X, _X, _X),
    Sample("smooth_l1", _large(2, 3), scalar=1.5),
    Sample("where", _integers([0, 1], [2, 0]), (2, 2), (2, 2)),
    Sample("where", _integers(0, 1), (2, 3), (2, 3)),
    *[Sample("Activation", _X, act_type=kind) for kind in ("relu", "sigmoid", "tanh", "softrelu", "softsign")],
    *[Sample("LeakyReLU", _X, act_type=kind, slope=0.3) for kind in ("leaky", "elu", "selu", "gelu")],
    Sample("LeakyReLU", _X, (3,), act_type="prelu", parameters=(1,)),
    Sample("LeakyReLU", _X, act_type="rrelu"),
    *[Sample(n, _X, _X) for n in ("LinearRegressionOutput", "MAERegressionOutput", "LogisticRegressionOutput")],
    # Reductions and products
    *[Sample(n, _X, axis=1, keepdims=True) for n in ("sum", "mean", "max", "min", "prod", "norm", "argmax", "argmin")],
    *[Sample("sum", _X, axis=axis, exclude=exclude) for axis in ((0, -1), 1) for exclude in (False, True)],
    Sample("norm", _X, ord=1, axis=(0, 1)),
    Sample("argmax", _X, axis=-1),
    Sample("argmax", (4,), axis=0),
    Sample("cumsum", _X, axis=1),
    Sample("L2Normalization", _IMAGE, mode="channel"),
    Sample("L2Normalization", _IMAGE, mode="spatial"),
    Sample("dot", (2, 3), (3, 4)),
    Sample("dot", (3, 2), (4, 3), transpose_a=True, transpose_b=True),
    Sample("dot", (2, 5, 3), (3, 4)),
    Sample("dot", (3,), (3,)),
    Sample("batch_dot", (2, 3, 4), (2, 5, 4), transpose_b=True),
    Sample("batch_dot", (2, 4, 3), (2, 4, 5), transpose_a=True),
    Sample("_linalg_gemm2", (2, 3, 4), (2, 4, 5), alpha=0.5),
    Sample("_linalg_gemm", (2, 3, 4), (2, 4, 5), (2, 3, 5), alpha=0.5, beta=2.0),
    Sample("_contrib_interleaved_matmul_selfatt_qk", (5, 2, 24), heads=4),
    Sample("_contrib_interleaved_matmul_selfatt_valatt", (5, 2, 24), (8, 5, 5), heads=4),
    Sample("_contrib_interleaved_matmul_encdec_qk", (5, 2, 8), (6, 2, 16), heads=4),
    Sample("_contrib_interleaved_matmul_encdec_valatt", (6, 2, 16), (8, 5, 6), heads=4),
    # Softmax and sequences
    Sample("softmax", _X, axis=1, temperature=2.0),
    Sample("softmax", _X, _integers([1, 2, 4], [4, 3, 1], dtype="int32"), axis=-1, use_length=True),
    Sample("log_softmax", _X, axis=0),
    Sample("SoftmaxActivation", _IMAGE, mode="channel"),
    Sample("SoftmaxOutput", (3, 4), _integers(0, 1, 2)),
    Sample("SoftmaxOutput", _X, _integers(0, 1)),
    Sample("SoftmaxOutput", _X, (2, 4), multi_output=True),
    Sample("SoftmaxOutput", _X, (2, 3), preserve_shape=True),
    Sample("SequenceMask", (4, 2, 3), _integers(1, 3), use_sequence_length=True, value=-1.0),
    Sample("SequenceMask", (2, 4, 3), _integers(1, 3), use_sequence_length=True, axis=1),
    Sample("SequenceMask", (4, 2, 3)),
    Sample("SequenceLast", (4, 2, 3), _integers(1, 3), use_sequence_length=True),
    Sample("SequenceLast", (4, 2, 3)),
    Sample("SequenceReverse", (4, 2, 3), _integers(1, 3), use_sequence_length=True),
    Sample("SequenceReverse", (4, 2, 3)),
    # Shapes and indices
    Sample("Reshape", _X, shape=(0, -1)),
    Sample("Reshape", _X, shape=(-3, 0)),
    Sample("Reshape", (2, 6, 4), shape=(0, -4, 2, -1, -2)),
    Sample("Reshape", _X, shape=(-1, 0), reverse=True),
    Sample("reshape_like", _X, (6, 4)),
    Sample("transpose", _X, axes=(2, 0, 1)),
    Sample("SwapAxis", _X, dim1=0, dim2=2),
    Sample("expand_dims", _X, axis=-1),
    Sample("squeeze", (2, 1, 3, 1)),
    Sample("squeeze", (2, 1, 3, 1), axis=1),
    Sample("Concat", (2, 3), (2, 4), dim=1),
    Sample("stack", (2, 3), (2, 3), axis=1),
    Sample("SliceChannel", (2, 6), num_outputs=3),
    Sample("SliceChannel", (2, 3, 4), num_outputs=3, squeeze_axis=True),
    Sample("_split_v2", (2, 7), indices=(0, 2, 5), axis=1),
    Sample("_split_v2", (2, 6), sections=3, axis=1),
    Sample("slice", _X, begin=(None, 2), end=(1, None), step=(1, -1)),
    Sample("slice", _X, begin=(0, 1), end=(2, 3)),
    Sample("slice_axis", _X, axis=-1, begin=1, end=None),
    Sample("slice_like", (4, 5), (2, 3)),
    Sample("slice_like", (4, 5), (2, 3), axes=(1,)),
    Sample("reverse", _X, axis=1),
    Sample("broadcast_to", (2, 1, 4), shape=(0, 3, 0)),
    Sample("broadcast_axis", (2, 1, 1), axis=(1, 2), size=(3, 4)),
    Sample("broadcast_like", (1, 3), (2, 3)),
    Sample("tile", (2, 3), reps=(2, 1, 2)),
    Sample("tile", (2, 3), reps=2),
    Sample("repeat", _X, repeats=2, axis=1),
    Sample("repeat", (2, 3), repeats=2),
    *[Sample("Pad", _IMAGE, mode=m, pad_width=(0, 0, 0, 0, 1, 2, 2, 1)) for m in ("constant", "edge", "reflect")],
    Sample("Crop", _IMAGE, h_w=(3, 2), offset=(1, 2), num_args=1),
    Sample("take", (5, 3), _integers([0, 4], [1, 9])),
    Sample("take", (5, 3), _integers(-1, 7), axis=1, mode="wrap"),
    Sample("Embedding", _integers([0, 4], [1, 2]), (5, 3), input_dim=5, output_dim=3, parameters=(1,)),
    Sample("pick", (3, 4), _integers(0, 3, 1)),
    Sample("pick", (3, 4), _integers(0, 2, 1, 1), axis=0, keepdims=True),
    Sample("batch_take", (3, 4), _integers(0, 3, 1, dtype="int32")),
    Sample("gather_nd", (3, 4, 2), _integers([0, 2], [1, 3])),
    Sample("one_hot", _integers(0, 2, -1, 5), depth=4, on_value=2.0, off_value=-1.0),
    *[Sample("topk", (3, 5), k=2, ret_typ=kind) for kind in ("value", "indices", "both")],
    Sample("topk", (3, 5), k=3, axis=0, is_ascend=True, ret_typ="value"),
    Sample("sort", _X, axis=1, is_ascend=False),
    Sample("depth_to_space", (2, 8, 3, 2), block_size=2),
    Sample("space_to_depth", (2, 2, 4, 6), block_size=2),
    Sample("_contrib_arange_like", _X, axis=1, start=2.0, step=0.5),
    Sample("_zeros", shape=(2, 3)),
    Sample("_ones", shape=(2, 3)),
    Sample("_full", shape=(2, 3), value=1.5),
    Sample("_arange", start=1, stop=5),
    Sample("_linspace", start=0, stop=1, num=5),
    Sample("_eye", N=3, M=4),
    # Layers
    Sample("FullyConnected", _X, (5, 12), (5,), num_hidden=5, parameters=(1, 2)),
    Sample("FullyConnected", _X, (5, 4), num_hidden=5, no_bias=True, flatten=False, parameters=(1,)),
    Sample("Convolution", _IMAGE, (6, 2, 3, 2), (6,), kernel=(3, 2), num_filter=6, num_group=2, stride=(2, 1),
           pad=(1, 0), dilate=(1, 2), parameters=(1, 2)),
    Sample("Convolution", (2, 3, 9), (4, 3, 3), kernel=(3,), num_filter=4, no_bias=True),
    Sample("Convolution", (1, 2, 4, 5, 4), (3, 2, 2, 2, 2), (3,), kernel=(2, 2, 2), num_filter=3),
    Sample("Deconvolution", _IMAGE, (4, 3, 3, 2), kernel=(3, 2), num_filter=3, stride=(2, 2), pad=(1, 0), adj=(1, 1)),
    Sample("Deconvolution", _IMAGE, (4, 3, 4, 4), kernel=(4, 4), num_filter=3, stride=(2, 2), target_shape=(14, 12)),
    *[Sample("Pooling", _IMAGE, kernel=(3, 2), stride=(2, 2), pad=(1, 0), pool_type=kind, pooling_convention=size)
      for kind in ("max", "avg", "sum") for size in ("valid", "full")],
    Sample("Pooling", _IMAGE, kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="avg", count_include_pad=False,
           pooling_convention="full"),
    Sample("Pooling", _IMAGE, kernel=(2, 2), pool_type="lp", p_value=2),
    *[Sample("Pooling", _IMAGE, global_pool=True, kernel=(1, 1), pool_type=kind) for kind in ("max", "avg", "sum")],
    *[Sample("_contrib_AdaptiveAvgPooling2D", (2, 3, 6, 8), output_size=size) for size in (1, (3, 4), (4, 5))],
    Sample("UpSampling", _IMAGE, scale=2, sample_type="nearest", num_args=1),
    Sample("_contrib_BilinearResize2D", _IMAGE, height=9, width=4),
    Sample("_contrib_BilinearResize2D", _IMAGE, height=9, width=13, align_corners=False),
    *[Sample("BatchNorm", _IMAGE, _positive(n), (n,), (n,), _positive(n), fix_gamma=fixed, axis=axis, eps=1e-3)
      for n, axis, fixed in ((4, 1, True), (4, 1, False), (6, 3, False))],
    Sample("_contrib_SyncBatchNorm", _IMAGE, _positive(4), (4,), (4,), _positive(4), fix_gamma=False),
    Sample("LayerNorm", _X, (4,), (4,)),
    Sample("LayerNorm", _X, (3,), (3,), axis=1, eps=1e-3),
    Sample("InstanceNorm", _IMAGE, (4,), (4,)),
    Sample("GroupNorm", _IMAGE, (4,), (4,), num_groups=2),
    Sample("LRN", _IMAGE, nsize=3, alpha=0.1, knorm=1.5),
    Sample("RNN", (5, 2, 3), (4 * 4 * (3 + 4 + 2),), (1, 2, 4), (1, 2, 4), mode="lstm", state_size=4, num_layers=1,
           state_outputs=True, parameters=(1,)),
    Sample("RNN", (5, 2, 3), (3 * 4 * 2 * (3 + 4 + 2 + 8 + 4 + 2),), (4, 2, 4), mode="gru", state_size=4, num_layers=2,
           state_outputs=True, bidirectional=True, parameters=(1,)),
    *[Sample("RNN", (5, 2, 3), (4 * (3 + 4 + 2),), (1, 2, 4), mode=mode, state_size=4, num_layers=1, parameters=(1,))
      for mode in ("rnn_tanh", "rnn_relu")],
    Sample("RNN", (5, 2, 3), (2 * 4 * 4 * (3 + 4 + 2),), (2, 2, 4), (2, 2, 4), _integers(3, 5), mode="lstm",
           state_size=4, num_layers=1, bidirectional=True, use_sequence_length=True, parameters=(1,)),
]  # fmt: skip
