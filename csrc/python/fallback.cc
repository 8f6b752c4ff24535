#include "python/fallback.h"

#include <structmember.h>

#include <cstring>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ops/ufunc.h"
#include "python/call_trace.h"
#include "python/convert.h"
#include "python/error_text.h"
#include "python/fallback_state.h"
#include "python/import.h"
#include "python/nd_array.h"
#include "python/numpy_api.h"
#include "python/scalar.h"
#include "python/trace.h"
#include "tape/tape.h"

namespace mp {

FallbackState fallback_state;

bool holds_taped(PyObject* o, int depth) {
  if (array_check(o)) return tape::taped(reinterpret_cast<Array*>(o));
  if (depth < 3 && (PyTuple_CheckExact(o) || PyList_CheckExact(o)))
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
      if (holds_taped(PySequence_Fast_GET_ITEM(o, i), depth + 1)) return true;
  return false;
}

namespace {

struct Fallback {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject* name;
  PyObject* target;  // NumPy's callable
  PyObject* dict;
  int mutates;  // the argument that it writes into (copyto, put ...), or -1
  bool warned;
  int64_t calls;
};

Fallback* as_fallback(PyObject* o) { return reinterpret_cast<Fallback*>(o); }

std::unordered_set<Fallback*> all_fallbacks;  // for the statistics

// NumPy looks into nested sequences no deeper than an array has dimensions: what lies below stays,
// which also ends with sequences that contain themselves.
PyObject* unwrap_nested(PyObject* o, int depth);

PyObject* unwrap_sequence(PyObject* o, bool is_tuple, int depth) {
  Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  PyObject** items = PySequence_Fast_ITEMS(o);
  PyObject* out = nullptr;  // made when the first item changes
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = unwrap_nested(items[i], depth + 1);
    if (!item) {
      Py_XDECREF(out);
      return nullptr;
    }
    if (item != items[i] && !out) {
      out = is_tuple ? PyTuple_New(n) : PyList_New(n);
      for (Py_ssize_t j = 0; out && j < i; ++j) {
        Py_INCREF(items[j]);
        is_tuple ? PyTuple_SET_ITEM(out, j, items[j]) : PyList_SET_ITEM(out, j, items[j]);
      }
    }
    if (out)
      is_tuple ? PyTuple_SET_ITEM(out, i, item) : PyList_SET_ITEM(out, i, item);
    else
      Py_DECREF(item);
  }
  if (out) return out;
  Py_INCREF(o);
  return o;
}

// A named tuple keeps its type, so that NumPy sees its fields.
PyObject* unwrap_tuple(PyObject* o, int depth) {
  PyObject* items = unwrap_sequence(o, true, depth);
  if (!items || items == o || PyTuple_CheckExact(o)) return items;
  PyObject* make = PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(o)), "_make");
  if (!make) {
    PyErr_Clear();
    return items;
  }
  PyObject* result = PyObject_CallOneArg(make, items);
  Py_DECREF(make);
  Py_DECREF(items);
  return result;
}

PyObject* unwrap_dict(PyObject* o, int depth) {
  PyObject *out = PyDict_New(), *key, *value;
  for (Py_ssize_t pos = 0; out && PyDict_Next(o, &pos, &key, &value);) {
    PyObject* item = unwrap_nested(value, depth + 1);
    if (!item || PyDict_SetItem(out, key, item) < 0) Py_CLEAR(out);
    Py_XDECREF(item);
  }
  return out;
}

PyObject* unwrap_nested(PyObject* o, int depth) {
  if (array_check(o)) return to_numpy(reinterpret_cast<Array*>(o));
  if (depth <= kMaxDims) {
    if (PyTuple_Check(o)) return unwrap_tuple(o, depth);
    if (PyList_CheckExact(o)) return unwrap_sequence(o, false, depth);
    if (PyDict_CheckExact(o)) return unwrap_dict(o, depth);
  }
  if (o == reinterpret_cast<PyObject*>(&ArrayType)) o = reinterpret_cast<PyObject*>(&PyArray_Type);
  return Py_NewRef(o);
}

// The gradient rules are Python: they are imported when a recorded computation first reaches the
// fallback.
PyObject* gradient_hook() {
  static PyObject* hook = nullptr;
  if (!hook) hook = imported("minpy._gradients", "hook");
  return hook;
}

