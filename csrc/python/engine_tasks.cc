// minpy._core.engine's Var, push and waits: the task scheduler for Python callables.
#include <pybind11/pybind11.h>

#include <vector>

#include "engine/deps.h"
#include "mock/mock.h"
#include "python/engine_parts.h"

namespace py = pybind11;

namespace mp {
namespace {

// A Python object that C++ threads may hold and drop.
std::shared_ptr<PyObject> shared(PyObject* owned) {
  return {owned, [](PyObject* o) {
            if (!Py_IsInitialized()) return;
            PyGILState_STATE gil = PyGILState_Ensure();
            Py_DECREF(o);
            PyGILState_Release(gil);
          }};
}

// The exception that a Python task raised. Every wait raises a copy.
struct TaskError {
  std::shared_ptr<PyObject> exception;
};

[[noreturn]] void throw_python_error() {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback) PyException_SetTraceback(value, traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  throw TaskError{shared(value)};
}

void call_python(PyObject* f) {
  PyGILState_STATE gil = PyGILState_Ensure();
  struct Release {
    PyGILState_STATE gil;
    ~Release() { PyGILState_Release(gil); }
  } release{gil};
  PyObject* result = PyObject_CallNoArgs(f);
  if (!result) throw_python_error();
  Py_DECREF(result);
}

struct PyVar {
  deps::Var var = deps::new_variable();
};

std::vector<deps::Var> variables(const py::iterable& list) {
  std::vector<deps::Var> vars;
  for (py::handle h : list) {
    if (!py::isinstance<PyVar>(h))
      throw py::type_error("reads and writes hold minpy.engine.Var, not " +
                           std::string(Py_TYPE(h.ptr())->tp_name));
    vars.push_back(h.cast<PyVar&>().var);
  }
  return vars;
}

// The frames that an exception passes through are kept by it, and their local variables hold the
// Var, which holds the exception: raising the original would be a cycle that nobody can collect.
py::object copy_of(PyObject* exception) {
  py::object original = py::reinterpret_borrow<py::object>(exception), copy;
  try {
    copy = py::module_::import("copy").attr("copy")(original);
    if (Py_TYPE(copy.ptr()) != Py_TYPE(exception) || copy.is(original)) return original;
  } catch (py::error_already_set&) {
    return original;  // a class whose constructor takes something else
  }
  for (const char* name : {"__traceback__", "__cause__", "__context__", "__suppress_context__"})
    copy.attr(name) = original.attr(name);
  return copy;
}

// Runs a wait without the GIL; a task's failure becomes the Python error that it was.
template <class Wait>
void wait(Wait&& f) {
  std::shared_ptr<PyObject> raised;
  {
    py::gil_scoped_release unlocked;
    try {
      f();
    } catch (TaskError& e) {
      raised = e.exception;
    }
  }
  if (!raised) return;
  const py::object error = copy_of(raised.get());
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
  throw py::error_already_set();
}

void push(py::function f, const py::iterable& reads, const py::iterable& writes, int device,
          std::string name) {
  const std::vector<deps::Var> r = variables(reads), w = variables(writes);
  auto held = shared(f.release().ptr());
  py::gil_scoped_release unlocked;
  deps::push([held] { call_python(held.get()); }, r, w, device, std::move(name));
}

}  // namespace

void define_tasks(py::module_& m) {
  py::class_<PyVar>(m, "Var").def(py::init<>());
  m.def("push", &push);
  m.def("wait_to_read", [](PyVar& v) { wait([&] { deps::wait_to_read(v.var); }); });
  m.def("wait_to_write", [](PyVar& v) { wait([&] { deps::wait_to_write(v.var); }); });
  m.def("wait_all", [] { wait([] { deps::wait_all(); }); });
  m.def("wait_until_idle", [] { wait([] { deps::wait_until_idle(); }); });
  m.def("on_worker", &deps::on_worker);
  m.def("stop_workers", [] { wait([] { deps::stop_workers(); }); });
  m.def("forget_workers", &deps::forget_workers);
  m.def("mock_devices", [] { return mock::backend()->device_count(); });
  m.def("set_mock_latency_us", &mock::set_latency_us);
  m.def("mock_live_bytes", &mock::live_bytes);
  m.def("mock_fail_next", [](const std::string& text) { mock::fail_next(text.c_str()); });
}

}  // namespace mp
