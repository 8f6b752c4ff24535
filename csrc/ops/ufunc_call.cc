// One call of an elementwise operator: operands, broadcasting, output layout, loop, status, tape.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "core/view.h"
#include "cpu/kernels.h"
#include "engine/pool.h"
#include "engine/window.h"
#include "ops/promotion.h"
#include "ops/ufunc.h"
#include "python/convert.h"
#include "python/fallback.h"
#include "python/numpy_api.h"
#include "python/scalar.h"
#include "python/trace.h"
#include "tape/tape.h"

namespace mp {
namespace {

struct Operand {
  Array* array = nullptr;  // null for a weak Python scalar
  ArrayRef hold;
  uint8_t code = 0;
  alignas(16) char bytes[16];  // weak scalar as int64, double or complex128
};

enum class Outcome { Ok, NumPy, Error };

Outcome convert_other(PyObject* o, Operand& in) {
  if (PyComplex_CheckExact(o)) {
    Py_complex z = PyComplex_AsCComplex(o);
    std::memcpy(in.bytes, &z, 16);
    in.code = kWeakComplex;
    return Outcome::Ok;
  }
  if (PyBool_Check(o) || PyArray_CheckExact(o) || is_numpy_scalar(o) || PyList_CheckExact(o) ||
      PyTuple_CheckExact(o)) {
    in.hold = as_array(o);
    if (!in.hold) {
      PyErr_Clear();
      return Outcome::NumPy;
    }
    in.array = in.hold.get();
    in.code = static_cast<uint8_t>(in.array->dtype);
    return Outcome::Ok;
  }
  return Outcome::NumPy;
}

inline Outcome convert(PyObject* o, Operand& in) {
  if (array_check(o)) {
    in.array = reinterpret_cast<Array*>(o);
    in.code = static_cast<uint8_t>(in.array->dtype);
    return Outcome::Ok;
  }
  if (PyFloat_CheckExact(o)) {
    double v = PyFloat_AS_DOUBLE(o);
    std::memcpy(in.bytes, &v, 8);
    in.code = kWeakFloat;
    return Outcome::Ok;
  }
  if (PyLong_CheckExact(o)) {
    int overflow;
    int64_t v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow) return Outcome::NumPy;
    std::memcpy(in.bytes, &v, 8);
    in.code = kWeakInt;
    return Outcome::Ok;
  }
  return convert_other(o, in);
}

bool integer_in_range(int64_t v, DType t) {
  if (!is_integer(t) || t == DType::I64) return true;
  if (kind(t) == 'u') return v >= 0 && (itemsize(t) == 8 || v < (int64_t{1} << (8 * itemsize(t))));
  int64_t limit = int64_t{1} << (8 * itemsize(t) - 1);
  return v >= -limit && v < limit;
}

// Rewrites a weak scalar's bytes as the loop's type. False when NumPy must judge (out of range).
bool encode_scalar(Operand& in, DType to) {
  if (in.code == kWeakFloat) {
    double v;
    std::memcpy(&v, in.bytes, 8);
    if (to == DType::F64) return true;
    if (to == DType::F32) {
      float f = static_cast<float>(v);
      if (std::isinf(f) && !std::isinf(v)) return false;
      std::memcpy(in.bytes, &f, 4);
      return true;
    }
    if (to == DType::F16 && std::fabs(v) > 65504) return false;
  } else if (in.code == kWeakInt) {
    int64_t v;
    std::memcpy(&v, in.bytes, 8);
    if (to == DType::I64) return true;
    if (to == DType::Bool || !integer_in_range(v, to)) return false;
  }
  DType from = in.code == kWeakInt ? DType::I64 : in.code == kWeakFloat ? DType::F64 : DType::C128;
  if (from == to) return true;
  if (kind(from) == 'c' && kind(to) != 'c') return false;
  alignas(16) char copy[16];
  std::memcpy(copy, in.bytes, 16);
  cpu::copy({to, 0, nullptr, nullptr, in.bytes}, {from, 0, nullptr, nullptr, copy});
  return true;
}

// The codes by which the operands choose the loop, under NumPy 1 where they depend on values. A
// number keeps its own code as an operand, since that says what its bytes are.
bool code_by_value(const Operand* in, int nin, uint8_t* codes) {
  PromotionOperand operands[3];
  DType dtypes[3];
  for (int i = 0; i < nin; ++i) {
    const DType dtype = in[i].array                ? in[i].array->dtype
                        : in[i].code == kWeakInt   ? DType::I64
                        : in[i].code == kWeakFloat ? DType::F64
                                                   : DType::C128;
    operands[i] = {in[i].array, dtype, in[i].bytes};
  }
  if (!dtypes_by_value({operands, static_cast<size_t>(nin)}, dtypes)) return false;
  for (int i = 0; i < nin; ++i) codes[i] = static_cast<uint8_t>(dtypes[i]);
  return true;
}

struct Broadcast {
  int ndim;
  int64_t shape[kMaxDims];
};

// NumPy's broadcasting rule; false when the shapes do not fit.
bool broadcast(Operand* in, int nin, Array* const* outs, int nout, Broadcast& b) {
  b.ndim = 0;
  for (int i = 0; i < nin; ++i)
    if (in[i].array) b.ndim = std::max<int>(b.ndim, in[i].array->ndim);
  std::fill(b.shape, b.shape + b.ndim, 1);
  for (int i = 0; i < nin; ++i) {
    if (!in[i].array) continue;
    int lead = b.ndim - in[i].array->ndim;
    for (int k = 0; k < in[i].array->ndim; ++k) {
      int64_t n = in[i].array->shape[k];
      int64_t& s = b.shape[lead + k];
      if (n == s || n == 1) continue;
      if (s != 1) return false;
      s = n;
    }
  }
  for (int i = 0; outs && i < nout; ++i) {
    if (!outs[i]) continue;
    if (outs[i]->ndim != b.ndim || !std::equal(b.shape, b.shape + b.ndim, outs[i]->shape))
      return false;
  }
  return true;
}

void strides_for(const Array* a, const Broadcast& b, int64_t* strides) {
  int lead = b.ndim - a->ndim;
  std::fill(strides, strides + lead, 0);
  for (int k = 0; k < a->ndim; ++k) strides[lead + k] = a->shape[k] == 1 ? 0 : a->strides[k];
}

// The output layout of NumPy's order='K': the axis order that the operands' strides suggest.
Array* new_output(DType dtype, const Broadcast& b, const Operand* in, int nin, bool deferred) {
  bool c = true;
  for (int i = 0; i < nin && c; ++i)
    c = !in[i].array || in[i].array->ndim < 2 || in[i].array->c_contiguous();
  if (c || b.ndim < 2)
    return deferred ? window::new_array(dtype, b.ndim, b.shape) : array_new(dtype, b.ndim, b.shape);
  int64_t strides[kMaxUfuncArgs][kMaxDims];
  int used = 0;
  for (int i = 0; i < nin; ++i)
    if (in[i].array) strides_for(in[i].array, b, strides[used++]);
  const int64_t* operands[kMaxUfuncArgs];
  for (int k = 0; k < used; ++k) operands[k] = strides[k];
  int order[kMaxDims];
  iteration_order(b.ndim, b.shape, operands, used, order);
  int64_t out[kMaxDims], step = itemsize(dtype);
  for (int k = b.ndim - 1; k >= 0; --k) {
    out[order[k]] = step;
    step *= std::max<int64_t>(b.shape[order[k]], 1);
  }
  return deferred ? window::new_array(dtype, b.ndim, b.shape, out)
                  : array_new_strided(dtype, b.ndim, b.shape, out);
}

struct Call {
  Ufunc* f;
  const Loop* loop;
  Operand in[3];
  Broadcast b;
  Array* outs[2];
  ArrayRef fresh[2];
};

// Inputs aligned, in the loop's dtypes, and apart from the outputs they would overlap.
bool prepare_inputs(Call& c) {
  for (int i = 0; i < c.f->nin; ++i) {
    Operand& in = c.in[i];
    if (!in.array) continue;
    DType want = c.loop->types[i];
    bool copy = in.array->dtype != want || !(in.array->flags & kAligned);
    for (int k = 0; k < c.f->nout && !copy; ++k)
      copy = !c.fresh[k] && array_may_overlap(in.array, c.outs[k]) &&
             (!array_same_view(in.array, c.outs[k]) || array_may_repeat(in.array));
    if (!copy) continue;
    in.hold = ArrayRef::steal(array_cast(in.array, want));
    in.array = in.hold.get();
    if (!in.array) return false;
  }
  return true;
}

void execute(Call& c) {
  int nin = c.f->nin, nargs = c.f->nargs();
  int64_t strides[kMaxUfuncArgs][kMaxDims];
  const int64_t* rows[kMaxUfuncArgs];
  char* data[kMaxUfuncArgs];
  for (int i = 0; i < nargs; ++i) {
    Array* a = i < nin ? c.in[i].array : c.outs[i - nin];
    rows[i] = strides[i];
    if (a) {
      data[i] = a->bytes();
      strides_for(a, c.b, strides[i]);
    } else {
      data[i] = c.in[i].bytes;
      std::fill(strides[i], strides[i] + c.b.ndim, 0);
    }
  }
  run_elementwise(*c.loop, nargs, c.b.ndim, c.b.shape, data, rows);
}

// Whether the call is to be written down instead of run.
bool defers(const Call& c) {
  if (c.loop->needs_python || !window::fits(c.b.ndim, c.b.shape)) return false;
  const Array* arrays[kMaxUfuncArgs];
  int64_t size = 1;
  for (int i = 0; i < c.b.ndim; ++i) size *= c.b.shape[i];
  for (int i = 0; i < c.f->nin; ++i) arrays[i] = c.in[i].array;
  for (int i = 0; i < c.f->nout; ++i) arrays[c.f->nin + i] = c.outs[i];
  return window::defers(size, {arrays, static_cast<size_t>(c.f->nargs())});
}

void write_down(const Call& c) {
  int64_t strides[kMaxUfuncArgs][kMaxDims];
  window::Argument args[kMaxUfuncArgs];
  bool raises = false;
  const int nin = c.f->nin, nargs = c.f->nargs();
  for (int i = 0; i < nargs; ++i) {
    const Array* a = i < nin ? c.in[i].array : c.outs[i - nin];
    if (a) strides_for(a, c.b, strides[i]);
    args[i] = {a, a ? nullptr : c.in[i].bytes, c.loop->types[i], strides[i]};
    raises |= is_inexact(c.loop->types[i]);
  }
  window::append_loop(c.f->name, c.loop->fn, c.loop->data, raises || c.loop->borrowed, nin,
                      {args, static_cast<size_t>(nargs)}, c.b.ndim, c.b.shape);
}

// Scalars that a gradient rule will want become 0-d arrays; the others are constants without a
// value.
NodeRef begin_tape(Call& c, Array* const* originals) {
  Array* ins[3];
  ArrayRef scalars[3];
  for (int i = 0; i < c.f->nin; ++i) {
    ins[i] = originals[i];
    if (ins[i] || !(c.f->op.saves >> i & 1)) continue;
    scalars[i] = check(array_new(c.loop->types[i], 0, nullptr));
    std::memcpy(scalars[i]->bytes(), c.in[i].bytes, itemsize(c.loop->types[i]));
    ins[i] = scalars[i].get();
  }
  return tape::begin(c.f->op, {ins, static_cast<size_t>(c.f->nin)});
}

PyObject* pack_results(Call& c) {
  PyObject* results[2];
  for (int i = 0; i < c.f->nout; ++i) {
    if (c.fresh[i])
      results[i] = finish_result(c.fresh[i].release());
    else
      results[i] = Py_NewRef(reinterpret_cast<PyObject*>(c.outs[i]));
  }
  if (c.f->nout == 1) return results[0];
  PyObject* t = results[0] && results[1] ? PyTuple_Pack(2, results[0], results[1]) : nullptr;
  Py_XDECREF(results[0]);
  Py_XDECREF(results[1]);
  return t;
}

PyObject* run(Call& c, Array* const* originals) {
  NodeRef node;
  if (tape::state.recording && !c.f->op.zero_grad) {
    try {
      node = begin_tape(c, originals);
    } catch (PythonError&) {
      return nullptr;
    }
  }
  const bool deferred = defers(c);
  for (int i = 0; i < c.f->nout; ++i) {
    if (c.outs[i]) {
      if (tape::before_write(c.outs[i]) < 0) return nullptr;
      continue;
    }
    c.fresh[i] =
        ArrayRef::steal(new_output(c.loop->types[c.f->nin + i], c.b, c.in, c.f->nin, deferred));
    c.outs[i] = c.fresh[i].get();
    if (!c.outs[i]) return nullptr;
  }
  if (!prepare_inputs(c)) return nullptr;
  if (deferred) {
    write_down(c);
  } else {
    fp_clear(*c.loop);
    execute(c);
    if (loop_status(*c.loop, c.f->name) < 0) return nullptr;
  }
  if (c.fresh[0]) {
    if (tape::finish(node, {c.outs, static_cast<size_t>(c.f->nout)}) < 0) return nullptr;
  } else if (tape::finish_write(node, c.outs[0]) < 0) {
    return nullptr;
  }
  return pack_results(c);
}

PyObject* ask_numpy(Ufunc* f, PyObject* const* inputs, Array* const* outs) {
  PyObject* args[3 + 1];
  for (int i = 0; i < f->nin; ++i) args[i] = inputs[i];
  if (!outs) return fallback_call(f->name, args, f->nin, nullptr);
  static PyObject* names = Py_BuildValue("(s)", "out");
  PyObject* out = f->nout == 1 ? PyTuple_Pack(1, outs[0]) : PyTuple_Pack(2, outs[0], outs[1]);
  if (!out) return nullptr;
  args[f->nin] = out;
  PyObject* result = fallback_call(f->name, args, f->nin, names);
  Py_DECREF(out);
  return result;
}

PyObject* call_any(Ufunc* f, PyObject* const* inputs, Array* const* outs) {
  Call c;
  c.f = f;
  uint8_t codes[3];
  Array* originals[3];
  for (int i = 0; i < f->nin; ++i) {
    Outcome outcome = convert(inputs[i], c.in[i]);
    if (outcome == Outcome::Error) return nullptr;
    if (outcome == Outcome::NumPy) return ask_numpy(f, inputs, outs);
    codes[i] = c.in[i].code;
    originals[i] = c.in[i].array;
  }
  if (promotes_by_value() && !code_by_value(c.in, f->nin, codes)) return ask_numpy(f, inputs, outs);
  c.loop = resolve_loop(f, codes);
  if (!c.loop) return ask_numpy(f, inputs, outs);
  for (int i = 0; i < f->nout; ++i) {
    c.outs[i] = outs ? outs[i] : nullptr;
    if (c.outs[i] && (c.outs[i]->dtype != c.loop->types[f->nin + i] || !c.outs[i]->writeable() ||
                      !(c.outs[i]->flags & kAligned) || array_may_repeat(c.outs[i]) ||
                      (f->nout == 2 && array_may_overlap(outs[0], outs[1]))))
      return ask_numpy(f, inputs, outs);
  }
  if (!broadcast(c.in, f->nin, outs, f->nout, c.b)) return ask_numpy(f, inputs, outs);
  for (int i = 0; i < f->nin; ++i)
    if (!c.in[i].array && !encode_scalar(c.in[i], c.loop->types[i]))
      return ask_numpy(f, inputs, outs);
  return run(c, originals);
}

PyObject* call_others(Ufunc* f, PyObject* const* inputs) {
  ++f->calls;
  if (f->nout == 1) {
    PyObject* result = ufunc_call_plain(f, inputs);
    if (result || PyErr_Occurred()) return result;
  }
  return call_any(f, inputs, nullptr);
}

PyObject* call(Ufunc* f, PyObject* const* inputs, Array* const* outs) {
  PyObject* result;
  if (!outs) return ufunc_try_number(f, inputs, result) ? result : call_others(f, inputs);
  ++f->calls;
  return call_any(f, inputs, outs);
}

}  // namespace