// Calls hook(fallback, *args, **kwargs).
PyObject* call_gradient_hook(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                             PyObject* kwnames) {
  PyObject* hook = gradient_hook();
  if (!hook) return nullptr;
  Py_ssize_t total = nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  std::vector<PyObject*> with_self(static_cast<size_t>(total) + 1, self);
  std::copy(args, args + total, with_self.begin() + 1);
  return PyObject_Vectorcall(hook, with_self.data(), nargs + 1, kwnames);
}

int before_mutation(PyObject* o) {
  if (array_check(o)) return tape::before_write(reinterpret_cast<Array*>(o));
  if (PyTuple_CheckExact(o))
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i)
      if (before_mutation(PyTuple_GET_ITEM(o, i)) < 0) return -1;
  return 0;
}

// Whether `result` is a NumPy array that the caller gave as out=: it gets that object back.
bool passed_as_out(PyObject* result, PyObject* target, PyObject* const* args, Py_ssize_t nargs,
                   PyObject* kwnames) {
  bool is_ufunc = Py_TYPE(target) == &PyUFunc_Type;
  for (Py_ssize_t i = is_ufunc ? reinterpret_cast<PyUFuncObject*>(target)->nin : nargs; i < nargs;
       ++i)
    if (args[i] == result) return true;
  for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); ++i) {
    if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, i), "out") != 0) continue;
    PyObject* out = args[nargs + i];
    return out == result || (PyTuple_CheckExact(out) && PyTuple_GET_SIZE(out) == 1 &&
                             PyTuple_GET_ITEM(out, 0) == result);
  }
  return false;
}

// What NumPy can read instead of `o`: a proxy of an object whose __array__ gives ours, also inside
// lists and tuples. A new reference, to `o` itself where nothing changes; null with an error set.
PyObject* read_array_likes(PyObject* o, int depth) {
  bool sequence = PyList_CheckExact(o) || PyTuple_CheckExact(o);
  if (sequence && depth < kMaxDims) {
    PyObject* items = PySequence_List(o);
    for (Py_ssize_t i = 0; items && i < PyList_GET_SIZE(items); ++i) {
      PyObject* item = read_array_likes(PyList_GET_ITEM(items, i), depth + 1);
      if (!item || PyList_SetItem(items, i, item) < 0) Py_CLEAR(items);
    }
    if (!items || PyList_CheckExact(o)) return items;
    PyObject* tuple = PyList_AsTuple(items);
    Py_DECREF(items);
    return tuple;
  }
  if (sequence || PyArray_Check(o) || PyType_Check(o) || !PyObject_HasAttrString(o, "__array__"))
    return Py_NewRef(o);
  PyObject* module = PyImport_ImportModule("minpy.numpy._dispatch");
  PyObject* readable = module ? PyObject_CallMethod(module, "ReadableInNumPy", "O", o) : nullptr;
  Py_XDECREF(module);
  return readable;
}

// NumPy refuses objects whose __array__ gives our array. With that error set, puts arrays in their
// places; false when the error is another one or a new one (it stays set).
bool replace_array_likes(PyObject** args, Py_ssize_t n) {
  constexpr std::string_view kRefused = "object __array__ method not producing an array";
  if (!clear_error(PyExc_ValueError, [&](auto text) { return text == kRefused; })) return false;
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* readable = read_array_likes(args[i], 0);
    if (!readable) return false;
    Py_SETREF(args[i], readable);
  }
  return true;
}

// Calls `target` on unwrapped arguments and wraps the result.
PyObject* call_numpy(PyObject* target, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames,
                     int mutates) {
  Py_ssize_t nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0, total = nargs + nkw;
  PyObject* small[9];
  PyObject** stack =
      total < 9 ? small : static_cast<PyObject**>(PyMem_Malloc(sizeof(PyObject*) * (total + 1)));
  Py_ssize_t done = 0;
  PyObject* result = nullptr;
  bool ok = stack != nullptr;
  if (ok && mutates >= 0 && mutates < nargs) ok = before_mutation(args[mutates]) == 0;
  for (; ok && done < total; ++done) {
    if (done >= nargs &&
        PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, done - nargs), "out") == 0 &&
        before_mutation(args[done]) < 0) {
      ok = false;
      break;
    }
    // What is written into must be the caller's own object, so a list of arrays stays as it is.
    stack[done + 1] =
        done == mutates && !array_check(args[done]) ? Py_NewRef(args[done]) : unwrap(args[done]);
    if (!stack[done + 1]) ok = false;
    if (!ok) break;
  }
  if (ok)
    result =
        PyObject_Vectorcall(target, stack + 1, nargs | PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames);
  if (ok && !result && replace_array_likes(stack + 1, total))
    result =
        PyObject_Vectorcall(target, stack + 1, nargs | PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames);
  bool is_out =
      result && PyArray_CheckExact(result) && passed_as_out(result, target, args, nargs, kwnames);
  // Wrapping while the arguments are alive keeps their identity: a returned `out` is the caller's
  // array.
  if (!is_out) result = wrap(result);
  for (Py_ssize_t i = 0; i < done; ++i) Py_DECREF(stack[i + 1]);
  if (stack != small) PyMem_Free(stack);
  return result;
}

