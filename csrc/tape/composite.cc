#include "tape/composite.h"

#include "core/error.h"
#include "ops/api.h"
#include "python/convert.h"
#include "python/guarded.h"
#include "tape/backward.h"
#include "tape/tape.h"

namespace mp::tape {

ArrayRef composite_vjp(const std::function<ArrayRef(const ArrayRef&)>& f, const ArrayRef& x,
                       const ArrayRef& g) {
  const bool create_graph = state.recording;
  ArrayRef variable = make_variable(x.get()), y;
  {
    RecordingScope on(true);
    y = f(variable);
  }
  Edge target = edge_of(variable.get()), head = edge_of(y.get());
  std::vector<ArrayRef> grads =
      backward({&head, 1}, {&g, 1}, {&target, 1}, {.create_graph = create_graph});
  return grads[0] ? grads[0] : api::zeros(x->dtype, x->shape_span());
}

namespace {

struct Recorded {  // the outputs that depend on a variable, and what flowed into them
  std::vector<Edge> heads;
  std::vector<ArrayRef> grads;
};

// Calls f on the variables while recording.
Recorded record_call(PyObject* f, const std::vector<ArrayRef>& variables, PyObject* grads) {
  std::vector<PyObject*> args;
  for (const ArrayRef& v : variables) args.push_back(v.object());
  RecordingScope on(true);
  PyObject* outs = check(PyObject_Vectorcall(f, args.data(), args.size(), nullptr));
  Recorded result;
  bool fits = PyTuple_Check(outs) && PyTuple_GET_SIZE(outs) == PyTuple_GET_SIZE(grads);
  for (Py_ssize_t i = 0; fits && i < PyTuple_GET_SIZE(outs); ++i) {
    PyObject* out = PyTuple_GET_ITEM(outs, i);
    if (!array_check(out)) continue;
    Edge edge = edge_of(reinterpret_cast<Array*>(out));
    ArrayRef g = edge ? as_array(PyTuple_GET_ITEM(grads, i)) : ArrayRef();
    if (!g) continue;
    result.heads.push_back(std::move(edge));
    result.grads.push_back(std::move(g));
  }
  Py_DECREF(outs);
  if (!fits) PyErr_SetString(PyExc_TypeError, "composite_vjp: one output per gradient is needed");
  if (PyErr_Occurred()) throw PythonError{};
  return result;
}

PyObject* composite_gradients(PyObject* f, PyObject* arrays, PyObject* grads) {
  const bool create_graph = state.recording;
  std::vector<ArrayRef> variables;
  std::vector<Edge> targets;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(arrays); ++i) {
    variables.push_back(make_variable(reinterpret_cast<Array*>(PyTuple_GET_ITEM(arrays, i))));
    targets.push_back(edge_of(variables.back().get()));
  }
  Recorded r = record_call(f, variables, grads);
  std::vector<ArrayRef> results(targets.size());
  if (!r.heads.empty())
    results = backward(r.heads, r.grads, targets, {.create_graph = create_graph});
  PyObject* tuple = check(PyTuple_New(static_cast<Py_ssize_t>(results.size())));
  for (size_t i = 0; i < results.size(); ++i)
    PyTuple_SET_ITEM(tuple, i, results[i] ? results[i].release_object() : Py_NewRef(Py_None));
  return tuple;
}

}  // namespace

PyObject* composite_vjp_function(PyObject*, PyObject* args) {
  PyObject *f, *arrays, *grads;
  if (!PyArg_ParseTuple(args, "OO!O!", &f, &PyTuple_Type, &arrays, &PyTuple_Type, &grads))
    return nullptr;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(arrays); ++i)
    if (!array_check(PyTuple_GET_ITEM(arrays, i)))
      return PyErr_Format(PyExc_TypeError, "composite_vjp: argument %zd is not an array", i);
  return guarded([&] { return composite_gradients(f, arrays, grads); });
}

PyObject* is_taped(PyObject*, PyObject* o) {
  return PyBool_FromLong(array_check(o) && taped(reinterpret_cast<Array*>(o)));
}

}  // namespace mp::tape