PyObject* ufunc_call(Ufunc* f, PyObject* const* inputs, Array* const* outs) {
  if (!profiler::on()) return call(f, inputs, outs);
  return traced(
      profiler::kOperator, f->name, inputs, f->nin, [&] { return call(f, inputs, outs); }, 1);
}

PyObject* ufunc_call_others(Ufunc* f, PyObject* const* inputs) {
  return profiler::on() ? ufunc_call(f, inputs, nullptr) : call_others(f, inputs);
}

PyObject* ufunc_inplace(Ufunc* f, PyObject* a, PyObject* b) {
  PyObject* inputs[2] = {a, b};
  Array* target = reinterpret_cast<Array*>(a);
  // A stand-in for a scalar is immutable, as NumPy's scalars are: the name is bound to a new value.
  if (target->flags & kScalar) return ufunc_call(f, inputs, nullptr);
  return ufunc_call(f, inputs, &target);
}

namespace {

// The dimensions of a call, brought into the order of memory: axes of length 1 vanish, the fastest
// one is last, negative directions stay, and neighbours that are one run in every operand are
// merged.
struct LoopNest {
  int ndim = 0, nargs;
  bool empty = false;
  int64_t len[kMaxDims], step[kMaxUfuncArgs][kMaxDims];

  LoopNest(int nargs, int ndim_given, const int64_t* shape, const int64_t* const* strides)
      : nargs(nargs) {
    int axes[kMaxDims], n = 0;
    for (int i = 0; i < ndim_given; ++i) {
      empty |= shape[i] == 0;
      if (shape[i] != 1) axes[n++] = i;
    }
    auto weight = [&](int axis) {
      int64_t w = 0;
      for (int k = 0; k < nargs; ++k) w += std::abs(strides[k][axis]);
      return w;
    };
    std::stable_sort(axes, axes + n, [&](int x, int y) { return weight(x) > weight(y); });
    for (int i = 0; i < n; ++i) {
      bool merge = ndim > 0;
      for (int k = 0; merge && k < nargs; ++k)
        merge = step[k][ndim - 1] == strides[k][axes[i]] * shape[axes[i]];
      if (!merge) len[ndim++] = 1;
      len[ndim - 1] *= shape[axes[i]];
      for (int k = 0; k < nargs; ++k) step[k][ndim - 1] = strides[k][axes[i]];
    }
  }

