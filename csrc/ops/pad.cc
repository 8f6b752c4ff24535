// pad in the modes that copy elements or one value; the others compute, and are NumPy's.
#include <algorithm>
#include <cstring>
#include <vector>

#include "core/view.h"
#include "ops/manip.h"
#include "python/signature.h"
#include "python/store.h"
#include "tape/tape.h"

namespace mp {
namespace {

enum class Mode { Constant, Edge, Reflect, Symmetric, Wrap, Empty };

bool read_mode(PyObject* o, Mode* mode) {
  static constexpr const char* names[] = {"constant",  "edge", "reflect",
                                          "symmetric", "wrap", "empty"};
  *mode = Mode::Constant;
  if (!o) return true;
  for (int i = 0; i < 6; ++i)
    if (PyUnicode_Check(o) && PyUnicode_CompareWithASCIIString(o, names[i]) == 0) {
      *mode = static_cast<Mode>(i);
      return true;
    }
  return false;
}

struct Width {
  int64_t before, after;
};

bool read_pair(PyObject* o, Width* w) {
  int64_t values[kMaxDims];
  int count;
  if (!read_ints(o, values, &count) || count < 1 || count > 2) return false;
  *w = {values[0], values[count - 1]};
  return w->before >= 0 && w->after >= 0;
}

// One number, one pair, or a pair for each axis.
bool read_widths(PyObject* o, int ndim, Width* widths) {
  if (read_pair(o, widths)) {
    std::fill(widths, widths + ndim, widths[0]);
    return true;
  }
  if ((!PyTuple_CheckExact(o) && !PyList_CheckExact(o)) || PySequence_Fast_GET_SIZE(o) != ndim)
    return false;
  for (int i = 0; i < ndim; ++i) {
    PyObject* pair = PySequence_Fast_GET_ITEM(o, i);
    if ((!PyTuple_CheckExact(pair) && !PyList_CheckExact(pair)) ||
        PySequence_Fast_GET_SIZE(pair) != 2 || !read_pair(pair, widths + i))
      return false;
  }
  return true;
}

// The one value to pad with. NumPy casts what does not fit, so that is its business.
bool read_value(PyObject* o, DType dtype, char* bytes) {
  std::memset(bytes, 0, itemsize(dtype));
  if (!o) return true;
  const bool fits = PyBool_Check(o) || PyLong_CheckExact(o) ||
                    (PyFloat_CheckExact(o) && is_inexact(dtype) && itemsize(dtype) > 2);
  if (fits && store_scalar(dtype, bytes, o)) return true;
  PyErr_Clear();
  return false;
}

// Which of n elements stands at a distance from the first; distances are within one period of it.
int64_t mirrored(Mode mode, int64_t at, int64_t n) {
  if (mode == Mode::Wrap) return at < 0 ? at + n : at >= n ? at - n : at;
  if (mode == Mode::Edge || n == 1) return std::clamp<int64_t>(at, 0, n - 1);
  const int64_t edge = mode == Mode::Symmetric;
  return at < 0 ? -at - edge : at >= n ? 2 * n - 2 + edge - at : at;
}

// Longer pads repeat the period, in ways that depend on NumPy's version.
bool within_period(Mode mode, int64_t n, Width w) {
  const int64_t most = std::max(w.before, w.after);
  if (mode == Mode::Constant || mode == Mode::Empty) return true;
  if (n == 0) return most == 0;
  return mode == Mode::Edge || most <= (mode == Mode::Reflect ? n - 1 : n);
}

// Padding of dense memory in C order.
struct Padding {
  Mode mode;
  int ndim;
  int64_t item;
  const int64_t *from, *to;  // shapes before and after
  const Width* widths;
  const char* value;
  char* out;
  std::vector<int64_t> blocks;  // bytes of one element of `out` along each axis

  void run(const char* in) {
    blocks.assign(ndim + 1, item);
    for (int i = ndim - 1; i >= 0; --i) blocks[i] = blocks[i + 1] * to[i];
    blocks.erase(blocks.begin());
    fill_axis(0, out, in);
  }

  // Fills the part of the result behind one position of the axes before `axis`, from the elements
  // there; returns the end of them.
  const char* fill_axis(int axis, char* part, const char* in) {
    const int64_t n = from[axis], before = widths[axis].before, block = blocks[axis];
    char* first = part + before * block;
    if (axis == ndim - 1) {
      std::memcpy(first, in, n * item);
      in += n * item;
    } else {
      for (int64_t i = 0; i < n; ++i) in = fill_axis(axis + 1, first + i * block, in);
    }
    if (mode == Mode::Empty) return in;
    for (int64_t at = -before; at < 0; ++at) fill_block(first, at, n, block);
    for (int64_t at = n; at < n + widths[axis].after; ++at) fill_block(first, at, n, block);
    return in;
  }

  void fill_block(char* first, int64_t at, int64_t n, int64_t block) {
    if (mode == Mode::Constant)
      fill_value(first + at * block, block);
    else
      std::memcpy(first + at * block, first + mirrored(mode, at, n) * block, block);
  }

  void fill_value(char* to, int64_t bytes) {
    std::memcpy(to, value, item);
    for (int64_t done = item; done < bytes; done *= 2)
      std::memcpy(to + done, to, std::min(done, bytes - done));
  }
};

// v: array, pad_width, mode, constant_values
PyObject* pad(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  Mode mode;
  Width widths[kMaxDims];
  alignas(16) char value[16];
  if (!a || a->ndim == 0 || tape::should_record(a.get()) || !read_mode(v[2], &mode) ||
      !read_widths(v[1], a->ndim, widths) || (v[3] && mode != Mode::Constant) ||
      !read_value(v[3], a->dtype, value))
    return nullptr;
  // An array in Fortran order stays one: its memory is that of its transpose.
  const bool fortran = a->f_contiguous() && !a->c_contiguous();
  const int ndim = a->ndim;
  int64_t shape[kMaxDims], from[kMaxDims], to[kMaxDims], strides[kMaxDims], total = 1;
  for (int i = 0; i < ndim; ++i) {
    const Width w = widths[i];
    if (!within_period(mode, a->shape[i], w) || w.before > PY_SSIZE_T_MAX / 64 ||
        w.after > PY_SSIZE_T_MAX / 64)
      return nullptr;
    shape[i] = a->shape[i] + w.before + w.after;
    if (__builtin_mul_overflow(total, shape[i], &total) || total > PY_SSIZE_T_MAX / 16)
      return nullptr;
  }
  if (fortran) std::reverse(widths, widths + ndim);
  for (int i = 0; i < ndim; ++i) {
    from[i] = a->shape[fortran ? ndim - 1 - i : i];
    to[i] = shape[fortran ? ndim - 1 - i : i];
  }
  c_strides(ndim, to, itemsize(a->dtype), strides);
  if (fortran) std::reverse(strides, strides + ndim);
  ArrayRef source = fortran || a->c_contiguous() ? a : ArrayRef::steal(array_copy(a.get(), 'C'));
  ArrayRef out = ArrayRef::steal(array_new_strided(a->dtype, ndim, shape, strides));
  if (!source || !out) return nullptr;
  Padding padding{mode, ndim, itemsize(a->dtype), from, to, widths, value, out->bytes(), {}};
  if (out->size) padding.run(source->bytes());
  return out.release_object();
}

constexpr Signature kPad{"pad", {"array", "pad_width", "mode", "constant_values"}, 4, 2, 0, 3};

}  // namespace

std::span<const PyMethodDef> pad_functions() {
  static const PyMethodDef defs[] = {function_def<kPad, pad>()};
  return defs;
}

}  // namespace mp
