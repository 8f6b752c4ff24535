#include "tape/python.h"

#include <cstring>
#include <vector>

#include "core/error.h"
#include "ops/api.h"
#include "python/call_trace.h"
#include "python/convert.h"
#include "python/guarded.h"
#include "python/import.h"
#include "python/nd_array.h"
#include "tape/backward.h"
#include "tape/composite.h"
#include "tape/custom.h"
#include "tape/errors.h"
#include "tape/grad_function.h"
#include "tape/tape.h"

namespace mp {
namespace tape {

PyObject* mxnet_error() {
  static PyObject* type = nullptr;
  if (!type) type = imported("minpy.base", "MXNetError");
  if (type) return type;
  PyErr_Clear();
  return PyExc_RuntimeError;
}

namespace {

Array* as_self(PyObject* o) { return reinterpret_cast<Array*>(o); }

// --- Recording state ---

PyObject* set_flag(bool& flag, PyObject* value) {
  const int on = PyObject_IsTrue(value);
  if (on < 0) return nullptr;
  return PyBool_FromLong(std::exchange(flag, on != 0));
}
PyObject* set_recording(PyObject*, PyObject* value) { return set_flag(state.recording, value); }
PyObject* set_training(PyObject*, PyObject* value) { return set_flag(state.training, value); }
PyObject* is_recording(PyObject*, PyObject*) { return PyBool_FromLong(state.recording); }
PyObject* is_training(PyObject*, PyObject*) { return PyBool_FromLong(state.training); }

// --- Leaves ---

bool parse_req(PyObject* name, int* req) {
  constexpr std::pair<const char*, int> kReqs[] = {
      {"null", kReqNull}, {"write", kReqWrite}, {"add", kReqAdd}};
  const char* text = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : nullptr;
  for (auto [known, value] : kReqs)
    if (text && std::strcmp(text, known) == 0) {
      *req = value;
      return true;
    }
  if (!PyErr_Occurred()) PyErr_SetObject(PyExc_KeyError, name);
  return false;
}

PyObject* attach_grad_method(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (calls::listening()) calls::refuse("attach_grad inside of the computation");
  static const char* names[] = {"grad_req", "stype", nullptr};
  PyObject *grad_req = nullptr, *stype = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO", const_cast<char**>(names), &grad_req,
                                   &stype))
    return nullptr;
  int req = kReqWrite;
  if (grad_req && !parse_req(grad_req, &req)) return nullptr;
  return guarded([&]() -> PyObject* {
    Array* a = as_self(self);
    check(attach_grad(a, api::zeros(a->dtype, a->shape_span()), req));
    Py_RETURN_NONE;
  });
}

Array* array_argument(PyObject* o, const char* what) {
  if (!array_check(o)) {
    PyErr_Format(PyExc_TypeError, "%s must be arrays, not %s", what, Py_TYPE(o)->tp_name);
    throw PythonError{};
  }
  return as_self(o);
}

// mark_variables(variables, gradients, grad_reqs): sequences of equal length
PyObject* mark_variables(PyObject*, PyObject* args) {
  if (calls::listening()) calls::refuse("mark_variables inside of the computation");
  PyObject *variables, *gradients, *reqs;
  if (!PyArg_ParseTuple(args, "O!O!O!", &PyList_Type, &variables, &PyList_Type, &gradients,
                        &PyList_Type, &reqs))
    return nullptr;
  return guarded([&]() -> PyObject* {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(variables); ++i) {
      Array* variable = array_argument(PyList_GET_ITEM(variables, i), "variables");
      Array* gradient = array_argument(PyList_GET_ITEM(gradients, i), "gradients");
      int req;
      if (!parse_req(PyList_GET_ITEM(reqs, i), &req)) throw PythonError{};
      if (!Shape(variable->shape, variable->ndim).equals(gradient->shape, gradient->ndim)) {
        PyErr_Format(PyExc_ValueError,
                     "mark_variables: gradient %zd does not have the shape of its variable", i);
        throw PythonError{};
      }
      check(attach_grad(variable, ArrayRef::borrow(gradient), req));
    }
    Py_RETURN_NONE;
  });
}

// attach_sparse_grad(array, gradient, grad_req): backward() calls gradient._receive(parts, dense,
// add)
PyObject* attach_sparse_grad(PyObject*, PyObject* args) {
  PyObject *array, *gradient, *name;
  int req;
  if (!PyArg_ParseTuple(args, "OOO", &array, &gradient, &name) || !parse_req(name, &req))
    return nullptr;
  return guarded([&]() -> PyObject* {
    Array* a = array_argument(array, "variables");
    check(attach_grad(a, {}, req));
    leaf_of(a)->sparse = PyRef(Py_NewRef(gradient));
    Py_RETURN_NONE;
  });
}

PyObject* get_grad(PyObject* self, void*) {
  LeafExtra* leaf = leaf_of(as_self(self));
  if (leaf && leaf->sparse.get()) return Py_NewRef(leaf->sparse.get());
  if (!leaf || !leaf->grad) Py_RETURN_NONE;
  return Py_NewRef(leaf->grad.object());
}