  void run(const Loop& loop, char* const* data) const {
    intptr_t inner_step[kMaxUfuncArgs], inner = ndim ? len[ndim - 1] : 1;
    for (int k = 0; k < nargs; ++k) inner_step[k] = ndim ? step[k][ndim - 1] : 0;
    int64_t at[kMaxDims] = {};
    char* p[kMaxUfuncArgs];
    std::copy(data, data + nargs, p);
    for (;;) {
      char* args[kMaxUfuncArgs];  // loops may move their pointers
      std::copy(p, p + nargs, args);
      loop.fn(args, &inner, inner_step, loop.data);
      int d = ndim - 2;
      for (; d >= 0; --d) {
        for (int k = 0; k < nargs; ++k) p[k] += step[k][d];
        if (++at[d] < len[d]) break;
        for (int k = 0; k < nargs; ++k) p[k] -= step[k][d] * len[d];
        at[d] = 0;
      }
      if (d < 0) return;
    }
  }

  // Cuts the longest dimension into ranges for the thread pool.
  void run_parallel(const Loop& loop, char* const* data, int64_t serial_ns) const {
    const int d = static_cast<int>(std::max_element(len, len + ndim) - len);
    int64_t others = 1;
    for (int i = 0; i < ndim; ++i)
      if (i != d) others *= len[i];
    const int64_t grain = std::max<int64_t>(4096 / others, 1);
    pool::parallel_for(len[d], d == ndim - 1 ? (grain + 63) / 64 * 64 : grain, serial_ns,
                       [&](int64_t begin, int64_t end) {
                         LoopNest part = *this;
                         part.len[d] = end - begin;
                         char* p[kMaxUfuncArgs];
                         for (int k = 0; k < nargs; ++k) p[k] = data[k] + begin * step[k][d];
                         part.run(loop, p);
                       });
  }
};

}  // namespace

