// Reductions of binary elementwise operators along any set of axes.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "core/error.h"
#include "core/view.h"
#include "cpu/program_loops.h"
#include "engine/window.h"
#include "ops/ufunc.h"

namespace mp {
namespace {

// Operators with a kernel of their own; `identity` starts the accumulation of the others.
struct Known {
  const char* name;
  cpu::Reduce kernel;
};
constexpr Known kKnown[] = {{"add", cpu::Reduce::Sum},        {"multiply", cpu::Reduce::Prod},
                            {"minimum", cpu::Reduce::Min},    {"maximum", cpu::Reduce::Max},
                            {"logical_or", cpu::Reduce::Any}, {"logical_and", cpu::Reduce::All}};

std::optional<cpu::Reduce> kernel_of(const char* name) {
  for (const Known& k : kKnown)
    if (std::strcmp(k.name, name) == 0) return k.kernel;
  return std::nullopt;
}

std::optional<double> identity_of(const char* name, DType t) {
  // NumPy starts float sums from -0.0, so that a sum of negative zeros keeps its sign.
  if (std::strcmp(name, "add") == 0) return is_floating(t) ? -0.0 : 0.0;
  for (const char* zero : {"logical_or", "logical_xor", "bitwise_or", "bitwise_xor"})
    if (std::strcmp(name, zero) == 0) return 0.0;
  for (const char* one : {"multiply", "logical_and"})
    if (std::strcmp(name, one) == 0) return 1.0;
  return std::nullopt;
}

// What a reduction needs to know of its axes.
struct Axes {
  int64_t full[kMaxDims], kept[kMaxDims];  // the result's shape with reduced axes of length 1, and
  int nkept = 0, reduced = 0;              // as it is

  Axes(const Array* a, const Reduction& r) {
    for (int i = 0; i < a->ndim; ++i) {
      const bool gone = r.axes >> i & 1;
      full[i] = gone ? 1 : a->shape[i];
      reduced += gone;
      if (!gone || r.keepdims) kept[nkept++] = full[i];
    }
  }
};

// Whether the result does not depend on the order of several axes.
bool reorderable(const char* name) {
  for (const char* known : {"minimum", "maximum", "fmin", "fmax"})
    if (std::strcmp(name, known) == 0) return true;
  return false;
}

bool fits_out(const Array* out, const Array* a, DType dtype, const Axes& axes) {
  return out->dtype == dtype && out->ndim == axes.nkept &&
         std::equal(axes.kept, axes.kept + axes.nkept, out->shape) && out->writeable() &&
         !array_may_overlap(out, a) && !array_may_repeat(out);
}

// The reduction by the operator's inner loop, without a kernel of our own; false with an error set.
bool reduce_by_loop(const Loop& loop, Array* a, const Reduction& r, const Axes& axes,
                    std::optional<double> identity, const cpu::View& out) {
  ArrayRef cast;
  if (a->dtype != loop.types[1]) {
    cast = ArrayRef::steal(array_cast(a, loop.types[1]));
    if (!cast) return false;
    a = cast.get();
  }
  int64_t shape[kMaxDims];
  std::copy(a->shape, a->shape + a->ndim, shape);
  char* in = a->bytes();
  if (identity) {
    alignas(16) char one[16];
    double value = a->size ? *identity : *identity + 0.0;  // an empty sum is +0
    cpu::copy({out.dtype, 0, nullptr, nullptr, one},
              {DType::F64, 0, nullptr, nullptr, reinterpret_cast<char*>(&value)});
    cpu::fill(out, one);
  } else {
    // Start from the first item of each reduced axis; only one axis, or an idempotent operator,
    // comes here.
    cpu::copy(out, {a->dtype, a->ndim, axes.full, a->strides, in});
    for (int i = 0; i < a->ndim && axes.reduced == 1; ++i)
      if (r.axes >> i & 1) {
        --shape[i];
        in += a->strides[i];
      }
  }
  char* data[3] = {out.data, in, out.data};
  const int64_t* strides[3] = {out.strides, a->strides, out.strides};
  ReleaseGil gil(a->size);
  run_loop(loop, 3, a->ndim, shape, data, strides);
  return true;
}

}  // namespace

Array* ufunc_reduce(Ufunc* f, Array* a, const Reduction& r) {
  if (f->nin != 2 || f->nout != 1) return nullptr;
  const Loop* loop = resolve_reduction(f, a->dtype, r.dtype);
  if (!loop || loop->types[0] != loop->types[2]) return nullptr;
  const DType acc = loop->types[2];
  const Axes axes(a, r);
  const std::optional<double> identity = identity_of(f->name, acc);
  // What neither has an identity nor is reorderable, and empty arrays: NumPy says so.
  if (!identity && ((axes.reduced != 1 && !reorderable(f->name)) || a->size == 0)) return nullptr;
  const std::optional<cpu::Reduce> kernel = kernel_of(f->name);
  const bool deferred = a->size && kernel && cpu::reduce_loops(*kernel, a->dtype, acc) &&
                        a->flags & kAligned && window::fits(a->ndim, a->shape) &&
                        window::defers(a->size, std::array<const Array*, 2>{a, r.out});
  if (r.out && !fits_out(r.out, a, acc, axes)) return nullptr;
  ArrayRef out = r.out      ? ArrayRef::borrow(r.out)
                 : deferred ? ArrayRef::steal(window::new_array(acc, axes.nkept, axes.kept))
                            : ArrayRef::steal(array_new(acc, axes.nkept, axes.kept));
  if (!out) return nullptr;
  int64_t out_strides[kMaxDims];
  for (int i = 0, k = 0; i < a->ndim; ++i) {
    const bool gone = r.axes >> i & 1;
    out_strides[i] = gone ? 0 : out->strides[k];
    if (!gone || r.keepdims) ++k;
  }
  if (deferred) {
    window::append_reduction("reduce", *kernel, a, out.get(), out_strides);
    return out.release();
  }
  fp_clear();
  const cpu::View out_view{acc, a->ndim, axes.full, out_strides, out->bytes()};
  bool reduced = false;
  if (a->size && kernel) {
    const cpu::View in_view = cpu_view(a);
    ReleaseGil gil(a->size);
    reduced = cpu::reduce(*kernel, out_view, in_view);
  }
  if (!reduced && !reduce_by_loop(*loop, a, r, axes, identity, out_view)) return nullptr;
  if (loop_status(*loop, "reduce") < 0) return nullptr;
  return out.release();
}

}  // namespace mp
