// Calls of an elementwise operator on single real numbers: arrays without dimensions of float32 or
// float64, NumPy's scalars of these types, and Python's numbers beside one of them or alone. The
// value is computed where it lies; only a result with a history becomes an array, and its node
// keeps values instead of arrays (Note [Numbers on the tape]).
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <type_traits>

#include "engine/window.h"
#include "ops/promotion.h"
#include "ops/ufunc.h"
#include "python/numpy_api.h"
#include "python/scalar.h"
#include "tape/tape.h"

namespace mp {
namespace {

struct NumberOperand {
  Array* array;       // null: it has no history
  PyObject* weak;     // a Python number, which takes the other operand's dtype
  const char* bytes;  // of the others
  DType dtype;        // Invalid: weak
};

#define MP_HOT inline __attribute__((always_inline))

MP_HOT bool read(PyObject* o, NumberOperand& x) {
  const PyTypeObject* type = Py_TYPE(o);
  if (type == &ArrayType) {
    Array* a = reinterpret_cast<Array*>(o);
    if (a->ndim || (a->dtype != DType::F32 && a->dtype != DType::F64)) return false;
    if (a->storage->flags & kStorageWritten) return false;
    x = {a, nullptr, a->storage->data + a->offset, a->dtype};
  } else if (type == &PyFloat_Type || type == &PyLong_Type) {
    x = {nullptr, o, nullptr, DType::Invalid};
  } else if (type == &PyFloatArrType_Type) {
    const auto* scalar = reinterpret_cast<PyFloatScalarObject*>(o);
    x = {nullptr, nullptr, reinterpret_cast<const char*>(&scalar->obval), DType::F32};
  } else if (type == &PyDoubleArrType_Type) {
    const auto* scalar = reinterpret_cast<PyDoubleScalarObject*>(o);
    x = {nullptr, nullptr, reinterpret_cast<const char*>(&scalar->obval), DType::F64};
  } else {
    return false;
  }
  return true;
}

// The dtype of the loop; Invalid when the general path must find it.
template <int nin>
MP_HOT DType common_dtype(const NumberOperand* in) {
  if (nin == 1 || !(in[0].weak || in[1].weak))
    return nin == 1 || in[0].dtype == in[1].dtype ? in[0].dtype : DType::Invalid;
  return promotes_by_value() ? DType::Invalid : in[in[0].weak != nullptr].dtype;
}

// Neither infinite nor NaN nor tiny: operators whose NumberLoop `shows` raised nothing for a result
// like that, or nothing that means something.
template <class T>
MP_HOT bool ordinary(T value) {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  constexpr int kShift = std::numeric_limits<T>::digits - 1;
  constexpr Bits kExponents =
      2 * std::numeric_limits<T>::max_exponent - 1;  // of the last, no number
  return ((std::bit_cast<Bits>(value) >> kShift) & kExponents) - 2 < kExponents - 2;
}

template <class T>
MP_HOT bool encode(PyObject* number, T& to) {
  constexpr DType kWant = sizeof(T) == 4 ? DType::F32 : DType::F64;
  if (!PyFloat_CheckExact(number))
    return encode_number(number, kWant, reinterpret_cast<char*>(&to));
  const double v = PyFloat_AS_DOUBLE(number);
  to = static_cast<T>(v);
  return sizeof(T) == 8 || std::isfinite(to) || !std::isfinite(v);
}

template <class T, int nin>
MP_HOT T compute(const NumberLoop& loop, T* in, void* data) {
  T out;
  switch (nin == 2 ? loop.arithmetic : 0) {
    case '+':
      out = in[0] + in[1];
      break;
    case '-':
      out = in[0] - in[1];
      break;
    case '*':
      out = in[0] * in[1];
      break;
    case '/':
      out = in[0] / in[1];
      break;
    default: {
      char* args[3];
      intptr_t count = 1, steps[3] = {sizeof(T), sizeof(T), sizeof(T)};
      for (int i = 0; i < nin; ++i) args[i] = reinterpret_cast<char*>(in + i);
      args[nin] = reinterpret_cast<char*>(&out);
      loop.fn(args, &count, steps, data);
    }
  }
  settle(out);
  return out;
}

// What a result without a history is to Python.
template <class T>
PyObject* constant_result(T value, DType dtype) {
  const char* bytes = reinterpret_cast<const char*>(&value);
  if (!keep_arrays) return make_element(dtype, bytes);
  Array* a = array_new_number(dtype);
  if (a) std::memcpy(a->storage->data, bytes, sizeof value);
  return reinterpret_cast<PyObject*>(a);
}

// A node of the operator; null when no operand's value has a history after all.
template <class T, int nin>
MP_HOT NumberNode* record(Ufunc* f, const NumberOperand* in, const T* values, T result,
                          DType dtype) {
  NumberNode* node = number_node_new(f->op, nin, dtype);
  bool any = false, views = false;
  for (int i = 0; i < nin; ++i) {
    node->set_value(i, values[i]);
    Array* a = in[i].array;
    if (!a) continue;
    Edge& edge = node->inline_edges[i];  // null so far
    if (a->base && tape_root(a) != a) {
      views = true;
      edge = tape::edge_of(a);
    } else if (a->tape) {
      new (&edge) Edge(a->tape->edge);
    }
    any |= bool(edge);
  }
  node->set_value(NumberNode::kResult, result);
  if (views) node_renumber(node);
  if (any) return node;
  NodeRef::steal(node);
  return nullptr;
}

template <int nin>
MP_HOT bool taped(const NumberOperand* in) {
  if (in[0].array && tape::taped(in[0].array)) return true;
  return nin == 2 && in[1].array && tape::taped(in[1].array);
}

template <class T, int nin>
MP_HOT bool call(Ufunc* f, DType dtype, const NumberOperand* in, PyObject*& result) {
  const NumberLoop& loop = number_loop(f, dtype);
  if (!loop.fn) return false;
  T values[2];
  for (int i = 0; i < nin; ++i) {
    char* to = reinterpret_cast<char*>(values + i);
    if (!in[i].weak)
      std::memcpy(to, in[i].bytes, sizeof(T));
    else if (!encode(in[i].weak, values[i]))
      return false;
  }
  T value = compute<T, nin>(loop, values, cpu::any_flags());
  if (!(loop.shows && ordinary(value)) && fp_raised_sse()) [[unlikely]] {
    fp_clear();  // perhaps it was up before: see run_plain
    value = compute<T, nin>(loop, values, nullptr);
    result = nullptr;
    if (fp_report(f->name) < 0) return true;
  }
  NumberNode* node = nullptr;
  if (tape::state.recording && taped<nin>(in) && !f->op.zero_grad)
    node = record<T, nin>(f, in, values, value, dtype);
  if (!node) return result = constant_result(value, dtype), true;
  Array* out = array_new_number(dtype);
  result = reinterpret_cast<PyObject*>(out);
  if (!out) return NodeRef::steal(node), true;
  std::memcpy(out->storage->data, &value, sizeof value);
  if (!keep_arrays) out->flags |= kScalar;
  new (&tape::make_info(out)->edge.node) NodeRef(NodeRef::steal(node));  // null so far
  return true;
}

template <int nin>
MP_HOT bool call(Ufunc* f, const NumberOperand* in, PyObject*& result) {
  if (window::threshold <= 1) return false;  // every operator is deferred
  const DType dtype = common_dtype<nin>(in);
  if (dtype == DType::F32) return call<float, nin>(f, dtype, in, result);
  return dtype == DType::F64 && call<double, nin>(f, dtype, in, result);
}

}  // namespace

void* number_call_data = nullptr;

bool encode_number(PyObject* number, DType want, char* to) {
  double v;
  if (PyFloat_CheckExact(number)) {
    v = PyFloat_AS_DOUBLE(number);
  } else {
    int overflow;
    const int64_t i = PyLong_AsLongLongAndOverflow(number, &overflow);
    constexpr int64_t kExact = int64_t{1} << 24;
    if (overflow || i > kExact || i < -kExact) return false;
    if (want == DType::I64) return std::memcpy(to, &i, 8), true;
    v = static_cast<double>(i);
  }
  if (want == DType::F64) return std::memcpy(to, &v, 8), true;
  const float single = static_cast<float>(v);
  if (want != DType::F32 || (!std::isfinite(single) && std::isfinite(v))) return false;
  return std::memcpy(to, &single, 4), true;
}

bool ufunc_call_number(Ufunc* f, PyObject* const* inputs, PyObject*& result) {
  NumberOperand in[2];
  if (!read(inputs[0], in[0])) return false;
  if (f->nin == 1) return call<1>(f, in, result);
  return f->nin == 2 && read(inputs[1], in[1]) && call<2>(f, in, result);
}

}  // namespace mp
