#include "tape/grad_function.h"

#include <vector>

#include "core/arena.h"
#include "core/error.h"
#include "core/pyref.h"
#include "ops/api.h"
#include "python/convert.h"
#include "python/guarded.h"
#include "python/scalar.h"
#include "tape/backward.h"
#include "tape/tape.h"

namespace mp::tape {
namespace {

struct GradFunction {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject* func;
  PyObject* dict;
  PyObject* weakrefs;
  std::vector<Py_ssize_t>* argnums;
  bool several;  // argnum was a sequence: gradients come as a tuple
  bool with_loss;
};

[[noreturn]] void fail_argument(Py_ssize_t i, PyObject* o) {
  PyErr_Format(PyExc_TypeError,
               "grad: argument %zd is a %s: gradients exist for real and complex arrays and "
               "numbers, and for lists, "
               "tuples and dicts of them",
               i, Py_TYPE(o)->tp_name);
  throw PythonError{};
}

// An argument that stands for its variable while the function runs, for functions that reach the
// same array in another way than as their argument, such as the parameters of a model.
class Marked {
 public:
  Marked(ArrayRef a, Edge edge) : array_(std::move(a)), flags_(array_->flags) {
    set_edge(array_.get(), std::move(edge));
  }
  Marked(Marked&&) = default;
  ~Marked() {
    if (!array_) return;
    if (array_->tape) release(std::exchange(array_->tape, nullptr));
    array_->flags = (array_->flags & ~kDetached) | (flags_ & kDetached);
  }

  bool is(PyObject* o) const { return array_.object() == o; }

 private:
  ArrayRef array_;
  decltype(Array::flags) flags_;
};

// The variables of one call: arguments replaced by arrays whose history starts here.
class Variables {
 public:
  explicit Variables(std::pmr::memory_resource* memory) : edges_(memory), marked_(memory) {}

  // The argument with every array and number in it made a variable.
  PyRef box(Py_ssize_t index, PyObject* o) {
    if (PyTuple_Check(o) || PyList_Check(o)) {
      PyRef items(PySequence_List(o));
      for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items.get()); ++i)
        PyList_SetItem(items.get(), i, box(index, PyList_GET_ITEM(items.get(), i)).release());
      if (PyList_Check(o)) return items;
      return PyTuple_CheckExact(o)
                 ? PyRef(PyList_AsTuple(items.get()))
                 : PyRef(PyObject_Call(reinterpret_cast<PyObject*>(Py_TYPE(o)),
                                       PyRef(PyList_AsTuple(items.get())).get(), nullptr));
    }
    if (PyDict_Check(o)) {
      PyRef copy(PyDict_New());
      PyObject *key, *value;
      for (Py_ssize_t at = 0; PyDict_Next(o, &at, &key, &value);)
        check(PyDict_SetItem(copy.get(), key, box(index, value).get()));
      return copy;
    }
    return PyRef(variable(index, o).release_object());
  }

  // The structure of `o` with gradients in place of variables, in the order of boxing.
  PyRef unbox(PyObject* o, const std::vector<ArrayRef>& grads) {
    if (PyTuple_Check(o) || PyList_Check(o)) {
      PyRef items(PySequence_List(o));
      for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items.get()); ++i)
        PyList_SetItem(items.get(), i, unbox(PyList_GET_ITEM(items.get(), i), grads).release());
      return PyTuple_Check(o) ? PyRef(PyList_AsTuple(items.get())) : std::move(items);
    }
    if (PyDict_Check(o)) {
      PyRef copy(PyDict_New());
      PyObject *key, *value;
      for (Py_ssize_t at = 0; PyDict_Next(o, &at, &key, &value);)
        check(PyDict_SetItem(copy.get(), key, unbox(value, grads).get()));
      return copy;
    }
    Array* a = reinterpret_cast<Array*>(o);
    ArrayRef g = own(grads[next_++], a);
    return PyRef(a->flags & kScalar ? finish_result(g.release()) : g.release_object());
  }

  std::span<const Edge> edges() const { return edges_; }

  // Another argument: NumPy's arrays become ours, so that the function computes with our operators,
  // and an array that is a variable as well counts as a constant here.
  PyRef plain(PyObject* o) const {
    for (const Marked& m : marked_)
      if (m.is(o)) return PyRef(detach(reinterpret_cast<Array*>(o)).release_object());
    return is_numpy_array(o) ? PyRef(from_numpy(o)) : PyRef(Py_NewRef(o));
  }

  // The arguments are themselves again.
  void unmark() { marked_.clear(); }

 private:
  ArrayRef variable(Py_ssize_t index, PyObject* o) {
    ArrayRef a;
    bool scalar = false;
    if (array_check(o)) {
      a = ArrayRef::borrow(reinterpret_cast<Array*>(o));
    } else if (PyBool_Check(o) || !(PyNumber_Check(o) || is_numpy_array(o))) {
      fail_argument(index, o);
    } else {
      scalar = !is_numpy_array(o);
      if (PyLong_Check(o))
        a = as_array(PyRef(PyNumber_Float(o)).get());
      else
        a = as_array(o);
      if (!a && PyErr_Occurred()) throw PythonError{};
      if (!a) fail_argument(index, o);
    }
    if (!is_inexact(a->dtype)) {
      PyErr_Format(PyExc_TypeError,
                   "grad: argument %zd has dtype %s: gradients exist for real and complex arrays "
                   "only; convert it first, "
                   "as in x.astype(float)",
                   index, kDTypeName[mp::index(a->dtype)]);
      throw PythonError{};
    }
    ArrayRef v = make_variable(a.get());
    if (scalar) v->flags |= kScalar;
    edges_.push_back(edge_of(v.get()));
    if (reinterpret_cast<PyObject*>(a.get()) == o && !taped(a.get()))
      marked_.emplace_back(std::move(a), edges_.back());
    return v;
  }

  // A gradient that belongs to the caller alone.
  static ArrayRef own(const ArrayRef& g, Array* variable) {
    if (!g) return api::zeros(variable->dtype, variable->shape_span());
    return g->base || Py_REFCNT(g.object()) > 1 ? api::copy(g) : g;
  }

  ArenaVector<Edge> edges_;
  ArenaVector<Marked> marked_;
  size_t next_ = 0;
};