int note_fallback(Fallback* f) {
  ++f->calls;
  if (fallback_state.mode == FallbackMode::Silent) return 0;
  if (fallback_state.mode == FallbackMode::Error) {
    PyErr_Format(PyExc_RuntimeError,
                 "%U has no native kernel for these arguments, and NumPy may not run it: the "
                 "policy is 'only_native' "
                 "or minpy.config.fallback is 'error'",
                 f->name);
    return -1;
  }
  if (f->warned) return 0;
  f->warned = true;
  return PyErr_WarnFormat(PyExc_RuntimeWarning, 1,
                          "%U runs in NumPy: it has no native kernel for these arguments", f->name);
}

PyObject* run_fallback(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  Fallback* f = as_fallback(self);
  if (note_fallback(f) < 0) return nullptr;
  if (tape::state.recording) {
    Py_ssize_t total = nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
    for (Py_ssize_t i = 0; i < total; ++i)
      if (holds_taped(args[i])) return call_gradient_hook(self, args, nargs, kwnames);
  }
  return call_numpy(f->target, args, nargs, kwnames, f->mutates);
}

PyObject* fallback_vectorcall(PyObject* self, PyObject* const* args, size_t nargsf,
                              PyObject* kwnames) {
  if (calls::listening())
    return calls::record_vectorcall(fallback_vectorcall, self, args, nargsf, kwnames);
  const Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
  auto call = [&] { return nd_result(args, nargs, run_fallback(self, args, nargs, kwnames)); };
  if (!profiler::on()) return call();
  return traced(profiler::kFallback, PyUnicode_AsUTF8(as_fallback(self)->name), args, nargs, call);
}

void fallback_dealloc(PyObject* self) {
  Fallback* f = as_fallback(self);
  PyObject_GC_UnTrack(self);
  all_fallbacks.erase(f);
  Py_CLEAR(f->name);
  Py_CLEAR(f->target);
  Py_CLEAR(f->dict);
  Py_TYPE(self)->tp_free(self);
}

int fallback_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(as_fallback(self)->target);
  Py_VISIT(as_fallback(self)->dict);
  return 0;
}

PyObject* fallback_getattro(PyObject* self, PyObject* name) {
  PyObject* found = PyObject_GenericGetAttr(self, name);
  if (found || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
  PyErr_Clear();
  return PyObject_GetAttr(as_fallback(self)->target, name);
}

// Methods of arrays are Fallbacks in the type's dict: they bind where NumPy's callable would.
PyObject* fallback_descr_get(PyObject* self, PyObject* instance, PyObject*) {
  bool binds = instance && instance != Py_None && Py_TYPE(as_fallback(self)->target)->tp_descr_get;
  return binds ? PyMethod_New(self, instance) : Py_NewRef(self);
}

PyObject* fallback_repr(PyObject* self) {
  return PyUnicode_FromFormat("<minpy function %U (runs in NumPy)>", as_fallback(self)->name);
}
// Equal to NumPy's function, and found in dicts by it: what __array_function__ is called with.
PyObject* fallback_compare(PyObject* self, PyObject* other, int how) {
  if ((how != Py_EQ && how != Py_NE) || self == other || Py_TYPE(other) == &FallbackType)
    Py_RETURN_NOTIMPLEMENTED;
  return PyBool_FromLong((as_fallback(self)->target == other) == (how == Py_EQ));
}
Py_hash_t fallback_hash(PyObject* self) { return PyObject_Hash(as_fallback(self)->target); }
PyObject* fallback_get_name(PyObject* self, void*) {
  PyObject* n = as_fallback(self)->name;
  Py_INCREF(n);
  return n;
}
PyObject* fallback_get_target(PyObject* self, void*) {
  PyObject* t = as_fallback(self)->target;
  Py_INCREF(t);
  return t;
}
PyObject* fallback_get_doc(PyObject* self, void*) {
  return PyObject_GetAttrString(as_fallback(self)->target, "__doc__");
}
PyObject* fallback_get_calls(PyObject* self, void*) {
  return PyLong_FromLongLong(as_fallback(self)->calls);
}
PyObject* fallback_reduce(PyObject* self, PyObject*) {
  return PyUnicode_FromFormat("%U", as_fallback(self)->name);
}

// Skips the gradient hook: what gradient rules call.
PyObject* fallback_call_numpy(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                              PyObject* kwnames) {
  return call_numpy(as_fallback(self)->target, args, nargs, kwnames, as_fallback(self)->mutates);
}

PyGetSetDef fallback_getset[] = {
    {"__name__", fallback_get_name, nullptr, nullptr, nullptr},
    {"__qualname__", fallback_get_name, nullptr, nullptr, nullptr},
    {"__wrapped__", fallback_get_target, nullptr, nullptr, nullptr},
    {"__doc__", fallback_get_doc, nullptr, nullptr, nullptr},
    {"__module__", module_attribute, nullptr, nullptr, nullptr},
    {"calls", fallback_get_calls, nullptr, "Number of calls so far.", nullptr},
    {}};
PyMethodDef fallback_methods[] = {
    {"call_numpy", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(fallback_call_numpy)),
     METH_FASTCALL | METH_KEYWORDS, "Call the NumPy function without recording a gradient."},
    {"__reduce__", fallback_reduce, METH_NOARGS, nullptr},
    {}};

