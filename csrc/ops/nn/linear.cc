// Matrix products with transposed operands, and the fully connected layer. Operands are read
// through their strides; nothing is transposed in memory.
#include "cpu/nn/linear.h"

#include <cstring>
#include <string>
#include <vector>

#include "ops/blas.h"
#include "ops/expr.h"
#include "ops/kernel_op.h"

namespace mp {
namespace {

using namespace expr;

bool is_half(DType t) { return t == DType::F16 || t == DType::BF16; }

// --- gemm: stacks of matrices ---

// One operand as the product reads it: rows and columns after transposition.
struct Side {
  const Array* a;
  int64_t rows, cols;
  blas::Steps steps;

  Side(const ArrayRef& x, bool transposed) : a(x.get()) {
    const int last = a->ndim - 1;
    const int row = transposed ? last : last - 1, col = transposed ? last - 1 : last;
    rows = a->shape[row], cols = a->shape[col];
    steps = {a->strides[row], a->strides[col]};
  }
};

bool same_stack(const ArrayRef& a, const ArrayRef& b) {
  if (a->ndim != b->ndim) return false;
  for (int i = 0; i < a->ndim - 2; ++i)
    if (a->shape[i] != b->shape[i]) return false;
  return true;
}

void check_gemm(const ArrayRef& a, const ArrayRef& b, bool ta, bool tb) {
  if (a->ndim < 2 || b->ndim < 2)
    kernel_error(PyExc_ValueError, "gemm: matrices are required, the operands have %d and %d axes",
                 int{a->ndim}, int{b->ndim});
  if (!same_stack(a, b))
    kernel_error(PyExc_ValueError,
                 "gemm: both operands must have the same axes before the last two");
  const int64_t k = Side(a, ta).cols, given = Side(b, tb).rows;
  if (k != given)
    kernel_error(PyExc_ValueError,
                 "gemm: the operands do not fit: %lld columns of the first (transpose_a=%s), %lld "
                 "rows of the second (transpose_b=%s)",
                 static_cast<long long>(k), ta ? "True" : "False", static_cast<long long>(given),
                 tb ? "True" : "False");
}

// The first element of each matrix of the stack.
std::vector<char*> matrices(const Array* a, int64_t count) {
  std::vector<char*> found(static_cast<size_t>(count), a->bytes());
  int64_t at[kMaxDims] = {};
  for (int64_t t = 0; t < count; ++t) {
    for (int i = 0; i < a->ndim - 2; ++i) found[static_cast<size_t>(t)] += at[i] * a->strides[i];
    for (int i = a->ndim - 3; i >= 0 && ++at[i] == a->shape[i]; --i) at[i] = 0;
  }
  return found;
}

void multiply(DType dtype, const Side& a, const Side& b, Array* c,
              const cpu::GemmFinish& finish = {}) {
  const int64_t item = itemsize(dtype), each = a.rows * b.cols;
  if (c->size == 0) return;
  if (a.cols == 0) {
    std::memset(c->bytes(), 0, static_cast<size_t>(c->nbytes()));
    if (finish.run) finish.run(finish.context, {0, a.rows, 0, b.cols});
    return;
  }
  const int64_t count = c->size / each;
  const std::vector<char*> from_a = matrices(a.a, count), from_b = matrices(b.a, count);
  std::vector<blas::Operands> products(static_cast<size_t>(count));
  for (size_t i = 0; i < products.size(); ++i)
    products[i] = {from_a[i], from_b[i], c->bytes() + static_cast<int64_t>(i) * each * item};
  if (!blas::gemm(dtype, a.rows, b.cols, a.cols, a.steps, b.steps, {b.cols * item, item}, products,
                  finish))
    throw PythonError{};
}

void gemm_forward(KernelCall& call) {
  const ArrayRef &a = call.in(0), &b = call.in(1);
  const bool ta = call.attrs.get<bool>("transpose_a"), tb = call.attrs.get<bool>("transpose_b");
  check_gemm(a, b, ta, tb);
  const Side left(a, ta), right(b, tb);
  std::vector<int64_t> shape(a->shape, a->shape + a->ndim - 2);
  shape.insert(shape.end(), {left.rows, right.cols});
  multiply(a->dtype, left, right, call.make(a->dtype, shape));
}

extern const KernelOp gemm;

ArrayRef product(const ArrayRef& a, const ArrayRef& b, bool ta, bool tb) {
  return apply(gemm, {a, b}, {{"transpose_a", ta}, {"transpose_b", tb}})[0];
}

void gemm_rule(KernelVjp& v) {
  const bool ta = v.attrs.get<bool>("transpose_a"), tb = v.attrs.get<bool>("transpose_b");
  const ArrayRef &a = v.in(0), &b = v.in(1), &g = v.g();
  if (v.needs(0)) v.grad(0, ta ? product(b, g, tb, true) : product(g, b, false, !tb));
  if (v.needs(1)) v.grad(1, tb ? product(g, a, true, ta) : product(a, g, !ta, false));
}

const KernelOp gemm{
    .name = "gemm",
    .doc = "Products of the matrices in two stacks of the same leading axes, either transposed.",
    .inputs = {{"a"}, {"b"}},
    .attrs = {{"transpose_a", KernelAttr::Bool, false}, {"transpose_b", KernelAttr::Bool, false}},
    .forward = gemm_forward,
    .vjp = gemm_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b11,
};

// --- fully_connected ---

cpu::Activation activation_of(const Attrs& attrs) {
  static constexpr const char* kNames[] = {"", "relu", "tanh", "sigmoid"};
  const std::string& name = attrs.get<std::string>("act_type");
  for (int i = 0; i < 4; ++i)
    if (name == kNames[i]) return static_cast<cpu::Activation>(i);
  kernel_error(PyExc_ValueError,
               "fully_connected: act_type must be 'relu', 'tanh', 'sigmoid' or None, got '%s'",
               name.c_str());
}

void check_layer(const ArrayRef& x, const ArrayRef& weight, const ArrayRef& bias) {
  auto shown = [](int64_t n) { return static_cast<long long>(n); };
  if (x->ndim != 2 || weight->ndim != 2)
    kernel_error(PyExc_ValueError,
                 "fully_connected: data and weight must be matrices here, they have %d and %d axes",
                 int{x->ndim}, int{weight->ndim});
  if (weight->shape[1] != x->shape[1])
    kernel_error(PyExc_ValueError,
                 "fully_connected: weight must have shape (num_hidden, %lld) for data of %lld "
                 "features, its shape is (%lld, %lld)",
                 shown(x->shape[1]), shown(x->shape[1]), shown(weight->shape[0]),
                 shown(weight->shape[1]));
  if (bias && (bias->ndim != 1 || bias->shape[0] != weight->shape[0]))
    kernel_error(PyExc_ValueError,
                 "fully_connected: bias must have shape (%lld,), it has %d axes and %lld elements",
                 shown(weight->shape[0]), int{bias->ndim}, shown(bias->size));
}

void fully_connected_forward(KernelCall& call) {
  const ArrayRef &x = call.in(0), &weight = call.in(1);
  const ArrayRef bias = call.has(2) ? call.dense(2) : ArrayRef();
  check_layer(x, weight, bias);
  const int64_t rows = x->shape[0], n = weight->shape[0];
  const cpu::Activation activation = activation_of(call.attrs);
  Array* y = call.make(x->dtype, {rows, n});
  const cpu::Epilogue p{n, activation, bias ? bias->bytes() : nullptr, y->bytes()};
  multiply(x->dtype, Side(x, false), Side(weight, true), y, cpu::linear_finish(x->dtype, p));
}

ArrayRef before_activation(const ArrayRef& g, const ArrayRef& y, cpu::Activation activation) {
  switch (activation) {
    case cpu::Activation::Relu:
      return g * sign(y);  // y is not negative
    case cpu::Activation::Tanh:
      return g * (1.0 - square(y));
    case cpu::Activation::Sigmoid:
      return g * (y * (1.0 - y));
    default:
      return g;
  }
}

void fully_connected_rule(KernelVjp& v) {
  const cpu::Activation activation = activation_of(v.attrs);
  const ArrayRef g = before_activation(v.g(), v.out(0), activation);
  if (v.needs(0)) v.grad(0, product(g, v.in(1), false, false));
  if (v.needs(1)) v.grad(1, product(g, v.in(0), true, false));
  if (v.needs(2)) {
    const int rows[] = {0};
    v.grad(2, api::sum(is_half(g->dtype) ? api::astype(g, DType::F32) : g, rows, false));
  }
}

const KernelOp fully_connected{
    .name = "fully_connected",
    .doc = "act(data @ weight.T + bias) for a matrix of data.",
    .inputs = {{"data"}, {"weight"}, {"bias", KernelInput::Float, true}},
    .attrs = {{"act_type", KernelAttr::Text, std::string()}},
    .forward = fully_connected_forward,
    .vjp = fully_connected_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b011,
    .saves_outputs = 0b1,
};

}  // namespace

KernelChapter linear_kernels() {
  static const KernelOp* const ops[] = {&gemm, &fully_connected};
  return ops;
}

}  // namespace mp
