// The window: operators on large arrays are not run one by one but written down here, and run
// together when somebody needs a result. Shape, dtype and strides of a deferred result are decided
// when it is written down, so that views of it are plain metadata; its bytes do not exist before
// the window runs, and never if nobody holds the array by then. Who touches bytes (Array::bytes)
// runs the window first when one of its instructions touches that storage. Rules R-L, R-O, R-A,
// R-B, R-E of docs/internals.md hold here. Needs the GIL.
#pragma once
#include <Python.h>

#include <span>

#include "core/array.h"
#include "graph/program.h"

namespace mp::window {

// Operators on fewer elements run at once, unless they read a pending result. INT64_MAX: always at
// once (MINPY_EAGER=1). MINPY_DEFER_MIN sets it.
extern int64_t threshold;

// Arrays of such a context (nd.NDArray only) compute on another device (engine/devices.h).
inline constexpr uint32_t kElsewhere = 8u << 16;

// Whether an operator of that many elements over these arrays (null: none) is to be written down.
bool defers_slow(int64_t size, std::span<const Array* const> arrays);
inline bool defers(int64_t size, std::span<const Array* const> arrays) {
  if (size >= threshold) return defers_slow(size, arrays);
  for (const Array* a : arrays)
    if (a && (a->storage->flags & kStorageWritten || a->context & kElsewhere))
      return defers_slow(size, arrays);
  return false;
}
// Whether an iteration space of that shape fits an instruction.
bool fits(int ndim, const int64_t* shape);

// A fresh array whose bytes will exist when the window runs. Null strides: C order.
Array* new_array(DType dtype, int ndim, const int64_t* shape, const int64_t* strides = nullptr);

struct Argument {
  const Array* array;  // null: a number
  const char* number;  // one element, copied
  DType dtype;
  const int64_t* strides;  // over the instruction's axes; unused for a number
};

// Writes an elementwise instruction down: `args` are its inputs, then its outputs.
void append_loop(const char* name, cpu::LoopFn fn, void* data, bool raises, int nin,
                 std::span<const Argument> args, int ndim, const int64_t* shape);
// out = the reduction of `in`; `out_strides` has an entry per axis of `in`, 0 where it is reduced.
void append_reduction(const char* name, cpu::Reduce op, const Array* in, const Array* out,
                      const int64_t* out_strides);
// out = where the largest or smallest element of `in` is, along one axis or in all of a C-order
// array; the axis is longer than 1, and cpu::search_loops() knows the dtype.
void append_search(const char* name, bool largest, const Array* in, const Array* out,
                   const int64_t* out_strides);
// dst = src with `src_strides` over dst's axes, cast to dst's dtype.
void append_copy(const Array* dst, const Array* src, const int64_t* src_strides);
void append_fill(const Array* dst, const char* value);
// out = condition ? a : b; strides over out's axes.
void append_select(const Array* out, std::span<const Argument> sources);

// To be called before reading a result that was computed from `a`: runs the window, but when `a`
// looks like a temporary that its caller is about to drop, its bytes are not made. (Should somebody
// look at it after all, it is computed then.)
void flush_sparing(const Array* a);
// Runs what is written down. -1 with a Python error set when a floating-point warning became one.
int flush();

}  // namespace mp::window
