// Gradients of matrix products.
#include <numeric>

#include "ops/expr.h"
#include "ops/gradients.h"
#include "tape/vjp.h"

namespace mp {
namespace {

using namespace expr;

ArrayRef swap_last_two(const ArrayRef& a) {
  std::vector<int> axes(a->ndim);
  std::iota(axes.begin(), axes.end(), 0);
  std::swap(axes[a->ndim - 1], axes[a->ndim - 2]);
  return api::transpose(a, axes);
}

ArrayRef with_axis(const ArrayRef& a, int position) {
  std::vector<int64_t> shape(a->shape, a->shape + a->ndim);
  shape.insert(shape.begin() + position, 1);
  return api::reshape(a, shape);
}

ArrayRef without_axis(const ArrayRef& a, int position) {
  std::vector<int64_t> shape(a->shape, a->shape + a->ndim);
  shape.erase(shape.begin() + position);
  return api::reshape(a, shape);
}

// Vectors become a row (first operand) or a column (second), as in the definition of matmul.
void matmul_rule(Vjp& v) {
  ArrayRef a = v.in(0), b = v.in(1), g = v.g();
  const bool row = a->ndim == 1, column = b->ndim == 1;
  if (column) g = with_axis(g, g->ndim);
  if (row) g = with_axis(g, g->ndim - 1);
  if (v.needs(0)) {
    ArrayRef ga = api::matmul(g, swap_last_two(column ? with_axis(b, 1) : b));
    v.grad(0, row ? without_axis(ga, ga->ndim - 2) : ga);
  }
  if (v.needs(1)) {
    ArrayRef gb = api::matmul(swap_last_two(row ? with_axis(a, 0) : a), g);
    v.grad(1, column ? without_axis(gb, gb->ndim - 1) : gb);
  }
}

int64_t product(const int64_t* values, int count) {
  return std::accumulate(values, values + count, int64_t{1}, std::multiplies<>());
}

// dot sums over a's last axis and b's last but one: both are flattened to matrices around it.
void dot_rule(Vjp& v) {
  ArrayRef a = v.in(0), b = v.in(1), g = v.g();
  if (a->ndim == 0 || b->ndim == 0) {
    if (v.needs(0)) v.grad(0, g * b);
    if (v.needs(1)) v.grad(1, g * a);
    return;
  }
  const int64_t k = a->shape[a->ndim - 1], rows = product(a->shape, a->ndim - 1);
  const int64_t columns =
      k ? b->size / k : product(g->shape + a->ndim - 1, g->ndim - (a->ndim - 1));
  const int64_t g_shape[] = {rows, columns}, a_shape[] = {rows, k}, b_flat[] = {k, columns};
  ArrayRef g2 = api::reshape(g, g_shape);
  // b with the summed axis first; its gradient goes back the same way.
  std::vector<int> first(b->ndim), back(b->ndim);
  const int summed = b->ndim > 1 ? b->ndim - 2 : 0;
  for (int i = 0, at = 1; i < b->ndim; ++i) back[i] = i == summed ? 0 : at++;
  for (int i = 0; i < b->ndim; ++i) first[back[i]] = i;
  ArrayRef b_first = api::transpose(b, first);
  if (v.needs(0)) {
    ArrayRef b2 = api::reshape(b_first, b_flat);
    v.grad(0, api::reshape(api::matmul(g2, swap_last_two(b2)), a->shape_span()));
  }
  if (v.needs(1)) {
    ArrayRef gb = api::matmul(swap_last_two(api::reshape(a, a_shape)), g2);
    v.grad(1, api::transpose(api::reshape(gb, b_first->shape_span()), back));
  }
}

constexpr uint8_t kBoth = kSaveIn0 | kSaveIn1;

}  // namespace

const OpDef op_matmul{.name = "matmul", .vjp = matmul_rule, .saves = kBoth};
const OpDef op_dot{.name = "dot", .vjp = dot_rule, .saves = kBoth};

}  // namespace mp
