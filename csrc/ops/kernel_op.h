// KernelOp: a row of the table for an operator that works on whole arrays under attributes
// (convolution, layer normalisation, LSTM ...). `apply` runs one: it brings the inputs to one
// dtype, records the application and calls the row's forward. Python calls the same through
// `minpy._core.kernels.NAME` (python/kernel_function.h). See Note [Kernel operators].
// - Forward makes every output, the ones that only the gradient reads included; those come last.
// - The gradient rule `vjp` computes by csrc/ops/api.h and `apply`. It understands cotangents of
// the
//   first `fused_outputs` outputs. What it cannot do, a higher derivative without the rule being
//   differentiable itself or another cotangent, goes through the composite: the operator once more
//   in Python operations, registered by minpy/_operators.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/array.h"
#include "core/error.h"
#include "graph/node.h"
#include "ops/op.h"

namespace mp {

class KernelVjp;

struct KernelInput {
  // Float: brought to the common floating dtype of all such inputs. Any: taken as it is, without a
  // gradient.
  enum Kind : uint8_t { Float, Any };
  const char* name;
  Kind kind = Float;
  bool optional = false;
};

struct KernelAttr {
  enum Kind : uint8_t { Int, Real, Bool, Text, Ints };
  const char* name;
  Kind kind;
  AttrValue fallback = int64_t{0};
  bool required = false;
};

// One application, as forward sees it.
class KernelCall {
 public:
  KernelCall(std::span<const ArrayRef> inputs, const Attrs& attrs)
      : inputs_(inputs), attrs(attrs) {}

  bool has(int i) const { return i < static_cast<int>(inputs_.size()) && bool(inputs_[i]); }
  const ArrayRef& in(int i) const { return inputs_[i]; }
  // The input in C order, copied when it is not, with its bytes ready.
  ArrayRef dense(int i) const;
  // Appends an output in C order and returns it; it is not initialised.
  Array* make(DType dtype, std::span<const int64_t> shape);
  Array* make(DType dtype, std::initializer_list<int64_t> shape) {
    return make(dtype, std::span<const int64_t>(shape.begin(), shape.size()));
  }
  std::vector<ArrayRef> outputs;

 private:
  std::span<const ArrayRef> inputs_;

 public:
  const Attrs& attrs;
};

struct KernelOp {
  const char* name;
  const char* doc;  // one sentence, then what the outputs are
  std::vector<KernelInput> inputs;
  std::vector<KernelAttr> attrs;
  void (*forward)(KernelCall&);       // throws PythonError
  void (*vjp)(KernelVjp&) = nullptr;  // null: the composite, or no gradient
  int fused_outputs = 1;
  bool differentiable_rule = false;  // the rule may be recorded; else higher orders are composite
  // Bits of the inputs and outputs that the rule reads. With a composite all inputs are saved.
  uint32_t saves_inputs = 0, saves_outputs = 0;
  bool half_native = false;  // forward takes float16 and bfloat16; else it is given float32 copies
                             // and its float32 outputs are rounded
  mutable PyObject* composite = nullptr;         // owned; set once, by Python
  mutable std::unique_ptr<OpDef> def = nullptr;  // what the tape sees of the row
};

// Errors that forward raises, with NumPy's conventions for the format. They throw.
[[noreturn]] void kernel_error(PyObject* type, const char* format, ...);

// Runs the operator. `inputs` may end early or hold nulls where inputs are optional.
std::vector<ArrayRef> apply(const KernelOp& op, std::vector<ArrayRef> inputs, Attrs attrs);

// What a gradient rule sees of one application; the counterpart of Vjp.
class Vjp;
class KernelVjp {
 public:
  KernelVjp(Vjp& v, std::span<const ArrayRef> inputs, std::span<const ArrayRef> outputs,
            const Attrs& attrs)
      : attrs(attrs), v_(v), inputs_(inputs), outputs_(outputs) {}
  bool needs(int i) const;
  const ArrayRef& g(int i = 0);  // zeros when nothing flowed into that output
  bool has_g(int i) const;
  bool has(int i) const { return i < static_cast<int>(inputs_.size()) && bool(inputs_[i]); }
  const ArrayRef& in(int i) const { return inputs_[i]; }    // of the saved ones
  const ArrayRef& out(int i) const { return outputs_[i]; }  // of the saved ones
  std::span<const int64_t> in_shape(int i) const;           // of any that needs a gradient
  void grad(int i, ArrayRef value);                         // ignored where it is not needed
  const Attrs& attrs;

 private:
  Vjp& v_;
  std::span<const ArrayRef> inputs_, outputs_;
};

// All rows, chapter by chapter (csrc/ops/nn/*.cc).
using KernelChapter = std::span<const KernelOp* const>;
KernelChapter rnn_kernels();
KernelChapter norm_kernels();
KernelChapter linear_kernels();
KernelChapter attention_kernels();
KernelChapter embedding_kernels();
KernelChapter softmax_kernels();
KernelChapter pooling_kernels();
KernelChapter convolution_kernels();
KernelChapter resampling_kernels();
KernelChapter detection_kernels();

// Recording an application (ops/kernel_grad.cc). Null when there is nothing to record.
NodeRef kernel_begin(const KernelOp& op, std::span<const ArrayRef> inputs, const Attrs& attrs);
void kernel_finish(const NodeRef& node, std::span<const ArrayRef> outputs);

}  // namespace mp
