// Array operations callable from C++: what gradient rules and composite operators are written in.
// Each behaves like the public Python function of that name (broadcasting, dtype rules, recording
// on the tape) and throws PythonError with the Python error set. Scalars given as double are weak:
// they take the array's dtype, as Python floats do.
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

// sum + value, in sum's own buffer when nobody else can see it and nothing is recorded.
ArrayRef add_to(ArrayRef sum, const ArrayRef& value);

ArrayRef zeros(DType dtype, std::span<const int64_t> shape);
ArrayRef full(DType dtype, std::span<const int64_t> shape, double value);
ArrayRef astype(const ArrayRef& a, DType dtype);  // differentiable
ArrayRef reshape(const ArrayRef& a,
                 std::span<const int64_t> shape);  // a view where possible; differentiable
ArrayRef view_like(const ArrayRef& a);             // a view of all of it; differentiable
ArrayRef transpose(const ArrayRef& a, std::span<const int> axes);  // empty: reverse
ArrayRef broadcast_to(const ArrayRef& a, std::span<const int64_t> shape);
ArrayRef sum(const ArrayRef& a, std::span<const int> axes,
             bool keepdims);  // empty axes: nothing is summed
ArrayRef sum_to(const ArrayRef& g,
                std::span<const int64_t> shape);  // undoes broadcasting from `shape`
ArrayRef matmul(const ArrayRef& a, const ArrayRef& b);
ArrayRef where(const ArrayRef& cond, const ArrayRef& a, const ArrayRef& b);  // a and b of one dtype
ArrayRef where(const ArrayRef& cond, const ArrayRef& a, double b);
ArrayRef where(const ArrayRef& cond, double a, const ArrayRef& b);

ArrayRef copy(const ArrayRef& a);                                          // in C order
void assign(const ArrayRef& dst, const ArrayRef& src);                     // dst[...] = src
ArrayRef slice(const ArrayRef& a, int axis, int64_t start, int64_t stop);  // a view
ArrayRef flip(const ArrayRef& a, int axis);                                // a view
ArrayRef cumsum(const ArrayRef& a, int axis);
// Positions are int64, in range, and count elements of the C-order flattened array.
ArrayRef gather(const ArrayRef& a, const ArrayRef& index);  // a.ravel()[index]
ArrayRef scatter_add(const ArrayRef& values, const ArrayRef& index, std::span<const int64_t> shape);

}  // namespace mp::api
