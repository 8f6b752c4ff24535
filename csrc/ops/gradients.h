// The operators, other than the elementwise ones, that the tape can differentiate: what to hand to
// tape::begin, with the attributes that each rule reads. Axes are normalised (0 <= axis < ndim).
//
// A value read out of an array as a scalar (x[3] under recording) must be a recorded copy
// (op_gather or op_copy), not a view: NumPy's scalars do not change with the array.
#pragma once
#include "ops/op.h"

namespace mp {

// --- Reductions (ops/reduce_grad.cc). Inputs: the array. Attributes of all:
//   "axes"     vector<int64_t>  the reduced axes
//   "keepdims" bool             default false
//   "where"    ArrayRef         optional mask, broadcastable to the input (sum, mean, prod, max,
//   min)
extern const OpDef op_sum, op_mean, op_prod;
extern const OpDef op_max, op_min;  // ties share the gradient equally
// Scans along "axis" (int64_t), same shape as the input.
extern const OpDef op_cumsum, op_cumprod;

// --- Products (ops/linalg_grad.cc). Inputs: a, b; shapes as numpy.matmul and numpy.dot take them.
extern const OpDef op_matmul, op_dot;

// --- Moving elements (ops/manip_grad.cc).
extern const OpDef
    op_copy;  // one input; the output has its shape, or one that it broadcasts to; any dtype
extern const OpDef op_where;  // inputs: condition, a, b
// Inputs: the N arrays. "axis" int64_t; "sizes" vector<int64_t>: each input's length along the
// axis. With axis=None (inputs flattened) axis is 0 and sizes are element counts.
extern const OpDef op_concatenate;

// --- Indexing (ops/index_grad.cc). "index" ArrayRef: int64 positions of any layout, as seen by the
// C-order flattened array, each in range.
extern const OpDef op_gather;  // result = source.ravel()[index], of index's shape
extern const OpDef
    op_setitem;  // inputs: target, values; target.ravel()[index] = values (broadcast to index)
// zeros(shape).ravel() with [index] += values; "index" as above; inputs: values (of index's shape).
extern const OpDef op_scatter_add;

// The gradients of activations and error functions, attached to the ufuncs of their names
// (ops/activation.cc).
std::pair<const OpDef*, size_t> activation_gradients();

// The rule of a reduction of the named ufunc ("add": op_sum ...), or null.
const OpDef* reduction_op(const char* ufunc_name);

}  // namespace mp