// Adds the edges of the arrays in the function's result.
void collect_heads(PyObject* result, ArenaVector<Edge>& heads) {
  if (array_check(result)) {
    if (Edge e = edge_of(reinterpret_cast<Array*>(result))) heads.push_back(e);
    return;
  }
  if (PyTuple_Check(result) || PyList_Check(result)) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(result); ++i)
      collect_heads(PySequence_Fast_GET_ITEM(result, i), heads);
    return;
  }
  if (!PyNumber_Check(result)) {
    PyErr_Format(PyExc_TypeError,
                 "grad: the function returned a %s: an array or a number is needed",
                 Py_TYPE(result)->tp_name);
    throw PythonError{};
  }
}

// The loss as the function would have returned it without recording.
PyRef plain_result(PyRef result) {
  if (!array_check(result.get())) return result;
  Array* a = reinterpret_cast<Array*>(result.get());
  if (tape_root(a) == a && a->tape && !leaf_of(a)) release(std::exchange(a->tape, nullptr));
  if (a->flags & kScalar) return PyRef(make_scalar(a->dtype, a->bytes()));
  return result;
}

PyObject* differentiate(GradFunction* self, PyObject* const* args, size_t nargsf,
                        PyObject* kwnames) {
  const Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
  const Py_ssize_t total = nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  const bool outer = state.recording;
  Arena<1024> arena;
  Variables variables(arena.get());
  ArenaVector<PyRef> held(arena.get());
  ArenaVector<PyObject*> call(total + 1, arena.get());
  auto is_variable = [&](Py_ssize_t i) {
    for (Py_ssize_t a : *self->argnums)
      if ((a < 0 ? a + nargs : a) == i) return true;
    return false;
  };
  for (Py_ssize_t a : *self->argnums) {
    if (a < nargs && a >= -nargs) continue;
    PyErr_Format(PyExc_TypeError,
                 "grad: argnum is %zd, but the function was called with %zd positional arguments",
                 a, nargs);
    throw PythonError{};
  }
  held.resize(total);
  for (Py_ssize_t i = 0; i < nargs; ++i)
    if (is_variable(i)) held[i] = variables.box(i, args[i]);
  for (Py_ssize_t i = 0; i < total; ++i) {
    if (!held[i].get()) held[i] = variables.plain(args[i]);
    call[i + 1] = held[i].get();
  }
  PyRef result;
  {
    RecordingScope on(true);
    PyRef r(PyObject_Vectorcall(self->func, call.data() + 1, nargs | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                kwnames));
    result = std::move(r);
  }
  variables.unmark();
  ArenaVector<Edge> heads(arena.get());
  collect_heads(result.get(), heads);
  std::vector<ArrayRef> grads(variables.edges().size());
  if (!heads.empty())
    grads = backward(heads, ArenaVector<ArrayRef>(heads.size(), arena.get()), variables.edges(),
                     {.create_graph = outer});
  heads.clear();
  PyRef gradients;
  // Gradients come in the order of boxing; the result in the order of argnum.
  ArenaVector<PyRef> by_argument(total, arena.get());
  for (Py_ssize_t i = 0; i < nargs; ++i)
    if (is_variable(i)) by_argument[i] = variables.unbox(held[i].get(), grads);
  auto gradient_of = [&](Py_ssize_t a) { return by_argument[a < 0 ? a + nargs : a].get(); };
  if (self->several) {
    PyRef t(PyTuple_New(static_cast<Py_ssize_t>(self->argnums->size())));
    for (size_t i = 0; i < self->argnums->size(); ++i)
      PyTuple_SET_ITEM(t.get(), i, Py_NewRef(gradient_of((*self->argnums)[i])));
    gradients = std::move(t);
  } else {
    gradients = PyRef(Py_NewRef(gradient_of(self->argnums->front())));
  }
  if (!self->with_loss) return gradients.release();
  PyRef loss = outer ? std::move(result) : plain_result(std::move(result));
  return PyTuple_Pack(2, gradients.get(), loss.get());
}

