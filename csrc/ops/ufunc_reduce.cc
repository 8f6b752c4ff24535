// Reductions of binary elementwise operators along any set of axes.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "core/error.h"
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

}  // namespace

Array* ufunc_reduce(Ufunc* f, Array* a, const Reduction& r) {
  if (f->nin != 2 || f->nout != 1) return nullptr;
  const Loop* loop = resolve_reduction(f, a->dtype, r.dtype);
  if (!loop || loop->types[0] != loop->types[2]) return nullptr;
  DType acc = loop->types[2];
  int64_t shape[kMaxDims], kept[kMaxDims];
  int nkept = 0, long_axes = 0;
  for (int i = 0; i < a->ndim; ++i) {
    bool gone = r.axes >> i & 1;
    shape[i] = gone ? 1 : a->shape[i];
    long_axes += gone;
    if (!gone || r.keepdims) kept[nkept++] = shape[i];
  }
  std::optional<double> identity = identity_of(f->name, acc);
  if (!identity &&
      (long_axes != 1 && std::strcmp(f->name, "minimum") && std::strcmp(f->name, "maximum") &&
       std::strcmp(f->name, "fmin") && std::strcmp(f->name, "fmax")))
    return nullptr;  // not reorderable: NumPy says so
  if (!identity && a->size == 0) return nullptr;
  std::optional<cpu::Reduce> kernel = kernel_of(f->name);
  const bool deferred = a->size && kernel && cpu::reduce_loops(*kernel, a->dtype, acc) &&
                        a->flags & kAligned && window::fits(a->ndim, a->shape) &&
                        window::defers(a->size, std::array<const Array*, 2>{a, r.out});
  ArrayRef out;
  if (r.out) {
    if (r.out->dtype != acc || r.out->ndim != nkept ||
        !std::equal(kept, kept + nkept, r.out->shape) || !r.out->writeable() ||
        array_may_overlap(r.out, a) || array_may_repeat(r.out))
      return nullptr;
    out = ArrayRef::borrow(r.out);
  } else {
    out = ArrayRef::steal(deferred ? window::new_array(acc, nkept, kept)
                                   : array_new(acc, nkept, kept));
    if (!out) return nullptr;
  }
  int64_t out_strides[kMaxDims];
  for (int i = 0, k = 0; i < a->ndim; ++i) {
    bool gone = r.axes >> i & 1;
    out_strides[i] = gone ? 0 : out->strides[k];
    if (!gone || r.keepdims) ++k;
  }
  if (deferred) {
    window::append_reduction("reduce", *kernel, a, out.get(), out_strides);
    return out.release();
  }
  fp_clear();
  cpu::View out_view{acc, a->ndim, shape, out_strides, out->bytes()},
      in_view{a->dtype, a->ndim, a->shape, a->strides, a->bytes()};
  bool reduced = false;
  if (a->size && kernel) {
    ReleaseGil gil(a->size);
    reduced = cpu::reduce(*kernel, out_view, in_view);
  }
  if (!reduced) {
    ArrayRef cast;
    if (a->dtype != loop->types[1]) {
      cast = ArrayRef::steal(array_cast(a, loop->types[1]));
      if (!cast) return nullptr;
      a = cast.get();
    }
    int64_t in_shape[kMaxDims];
    std::copy(a->shape, a->shape + a->ndim, in_shape);
    char* in_data = a->bytes();
    if (identity) {
      alignas(16) char one[16];
      double value = a->size ? *identity : *identity + 0.0;  // an empty sum is +0
      cpu::copy({acc, 0, nullptr, nullptr, one},
                {DType::F64, 0, nullptr, nullptr, reinterpret_cast<char*>(&value)});
      cpu::fill(out_view, one);
    } else {
      // Start from the first item of each reduced axis; only one axis, or an idempotent operator,
      // comes here.
      cpu::copy(out_view, {a->dtype, a->ndim, shape, a->strides, a->bytes()});
      if (long_axes == 1)
        for (int i = 0; i < a->ndim; ++i)
          if (r.axes >> i & 1) {
            --in_shape[i];
            in_data += a->strides[i];
          }
    }
    char* data[3] = {out->bytes(), in_data, out->bytes()};
    const int64_t* strides[3] = {out_strides, a->strides, out_strides};
    ReleaseGil gil(a->size);
    run_loop(*loop, 3, a->ndim, in_shape, data, strides);
  }
  if (loop_status(*loop, "reduce") < 0) return nullptr;
  return out.release();
}

}  // namespace mp
