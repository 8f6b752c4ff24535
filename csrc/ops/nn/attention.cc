// Scaled dot-product attention: blocks of queries and keys, see backend/cpu/nn/attention.h. Its
// gradient computes the blocks of scores again.
#include "cpu/nn/attention.h"

#include <algorithm>
#include <vector>

#include "ops/kernel_op.h"

namespace mp {
namespace {

int64_t length(const ArrayRef& a, int from_end) { return a->shape[a->ndim - from_end]; }

// The array itself where its last axis is adjacent, else a copy in C order.
ArrayRef with_adjacent_columns(const ArrayRef& a) {
  const int64_t item = itemsize(a->dtype), last = a->strides[a->ndim - 1];
  const bool adjacent = length(a, 1) == 1 || last == item;
  bool whole = true;  // steps between rows count elements
  for (int i = 0; i < a->ndim - 1; ++i) whole = whole && a->strides[i] % item == 0;
  ArrayRef result = adjacent && whole ? a : check(array_copy(a.get(), 'C'));
  result->bytes();
  return result;
}

// The first elements of the matrices in the leading axes' order.
std::vector<const void*> head_starts(const ArrayRef& a, int64_t heads) {
  std::vector<const void*> starts(static_cast<size_t>(heads));
  int64_t at[kMaxDims] = {};
  for (const void*& start : starts) {
    const char* p = a->bytes();
    for (int i = 0; i < a->ndim - 2; ++i) p += at[i] * a->strides[i];
    start = p;
    for (int i = a->ndim - 3; i >= 0 && ++at[i] == a->shape[i]; --i) at[i] = 0;
  }
  return starts;
}

bool same_lead(const ArrayRef& a, const ArrayRef& b) {
  return a->ndim == b->ndim && std::equal(a->shape, a->shape + a->ndim - 2, b->shape);
}

void check_shapes(const ArrayRef& q, const ArrayRef& k, const ArrayRef& v, const ArrayRef& mask) {
  if (q->ndim < 2 || !same_lead(q, k) || !same_lead(q, v) || length(q, 1) != length(k, 1) ||
      length(k, 2) != length(v, 2))
    kernel_error(PyExc_ValueError,
                 "attention: query (..., queries, width), key (..., keys, width) and value (..., "
                 "keys, value width) with the same leading axes are required");
  if (mask &&
      (!same_lead(q, mask) || length(mask, 2) != length(q, 2) || length(mask, 1) != length(k, 2)))
    kernel_error(PyExc_ValueError, "attention: mask must have shape (..., queries, keys)");
}

// The inputs as the kernels read them, kept alive.
class Operands {
 public:
  Operands(const KernelCall& call, const Attrs& attrs)
      : q_(with_adjacent_columns(call.in(0))),
        k_(with_adjacent_columns(call.in(1))),
        v_(with_adjacent_columns(call.in(2))) {
    const ArrayRef mask = call.has(3) ? call.in(3) : ArrayRef();
    check_shapes(q_, k_, v_, mask);
    heads_ = 1;
    for (int i = 0; i < q_->ndim - 2; ++i) heads_ *= q_->shape[i];
    shape = {heads_,
             length(q_, 2),
             length(k_, 2),
             length(q_, 1),
             length(v_, 1),
             attrs.get<double>("scale"),
             attrs.get<bool>("causal"),
             rows(q_),
             rows(k_),
             rows(v_),
             {},
             nullptr,
             nullptr};
    if (mask) shape.mask = mask_of(mask);
  }

  cpu::HeadRows rows(const ArrayRef& a) {
    starts_.push_back(head_starts(a, heads_));
    return {starts_.back().data(), a->strides[a->ndim - 2] / itemsize(a->dtype)};
  }

  cpu::Attention shape;

 private:
  cpu::HeadMask mask_of(const ArrayRef& a) {
    const int64_t item = itemsize(a->dtype);
    mask_ = a;
    for (int i = 0; i < a->ndim; ++i)
      if (a->strides[i] % item != 0) mask_ = check(array_copy(a.get(), 'C'));
    starts_.push_back(head_starts(mask_, heads_));
    return {starts_.back().data(), mask_->strides[a->ndim - 2] / item,
            mask_->strides[a->ndim - 1] / item};
  }

