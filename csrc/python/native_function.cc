#include "python/native_function.h"

#include <structmember.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "ops/ufunc.h"
#include "python/call_trace.h"
#include "python/fallback.h"
#include "python/import.h"
#include "python/nd_array.h"
#include "python/numpy_api.h"
#include "python/trace.h"

namespace mp {
namespace {

using FastCall = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

struct NativeFunction {
  PyObject_HEAD vectorcallfunc vectorcall;
  vectorcallfunc own;  // what vectorcall is, unless the policy sends every call to NumPy
  FastCall call;
  const char* path;  // of NumPy's callable: "sum", "ndarray.sum"
  PyObject* dict;
  int64_t calls;
};

NativeFunction* as_native(PyObject* o) { return reinterpret_cast<NativeFunction*>(o); }

// The call of a native function or method, seen by the profiler.
PyObject* run(NativeFunction* f, PyObject* self, PyObject* const* args, Py_ssize_t nargs,
              PyObject* kwnames) {
  auto call = [&] {
    PyObject* result = f->call(self, args, nargs, kwnames);
    return nd_result(self ? &self : args, self ? 1 : nargs, result);
  };
  if (!profiler::on()) return call();
  // A method's array is the argument before the others.
  return traced(profiler::kFunction, f->path, args - (self != nullptr), nargs + (self != nullptr),
                call);
}

PyObject* native_vectorcall(PyObject* self, PyObject* const* args, size_t nargsf,
                            PyObject* kwnames) {
  if (calls::listening())
    return calls::record_vectorcall(native_vectorcall, self, args, nargsf, kwnames);
  NativeFunction* f = as_native(self);
  ++f->calls;
  return run(f, nullptr, args, PyVectorcall_NARGS(nargsf), kwnames);
}

PyObject* native_in_numpy(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  NativeFunction* f = as_native(self);
  ++f->calls;
  return fallback_call(f->path, args, PyVectorcall_NARGS(nargsf), kwnames);
}

// Methods take the array as their first argument. Arrays that are NumPy's own run NumPy's method.
PyObject* method_vectorcall(PyObject* self, PyObject* const* args, size_t nargsf,
                            PyObject* kwnames) {
  if (calls::listening())
    return calls::record_vectorcall(method_vectorcall, self, args, nargsf, kwnames);
  NativeFunction* f = as_native(self);
  Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
  ++f->calls;
  if (nargs && array_check(args[0])) return run(f, args[0], args + 1, nargs - 1, kwnames);
  return fallback_call(f->path, args, nargs, kwnames);
}

const char* last_part(const NativeFunction* f) {
  const char* dot = std::strrchr(f->path, '.');
  return dot ? dot + 1 : f->path;
}

PyObject* native_repr(PyObject* self) {
  return PyUnicode_FromFormat("<function %s at %p>", as_native(self)->path, self);
}
PyObject* native_name(PyObject* self, void*) {
  return PyUnicode_FromString(last_part(as_native(self)));
}
PyObject* native_qualname(PyObject* self, void*) {
  return PyUnicode_FromString(as_native(self)->path);
}
PyObject* native_calls(PyObject* self, void*) {
  return PyLong_FromLongLong(as_native(self)->calls);
}
PyObject* native_reduce(PyObject* self, PyObject*) { return native_qualname(self, nullptr); }

PyObject* native_wrapped(PyObject* self, void*) {
  PyObject* numpy = PyImport_ImportModule("numpy");
  const char* name = last_part(as_native(self));
  if (numpy && name != as_native(self)->path)
    Py_SETREF(numpy, Py_NewRef(reinterpret_cast<PyObject*>(&PyArray_Type)));
  PyObject* f = numpy ? PyObject_GetAttrString(numpy, name) : nullptr;
  Py_XDECREF(numpy);
  return f;
}

// Equal to NumPy's function, and found in dicts by it: what __array_function__ is called with.
PyObject* native_compare(PyObject* self, PyObject* other, int how) {
  bool ours = Py_TYPE(other) == Py_TYPE(self);
  if ((how != Py_EQ && how != Py_NE) || ours) Py_RETURN_NOTIMPLEMENTED;
  PyObject* numpy = native_wrapped(self, nullptr);
  if (!numpy) return nullptr;
  bool equal = numpy == other;
  Py_DECREF(numpy);
  return PyBool_FromLong(equal == (how == Py_EQ));
}

Py_hash_t native_hash(PyObject* self) {
  PyObject* numpy = native_wrapped(self, nullptr);
  Py_hash_t hash = numpy ? PyObject_Hash(numpy) : -1;
  Py_XDECREF(numpy);
  return hash;
}

PyObject* native_doc(PyObject* self, void*) {
  PyObject* numpy = native_wrapped(self, nullptr);
  PyObject* doc = numpy ? PyObject_GetAttrString(numpy, "__doc__") : nullptr;
  Py_XDECREF(numpy);
  return doc;
}

// Attributes that we do not have (such as __signature__, __defaults__, __code__) are those of
// NumPy's function.
PyObject* native_getattro(PyObject* self, PyObject* name) {
  PyObject* found = PyObject_GenericGetAttr(self, name);
  if (found || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
  PyErr_Clear();
  PyObject* numpy = native_wrapped(self, nullptr);
  found = numpy ? PyObject_GetAttr(numpy, name) : nullptr;
  Py_XDECREF(numpy);
  return found;
}

PyObject* native_descr_get(PyObject* self, PyObject* instance, PyObject*) {
  return instance && instance != Py_None ? PyMethod_New(self, instance) : Py_NewRef(self);
}

PyGetSetDef native_getset[] = {
    {"__name__", native_name, nullptr, nullptr, nullptr},
    {"__qualname__", native_qualname, nullptr, nullptr, nullptr},
    {"__doc__", native_doc, nullptr, nullptr, nullptr},
    {"__module__", module_attribute, nullptr, nullptr, nullptr},
    {"__wrapped__", native_wrapped, nullptr, "NumPy's function.", nullptr},
    {"calls", native_calls, nullptr, "Number of calls so far.", nullptr},
    {}};
PyMethodDef native_methods[] = {{"__reduce__", native_reduce, METH_NOARGS, nullptr}, {}};

Policy policy = Policy::PreferNative;
std::vector<NativeFunction*> all_functions;  // they live as long as the process

}  // namespace

PyTypeObject NativeFunctionType = {PyVarObject_HEAD_INIT(nullptr, 0)};
PyTypeObject NativeBuiltinType = {PyVarObject_HEAD_INIT(nullptr, 0)};

namespace {

// Stands for a ufunc or built-in function of NumPy, which classes do not bind as a method.
bool native_builtin_init() {
  NativeBuiltinType = NativeFunctionType;
  NativeBuiltinType.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL;
  NativeBuiltinType.tp_descr_get = nullptr;
  return PyType_Ready(&NativeBuiltinType) == 0;
}

bool numpys_binds(const char* name) {
  PyObject* f = imported("numpy", name);
  bool binds = !f || Py_TYPE(f)->tp_descr_get;
  PyErr_Clear();
  Py_XDECREF(f);
  return binds;
}

}  // namespace

bool native_function_init() {
  NativeFunctionType.tp_name = "minpy.numpy.native_function";
  NativeFunctionType.tp_basicsize = sizeof(NativeFunction);
  NativeFunctionType.tp_flags =
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR;
  NativeFunctionType.tp_vectorcall_offset = offsetof(NativeFunction, vectorcall);
  NativeFunctionType.tp_call = PyVectorcall_Call;
  NativeFunctionType.tp_repr = native_repr;
  NativeFunctionType.tp_getattro = native_getattro;
  NativeFunctionType.tp_richcompare = native_compare;
  NativeFunctionType.tp_hash = native_hash;
  NativeFunctionType.tp_setattro = PyObject_GenericSetAttr;
  NativeFunctionType.tp_dictoffset = offsetof(NativeFunction, dict);
  NativeFunctionType.tp_descr_get = native_descr_get;
  NativeFunctionType.tp_getset = native_getset;
  NativeFunctionType.tp_methods = native_methods;
  return native_builtin_init() && PyType_Ready(&NativeFunctionType) == 0;
}

PyObject* native_function_new(const PyMethodDef* def, bool is_method) {
  bool binds = is_method || numpys_binds(def->ml_name);
  NativeFunction* f =
      PyObject_New(NativeFunction, binds ? &NativeFunctionType : &NativeBuiltinType);
  if (!f) return nullptr;
  f->vectorcall = f->own = is_method ? method_vectorcall : native_vectorcall;
  f->call = reinterpret_cast<FastCall>(reinterpret_cast<void*>(def->ml_meth));
  f->path = is_method ? strdup((std::string("ndarray.") + def->ml_name).c_str()) : def->ml_name;
  f->dict = nullptr;
  f->calls = 0;
  all_functions.push_back(f);
  return Py_NewRef(reinterpret_cast<PyObject*>(f));
}

void adopt_documentation(PyMethodDef* table, PyTypeObject* numpys) {
  for (; table->ml_name; ++table) {
    PyObject* method = PyObject_GetAttrString(reinterpret_cast<PyObject*>(numpys), table->ml_name);
    PyObject* doc = method ? PyObject_GetAttrString(method, "__doc__") : nullptr;
    PyObject* signature = method ? PyObject_GetAttrString(method, "__text_signature__") : nullptr;
    if (doc && signature && PyUnicode_Check(doc) && PyUnicode_Check(signature)) {
      std::string text = std::string(table->ml_name) + PyUnicode_AsUTF8(signature) + "\n--\n\n" +
                         PyUnicode_AsUTF8(doc);
      table->ml_doc = strdup(text.c_str());  // lives as long as the process
    }
    PyErr_Clear();
    Py_XDECREF(signature);
    Py_XDECREF(doc);
    Py_XDECREF(method);
  }
}

PyObject* native_counts() {
  PyObject* counts = PyDict_New();
  for (NativeFunction* f : all_functions) {
    PyObject* n = counts && f->calls ? PyLong_FromLongLong(f->calls) : nullptr;
    if (n && PyDict_SetItemString(counts, f->path, n) < 0) Py_CLEAR(counts);
    Py_XDECREF(n);
  }
  return counts;
}

void reset_native_counts() {
  for (NativeFunction* f : all_functions) f->calls = 0;
}

Policy current_policy() { return policy; }

void set_policy(Policy next) {
  policy = next;
  bool numpy = next == Policy::OnlyNumPy;
  for (NativeFunction* f : all_functions) f->vectorcall = numpy ? native_in_numpy : f->own;
  forget_loops();
}

}  // namespace mp