PyObject* get_fresh_grad(PyObject* self, void*) {
  LeafExtra* leaf = leaf_of(as_self(self));
  return PyBool_FromLong(leaf && leaf->fresh);
}

int set_fresh_grad(PyObject* self, PyObject* value, void*) {
  const int fresh = value ? PyObject_IsTrue(value) : -1;
  LeafExtra* leaf = leaf_of(as_self(self));
  if (fresh < 0 || !leaf) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_AttributeError, "only variables have gradients");
    return -1;
  }
  leaf->fresh = fresh != 0;
  return 0;
}

PyObject* detach_method(PyObject* self, PyObject* none) {
  if (calls::listening()) {
    static PyObject* method =
        PyObject_GetAttrString(reinterpret_cast<PyObject*>(&ArrayType), "detach");
    return calls::record(method, &self, 1, nullptr, [&] { return detach_method(self, none); });
  }
  return guarded([&] { return detach(as_self(self)).release_object(); });
}

// --- Backward ---

ArrayRef head_gradient(PyObject* o, Array* head, Py_ssize_t i) {
  if (o == Py_None) return {};
  ArrayRef g = as_array(o);
  if (!g) {
    if (!PyErr_Occurred())
      PyErr_Format(PyExc_TypeError, "backward: head gradient %zd is a %s, an array is needed", i,
                   Py_TYPE(o)->tp_name);
    throw PythonError{};
  }
  if (g->ndim == 0 && !array_check(o)) return api::broadcast_to(g, head->shape_span());
  if (g->ndim != head->ndim || !std::equal(g->shape, g->shape + g->ndim, head->shape)) {
    PyObject *given = shape_tuple(g->shape, g->ndim), *want = shape_tuple(head->shape, head->ndim);
    if (given && want)
      PyErr_Format(PyExc_ValueError,
                   "backward: head gradient %zd has shape %R, its head has shape %R", i, given,
                   want);
    Py_XDECREF(given);
    Py_XDECREF(want);
    throw PythonError{};
  }
  return g;
}

struct Heads {
  std::vector<Edge> edges;
  std::vector<ArrayRef> grads;

  void add(PyObject* head, PyObject* grad) {
    Array* a = array_argument(head, "heads");
    if (!is_inexact(a->dtype)) {
      PyErr_Format(PyExc_TypeError,
                   "backward: head %zu has dtype %s: only real and complex arrays have gradients",
                   edges.size(), kDTypeName[index(a->dtype)]);
      throw PythonError{};
    }
    ArrayRef g = head_gradient(grad, a, static_cast<Py_ssize_t>(edges.size()));
    edges.push_back(edge_of(a));
    grads.push_back(std::move(g));
  }
  void add_all(PyObject* heads, PyObject* head_grads) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(heads); ++i)
      add(PyList_GET_ITEM(heads, i),
          head_grads == Py_None ? Py_None : PyList_GET_ITEM(head_grads, i));
  }
};

// backward(heads: list, head_grads: list or None, retain_graph)
PyObject* backward_function(PyObject*, PyObject* args) {
  if (calls::listening()) calls::refuse("backward inside of the computation");
  PyObject *heads, *head_grads;
  int retain;
  if (!PyArg_ParseTuple(args, "O!Op", &PyList_Type, &heads, &head_grads, &retain)) return nullptr;
  return guarded([&]() -> PyObject* {
    Heads h;
    h.add_all(heads, head_grads);
    backward(h.edges, h.grads, {}, {.retain_graph = retain != 0});
    Py_RETURN_NONE;
  });
}

PyObject* backward_method(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (calls::listening()) calls::refuse("backward inside of the computation");
  static const char* names[] = {"out_grad", "retain_graph", "train_mode", nullptr};
  PyObject* out_grad = Py_None;
  int retain = 0, train = 1;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|Opp", const_cast<char**>(names), &out_grad,
                                   &retain, &train))
    return nullptr;
  const bool before = std::exchange(state.training, train != 0);
  PyObject* result = guarded([&]() -> PyObject* {
    Heads h;
    h.add(self, out_grad);
    backward(h.edges, h.grads, {}, {.retain_graph = retain != 0});
    Py_RETURN_NONE;
  });
  state.training = before;
  return result;
}

// A gradient that belongs to the caller alone.
ArrayRef own(const ArrayRef& g) { return g->base || Py_REFCNT(g.object()) > 1 ? api::copy(g) : g; }

// The gradient of an NDArray is one.
PyObject* like_variable(ArrayRef g, PyObject* variable) {
  if (!is_nd_array(variable)) return g.release_object();
  if (Py_REFCNT(g.object()) != 1) g = api::view_like(g);
  return to_nd_array(g.release_object(), reinterpret_cast<Array*>(variable)->context);
}

