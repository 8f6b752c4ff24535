// The everyday calls of an elementwise operator, without the general path's bookkeeping: operands
// that are dense, of one shape and of the loop's own dtypes, or a number beside one; a fresh
// output.
#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "engine/window.h"
#include "ops/promotion.h"
#include "ops/ufunc.h"
#include "python/scalar.h"
#include "tape/tape.h"

namespace mp {
namespace {

constexpr int64_t kPlainLimit = 1 << 16;

bool dense(const Array* a) {
  return (a->flags & (kCContig | kAligned)) == (kCContig | kAligned) && a->size <= kPlainLimit &&
         a->size < window::threshold && !(a->storage->flags & kStorageWritten);
}

// One element, or one repeated over all axes like the gradient of a sum: serves as a number of its
// dtype.
bool uniform(const Array* a) {
  if (a->size == 0 || !(a->flags & kAligned) || a->storage->flags & kStorageWritten) return false;
  for (int i = 0; i < a->ndim; ++i)
    if (a->shape[i] != 1 && a->strides[i] != 0) return false;
  return true;
}

bool same_shape(const Array* a, const Array* b) {
  if (a->ndim != b->ndim) return false;
  for (int i = 0; i < a->ndim; ++i)
    if (a->shape[i] != b->shape[i]) return false;
  return true;
}

// A number as an array that the tape may save. Loops save the same few again and again, so the last
// ones are kept. One that somebody got hold of and wrote into is just another number then.
ArrayRef constant(DType dtype, const char* number) {
  static Array* kept[16];
  const size_t bytes = static_cast<size_t>(itemsize(dtype));
  uint64_t bits = 0;
  std::memcpy(&bits, number, std::min(bytes, sizeof bits));
  Array*& slot = kept[(bits * 0x9e3779b97f4a7c15u) >> 60];
  if (slot && slot->dtype == dtype && !slot->tape && slot->ndim == 0 &&
      !std::memcmp(slot->bytes(), number, bytes))
    return ArrayRef::borrow(slot);
  ArrayRef fresh = ArrayRef::steal(array_new(dtype, 0, nullptr));
  if (!fresh) return fresh;
  std::memcpy(fresh->storage->data, number, bytes);
  ArrayRef former = ArrayRef::steal(std::exchange(slot, ArrayRef(fresh).release()));
  return fresh;
}

// Recording after the call is right for a fresh output: nothing was written that the tape may save.
int record_plain(Ufunc* f, const Loop* loop, Array* const* arrays, char* const* data, Array* out) {
  Array* ins[2];
  ArrayRef scalars[2];
  for (int i = 0; i < f->nin; ++i) {
    ins[i] = arrays[i];
    if (ins[i] || !(f->op.saves >> i & 1)) continue;
    scalars[i] = constant(loop->types[i], data[i]);
    if (!scalars[i]) return -1;
    ins[i] = scalars[i].get();
  }
  return tape::finish(tape::begin(f->op, {ins, static_cast<size_t>(f->nin)}), {&out, 1});
}

bool any_taped(Array* const* arrays, int n) {
  for (int i = 0; i < n; ++i)
    if (arrays[i] && tape::taped(arrays[i])) return true;
  return false;
}

PyObject* run_plain(Ufunc* f, const Loop* loop, Array* const* arrays, const Array* like,
                    char* const* data, const intptr_t* steps) {
  int nin = f->nin;
  Array* out = array_new(loop->types[nin], like->ndim, like->shape);
  if (!out) return nullptr;
  char* to = out->storage->data;  // it is small: the bytes are there
  intptr_t n = like->size,
           step[3] = {steps[0], nin == 1 ? itemsize(out->dtype) : steps[1], itemsize(out->dtype)};
  auto run = [&] {
    char* args[3] = {data[0], nin == 1 ? to : data[1], to};
    loop->fn(args, &n, step, loop->data);
  };
  // A flag that is up after one of our loops may be older than it: a second run from clear flags
  // tells. The output is fresh, so that is the same run again.
  if (loop->borrowed) fp_clear();
  run();
  if (!loop->borrowed && !fp_quiet(*loop)) {
    fp_clear();
    run();
  }
  if (loop_status(*loop, f->name) < 0 || (tape::state.recording && any_taped(arrays, nin) &&
                                          record_plain(f, loop, arrays, data, out) < 0)) {
    Py_DECREF(reinterpret_cast<PyObject*>(out));
    return nullptr;
  }
  return out->ndim ? reinterpret_cast<PyObject*>(out) : finish_result(out);
}

// The bytes of an operand that no deferred instruction writes.
char* bytes_of(const Array* a) { return a->storage->data + a->offset; }

PyObject* call_unary(Ufunc* f, PyObject* x) {
  if (!array_check(x)) return nullptr;
  Array* a = reinterpret_cast<Array*>(x);
  uint8_t code = static_cast<uint8_t>(a->dtype);
  const Loop* loop = dense(a) ? resolve_loop(f, &code) : nullptr;
  if (!loop || loop->types[0] != a->dtype) return nullptr;
  char* data[1] = {bytes_of(a)};
  intptr_t steps[1] = {itemsize(a->dtype)};
  return run_plain(f, loop, &a, a, data, steps);
}

PyObject* call_binary(Ufunc* f, PyObject* const* operands) {
  Array* arrays[2] = {};
  bool repeated[2] = {true, true};
  char scalar[16];
  char* data[2];
  uint8_t codes[2];
  for (int i = 0; i < 2; ++i) {
    if (array_check(operands[i])) {
      arrays[i] = reinterpret_cast<Array*>(operands[i]);
      repeated[i] = arrays[i]->ndim == 0 || !dense(arrays[i]);
      if (repeated[i] && !uniform(arrays[i])) return nullptr;
      codes[i] = static_cast<uint8_t>(arrays[i]->dtype);
      data[i] = bytes_of(arrays[i]);
    } else if (PyFloat_CheckExact(operands[i]) || PyLong_CheckExact(operands[i])) {
      codes[i] = PyFloat_CheckExact(operands[i]) ? kWeakFloat : kWeakInt;
      data[i] = scalar;
    } else {
      return nullptr;
    }
  }
  if ((repeated[0] || repeated[1]) && promotes_by_value()) return nullptr;
  const bool numbers = repeated[0] && repeated[1];  // both, in whatever form
  if (numbers && ((arrays[0] && arrays[0]->ndim) || (arrays[1] && arrays[1]->ndim))) return nullptr;
  const Array* like = arrays[numbers ? !arrays[0] : repeated[0]];
  const Array* other = numbers ? nullptr : arrays[!repeated[0]];
  if (!like || (other && other->ndim && !same_shape(like, other))) return nullptr;
  const Loop* loop = resolve_loop(f, codes);
  if (!loop) return nullptr;
  intptr_t steps[2];
  for (int i = 0; i < 2; ++i) {
    steps[i] = repeated[i] ? 0 : itemsize(loop->types[i]);
    if (arrays[i] ? arrays[i]->dtype != loop->types[i]
                  : !encode_number(operands[i], loop->types[i], scalar))
      return nullptr;
  }
  return run_plain(f, loop, arrays, like, data, steps);
}

}  // namespace

bool ufunc_accumulate_plain(Ufunc* f, Array* sum, Array* value) {
  const uint8_t code = static_cast<uint8_t>(sum->dtype), codes[2] = {code, code};
  if (sum->dtype != value->dtype || !dense(sum) || !dense(value) || !same_shape(sum, value))
    return false;
  const Loop* loop = resolve_loop(f, codes);
  if (!loop || loop->borrowed || loop->types[2] != sum->dtype) return false;
  char* args[3] = {bytes_of(sum), bytes_of(value), bytes_of(sum)};
  const intptr_t item = itemsize(sum->dtype);
  intptr_t n = sum->size, step[3] = {item, item, item};
  fp_clear(*loop);
  loop->fn(args, &n, step, loop->data);
  check(loop_status(*loop, f->name));
  return true;
}

PyObject* ufunc_call_plain(Ufunc* f, PyObject* const* inputs) {
  return f->nin == 1 ? call_unary(f, inputs[0]) : f->nin == 2 ? call_binary(f, inputs) : nullptr;
}

}  // namespace mp
