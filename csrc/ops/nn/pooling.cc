// Pooling: the kernels of maxima with their places and of sums with their divisor. Each of the four
// is linear given the places, so that the rules are differentiable to every order:
//   pool_max <- pool_max_spread <-> pool_max_pick,  pool_sum <-> pool_sum_spread.
#include "cpu/nn/pooling.h"

#include <algorithm>

#include "ops/kernel_op.h"
#include "tape/tape.h"

namespace mp {
namespace {

using cpu::PoolCount;
using cpu::PoolTables;
using Ints = std::vector<int64_t>;

PoolCount count_of(const Attrs& attrs) {
  const std::string* divisor = attrs.find("divisor") ? &attrs.get<std::string>("divisor") : nullptr;
  if (!divisor || *divisor == "none") return PoolCount::None;
  if (*divisor == "padded") return PoolCount::Padded;
  if (*divisor == "inside") return PoolCount::Inside;
  kernel_error(PyExc_ValueError, "pooling: divisor must be none, padded or inside, not %s",
               divisor->c_str());
}

// The windows of an application to an array that has the spatial sizes `side` ("in" or "out").
struct Geometry {
  size_t axes;
  size_t first;  // spatial axis of the array
  Ints in, out;
  PoolTables tables;

  const cpu::Pool& pool() const { return tables.pool; }
  std::vector<int64_t> shape(const ArrayRef& a, const Ints& sizes) const {
    std::vector<int64_t> result(a->shape, a->shape + a->ndim);
    for (size_t i = 0; i < axes; ++i) result[first + i] = sizes[i];
    return result;
  }
};

void require_list(const Ints& list, const char* name, size_t axes, int64_t least) {
  bool good = list.size() == axes;
  for (int64_t v : list) good = good && v >= least;
  if (!good)
    kernel_error(PyExc_ValueError,
                 "pooling: %s must be %zu integers of at least %lld, one for each spatial axis",
                 name, axes, static_cast<long long>(least));
}

Geometry geometry(const ArrayRef& a, const Attrs& attrs, const char* side) {
  if (a->ndim < 3 || a->ndim > 5)
    kernel_error(PyExc_ValueError,
                 "pooling: data must have 3, 4 or 5 axes (batch, channels, 1 to 3 spatial axes), "
                 "it has %d",
                 int{a->ndim});
  const size_t axes = a->ndim - 2u, first = attrs.get<bool>("channels_last") ? 1 : 2;
  const Ints &kernel = attrs.get<Ints>("kernel"), &stride = attrs.get<Ints>("stride"),
             &pad = attrs.get<Ints>("pad"), &in = attrs.get<Ints>("in"),
             &out = attrs.get<Ints>("out");
  const bool adaptive = attrs.get<bool>("adaptive");
  require_list(kernel, "kernel", axes, 1);
  require_list(stride, "stride", axes, 1);
  require_list(pad, "pad", axes, 0);
  require_list(in, "in", axes, adaptive ? 1 : 0);
  require_list(out, "out", axes, 0);
  const Ints& sizes = side[0] == 'i' ? in : out;
  cpu::PoolWindows windows[3] = {{1, 1}, {1, 1}, {1, 1}};
  for (size_t i = 0; i < axes; ++i) {
    if (a->shape[first + i] != sizes[i])
      kernel_error(PyExc_ValueError, "pooling: axis %zu has size %lld, %lld is required", first + i,
                   static_cast<long long>(a->shape[first + i]), static_cast<long long>(sizes[i]));
    windows[3 - axes + i] = {in[i], out[i], kernel[i], stride[i], pad[i], adaptive};
  }
  const int64_t batch = a->shape[0], channels = a->shape[first == 1 ? a->ndim - 1 : 1];
  const int64_t outer = first == 1 ? batch : batch * channels;
  return {axes, first, in, out,
          PoolTables(outer, first == 1 ? channels : 1, windows, count_of(attrs))};
}

void require_places(const ArrayRef& a, const ArrayRef& places, const cpu::Pool& pool) {
  const DType dtype = pool.wide_places() ? DType::I32 : DType::U8;
  if (places->dtype != dtype || !std::ranges::equal(places->shape_span(), a->shape_span()))
    kernel_error(PyExc_ValueError, "pooling: places must be those that pool_max returned");
}

// --- Forward ---

// Places are found while recording only; else that output is empty.
void pool_max_forward(KernelCall& call) {
  ArrayRef x = call.dense(0);
  const Geometry g = geometry(x, call.attrs, "in");
  Array* y = call.make(x->dtype, g.shape(x, g.out));
  const DType place = g.pool().wide_places() ? DType::I32 : DType::U8;
  Array* places = tape::state.recording ? call.make(place, y->shape_span()) : call.make(place, {0});
  if (y->size == 0) return;
  const char* from = x->bytes();
  char *to = y->bytes(), *to_places = tape::state.recording ? places->bytes() : nullptr;
  ReleaseGil scope(x->size);
  cpu::pool_max(x->dtype, g.pool(), from, to, to_places);
}

void pool_max_spread_forward(KernelCall& call) {
  ArrayRef dy = call.dense(0), places = call.dense(1);
  const Geometry g = geometry(dy, call.attrs, "out");
  require_places(dy, places, g.pool());
  Array* dx = call.make(dy->dtype, g.shape(dy, g.in));
  const char *from = dy->bytes(), *from_places = places->bytes();
  char* to = dx->bytes();
  ReleaseGil scope(dx->size);
  cpu::pool_spread_max(dy->dtype, g.pool(), from, from_places, to);
}

void pool_max_pick_forward(KernelCall& call) {
  ArrayRef x = call.dense(0), places = call.dense(1);
  const Geometry g = geometry(x, call.attrs, "in");
  Array* y = call.make(x->dtype, g.shape(x, g.out));
  require_places(call.outputs[0], places, g.pool());
  if (y->size == 0) return;
  const char *from = x->bytes(), *from_places = places->bytes();
  char* to = y->bytes();
  ReleaseGil scope(x->size);
  cpu::pool_pick(x->dtype, g.pool(), from, from_places, to);
}

void pool_sum_forward(KernelCall& call) {
  ArrayRef x = call.dense(0);
  const Geometry g = geometry(x, call.attrs, "in");
  Array* y = call.make(x->dtype, g.shape(x, g.out));
  if (y->size == 0) return;
  const char* from = x->bytes();
  char* to = y->bytes();
  ReleaseGil scope(x->size);
  cpu::pool_sum(x->dtype, g.pool(), from, to);
}

void pool_sum_spread_forward(KernelCall& call) {
  ArrayRef dy = call.dense(0);
  const Geometry g = geometry(dy, call.attrs, "out");
  Array* dx = call.make(dy->dtype, g.shape(dy, g.in));
  const char* from = dy->bytes();
  char* to = dx->bytes();
  ReleaseGil scope(dx->size);
  cpu::pool_spread_sum(dy->dtype, g.pool(), from, to);
}

// --- The rows and their rules ---

extern const KernelOp pool_max_spread, pool_max_pick, pool_sum, pool_sum_spread;

void pool_max_rule(KernelVjp& v) {
  v.grad(0, apply(pool_max_spread, {v.g(), v.out(1)}, v.attrs)[0]);
}
void pool_max_spread_rule(KernelVjp& v) {
  v.grad(0, apply(pool_max_pick, {v.g(), v.in(1)}, v.attrs)[0]);
}
void pool_max_pick_rule(KernelVjp& v) {
  v.grad(0, apply(pool_max_spread, {v.g(), v.in(1)}, v.attrs)[0]);
}
void pool_sum_rule(KernelVjp& v) { v.grad(0, apply(pool_sum_spread, {v.g()}, v.attrs)[0]); }
void pool_sum_spread_rule(KernelVjp& v) { v.grad(0, apply(pool_sum, {v.g()}, v.attrs)[0]); }

std::vector<KernelAttr> window_attrs(bool divisor) {
  std::vector<KernelAttr> attrs{
      {"kernel", KernelAttr::Ints, Ints{}, true}, {"stride", KernelAttr::Ints, Ints{}, true},
      {"pad", KernelAttr::Ints, Ints{}, true},    {"in", KernelAttr::Ints, Ints{}, true},
      {"out", KernelAttr::Ints, Ints{}, true},    {"channels_last", KernelAttr::Bool, false},
      {"adaptive", KernelAttr::Bool, false}};
  if (divisor) attrs.push_back({"divisor", KernelAttr::Text, std::string("none")});
  return attrs;
}

const KernelOp pool_max{
    .name = "pool_max",
    .doc =
        "The largest element of each window. Outputs: the result, and, while recording, the "
        "element's number in its window (else an empty array).",
    .inputs = {{"data"}},
    .attrs = window_attrs(false),
    .forward = pool_max_forward,
    .vjp = pool_max_rule,
    .differentiable_rule = true,
    .saves_outputs = 0b10,
};

const KernelOp pool_max_spread{
    .name = "pool_max_spread",
    .doc = "Adds the elements of dy to the places that pool_max found.",
    .inputs = {{"dy"}, {"places", KernelInput::Any}},
    .attrs = window_attrs(false),
    .forward = pool_max_spread_forward,
    .vjp = pool_max_spread_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b10,
};

const KernelOp pool_max_pick{
    .name = "pool_max_pick",
    .doc = "The elements of data at the places that pool_max found.",
    .inputs = {{"data"}, {"places", KernelInput::Any}},
    .attrs = window_attrs(false),
    .forward = pool_max_pick_forward,
    .vjp = pool_max_pick_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b10,
};

const KernelOp pool_sum{
    .name = "pool_sum",
    .doc =
        "The sum of each window, divided by nothing, by the window's size cut at the padding's "
        "border, or by its size cut at the data's border.",
    .inputs = {{"data"}},
    .attrs = window_attrs(true),
    .forward = pool_sum_forward,
    .vjp = pool_sum_rule,
    .differentiable_rule = true,
};

const KernelOp pool_sum_spread{
    .name = "pool_sum_spread",
    .doc = "The adjoint of pool_sum.",
    .inputs = {{"dy"}},
    .attrs = window_attrs(true),
    .forward = pool_sum_spread_forward,
    .vjp = pool_sum_spread_rule,
    .differentiable_rule = true,
};

}  // namespace

KernelChapter pooling_kernels() {
  static const KernelOp* const ops[] = {&pool_max, &pool_max_spread, &pool_max_pick, &pool_sum,
                                        &pool_sum_spread};
  return ops;
}

}  // namespace mp
