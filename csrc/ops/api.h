// Array operations callable from C++: what gradient rules and composite operators are written in.
// Each behaves like the public Python function of that name (broadcasting, dtype rules, recording on the
// tape) and throws PythonError with the Python error set. Scalars given as double are weak: they take the
// array's dtype, as Python floats do.
#pragma once
#include <span>
#include <vector>

#include "core/array.h"
#include "core/error.h"
#include "ops/op.h"

namespace mp::api {

// Applies the elementwise operator. Operands may be arrays or weak scalars.
ArrayRef unary(Ufunc* f, const ArrayRef& a);
ArrayRef binary(Ufunc* f, const ArrayRef& a, const ArrayRef& b);
ArrayRef binary(Ufunc* f, const ArrayRef& a, double b);
ArrayRef binary(Ufunc* f, double a, const ArrayRef& b);

ArrayRef zeros(DType dtype, std::span<const int64_t> shape);
ArrayRef full(DType dtype, std::span<const int64_t> shape, double value);
ArrayRef astype(const ArrayRef& a, DType dtype);                      // differentiable
ArrayRef reshape(const ArrayRef& a, std::span<const int64_t> shape);  // a view where possible; differentiable
ArrayRef transpose(const ArrayRef& a, std::span<const int> axes);     // empty: reverse
ArrayRef broadcast_to(const ArrayRef& a, std::span<const int64_t> shape);
ArrayRef sum(const ArrayRef& a, std::span<const int> axes, bool keepdims);  // empty axes: nothing is summed
ArrayRef sum_to(const ArrayRef& g, std::span<const int64_t> shape);  // undoes broadcasting from `shape`
ArrayRef matmul(const ArrayRef& a, const ArrayRef& b);
ArrayRef where(const ArrayRef& cond, const ArrayRef& a, const ArrayRef& b);

}  // namespace mp::api
