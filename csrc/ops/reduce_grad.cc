// Gradients of reductions and scans.
#include <algorithm>
#include <numeric>

#include "ops/expr.h"
#include "ops/gradients.h"
#include "tape/composite.h"
#include "tape/tape.h"
#include "tape/vjp.h"

namespace mp {
namespace {

using namespace expr;

const std::vector<int64_t>& axes_of(Vjp& v) { return v.attrs().get<std::vector<int64_t>>("axes"); }

// The shape of the input with the reduced axes of length 1.
std::vector<int64_t> kept_shape(Vjp& v) {
  const Shape& in = v.in_meta(0).shape;
  std::vector<int64_t> shape(in.begin(), in.end());
  for (int64_t axis : axes_of(v)) shape[static_cast<size_t>(axis)] = 1;
  return shape;
}

ArrayRef keep_dims(Vjp& v, const ArrayRef& a) {
  return v.attrs().get_or("keepdims", false) ? a : api::reshape(a, kept_shape(v));
}

const ArrayRef* mask_of(Vjp& v) {
  const AttrValue* mask = v.attrs().find("where");
  return mask ? &std::get<ArrayRef>(*mask) : nullptr;
}

// Number of elements that each result was made of.
int64_t reduced_count(Vjp& v) {
  int64_t n = 1;
  for (int64_t axis : axes_of(v)) n *= v.in_meta(0).shape[static_cast<int>(axis)];
  return n;
}

ArrayRef count_where(Vjp& v, const ArrayRef& mask, DType dtype) {
  ArrayRef ones = api::astype(api::broadcast_to(mask, v.in_meta(0).shape.span()), dtype);
  std::vector<int> axes(axes_of(v).begin(), axes_of(v).end());
  return api::sum(ones, axes, true);
}

// Spreads a value per result over the elements that it was made of.
ArrayRef spread(Vjp& v, const ArrayRef& per_result) {
  ArrayRef g = api::broadcast_to(per_result, v.in_meta(0).shape.span());
  const ArrayRef* mask = mask_of(v);
  return mask ? api::where(*mask, g, 0.0) : g;
}

void sum_rule(Vjp& v) { v.grad(0, spread(v, keep_dims(v, v.g()))); }

void mean_rule(Vjp& v) {
  ArrayRef g = keep_dims(v, v.g());
  if (const ArrayRef* mask = mask_of(v))
    g = g / count_where(v, *mask, g->dtype);
  else
    g = g / static_cast<double>(reduced_count(v));
  v.grad(0, spread(v, g));
}

// Of max and min (a NaN is the result) and fmax and fmin (where a NaN loses): it gets the gradient
// or not.
template <bool kNaNWins>
void extremum_rule(Vjp& v) {
  ArrayRef g = keep_dims(v, v.g()), best = keep_dims(v, v.out()), x = v.in(0);
  ArrayRef hit = x == best;
  if (kNaNWins) hit = hit | isnan(x);
  if (const ArrayRef* mask = mask_of(v)) hit = api::where(*mask, hit, 0.0);
  ArrayRef count =
      count_where(v, hit, g->dtype);  // 0 where `initial` was better than every element
  ArrayRef share = g / api::where(count != 0.0, count, 1.0);
  v.grad(0, spread(v, api::where(hit, share, 0.0)));
}

void logaddexp_reduce_rule(Vjp& v) {
  ArrayRef x = v.in(0), y = keep_dims(v, v.out());
  v.grad(0, spread(v, keep_dims(v, v.g())) * exp(x - y));
}

bool has_zero(const ArrayRef& a) {
  tape::RecordingScope off(false);
  ArrayRef zero = a == 0.0;
  std::vector<int> axes(zero->ndim);
  std::iota(axes.begin(), axes.end(), 0);
  ArrayRef count = api::sum(api::astype(zero, DType::I64), axes, false);
  return *reinterpret_cast<int64_t*>(count->bytes()) != 0;
}

// The product along the last axis as a tree of multiplications, which differentiates right where a
// factor is 0.
ArrayRef product_tree(ArrayRef a) {
  const int axis = a->ndim - 1;
  while (a->shape[axis] > 1) {
    const int64_t n = a->shape[axis], half = n / 2;
    ArrayRef folded = api::slice(a, axis, 0, half) * api::slice(a, axis, half, 2 * half);
    if (n % 2) {
      ArrayRef last = api::slice(a, axis, n - 1, n), first = api::slice(folded, axis, 0, 1) * last;
      ArrayRef next = api::copy(folded);
      api::assign(api::slice(next, axis, 0, 1), first);
      folded = next;
    }
    a = folded;
  }
  return a;
}

// Moves the reduced axes to the end, as one.
ArrayRef reduced_last(const ArrayRef& a, const std::vector<int64_t>& reduced) {
  std::vector<int> order;
  std::vector<int64_t> shape;
  int64_t n = 1;
  for (int i = 0; i < a->ndim; ++i) {
    if (std::find(reduced.begin(), reduced.end(), i) != reduced.end()) continue;
    order.push_back(i);
    shape.push_back(a->shape[i]);
  }
  for (int64_t axis : reduced) {
    order.push_back(static_cast<int>(axis));
    n *= a->shape[axis];
  }
  shape.push_back(n);
  return api::reshape(api::transpose(a, order), shape);
}

void prod_rule(Vjp& v) {
  ArrayRef x = v.in(0), g = v.g();
  if (const ArrayRef* mask = mask_of(v)) x = api::where(*mask, x, 1.0);
  if (!has_zero(x)) {
    v.grad(0, spread(v, keep_dims(v, g * v.out()) / x));
    return;
  }
  std::vector<int64_t> axes = axes_of(v), kept = kept_shape(v);
  auto product = [&](const ArrayRef& a) {
    return api::reshape(product_tree(reduced_last(a, axes)), kept);
  };
  v.grad(0, spread(v, tape::composite_vjp(product, x, keep_dims(v, g))));
}

int axis_of(Vjp& v) { return static_cast<int>(v.attrs().get<int64_t>("axis")); }

ArrayRef reverse_cumsum(const ArrayRef& a, int axis) {
  return api::flip(api::cumsum(api::flip(a, axis), axis), axis);
}

void cumsum_rule(Vjp& v) { v.grad(0, reverse_cumsum(v.g(), axis_of(v))); }

// Running products by doubling: log2(n) multiplications of whole arrays.
ArrayRef scan_products(const ArrayRef& a, int axis) {
  ArrayRef y = api::copy(a);
  const int64_t n = a->shape[axis];
  for (int64_t step = 1; step < n; step *= 2) {
    ArrayRef next = api::copy(y);
    api::assign(api::slice(next, axis, step, n),
                api::slice(y, axis, step, n) * api::slice(y, axis, 0, n - step));
    y = next;
  }
  return y;
}

void cumprod_rule(Vjp& v) {
  ArrayRef x = v.in(0);
  const int axis = axis_of(v);
  if (!has_zero(x)) {
    v.grad(0, reverse_cumsum(v.g() * v.out(), axis) / x);
    return;
  }
  v.grad(0, tape::composite_vjp([axis](const ArrayRef& a) { return scan_products(a, axis); }, x,
                                v.g()));
}

}  // namespace

const OpDef op_sum{.name = "sum", .vjp = sum_rule};
const OpDef op_mean{.name = "mean", .vjp = mean_rule};
const OpDef op_prod{.name = "prod", .vjp = prod_rule, .saves = kSaveIn0 | kSaveOut0};
const OpDef op_max{.name = "max", .vjp = extremum_rule<true>, .saves = kSaveIn0 | kSaveOut0};
const OpDef op_min{.name = "min", .vjp = extremum_rule<true>, .saves = kSaveIn0 | kSaveOut0};
const OpDef op_cumsum{.name = "cumsum", .vjp = cumsum_rule};
const OpDef op_cumprod{.name = "cumprod", .vjp = cumprod_rule, .saves = kSaveIn0 | kSaveOut0};

namespace {

const OpDef op_fmax{// without NaN
                    .name = "fmax.reduce",
                    .vjp = extremum_rule<false>,
                    .saves = kSaveIn0 | kSaveOut0};
const OpDef op_fmin{
    .name = "fmin.reduce", .vjp = extremum_rule<false>, .saves = kSaveIn0 | kSaveOut0};
const OpDef op_logaddexp_reduce{
    .name = "logaddexp.reduce", .vjp = logaddexp_reduce_rule, .saves = kSaveIn0 | kSaveOut0};

}  // namespace

const OpDef* reduction_op(const char* ufunc_name) {
  constexpr std::pair<std::string_view, const OpDef*> kRows[] = {
      {"add", &op_sum},
      {"multiply", &op_prod},
      {"maximum", &op_max},
      {"minimum", &op_min},
      {"fmax", &op_fmax},
      {"fmin", &op_fmin},
      {"logaddexp", &op_logaddexp_reduce}};
  for (auto [name, op] : kRows)
    if (name == ufunc_name) return op;
  return nullptr;
}

}  // namespace mp
