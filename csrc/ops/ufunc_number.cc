// Calls of an elementwise operator on single real numbers: arrays without dimensions of float32 or
// float64, NumPy's scalars of these types, and Python's numbers beside one of them or alone. The
// value is computed where it lies; only a result with a history becomes an array, and its node
// keeps values instead of arrays (Note [Numbers on the tape]).
#include <cmath>
#include <cstring>

#include "engine/window.h"
#include "ops/promotion.h"
#include "ops/ufunc.h"
#include "python/numpy_api.h"
#include "python/scalar.h"
#include "tape/tape.h"

namespace mp {
namespace {

struct NumberOperand {
  Array* array = nullptr;       // null: it has no history
  PyObject* weak = nullptr;     // a Python number, which takes the other operand's dtype
  const char* bytes = nullptr;  // of the others
  DType dtype = DType::Invalid;
};

bool read(PyObject* o, NumberOperand& x) {
  const PyTypeObject* type = Py_TYPE(o);
  if (type == &ArrayType) {
    Array* a = reinterpret_cast<Array*>(o);
    if (a->ndim || (a->dtype != DType::F32 && a->dtype != DType::F64)) return false;
    if (a->storage->flags & kStorageWritten) return false;
    x = {a, nullptr, a->storage->data + a->offset, a->dtype};
  } else if (type == &PyFloat_Type || type == &PyLong_Type) {
    x.weak = o;
  } else if (type == &PyFloatArrType_Type) {
    x.bytes = reinterpret_cast<const char*>(&reinterpret_cast<PyFloatScalarObject*>(o)->obval);
    x.dtype = DType::F32;
  } else if (type == &PyDoubleArrType_Type) {
    x.bytes = reinterpret_cast<const char*>(&reinterpret_cast<PyDoubleScalarObject*>(o)->obval);
    x.dtype = DType::F64;
  } else {
    return false;
  }
  return true;
}

// The dtype of the loop; Invalid when the general path must find it.
DType common_dtype(const NumberOperand* in, int nin) {
  DType dtype = DType::Invalid;
  bool weak = false;
  for (int i = 0; i < nin; ++i) {
    if (in[i].weak) {
      weak = true;
    } else if (dtype == DType::Invalid) {
      dtype = in[i].dtype;
    } else if (dtype != in[i].dtype) {
      return DType::Invalid;
    }
  }
  return weak && promotes_by_value() ? DType::Invalid : dtype;
}

template <class T>
T compute(const NumberLoop& loop, T* in, int nin) {
  T out;
  switch (loop.arithmetic) {
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
      char* args[3] = {reinterpret_cast<char*>(in),
                       reinterpret_cast<char*>(nin == 1 ? &out : in + 1),
                       reinterpret_cast<char*>(&out)};
      const intptr_t count = 1, steps[3] = {sizeof(T), sizeof(T), sizeof(T)};
      loop.fn(args, &count, steps, loop.data);
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

template <class T>
PyObject* recorded_result(Ufunc* f, T value, DType dtype, const NumberOperand* in, const T* values,
                          Edge (&edges)[2]) {
  Array* out = array_new_number(dtype);
  if (!out) return nullptr;
  std::memcpy(out->storage->data, &value, sizeof value);
  if (!keep_arrays) out->flags |= kScalar;
  NumberNode* node = number_node_new(f->op, f->nin, dtype);
  for (int i = 0; i < f->nin; ++i) {
    node->inline_edges[i] = std::move(edges[i]);
    node->set_value(i, values[i]);
  }
  node->set_value(NumberNode::kResult, value);
  tape::make_info(out)->edge.node = NodeRef::steal(node);
  return reinterpret_cast<PyObject*>(out);
}

template <class T>
bool call(Ufunc* f, DType dtype, const NumberOperand* in, PyObject*& result) {
  const NumberLoop& loop = number_loop(f, dtype);
  if (!loop.fn) return false;
  T values[2];
  for (int i = 0; i < f->nin; ++i) {
    char* to = reinterpret_cast<char*>(values + i);
    if (!in[i].weak)
      std::memcpy(to, in[i].bytes, sizeof(T));
    else if (!encode_number(in[i].weak, dtype, to))
      return false;
  }
  T value = compute(loop, values, f->nin);
  if (fp_raised_sse()) [[unlikely]] {  // perhaps before: see run_plain
    fp_clear();
    value = compute(loop, values, f->nin);
    result = nullptr;
    if (fp_report(f->name) < 0) return true;
  }
  if (tape::state.recording && !f->op.zero_grad) {
    Edge edges[2];
    for (int i = 0; i < f->nin; ++i)
      if (in[i].array) edges[i] = tape::edge_of(in[i].array);
    if (edges[0] || edges[1]) {
      result = recorded_result(f, value, dtype, in, values, edges);
      return true;
    }
  }
  result = constant_result(value, dtype);
  return true;
}

}  // namespace

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
  if (f->nin > 2 || !read(inputs[0], in[0]) || (f->nin == 2 && !read(inputs[1], in[1])))
    return false;
  if (window::threshold <= 1) return false;  // every operator is deferred
  const DType dtype = common_dtype(in, f->nin);
  if (dtype == DType::F32) return call<float>(f, dtype, in, result);
  return dtype == DType::F64 && call<double>(f, dtype, in, result);
}

}  // namespace mp