  ArrayRef q_, k_, v_, mask_;
  int64_t heads_;
  std::vector<std::vector<const void*>> starts_;  // their elements stay where they are
};

int64_t work(const cpu::Attention& p) { return p.heads * p.queries * p.keys * p.width; }

void attention_forward(KernelCall& call) {
  Operands operands(call, call.attrs);
  cpu::Attention& p = operands.shape;
  const ArrayRef& q = call.in(0);
  std::vector<int64_t> shape(q->shape, q->shape + q->ndim);
  shape.back() = p.value_width;
  Array* out = call.make(q->dtype, shape);
  shape.pop_back();
  Array* log_weight = call.make(DType::F64, shape);
  p.out = out->bytes();
  p.log_weight = reinterpret_cast<double*>(log_weight->bytes());
  ReleaseGil scope(work(p));
  cpu::attention(q->dtype, p);
}

void attention_grad_forward(KernelCall& call) {
  Operands operands(call, call.attrs);
  cpu::Attention& p = operands.shape;
  const ArrayRef out = call.dense(4), log_weight = call.dense(5),
                 dout = with_adjacent_columns(call.in(6));
  const DType dtype = out->dtype;
  p.out = out->bytes();
  p.log_weight = reinterpret_cast<double*>(log_weight->bytes());
  Array *dq = call.make(dtype, call.in(0)->shape_span()),
        *dk = call.make(dtype, call.in(1)->shape_span()),
        *dv = call.make(dtype, call.in(2)->shape_span()), *dmask = nullptr;
  if (call.attrs.get<bool>("mask_gradient")) dmask = call.make(dtype, call.in(3)->shape_span());
  const cpu::AttentionGrad g{p,           operands.rows(dout), dq->bytes(),
                             dk->bytes(), dv->bytes(),         dmask ? dmask->bytes() : nullptr};
  ReleaseGil scope(work(p));
  cpu::attention_grad(dtype, g);
}

const KernelAttr kScale{"scale", KernelAttr::Real, 1.0}, kCausal{"causal", KernelAttr::Bool, false};
const KernelInput kMask{"mask", KernelInput::Float, true};

const KernelOp attention_grad{
    .name = "attention_grad",
    .doc = "Gradients of attention by query, key, value and, with mask_gradient, mask.",
    .inputs =
        {{"query"}, {"key"}, {"value"}, kMask, {"out"}, {"log_weight", KernelInput::Any}, {"dout"}},
    .attrs = {kScale, kCausal, {"mask_gradient", KernelAttr::Bool, false}},
    .forward = attention_grad_forward,
};

void attention_rule(KernelVjp& v) {
  const bool mask = v.has(3) && v.needs(3);
  std::vector<ArrayRef> grads =
      apply(attention_grad, {v.in(0), v.in(1), v.in(2), v.in(3), v.out(0), v.out(1), v.g()},
            {{"scale", v.attrs.get<double>("scale")},
             {"causal", v.attrs.get<bool>("causal")},
             {"mask_gradient", mask}});
  for (size_t i = 0; i < grads.size(); ++i) v.grad(static_cast<int>(i), grads[i]);
}

const KernelOp attention{
    .name = "attention",
    .doc =
        "softmax(scale * query @ key' + mask) @ value over leading axes; with causal, query i "
        "sees the keys up to i. Outputs: the result, the logarithms of the sums of "
        "exponentials.",
    .inputs = {{"query"}, {"key"}, {"value"}, kMask},
    .attrs = {kScale, kCausal},
    .forward = attention_forward,
    .vjp = attention_rule,
    .saves_inputs = 0b1111,
    .saves_outputs = 0b11,
};

}  // namespace

KernelChapter attention_kernels() {
  static const KernelOp* const ops[] = {&attention, &attention_grad};
  return ops;
}

}  // namespace mp
