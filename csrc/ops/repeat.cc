// repeat, tile, roll.
#include <algorithm>
#include <cstring>
#include <vector>

#include "core/view.h"
#include "ops/gather.h"
#include "ops/manip.h"
#include "python/signature.h"

namespace mp {
namespace {

// How often each position along the axis comes: `each` times, or by `counts` when it is negative.
struct Repeats {
  int64_t each = -1;
  std::vector<int64_t> counts;
};

// False when NumPy should take the call.
bool read_repeats(PyObject* o, int64_t length, Repeats& repeats) {
  if (read_int(o, &repeats.each)) return repeats.each >= 0;
  repeats.each = -1;
  ArrayRef given = operand(o);
  if (!given || !is_integer(given->dtype) || given->dtype == DType::U64 || given->ndim > 1)
    return false;
  if (given->ndim == 1 && given->size != length && given->size != 1) return false;
  given = ArrayRef::steal(array_cast(given.get(), DType::I64));
  if (!given) return false;
  const int64_t* p = reinterpret_cast<const int64_t*>(given->bytes());
  for (int64_t i = 0; i < length; ++i) {
    repeats.counts.push_back(p[given->size == 1 ? 0 : i]);
    if (repeats.counts.back() < 0) return false;
  }
  return true;
}

// kEach times each of `length` blocks; returns where it stopped writing.
template <int kEach>
inline char* repeat_few(char* to, const char* from, int64_t size, int64_t length) {
  for (int64_t i = 0; i < length; ++i, to += kEach * size)
    for (int k = 0; k < kEach; ++k) std::memcpy(to + k * size, from + i * size, size);
  return to;
}

// Each of `length` blocks of `size` bytes as often as it comes; returns where it stopped writing.
// kSize is the size where it is known at compile time, else 0.
template <int64_t kSize>
char* repeat_blocks(char* to, const char* from, int64_t given, int64_t length,
                    const Repeats& repeats) {
  const int64_t size = kSize ? kSize : given;
  switch (repeats.each) {
    case 2:
      return repeat_few<2>(to, from, size, length);
    case 3:
      return repeat_few<3>(to, from, size, length);
    case 4:
      return repeat_few<4>(to, from, size, length);
  }
  for (int64_t i = 0; i < length; ++i, from += size)
    for (int64_t k = repeats.each < 0 ? repeats.counts[i] : repeats.each; k > 0; --k, to += size)
      std::memcpy(to, from, size);
  return to;
}

ArrayRef repeat_unrecorded(Array* a, int axis, const Repeats& repeats, int64_t total) {
  int64_t shape[kMaxDims], outer = 1, inner = itemsize(a->dtype), length = a->shape[axis];
  std::copy(a->shape, a->shape + a->ndim, shape);
  shape[axis] = total;
  for (int i = 0; i < axis; ++i) outer *= shape[i];
  for (int i = axis + 1; i < a->ndim; ++i) inner *= shape[i];
  ArrayRef source = a->c_contiguous() ? ArrayRef::borrow(a) : ArrayRef::steal(array_copy(a, 'C'));
  ArrayRef out = ArrayRef::steal(array_new(a->dtype, a->ndim, shape));
  if (!source || !out || !out->size) return source ? out : ArrayRef{};
  auto blocks = inner == 16  ? repeat_blocks<16>
                : inner == 8 ? repeat_blocks<8>
                : inner == 4 ? repeat_blocks<4>
                : inner == 2 ? repeat_blocks<2>
                : inner == 1 ? repeat_blocks<1>
                             : repeat_blocks<0>;
  char* to = out->bytes();
  for (int64_t i = 0; i < outer; ++i)
    to = blocks(to, source->bytes() + i * length * inner, inner, length, repeats);
  return out;
}

PyObject* repeat_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  if (!a) return nullptr;
  int axis = 0;
  if (!absent(v[2])) {
    if (!read_axis(v[2], a->ndim, &axis)) return nullptr;
  } else if (a->ndim != 1) {
    a = flattened(a.get());
    if (!a) return nullptr;
  }
  Repeats repeats;
  if (!read_repeats(v[1], a->shape[axis], repeats)) return nullptr;
  int64_t total = 0;
  if (repeats.each >= 0 && __builtin_mul_overflow(repeats.each, a->shape[axis], &total))
    return nullptr;
  if (total > PY_SSIZE_T_MAX / 16) return nullptr;
  for (int64_t n : repeats.counts)
    if (__builtin_add_overflow(total, n, &total) || total > PY_SSIZE_T_MAX / 16) return nullptr;
  return gathered(a.get(), [&](Array* x) { return repeat_unrecorded(x, axis, repeats, total); })
      .release_object();
}
constexpr Signature kRepeat{"repeat", {"a", "repeats", "axis"}, 3, 2, 0, 3};
constexpr Signature kRepeatMethod{"repeat", {"repeats", "axis"}, 2, 1, 0, 2};

// Each axis seen twice: the repetitions (stride 0 in the source) and the axis itself.
ArrayRef tile_unrecorded(Array* a, int ndim, const int64_t* reps) {
  int64_t shape[kMaxDims], twice[2 * kMaxDims], from[2 * kMaxDims], into[2 * kMaxDims];
  int lead = ndim - a->ndim;
  for (int i = 0; i < ndim; ++i) {
    int64_t n = i < lead ? 1 : a->shape[i - lead];
    shape[i] = n * reps[i];
    twice[2 * i] = reps[i];
    twice[2 * i + 1] = n;
    from[2 * i] = 0;
    from[2 * i + 1] = i < lead ? 0 : a->strides[i - lead];
  }
  ArrayRef out = ArrayRef::steal(array_new(a->dtype, ndim, shape));
  if (!out || !out->size) return out;
  c_strides(2 * ndim, twice, itemsize(a->dtype), into);
  cpu::copy({a->dtype, 2 * ndim, twice, into, out->bytes()},
            {a->dtype, 2 * ndim, twice, from, a->bytes()});
  return out;
}

PyObject* tile_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  int64_t given[kMaxDims], reps[kMaxDims];
  int count;
  if (!a || !read_ints(v[1], given, &count)) return nullptr;
  int ndim = std::max<int>(a->ndim, count);
  if (2 * ndim > kMaxDims || std::any_of(given, given + count, [](int64_t n) { return n < 0; }))
    return nullptr;
  std::fill(reps, reps + ndim, 1);
  std::copy(given, given + count, reps + ndim - count);
  if (std::all_of(reps, reps + ndim, [](int64_t n) { return n == 1; })) {
    if (a->ndim != ndim) return nullptr;
    return gathered(a.get(), [](Array* x) { return ArrayRef::steal(array_copy(x, 'K')); })
        .release_object();
  }
  ArrayRef out = gathered(a.get(), [&](Array* x) { return tile_unrecorded(x, ndim, reps); });
  return out ? reshaped(out.get(), out->shape_span()).release_object() : nullptr;
}
constexpr Signature kTile{"tile", {"A", "reps"}, 2, 2, 0, 2};