PyObject* grad_function_call(PyObject* self, PyObject* const* args, size_t nargsf,
                             PyObject* kwnames) {
  return guarded(
      [&] { return differentiate(reinterpret_cast<GradFunction*>(self), args, nargsf, kwnames); });
}

// GradFunction(func, argnum, with_loss)
PyObject* grad_function_new(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject *func, *argnum;
  int with_loss;
  if (!PyArg_ParseTuple(args, "OOp", &func, &argnum, &with_loss)) return nullptr;
  if (!PyCallable_Check(func)) {
    PyErr_Format(PyExc_TypeError, "grad: a function is needed, not a %s", Py_TYPE(func)->tp_name);
    return nullptr;
  }
  int64_t numbers[64];
  const int count = parse_ints(argnum, numbers, 64);
  if (count < 0) return nullptr;
  if (count == 0) {
    PyErr_SetString(PyExc_ValueError, "grad: argnum names no argument");
    return nullptr;
  }
  auto* self = reinterpret_cast<GradFunction*>(type->tp_alloc(type, 0));
  if (!self) return nullptr;
  self->vectorcall = grad_function_call;
  self->func = Py_NewRef(func);
  self->argnums = new std::vector<Py_ssize_t>(numbers, numbers + count);
  self->several = PySequence_Check(argnum);
  self->with_loss = with_loss;
  return reinterpret_cast<PyObject*>(self);
}

int grad_function_traverse(PyObject* o, visitproc visit, void* arg) {
  auto* self = reinterpret_cast<GradFunction*>(o);
  Py_VISIT(self->func);
  Py_VISIT(self->dict);
  return 0;
}

int grad_function_clear(PyObject* o) {
  auto* self = reinterpret_cast<GradFunction*>(o);
  Py_CLEAR(self->func);
  Py_CLEAR(self->dict);
  return 0;
}

void grad_function_dealloc(PyObject* o) {
  auto* self = reinterpret_cast<GradFunction*>(o);
  PyObject_GC_UnTrack(o);
  if (self->weakrefs) PyObject_ClearWeakRefs(o);
  grad_function_clear(o);
  delete self->argnums;
  Py_TYPE(o)->tp_free(o);
}

PyObject* grad_function_get(PyObject* self, PyObject* instance, PyObject*) {
  return instance && instance != Py_None ? PyMethod_New(self, instance) : Py_NewRef(self);
}

PyGetSetDef getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyTypeObject make_type() {
  PyTypeObject t = {PyVarObject_HEAD_INIT(nullptr, 0)};
  t.tp_name = "minpy._core.GradFunction";
  t.tp_doc = "A function that computes the gradient of another, see minpy.core.grad.";
  t.tp_basicsize = sizeof(GradFunction);
  t.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
               Py_TPFLAGS_METHOD_DESCRIPTOR;
  t.tp_vectorcall_offset = offsetof(GradFunction, vectorcall);
  t.tp_call = PyVectorcall_Call;
  t.tp_new = grad_function_new;
  t.tp_dealloc = grad_function_dealloc;
  t.tp_traverse = grad_function_traverse;
  t.tp_clear = grad_function_clear;
  t.tp_descr_get = grad_function_get;
  t.tp_dictoffset = offsetof(GradFunction, dict);
  t.tp_weaklistoffset = offsetof(GradFunction, weakrefs);
  t.tp_getset = getset;
  return t;
}

PyTypeObject grad_function_type = make_type();

}  // namespace

bool grad_function_init(PyObject* module) {
  return PyType_Ready(&grad_function_type) == 0 &&
         PyModule_AddObjectRef(module, "GradFunction",
                               reinterpret_cast<PyObject*>(&grad_function_type)) == 0;
}

}  // namespace mp::tape
