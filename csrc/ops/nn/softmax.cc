// Softmax, its logarithm, and cross-entropy with logits.
#include "cpu/nn/softmax.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "ops/kernel_op.h"

namespace mp {
namespace {

// --- Softmax ---

int64_t product(std::span<const int64_t> lengths) {
  return std::accumulate(lengths.begin(), lengths.end(), int64_t{1}, std::multiplies<>());
}

int checked_axis(const char* op, const ArrayRef& x, int64_t axis) {
  if (axis < -x->ndim || axis >= x->ndim)
    kernel_error(PyExc_ValueError, "%s: axis %lld is out of bounds for data of %d dimensions", op,
                 static_cast<long long>(axis), int{x->ndim});
  return static_cast<int>(axis < 0 ? axis + x->ndim : axis);
}

cpu::Softmax softmax_shape(const ArrayRef& x, const Attrs& attrs) {
  const auto axis = static_cast<size_t>(checked_axis("softmax", x, attrs.get<int64_t>("axis")));
  const auto shape = x->shape_span();
  return {product(shape.first(axis)),       shape[axis],
          product(shape.subspan(axis + 1)), attrs.get<double>("scale"),
          attrs.get<bool>("log"),           nullptr};
}

// The lengths as int64, one for each row.
ArrayRef read_lengths(const KernelCall& call, int i, cpu::Softmax& shape) {
  if (!call.has(i)) return {};
  if (shape.inner != 1 || call.in(i)->size != shape.outer)
    kernel_error(PyExc_ValueError,
                 "softmax: length must hold one number for each of the %lld rows along the last "
                 "axis, it has %lld",
                 static_cast<long long>(shape.outer), static_cast<long long>(call.in(i)->size));
  ArrayRef lengths = check(array_cast(call.in(i).get(), DType::I64));
  shape.lengths = reinterpret_cast<const int64_t*>(lengths->bytes());
  return lengths;
}

void softmax_forward(KernelCall& call) {
  ArrayRef x = call.dense(0);
  cpu::Softmax shape = softmax_shape(x, call.attrs);
  ArrayRef lengths = read_lengths(call, 1, shape);
  Array* y = call.make(x->dtype, x->shape_span());
  const cpu::SoftmaxForward p{x->bytes(), y->bytes()};
  ReleaseGil scope(x->size);
  cpu::softmax(x->dtype, shape, p);
}

void softmax_grad_forward(KernelCall& call) {
  ArrayRef dy = call.dense(0), y = call.dense(1);
  cpu::Softmax shape = softmax_shape(y, call.attrs);
  ArrayRef lengths = read_lengths(call, 2, shape);
  Array* dx = call.make(y->dtype, y->shape_span());
  const cpu::SoftmaxBackward p{dy->bytes(), y->bytes(), dx->bytes()};
  ReleaseGil scope(y->size);
  cpu::softmax_grad(y->dtype, shape, p);
}

const KernelAttr kAxis{"axis", KernelAttr::Int, int64_t{-1}};
const KernelAttr kScale{"scale", KernelAttr::Real, 1.0};
const KernelAttr kLog{"log", KernelAttr::Bool, false};

const KernelOp softmax_grad{
    .name = "softmax_grad",
    .doc = "Gradient of softmax by data.",
    .inputs = {{"dy"}, {"y"}, {"length", KernelInput::Any, true}},
    .attrs = {kAxis, kScale, kLog},
    .forward = softmax_grad_forward,
};

void softmax_rule(KernelVjp& v) {
  v.grad(0, apply(softmax_grad, {v.g(), v.out(0), v.in(1)}, v.attrs)[0]);
}

const KernelOp softmax{
    .name = "softmax",
    .doc =
        "The exponentials of scale * data over their sum along an axis, or the logarithm of "
        "that. With lengths, one for each row along the last axis, what lies beyond is 0.",
    .inputs = {{"data"}, {"length", KernelInput::Any, true}},
    .attrs = {kAxis, kScale, kLog},
    .forward = softmax_forward,
    .vjp = softmax_rule,
    .saves_inputs = 0b10,
    .saves_outputs = 0b1,
};

// --- Cross-entropy with labels ---

struct Labels {
  ArrayRef array;  // int64
  int64_t ignored;
  const int64_t* data() const { return reinterpret_cast<const int64_t*>(array->bytes()); }
};

constexpr int64_t kNothingIgnored = std::numeric_limits<int64_t>::min();

[[noreturn]] void bad_label(const ArrayRef& labels, int64_t at, int64_t label, int64_t n) {
  std::string place;
  int64_t rest = at, step = labels->size;
  for (int64_t length : labels->shape_span()) {
    step /= length;
    place += (place.empty() ? "" : ", ") + std::to_string(rest / step);
    rest %= step;
  }
  kernel_error(PyExc_IndexError, "label %lld at position (%s%s) is out of bounds for %lld classes",
               static_cast<long long>(label), place.c_str(), labels->ndim == 1 ? "," : "",
               static_cast<long long>(n));
}

// One label for each row of `rows`, each below n.
Labels read_labels(const char* op, const ArrayRef& given, std::span<const int64_t> rows, int64_t n,
                   const Attrs& attrs) {
  if (!std::ranges::equal(given->shape_span(), rows))
    kernel_error(PyExc_ValueError,
                 "%s: label must have the shape of data without the last axis (%d dimensions, size "
                 "%lld), not ndim %d size %lld",
                 op, static_cast<int>(rows.size()), static_cast<long long>(product(rows)),
                 int{given->ndim}, static_cast<long long>(given->size));
  Labels labels{
      given, attrs.get<bool>("use_ignore") ? attrs.get<int64_t>("ignore_label") : kNothingIgnored};
  if (given->dtype != DType::I64 || !given->c_contiguous())
    labels.array = check(array_cast(given.get(), DType::I64));
  const int64_t* label = labels.data();
  for (int64_t i = 0; i < given->size; ++i)
    if ((label[i] < 0 || label[i] >= n) && label[i] != labels.ignored)
      bad_label(given, i, label[i], n);
  return labels;
}

std::span<const int64_t> rows_of(const char* op, const ArrayRef& x) {
  if (x->ndim == 0) kernel_error(PyExc_ValueError, "%s: data must have at least one axis", op);
  return x->shape_span().first(x->ndim - 1);
}

// Loss, largest element and reciprocal sum of exponentials of each row.
cpu::CrossEntropyForward make_losses(KernelCall& call, const ArrayRef& x,
                                     std::span<const int64_t> rows) {
  Array* outputs[3];
  for (Array*& out : outputs) out = call.make(x->dtype, rows);
  return {x->bytes(), nullptr, outputs[0]->bytes(), outputs[1]->bytes(), outputs[2]->bytes()};
}

void cross_entropy_forward(KernelCall& call) {
  ArrayRef x = call.dense(0);
  const auto rows = rows_of("cross_entropy", x);
  const int64_t n = x->shape[x->ndim - 1];
  const Labels labels = read_labels("cross_entropy", call.in(1), rows, n, call.attrs);
  const cpu::CrossEntropyForward p = make_losses(call, x, rows);
  const cpu::CrossEntropy shape{labels.array->size, n, labels.data(), labels.ignored};
  ReleaseGil scope(x->size);
  cpu::cross_entropy(x->dtype, shape, p);
}

void cross_entropy_grad_forward(KernelCall& call) {
  ArrayRef dy = call.dense(0), x = call.dense(1), largest = call.dense(3), inverse = call.dense(4);
  const auto rows = rows_of("cross_entropy", x);
  const int64_t n = x->shape[x->ndim - 1];
  const Labels labels = read_labels("cross_entropy", call.in(2), rows, n, call.attrs);
  Array* dx = call.make(x->dtype, x->shape_span());
  const cpu::CrossEntropyBackward p{dy->bytes(),      x->bytes(),  nullptr, largest->bytes(),
                                    inverse->bytes(), dx->bytes(), nullptr};
  const cpu::CrossEntropy shape{labels.array->size, n, labels.data(), labels.ignored};
  ReleaseGil scope(x->size);
  cpu::cross_entropy_grad(x->dtype, shape, p);
}

const KernelAttr kUseIgnore{"use_ignore", KernelAttr::Bool, false};
const KernelAttr kIgnoreLabel{"ignore_label", KernelAttr::Int, int64_t{-1}};

const KernelOp cross_entropy_grad{
    .name = "cross_entropy_grad",
    .doc = "Gradient of cross_entropy by data.",
    .inputs = {{"dy"}, {"data"}, {"label", KernelInput::Any}, {"largest"}, {"inverse"}},
    .attrs = {kUseIgnore, kIgnoreLabel},
    .forward = cross_entropy_grad_forward,
};

void cross_entropy_rule(KernelVjp& v) {
  v.grad(0, apply(cross_entropy_grad, {v.g(), v.in(0), v.in(1), v.out(1), v.out(2)}, v.attrs)[0]);
}

const KernelOp cross_entropy{
    .name = "cross_entropy",
    .doc =
        "-log softmax(data)[label] along the last axis. Outputs: the losses, the largest "
        "elements, the reciprocal sums of the exponentials of data less those.",
    .inputs = {{"data"}, {"label", KernelInput::Any}},
    .attrs = {kUseIgnore, kIgnoreLabel},
    .forward = cross_entropy_forward,
    .vjp = cross_entropy_rule,
    .saves_inputs = 0b11,
    .saves_outputs = 0b110,
};

// --- Cross-entropy with a weight for each class ---

void check_target(const ArrayRef& x, const ArrayRef& target) {
  if (!std::ranges::equal(x->shape_span(), target->shape_span()))
    kernel_error(
        PyExc_ValueError,
        "cross_entropy: label must have the shape of data (ndim %d size %lld), not ndim %d "
        "size %lld",
        int{x->ndim}, static_cast<long long>(x->size), int{target->ndim},
        static_cast<long long>(target->size));
}

void cross_entropy_target_forward(KernelCall& call) {
  ArrayRef x = call.dense(0), target = call.dense(1);
  const auto rows = rows_of("cross_entropy", x);
  check_target(x, target);
  cpu::CrossEntropyForward p = make_losses(call, x, rows);
  p.target = target->bytes();
  const cpu::CrossEntropy shape{product(rows), x->shape[x->ndim - 1], nullptr, kNothingIgnored};
  ReleaseGil scope(x->size);
  cpu::cross_entropy(x->dtype, shape, p);
}

void cross_entropy_target_grad_forward(KernelCall& call) {
  ArrayRef dy = call.dense(0), x = call.dense(1), target = call.dense(2), largest = call.dense(3),
           inverse = call.dense(4);
  Array* dx = call.make(x->dtype, x->shape_span());
  Array* dtarget = call.make(x->dtype, x->shape_span());
  const cpu::CrossEntropyBackward p{dy->bytes(),      x->bytes(),       target->bytes(),
                                    largest->bytes(), inverse->bytes(), dx->bytes(),
                                    dtarget->bytes()};
  const cpu::CrossEntropy shape{dy->size, x->shape[x->ndim - 1], nullptr, kNothingIgnored};
  ReleaseGil scope(x->size);
  cpu::cross_entropy_grad(x->dtype, shape, p);
}

const KernelOp cross_entropy_target_grad{
    .name = "cross_entropy_target_grad",
    .doc = "Gradients of cross_entropy_target by data and target.",
    .inputs = {{"dy"}, {"data"}, {"target"}, {"largest"}, {"inverse"}},
    .forward = cross_entropy_target_grad_forward,
};

void cross_entropy_target_rule(KernelVjp& v) {
  std::vector<ArrayRef> grads =
      apply(cross_entropy_target_grad, {v.g(), v.in(0), v.in(1), v.out(1), v.out(2)}, {});
  v.grad(0, grads[0]);
  v.grad(1, grads[1]);
}

const KernelOp cross_entropy_target{
    .name = "cross_entropy_target",
    .doc = "-sum(target * log softmax(data)) along the last axis. Outputs as of cross_entropy.",
    .inputs = {{"data"}, {"target"}},
    .forward = cross_entropy_target_forward,
    .vjp = cross_entropy_target_rule,
    .saves_inputs = 0b11,
    .saves_outputs = 0b110,
};

}  // namespace

KernelChapter softmax_kernels() {
  static const KernelOp* const ops[] = {&softmax,
                                        &softmax_grad,
                                        &cross_entropy,
                                        &cross_entropy_grad,
                                        &cross_entropy_target,
                                        &cross_entropy_target_grad};
  return ops;
}

}  // namespace mp