// Copies the block of source that starts at `from` on each axis below `axis`, and both parts of the
// others.
void roll_axes(Array* out, const Array* a, const int64_t* shifts, int axis, cpu::View to,
               cpu::View from, int64_t* shape) {
  if (axis == a->ndim) {
    to.shape = from.shape = shape;
    cpu::copy(to, from);
    return;
  }
  int64_t length = a->shape[axis], shift = shifts[axis];
  auto part = [&](int64_t start, int64_t target, int64_t n) {
    if (n == 0) return;
    cpu::View t = to, f = from;
    f.data += start * a->strides[axis];
    t.data += target * out->strides[axis];
    shape[axis] = n;
    roll_axes(out, a, shifts, axis + 1, t, f, shape);
  };
  part(0, shift, length - shift);
  part(length - shift, 0, shift);
}

ArrayRef roll_unrecorded(Array* a, const int64_t* shifts) {
  ArrayRef out = ArrayRef::steal(array_new_like(a, a->dtype));
  if (!out || !out->size) return out;
  int64_t shape[kMaxDims];
  roll_axes(out.get(), a, shifts, 0, cpu_view(out.get()), cpu_view(a), shape);
  return out;
}

int64_t modulo(int64_t n, int64_t length) { return length ? ((n % length) + length) % length : 0; }

PyObject* roll_body(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  int64_t given[kMaxDims], shifts[kMaxDims] = {};
  int count;
  if (!a || !read_ints(v[1], given, &count)) return nullptr;
  if (absent(v[2])) {
    ArrayRef flat = count == 1 ? flattened(a.get()) : ArrayRef{};
    if (!flat) return nullptr;
    shifts[0] = modulo(given[0], flat->size);
    ArrayRef out = gathered(flat.get(), [&](Array* x) { return roll_unrecorded(x, shifts); });
    return out ? reshaped(out.get(), a->shape_span()).release_object() : nullptr;
  }
  int64_t axes[kMaxDims];
  int axis_count;
  if (!read_ints(v[2], axes, &axis_count) || (count != axis_count && count != 1 && axis_count != 1))
    return nullptr;
  for (int i = 0; i < std::max(count, axis_count);
       ++i) {  // an axis may be named twice: its shifts add up
    int64_t axis = axes[axis_count == 1 ? 0 : i];
    if (axis < -a->ndim || axis >= a->ndim) return nullptr;
    axis += axis < 0 ? a->ndim : 0;
    shifts[axis] =
        modulo(shifts[axis] + modulo(given[count == 1 ? 0 : i], a->shape[axis]), a->shape[axis]);
  }
  if (count == 0 || axis_count == 0) return nullptr;
  return gathered(a.get(), [&](Array* x) { return roll_unrecorded(x, shifts); }).release_object();
}
constexpr Signature kRoll{"roll", {"a", "shift", "axis"}, 3, 2, 0, 3};

}  // namespace

std::span<const PyMethodDef> repeat_functions() {
  static const PyMethodDef defs[] = {function_def<kRepeat, repeat_body>(),
                                     function_def<kTile, tile_body>(),
                                     function_def<kRoll, roll_body>()};
  return defs;
}

std::span<const PyMethodDef> repeat_methods() {
  static const PyMethodDef defs[] = {method_def<kRepeatMethod, repeat_body>()};
  return defs;
}

}  // namespace mp
