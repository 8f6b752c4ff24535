// The Python side of Ufunc: calls with keyword arguments, reduce and its relatives, attributes, the
// registry.
#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_map>

#include "ops/gradients.h"
#include "ops/ufunc.h"
#include "python/call_trace.h"
#include "python/convert.h"
#include "python/fallback.h"
#include "python/import.h"
#include "python/native_function.h"
#include "python/nd_array.h"
#include "python/numpy_api.h"
#include "python/reduce.h"
#include "python/signature.h"
#include "tape/tape.h"

namespace mp {
namespace {

std::unordered_map<std::string_view, Ufunc*>& registry() {
  static auto* map = new std::unordered_map<std::string_view, Ufunc*>;
  return *map;
}

Ufunc* as_ufunc(PyObject* o) { return reinterpret_cast<Ufunc*>(o); }

// Reads out= (an array or a tuple of nout arrays). False: NumPy must interpret it.
bool parse_out(Ufunc* f, PyObject* value, Array** outs) {
  if (f->nout == 1 && array_check(value)) {
    outs[0] = reinterpret_cast<Array*>(value);
    return true;
  }
  if (!PyTuple_CheckExact(value) || PyTuple_GET_SIZE(value) != f->nout) return false;
  for (int i = 0; i < f->nout; ++i) {
    PyObject* item = PyTuple_GET_ITEM(value, i);
    if (!array_check(item)) return false;
    outs[i] = reinterpret_cast<Array*>(item);
  }
  return true;
}

PyObject* call_ufunc(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  Ufunc* f = as_ufunc(self);
  Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
  if (nargs == f->nin && !kwnames) return ufunc_call(f, args, nullptr);
  Array* outs[2] = {};
  bool native = nargs >= f->nin && nargs <= f->nargs(), has_out = false;
  if (nargs > f->nin &&
      (std::strcmp(f->name, "maximum") == 0 || std::strcmp(f->name, "minimum") == 0))
    native = false;  // deprecated since NumPy 2.4, which words the warning
  for (Py_ssize_t i = f->nin; native && i < nargs; ++i) {
    native = array_check(args[i]) && nargs == f->nargs();
    if (native) outs[i - f->nin] = reinterpret_cast<Array*>(args[i]);
    has_out = true;
  }
  for (Py_ssize_t k = 0; native && kwnames && k < PyTuple_GET_SIZE(kwnames); ++k) {
    PyObject *name = PyTuple_GET_ITEM(kwnames, k), *value = args[nargs + k];
    if (PyUnicode_CompareWithASCIIString(name, "out") == 0) {
      if (value == Py_None && f->nout == 1) continue;
      native = !has_out && parse_out(f, value, outs);
      has_out = true;
    } else if (PyUnicode_CompareWithASCIIString(name, "where") == 0) {
      native = value == Py_True;
    } else if (PyUnicode_CompareWithASCIIString(name, "dtype") == 0) {
      native = value == Py_None;
    } else {
      native = false;
    }
  }
  if (native) return ufunc_call(f, args, has_out ? outs : nullptr);
  return fallback_call(f->name, args, nargs, kwnames);
}

PyObject* ufunc_vectorcall(PyObject* self, PyObject* const* args, size_t nargsf,
                           PyObject* kwnames) {
  if (calls::listening())
    return calls::record_vectorcall(ufunc_vectorcall, self, args, nargsf, kwnames);
  Ufunc* f = as_ufunc(self);
  PyObject* result;
  if (PyVectorcall_NARGS(nargsf) == f->nin && !kwnames && ufunc_try_number(f, args, result))
    return result;
  return nd_result(args, PyVectorcall_NARGS(nargsf), call_ufunc(self, args, nargsf, kwnames));
}

PyObject* numpy_method(Ufunc* f, const char* method, PyObject* const* args, Py_ssize_t nargs,
                       PyObject* kwnames) {
  std::string path = std::string(f->name) + "." + method;
  return fallback_call(path.c_str(), args, nargs, kwnames);
}

// ufunc.reduce(array, axis=0, dtype=None, out=None, keepdims=False, initial, where)
PyObject* ufunc_reduce_method(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                              PyObject* kwnames) {
  Ufunc* f = as_ufunc(self);
  static PyObject* zero = PyLong_FromLong(0);
  if (nargs >= 1 && nargs <= 2 && array_check(args[0]) &&
      reinterpret_cast<Array*>(args[0])->ndim > 0) {
    ReduceArgs r;
    r.axis = nargs > 1 ? args[1] : zero;
    bool known = true;
    for (Py_ssize_t k = 0; known && kwnames && k < PyTuple_GET_SIZE(kwnames); ++k) {
      PyObject *name = PyTuple_GET_ITEM(kwnames, k), *value = args[nargs + k];
      struct {
        const char* name;
        PyObject** slot;
      } slots[] = {{"axis", &r.axis},         {"dtype", &r.dtype},     {"out", &r.out},
                   {"keepdims", &r.keepdims}, {"initial", &r.initial}, {"where", &r.where}};
      known = false;
      for (auto& s : slots)
        if (PyUnicode_CompareWithASCIIString(name, s.name) == 0) {
          *s.slot = value;
          known = true;
        }
    }
    Array* a = reinterpret_cast<Array*>(args[0]);
    const OpDef* op = reduction_op(f->name);
    if (known && (op || !tape::should_record(a))) {
      PyObject* result = reduce_array(f, op, a, r);
      if (result || PyErr_Occurred()) return result;
    }
  }
  return numpy_method(f, "reduce", args, nargs, kwnames);
}

template <int kWhich>
PyObject* ufunc_other_method(PyObject* self, PyObject* const* args, Py_ssize_t nargs,
                             PyObject* kwnames) {
  constexpr const char* names[] = {"accumulate", "reduceat", "outer", "at"};
  if (kWhich == 3 && nargs && array_check(args[0]) &&
      tape::before_write(reinterpret_cast<Array*>(args[0])) < 0)
    return nullptr;
  if constexpr (kWhich == 0 || kWhich == 2) {
    PyObject* result =
        (kWhich == 0 ? ufunc_accumulate : ufunc_outer)(as_ufunc(self), args, nargs, kwnames);
    if (result || PyErr_Occurred()) return result;
  }
  return numpy_method(as_ufunc(self), names[kWhich], args, nargs, kwnames);
}

PyObject* ufunc_getattro(PyObject* self, PyObject* name) {
  PyObject* found = PyObject_GenericGetAttr(self, name);
  if (found || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
  PyErr_Clear();
  return PyObject_GetAttr(as_ufunc(self)->numpy, name);
}

PyObject* ufunc_repr(PyObject* self) {
  return PyUnicode_FromFormat("<ufunc '%s'>", as_ufunc(self)->name);
}
// Equal to NumPy's ufunc, and found in dicts by it: what __array_ufunc__ is called with.
PyObject* ufunc_compare(PyObject* self, PyObject* other, int how) {
  if ((how != Py_EQ && how != Py_NE) || Py_TYPE(other) != &PyUFunc_Type) Py_RETURN_NOTIMPLEMENTED;
  return PyBool_FromLong((as_ufunc(self)->numpy == other) == (how == Py_EQ));
}
Py_hash_t ufunc_hash(PyObject* self) { return PyObject_Hash(as_ufunc(self)->numpy); }
PyObject* ufunc_name(PyObject* self, void*) { return PyUnicode_FromString(as_ufunc(self)->name); }
PyObject* ufunc_doc(PyObject* self, void*) {
  return PyObject_GetAttrString(as_ufunc(self)->numpy, "__doc__");
}
PyObject* ufunc_wrapped(PyObject* self, void*) { return Py_NewRef(as_ufunc(self)->numpy); }
PyObject* ufunc_own_types(PyObject* self, void*) {
  Ufunc* f = as_ufunc(self);
  PyObject* types = PyList_New(0);
  for (const Loop& loop : *f->loops) {
    if (loop.borrowed || !types) continue;
    char text[kMaxUfuncArgs + 2], *p = text;
    for (int i = 0; i < f->nargs(); ++i) {
      *p++ = kTypeChar[index(loop.types[i])];
      if (i == f->nin - 1) p = static_cast<char*>(std::memcpy(p, "->", 2)) + 2;
    }
    PyObject* item = PyUnicode_FromStringAndSize(text, p - text);
    if (!item || PyList_Append(types, item) < 0) Py_CLEAR(types);
    Py_XDECREF(item);
  }
  return types;
}
PyObject* ufunc_calls(PyObject* self, void*) { return PyLong_FromLongLong(as_ufunc(self)->calls); }
PyObject* ufunc_pickle(PyObject* self, PyObject*) {
  PyObject* find = imported("minpy._core", "_find_ufunc");
  return find ? Py_BuildValue("N(s)", find, as_ufunc(self)->name) : nullptr;
}

PyMethodDef ufunc_methods[] = {method_def("reduce", ufunc_reduce_method),
                               method_def("accumulate", ufunc_other_method<0>),
                               method_def("reduceat", ufunc_other_method<1>),
                               method_def("outer", ufunc_other_method<2>),
                               method_def("at", ufunc_other_method<3>),
                               {"__reduce__", ufunc_pickle, METH_NOARGS, nullptr},
                               {}};
PyGetSetDef ufunc_getset[] = {
    {"__name__", ufunc_name, nullptr, nullptr, nullptr},
    {"__qualname__", ufunc_name, nullptr, nullptr, nullptr},
    {"__doc__", ufunc_doc, nullptr, nullptr, nullptr},
    {"__module__", module_attribute, nullptr, nullptr, nullptr},
    {"__wrapped__", ufunc_wrapped, nullptr, "NumPy's ufunc.", nullptr},
    {"own_types", ufunc_own_types, nullptr,
     "Types of the inner loops that are not NumPy's, as in 'ff->f'.", nullptr},
    {"calls", ufunc_calls, nullptr, "Number of native calls so far.", nullptr},
    {}};

Ufunc* ufunc_new(const char* name, PyObject* numpy) {
  PyUFuncObject* np = reinterpret_cast<PyUFuncObject*>(numpy);
  Ufunc* f = PyObject_New(Ufunc, &UfuncType);
  if (!f) return nullptr;
  f->vectorcall = ufunc_vectorcall;
  f->name = name;
  f->nin = np->nin;
  f->nout = np->nout;
  f->op = OpDef{name};
  f->numpy = Py_NewRef(numpy);
  f->calls = 0;
  std::ranges::fill(f->numbers, NumberLoop{});
  load_loops(f);
  return f;
}

// The operators that NumPy lacks, by name.
PyObject* add_own_ufuncs() {
  PyObject* named = PyDict_New();
  for (const OwnUfunc& own : own_ufuncs()) {
    PyObject* numpy = make_numpy_ufunc(own);
    Ufunc* f = numpy ? ufunc_new(own.name, numpy) : nullptr;
    Py_XDECREF(numpy);
    if (!f || !named || PyDict_SetItemString(named, own.name, reinterpret_cast<PyObject*>(f)) < 0)
      return nullptr;
    registry().emplace(f->name, f);
  }
  return named;
}

void attach_gradients(std::pair<const OpDef*, size_t> rows) {
  for (size_t i = 0; i < rows.second; ++i)
    if (Ufunc* f = find_ufunc(rows.first[i].name)) {
      f->op = rows.first[i];
      f->op.name = f->name;
    }
}

}  // namespace

PyTypeObject UfuncType = {PyVarObject_HEAD_INIT(nullptr, 0)};

Ufunc* find_ufunc(std::string_view name) {
  auto it = registry().find(name);
  return it == registry().end() ? nullptr : it->second;
}

void forget_loops() {
  for (auto& [name, f] : registry()) {
    std::fill(f->resolved->begin(), f->resolved->end(), 0);
    f->reductions->clear();
    std::ranges::fill(f->numbers, NumberLoop{});
  }
}

PyObject* ufunc_counts() {
  PyObject* counts = PyDict_New();
  for (auto& [name, f] : registry()) {
    PyObject* n = counts && f->calls ? PyLong_FromLongLong(f->calls) : nullptr;
    if (n && PyDict_SetItemString(counts, f->name, n) < 0) Py_CLEAR(counts);
    Py_XDECREF(n);
  }
  return counts;
}

void reset_ufunc_counts() {
  for (auto& [name, f] : registry()) f->calls = 0;
}

// Makes an operator for every elementwise ufunc of the numpy module and adds them, with their
// aliases.
bool ufunc_init(PyObject* module) {
  UfuncType.tp_name = "minpy.numpy.ufunc";
  UfuncType.tp_basicsize = sizeof(Ufunc);
  UfuncType.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL;
  UfuncType.tp_vectorcall_offset = offsetof(Ufunc, vectorcall);
  UfuncType.tp_call = PyVectorcall_Call;
  UfuncType.tp_repr = ufunc_repr;
  UfuncType.tp_getattro = ufunc_getattro;
  UfuncType.tp_richcompare = ufunc_compare;
  UfuncType.tp_hash = ufunc_hash;
  UfuncType.tp_methods = ufunc_methods;
  UfuncType.tp_getset = ufunc_getset;
  adopt_documentation(ufunc_methods, &PyUFunc_Type);
  if (PyType_Ready(&UfuncType) < 0) return false;
  PyObject* numpy = PyImport_ImportModule("numpy");
  if (!numpy) return false;
  PyObject* ufuncs = PyDict_New();
  PyObject *key, *value, *dict = PyModule_GetDict(numpy);
  for (Py_ssize_t pos = 0; PyDict_Next(dict, &pos, &key, &value);) {
    if (Py_TYPE(value) != &PyUFunc_Type) continue;
    PyUFuncObject* np = reinterpret_cast<PyUFuncObject*>(value);
    if (np->core_enabled || np->nargs > kMaxUfuncArgs || np->nin > 2 || np->nout > 2) continue;
    Ufunc* f = find_ufunc(np->name);
    if (!f) {
      f = ufunc_new(np->name, value);
      if (!f) return false;
      registry().emplace(f->name, f);
    }
    PyDict_SetItem(ufuncs, key, reinterpret_cast<PyObject*>(f));
  }
  Py_DECREF(numpy);
  PyObject* own = add_own_ufuncs();
  if (!own || PyModule_AddObject(module, "own_ufuncs", own) < 0) return false;
  attach_gradients(elementwise_gradients());
  attach_gradients(math_gradients());
  attach_gradients(activation_gradients());
  return PyModule_AddObject(module, "ufuncs", ufuncs) == 0;
}

}  // namespace mp
