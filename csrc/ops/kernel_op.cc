#include "ops/kernel_op.h"

#include <cstdarg>

#include "ops/api.h"
#include "ops/promotion.h"
#include "tape/tape.h"

namespace mp {
namespace {

bool is_half(DType t) { return t == DType::F16 || t == DType::BF16; }

// Integers and booleans beside nothing else become float32, as everywhere in MXNet.
DType common_float(const KernelOp& op, std::span<const ArrayRef> inputs) {
  std::vector<ArrayRef> floats;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i] || op.inputs[i].kind != KernelInput::Float) continue;
    const DType t = inputs[i]->dtype;
    if (is_complex(t))
      kernel_error(PyExc_TypeError, "%s: %s must be of real numbers, it is %s", op.name,
                   op.inputs[i].name, kDTypeName[index(t)]);
    if (is_floating(t)) floats.push_back(inputs[i]);
  }
  if (floats.empty()) return DType::F32;
  DType common = floats[0]->dtype;
  for (const ArrayRef& a : floats)
    if (a->dtype != common) return result_type(floats);
  return common;
}

void check_inputs(const KernelOp& op, std::vector<ArrayRef>& inputs) {
  if (inputs.size() > op.inputs.size())
    kernel_error(PyExc_TypeError, "%s takes at most %zu arrays, %zu were given", op.name,
                 op.inputs.size(), inputs.size());
  inputs.resize(op.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i] && !op.inputs[i].optional)
      kernel_error(PyExc_TypeError, "%s: the array %s is required", op.name, op.inputs[i].name);
}

// Half precision is storage: the kernel computes on float32 copies.
std::vector<ArrayRef> forward_in_float(const KernelOp& op, std::span<const ArrayRef> inputs,
                                       const Attrs& attrs, DType half) {
  std::vector<ArrayRef> wide(inputs.begin(), inputs.end());
  for (size_t i = 0; i < wide.size(); ++i)
    if (wide[i] && op.inputs[i].kind == KernelInput::Float)
      wide[i] = check(array_cast(wide[i].get(), DType::F32));
  KernelCall call(wide, attrs);
  op.forward(call);
  for (ArrayRef& out : call.outputs)
    if (out->dtype == DType::F32) out = check(array_cast(out.get(), half));
  return std::move(call.outputs);
}

std::vector<ArrayRef> forward(const KernelOp& op, std::span<const ArrayRef> inputs,
                              const Attrs& attrs, DType common) {
  if (is_half(common) && !op.half_native) return forward_in_float(op, inputs, attrs, common);
  KernelCall call(inputs, attrs);
  op.forward(call);
  return std::move(call.outputs);
}

}  // namespace

void kernel_error(PyObject* type, const char* format, ...) {
  va_list args;
  va_start(args, format);
  PyErr_FormatV(type, format, args);
  va_end(args);
  throw PythonError{};
}

ArrayRef KernelCall::dense(int i) const {
  const ArrayRef& a = inputs_[i];
  ArrayRef result = a->c_contiguous() ? a : check(array_copy(a.get(), 'C'));
  result->bytes();
  return result;
}

Array* KernelCall::make(DType dtype, std::span<const int64_t> shape) {
  outputs.push_back(check(array_new(dtype, static_cast<int>(shape.size()), shape.data())));
  return outputs.back().get();
}

std::vector<ArrayRef> apply(const KernelOp& op, std::vector<ArrayRef> inputs, Attrs attrs) {
  check_inputs(op, inputs);
  const DType common = common_float(op, inputs);
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i] && op.inputs[i].kind == KernelInput::Float && inputs[i]->dtype != common)
      inputs[i] = api::astype(inputs[i], common);
  NodeRef node = kernel_begin(op, inputs, attrs);
  std::vector<ArrayRef> outputs = forward(op, inputs, attrs, common);
  if (node) kernel_finish(node, outputs);
  return outputs;
}

}  // namespace mp