PyObject* numpy_attribute(const char* dotted) {
  static std::unordered_map<std::string, PyObject*> cache;  // lives as long as the process
  auto it = cache.find(dotted);
  if (it != cache.end()) return it->second;
  std::string path = dotted;
  size_t start = 0;
  PyObject* o;
  if (Ufunc* f = find_ufunc(
          path.substr(0, path.find('.')))) {  // not in the numpy module where NumPy lacks it
    o = Py_NewRef(f->numpy);
    start = std::strlen(f->name) + 1;
  } else {
    o = PyImport_ImportModule("numpy");
  }
  while (o && start <= path.size()) {
    size_t dot = path.find('.', start);
    std::string part = path.substr(start, dot == std::string::npos ? dot : dot - start);
    PyObject* next = PyObject_GetAttrString(o, part.c_str());
    Py_DECREF(o);
    o = next;
    start = dot == std::string::npos ? path.size() + 1 : dot + 1;
  }
  if (o) cache.emplace(path, o);
  return o;
}

}  // namespace

PyObject* module_attribute(PyObject*, void*) { return PyUnicode_InternFromString("minpy.numpy"); }

PyObject* fallback_counts() {
  PyObject* counts = PyDict_New();
  for (Fallback* f : all_fallbacks) {
    if (!counts || !f->calls) continue;
    PyObject* before = PyDict_GetItemWithError(counts, f->name);
    PyObject* total = PyLong_FromLongLong(f->calls + (before ? PyLong_AsLongLong(before) : 0));
    if (!total || PyDict_SetItem(counts, f->name, total) < 0) Py_CLEAR(counts);
    Py_XDECREF(total);
  }
  return counts;
}

void reset_fallback_counts() {
  for (Fallback* f : all_fallbacks) f->calls = 0;
}

PyTypeObject FallbackType = {PyVarObject_HEAD_INIT(nullptr, 0)};

bool fallback_init(PyObject* module) {
  FallbackType.tp_name = "minpy.numpy.fallback_function";
  FallbackType.tp_basicsize = sizeof(Fallback);
  FallbackType.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_HAVE_GC;
  FallbackType.tp_vectorcall_offset = offsetof(Fallback, vectorcall);
  FallbackType.tp_call = PyVectorcall_Call;
  FallbackType.tp_dealloc = fallback_dealloc;
  FallbackType.tp_traverse = fallback_traverse;
  FallbackType.tp_repr = fallback_repr;
  FallbackType.tp_getattro = fallback_getattro;
  FallbackType.tp_richcompare = fallback_compare;
  FallbackType.tp_hash = fallback_hash;
  FallbackType.tp_setattro = PyObject_GenericSetAttr;
  FallbackType.tp_dictoffset = offsetof(Fallback, dict);
  FallbackType.tp_descr_get = fallback_descr_get;
  FallbackType.tp_getset = fallback_getset;
  FallbackType.tp_methods = fallback_methods;
  return PyType_Ready(&FallbackType) == 0;
}

