// The extension module minpy._core: types, native functions, and the switches that Python code
// sets.
#define MP_IMPORT_NUMPY
#include <pybind11/pybind11.h>

#include "engine/window.h"
#include "ops/manip.h"
#include "ops/statistics.h"
#include "ops/ufunc.h"
#include "python/array_type.h"
#include "python/call_trace.h"
#include "python/convert.h"
#include "python/creation.h"
#include "python/engine.h"
#include "python/fallback.h"
#include "python/fallback_state.h"
#include "python/kernel_function.h"
#include "python/linalg.h"
#include "python/metatype.h"
#include "python/native_function.h"
#include "python/nd_array.h"
#include "python/numpy_api.h"
#include "python/protocols.h"
#include "python/random.h"
#include "python/reduce.h"
#include "tape/python.h"

namespace py = pybind11;

namespace mp {
namespace {

bool import_numpy() { return _import_array() >= 0 && _import_umath() >= 0; }

py::object checked(PyObject* o) {
  if (!o) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(o);
}

// Native functions live in a submodule-like dict, so that minpy.numpy can tell them from everything
// else.
void add_functions(py::module_& m, py::dict& functions, PyMethodDef* table) {
  for (; table->ml_name; ++table)
    functions[table->ml_name] = checked(native_function_new(table, false));
}

void add_plain_functions(py::module_& m, PyMethodDef* table) {
  if (PyModule_AddFunctions(m.ptr(), table) < 0) throw py::error_already_set();
}

// What pickles name. A pybind11 function would pickle as a call of eval; these pickle by name.
PyObject* rebuild_array(PyObject*, PyObject* o) { return from_numpy(o); }

PyObject* rebuild_ufunc(PyObject*, PyObject* name) {
  const char* text = PyUnicode_AsUTF8(name);
  Ufunc* f = text ? find_ufunc(text) : nullptr;
  if (text && !f) PyErr_Format(PyExc_ValueError, "no operator is named %R", name);
  return Py_XNewRef(reinterpret_cast<PyObject*>(f));
}

PyMethodDef pickle_functions[] = {
    {"_from_numpy", rebuild_array, METH_O, "The array over the memory of a NumPy array."},
    {"_find_ufunc", rebuild_ufunc, METH_O, "The operator of this name."},
    {}};

}  // namespace
}  // namespace mp

PYBIND11_MODULE(_core, m) {
  using namespace mp;
  if (!import_numpy() || !fallback_init(m.ptr()) || !native_function_init() ||
      !ufunc_init(m.ptr()) || !ufunc_metatype_init() || !array_type_init(m.ptr()) ||
      !tape_init(m.ptr()) || !engine_init(m.ptr()) || !kernel_functions_init(m.ptr()) ||
      !nd_array_init(m.ptr()) || !calls::init(m.ptr()))
    throw py::error_already_set();
  borrow_sort_kernels();
  py::dict functions;
  for (PyMethodDef* table :
       {creation_functions, manip_functions, reduce_functions, linalg_functions,
        statistics_functions, position_functions, sorting_functions, nan_functions})
    add_functions(m, functions, table);
  m.attr("functions") = functions;
  m.attr("ufunc") = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(&UfuncType));
  m.attr("fallback_function") =
      py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(&FallbackType));
  m.def("make_fallback", [](const char* name, py::object f, int mutates) {
    return checked(fallback_new(name, f.ptr(), mutates));
  });
  m.def(
      "to_numpy", [](py::object o) { return checked(unwrap(o.ptr())); },
      "Arrays, also inside tuples, lists and dicts, as numpy.ndarrays over the same memory.");
  m.def(
      "from_numpy", [](py::object o) { return checked(wrap(o.release().ptr())); },
      "NumPy arrays, also inside tuples and lists, as minpy arrays over the same memory.");
  add_plain_functions(m, pickle_functions);
  add_plain_functions(m, flag_functions);
  add_plain_functions(m, random_functions);
  add_plain_functions(m, stream_functions);
  m.def(
      "set_deferral_threshold",
      [](int64_t least) {
        storage_settle();
        return std::exchange(window::threshold, least);
      },
      "Elements from which operators are deferred; returns the former number. For tests.");
  m.def(
      "waitall",
      [] {
        if (window::flush() < 0) throw py::error_already_set();
      },
      "Runs all deferred operators.");
  m.def("set_policy", [](int policy) { set_policy(static_cast<Policy>(policy)); });
  m.def(
      "call_counts",
      [] {
        return py::make_tuple(checked(ufunc_counts()), checked(native_counts()),
                              checked(fallback_counts()));
      },
      "Calls of operators, of native functions, and of those what NumPy served.");
  m.def("reset_call_counts",
        [] { reset_ufunc_counts(), reset_native_counts(), reset_fallback_counts(); });
  m.def("set_fallback_mode",
        [](int mode) { fallback_state.mode = static_cast<FallbackMode>(mode); });
}