void run_loop(const Loop& loop, int nargs, int ndim, const int64_t* shape, char** data,
              const int64_t* const* strides) {
  const LoopNest nest(nargs, ndim, shape, strides);
  if (!nest.empty) nest.run(loop, data);
}

void run_elementwise(const Loop& loop, int nargs, int ndim, const int64_t* shape, char** data,
                     const int64_t* const* strides) {
  int64_t work = 1;
  for (int i = 0; i < ndim; ++i) work *= shape[i];
  constexpr int64_t kLarge = 1 << 14;
  const LoopNest nest(nargs, ndim, shape, strides);
  if (nest.empty) return;
  const Loop held = loop;  // another thread may resolve anew while this one is without the GIL
  if (work < kLarge || loop.needs_python) {
    ReleaseGil gil(work);
    return nest.run(held, data);
  }
  // Operators cost from a twentieth of a nanosecond an element to tens of them, and NumPy's loops
  // have no table of it: the first large call measures.
  if (loop.element_ns == 0) {
    const int64_t begin = profiler::now_ns();
    nest.run(held, data);
    loop.element_ns = static_cast<float>(profiler::now_ns() - begin) / static_cast<float>(work);
    return;
  }
  ReleaseGil gil(work);
  nest.run_parallel(held, data, static_cast<int64_t>(static_cast<float>(work) * held.element_ns));
}

}  // namespace mp
