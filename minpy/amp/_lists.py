"""Which operators compute in the lower precision, which in float32, and which in the widest type of their inputs.

Operators in none of these lists take what they get.
"""

import functools

import numpy

from minpy._operators import legacy_names

__all__ = [
    "list_conditional_fp32_ops",
    "list_fp32_ops",
    "list_loss_output_functions",
    "list_lp16_fp32_ops",
    "list_lp16_ops",
    "list_lp16_use_fp32_params",
    "list_widest_type_cast",
]

_LOW = {
    "float16": ["Convolution", "Deconvolution", "FullyConnected", "RNN"],
    "bfloat16": ["Convolution", "FullyConnected"],
}
# What bfloat16 leaves as it is; all other operators then take float32.
_BFLOAT16_EITHER = """abs BatchNorm _contrib_BatchNormWithReLU clip Concat concat LRN Pooling relu shuffle _shuffle sqrt
    square tanh amp_cast amp_multicast""".split()
_FLOAT32 = """Convolution_v1 CTCLoss Custom GroupNorm IdentityAttachKLSparseReg InstanceNorm L2Normalization LRN
    LayerNorm LinearRegressionOutput LogisticRegressionOutput MAERegressionOutput MakeLoss SVMOutput Softmax
    SoftmaxActivation SoftmaxOutput arccos arcsin arctanh argsort broadcast_hypot broadcast_power cosh ctc_loss erfinv
    exp expm1 gamma gammaln khatri_rao log log10 log1p log2 log_softmax make_loss mean moments nanprod nansum norm prod
    rcbrt reciprocal rsqrt sinh smooth_l1 softmax softmax_cross_entropy softmin square sum sum_axis tan topk
    _Hypot _Power _contrib_CTCLoss _contrib_DeformableConvolution _contrib_DeformablePSROIPooling
    _contrib_MultiBoxDetection _contrib_MultiBoxPrior _contrib_MultiBoxTarget _contrib_SyncBatchNorm
    _contrib_count_sketch _contrib_ctc_loss _contrib_fft _hypot _hypot_scalar _power _power_scalar _rdiv_scalar
    _rpower_scalar _square_sum
    _linalg_det _linalg_extractdiag _linalg_extracttrian _linalg_gelqf _linalg_gemm _linalg_gemm2 _linalg_inverse
    _linalg_makediag _linalg_maketrian _linalg_potrf _linalg_potri _linalg_slogdet _linalg_sumlogdiag _linalg_syevd
    _linalg_syrk _linalg_trmm _linalg_trsm
    linalg_det linalg_extractdiag linalg_extracttrian linalg_gelqf linalg_gemm linalg_gemm2 linalg_inverse
    linalg_makediag linalg_maketrian linalg_potrf linalg_potri linalg_slogdet linalg_sumlogdiag linalg_syrk linalg_trmm
    linalg_trsm""".split()
_WIDEST = """Concat Correlation ElementWiseSum add_n batch_dot broadcast_add broadcast_div broadcast_equal
    broadcast_greater broadcast_greater_equal broadcast_lesser broadcast_lesser_equal broadcast_logical_and
    broadcast_logical_or broadcast_logical_xor broadcast_maximum broadcast_minimum broadcast_minus broadcast_mod
    broadcast_mul broadcast_not_equal broadcast_plus broadcast_sub concat dot elemwise_add elemwise_div elemwise_mul
    elemwise_sub stack where _div _equal _greater _greater_equal _lesser _lesser_equal _logical_and _logical_or
    _logical_xor _maximum _minimum _minus _mod _mul _not_equal _plus _sub
    _contrib_MultiProposal _contrib_PSROIPooling _contrib_Proposal _contrib_ROIAlign _contrib_box_iou _contrib_box_nms
    _contrib_box_non_maximum_suppression _contrib_interleaved_matmul_encdec_qk
    _contrib_interleaved_matmul_encdec_valatt _contrib_interleaved_matmul_selfatt_qk
    _contrib_interleaved_matmul_selfatt_valatt""".split()
_CONDITIONAL = [("Activation", "act_type", ["softrelu"]), ("LeakyReLU", "act_type", ["elu", "selu"])]
_LOSSES = ["SoftmaxOutput", "LinearRegressionOutput", "LogisticRegressionOutput", "MAERegressionOutput"]


def target_name(target_dtype):
    """'float16' or 'bfloat16', for any way to write one of them; AssertionError for others."""
    if isinstance(target_dtype, list) and target_dtype and target_dtype[0][0] == "bfloat16":
        return "bfloat16"
    name = target_dtype if isinstance(target_dtype, str) else numpy.dtype(target_dtype).name
    assert name in _LOW, "AMP currently supports only float16 or bfloat16 as a target_dtype"
    return name


def list_lp16_ops(target_dtype="float16"):
    """Operators that compute in the lower precision."""
    return list(_LOW[target_name(target_dtype)])


def list_fp32_ops(target_dtype="float16"):
    """Operators that compute in float32."""
    if target_name(target_dtype) == "float16":
        return list(_FLOAT32)
    return list(_float32_beside_bfloat16())


@functools.cache
def _float32_beside_bfloat16():
    others = {*_LOW["bfloat16"], *_BFLOAT16_EITHER, *_WIDEST, *(name for name, _, _ in _CONDITIONAL)}
    return [name for name in sorted({*legacy_names(), *_FLOAT32}) if name not in others]


def list_lp16_fp32_ops(target_dtype="float16"):
    """Operators that compute in the dtype that they get."""
    if target_name(target_dtype) == "bfloat16":
        return list(_BFLOAT16_EITHER)
    others = {*_LOW["float16"], *_FLOAT32, *_WIDEST, *(name for name, _, _ in _CONDITIONAL)}
    return [name for name in sorted(legacy_names()) if name not in others]


def list_conditional_fp32_ops(target_dtype="float16"):
    """Triples (operator, attribute, values of it) that compute in float32."""
    target_name(target_dtype)
    return list(_CONDITIONAL)


def list_widest_type_cast(target_dtype="float16"):
    """Operators that compute in the widest dtype among their inputs."""
    either = _BFLOAT16_EITHER if target_name(target_dtype) == "bfloat16" else ()
    return [name for name in _WIDEST if name not in either]


def list_loss_output_functions(target_dtype="float16"):
    """Operators whose gradient does not depend on what comes after them."""
    target_name(target_dtype)
    return list(_LOSSES)


def list_lp16_use_fp32_params(target_dtype="float16"):
    """None for float16; for bfloat16 which inputs of operators stay float32."""
    if target_name(target_dtype) == "float16":
        return None
    return {"BatchNormWithReLU": ["", "gamma", "beta", "moving_mean", "moving_var"],
            "BatchNorm": ["", "gamma", "beta", "moving_mean", "moving_var"]}  # fmt: skip