// grad(heads: list, variables: list, head_grads: list or None, retain_graph, create_graph) -> list
PyObject* grad_function(PyObject*, PyObject* args) {
  if (calls::listening()) calls::refuse("a gradient inside of the computation");
  PyObject *heads, *variables, *head_grads;
  int retain, create;
  if (!PyArg_ParseTuple(args, "O!O!Opp", &PyList_Type, &heads, &PyList_Type, &variables,
                        &head_grads, &retain, &create))
    return nullptr;
  return guarded([&]() -> PyObject* {
    Heads h;
    h.add_all(heads, head_grads);
    std::vector<Edge> targets;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(variables); ++i)
      targets.push_back(edge_of(array_argument(PyList_GET_ITEM(variables, i), "variables")));
    std::vector<ArrayRef> grads = backward(
        h.edges, h.grads, targets, {.retain_graph = retain != 0, .create_graph = create != 0});
    PyObject* list = check(PyList_New(static_cast<Py_ssize_t>(grads.size())));
    for (size_t i = 0; i < grads.size(); ++i) {
      if (!grads[i]) {
        Py_DECREF(list);
        PyErr_Format(mxnet_error(),
                     "Cannot differentiate with respect to the %zu-th variable because it is "
                     "unreachable from the "
                     "outputs.",
                     i + 1);
        throw PythonError{};
      }
      RecordingScope scope(create != 0);
      ArrayRef g = own(grads[i]);
      grads[i] = ArrayRef();
      PyList_SET_ITEM(list, i, like_variable(std::move(g), PyList_GET_ITEM(variables, i)));
    }
    return list;
  });
}

PyCFunction with_keywords(PyCFunctionWithKeywords f) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
}

PyMethodDef functions[] = {
    {"set_recording", set_recording, METH_O,
     "Sets the recording flag of this thread; returns the former one."},
    {"set_training", set_training, METH_O,
     "Sets the training flag of this thread; returns the former one."},
    {"is_recording", is_recording, METH_NOARGS, "Whether operations are recorded in this thread."},
    {"is_training", is_training, METH_NOARGS, "Whether this thread is in training mode."},
    {"mark_variables", mark_variables, METH_VARARGS, "See minpy.autograd.mark_variables."},
    {"attach_sparse_grad", attach_sparse_grad, METH_VARARGS,
     "attach_sparse_grad(array, gradient, grad_req)\n--\n\nMakes the array a variable whose "
     "gradient goes to gradient._receive(parts, dense, add):\nsparse arrays that rules gave, a "
     "dense "
     "array or None, and whether to add."},
    {"backward", backward_function, METH_VARARGS, "See minpy.autograd.backward."},
    {"grad", grad_function, METH_VARARGS, "See minpy.autograd.grad."},
    {"record_custom", with_keywords(record_custom), METH_VARARGS | METH_KEYWORDS,
     "record_custom(name, inputs, outputs, vjp, saved=())\n--\n\nGives outputs a gradient rule "
     "written in Python.\n\n"
     "vjp(g, *saved) is called in the backward pass, with a tuple of gradients when outputs is a "
     "tuple or list,\n"
     "and returns one gradient (or None) per input."},
    {"composite_vjp", composite_vjp_function, METH_VARARGS,
     "composite_vjp(f, arrays, grads)\n--\n\nThe gradients, one (or None) per array of a tuple, of "
     "f(*arrays), which "
     "is\na tuple of array operations' results with the gradients grads."},
    {"is_taped", is_taped, METH_O, "Whether the object is an array with a gradient history."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace
}  // namespace tape

PyMethodDef tape_methods[] = {
    {"attach_grad", tape::with_keywords(tape::attach_grad_method), METH_VARARGS | METH_KEYWORDS,
     "attach_grad(grad_req='write', stype=None)\n--\n\nMakes this array a variable with a gradient "
     "buffer of zeros.\n\n"
     "grad_req says what backward() does with the buffer: 'write', 'add' or 'null'. An array that "
     "was computed\n"
     "loses its history. Raises KeyError for another grad_req, TypeError for arrays of integers."},
    {"backward", tape::with_keywords(tape::backward_method), METH_VARARGS | METH_KEYWORDS,
     "backward(out_grad=None, retain_graph=False, train_mode=True)\n--\n\nComputes the gradients "
     "of this array with "
     "respect to the variables it was computed from.\n\nout_grad: the gradient of this array, of "
     "its shape; ones by "
     "default."},
    {"detach", tape::detach_method, METH_NOARGS,
     "detach()\n--\n\nA view of the same values without gradient history."},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef tape_getset[] = {
    {"grad", tape::get_grad, nullptr, "The gradient buffer that attach_grad made, or None.",
     nullptr},
    {"_fresh_grad", tape::get_fresh_grad, tape::set_fresh_grad,
     "Whether backward() filled the gradient since this was set to False.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

bool tape_init(PyObject* module) {
  return PyModule_AddFunctions(module, tape::functions) == 0 && tape::grad_function_init(module);
}

}  // namespace mp