PyObject* fallback_new(const char* name, PyObject* numpy_callable, int mutates) {
  Fallback* f = PyObject_GC_New(Fallback, &FallbackType);
  if (!f) return nullptr;
  f->vectorcall = fallback_vectorcall;
  f->name = PyUnicode_InternFromString(name);
  Py_INCREF(numpy_callable);
  f->target = numpy_callable;
  f->dict = nullptr;
  f->mutates = mutates;
  f->warned = false;
  f->calls = 0;
  PyObject_GC_Track(reinterpret_cast<PyObject*>(f));
  all_fallbacks.insert(f);
  return reinterpret_cast<PyObject*>(f);
}

PyObject* unwrap(PyObject* o) { return unwrap_nested(o, 0); }

PyObject* wrap(PyObject* o) {
  if (!o) return nullptr;
  if (PyArray_CheckExact(o)) {
    PyObject* ours = from_numpy(o);
    Py_DECREF(o);
    return ours;
  }
  if (scalar_arrays && (PyArray_IsScalar(o, Number) || PyArray_IsScalar(o, Bool))) {
    PyObject* array = PyArray_FromScalar(o, nullptr);
    Py_DECREF(o);
    PyObject* ours = wrap(array);
    if (ours && array_check(ours)) reinterpret_cast<Array*>(ours)->flags |= kScalar;
    return ours;
  }
  if (PyList_CheckExact(o)) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(o); ++i) {
      PyObject* item = PyList_GET_ITEM(o, i);
      if (!PyArray_CheckExact(item) && !PyTuple_Check(item) && !PyList_CheckExact(item)) continue;
      Py_INCREF(item);
      PyObject* ours = wrap(item);
      if (!ours || PyList_SetItem(o, i, ours) < 0) {
        Py_DECREF(o);
        return nullptr;
      }
    }
    return o;
  }
  if (!PyTuple_Check(o)) return o;
  bool changes = false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i) {
    PyObject* item = PyTuple_GET_ITEM(o, i);
    changes |= PyArray_CheckExact(item) || PyTuple_Check(item) || PyList_CheckExact(item);
  }
  if (!changes) return o;
  PyObject* items = PyTuple_New(PyTuple_GET_SIZE(o));
  for (Py_ssize_t i = 0; items && i < PyTuple_GET_SIZE(o); ++i) {
    PyObject* item = PyTuple_GET_ITEM(o, i);
    Py_INCREF(item);
    PyObject* ours = wrap(item);
    if (!ours)
      Py_CLEAR(items);
    else
      PyTuple_SET_ITEM(items, i, ours);
  }
  PyObject* result = items;
  if (items && !PyTuple_CheckExact(o)) {  // a named tuple keeps its type
    result = PyObject_CallMethod(reinterpret_cast<PyObject*>(Py_TYPE(o)), "_make", "(O)", items);
    Py_DECREF(items);
  }
  Py_DECREF(o);
  return result;
}

PyObject* fallback_call(const char* numpy_name, PyObject* const* args, Py_ssize_t nargs,
                        PyObject* kwnames) {
  // Goes through the Fallback object that the namespace would hold, so that counting, policy and
  // gradients apply.
  static std::unordered_map<std::string, PyObject*> cache;
  PyObject*& f = cache[numpy_name];
  if (!f) {
    PyObject* target = numpy_attribute(numpy_name);
    if (!target) return nullptr;
    f = fallback_new(numpy_name, target, -1);
    if (!f) return nullptr;
  }
  return fallback_vectorcall(f, args, nargs, kwnames);
}

PyObject* fallback_method(Array* self, const char* name, PyObject* const* args, Py_ssize_t nargs,
                          PyObject* kwnames) {
  std::string path = std::string("ndarray.") + name;
  Py_ssize_t total = nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  std::vector<PyObject*> stack(total + 1);
  stack[0] = reinterpret_cast<PyObject*>(self);
  std::copy(args, args + total, stack.begin() + 1);
  return fallback_call(path.c_str(), stack.data(), nargs + 1, kwnames);
}

PyObject* fallback_getitem(Array* self, PyObject* key) {
  PyObject* args[2] = {reinterpret_cast<PyObject*>(self), key};
  return fallback_call("ndarray.__getitem__", args, 2, nullptr);
}

int fallback_setitem(Array* self, PyObject* key, PyObject* value) {
  if (tape::before_write(self) < 0) return -1;
  PyObject* args[3] = {reinterpret_cast<PyObject*>(self), key, value};
  PyObject* done = fallback_call("ndarray.__setitem__", args, 3, nullptr);
  Py_XDECREF(done);
  return done ? 0 : -1;
}

}  // namespace mp
