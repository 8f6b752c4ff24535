#include "tape/custom.h"

#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/pyref.h"
#include "python/call_trace.h"
#include "python/convert.h"
#include "python/guarded.h"
#include "python/nd_array.h"
#include "tape/tape.h"
#include "tape/vjp.h"

namespace mp::tape {
namespace {

constexpr int kConstant = -1;

// A value kept for the rule: which input or output of the node it was, if any.
struct SavedValue {
  Saved record;
  int input = kConstant;
  int output = kConstant;
};

struct CustomExtra final : NodeExtra {
  OpDef op;
  std::string name;
  PyObject* vjp = nullptr;
  bool tuple = false;  // the function returned a tuple or list
  std::unique_ptr<SavedValue[]> saved;
  size_t saved_count = 0;
  std::vector<PyObject*> objects;  // saved things that are no arrays, else null

  ~CustomExtra() override {
    release_saved();
    Py_XDECREF(vjp);
  }
  bool release_saved() override {
    for (size_t i = 0; i < saved_count; ++i) {
      saved_release(saved[i].record);
      Py_CLEAR(objects[i]);
    }
    return vjp != nullptr;
  }
};

CustomExtra& extra_of(Vjp& v) { return static_cast<CustomExtra&>(*v.node().extra); }

PyObject* revive_saved(Vjp& v, size_t i) {
  CustomExtra& extra = extra_of(v);
  if (extra.objects[i]) return Py_NewRef(extra.objects[i]);
  const SavedValue& s = extra.saved[i];
  Edge edge;
  if (s.input != kConstant) edge = v.node().edges[s.input];
  if (s.output != kConstant) edge = {NodeRef::borrow(&v.node()), static_cast<uint32_t>(s.output)};
  return Vjp::revive(s.record.array, edge).release_object();
}

// Reads what the rule returned for input i.
void take_gradient(Vjp& v, int i, PyObject* value) {
  if (value == Py_None || !v.needs(i)) return;
  PyRef dense;
  if (!array_check(value) && PyObject_HasAttrString(value, "stype")) {
    if (v.grad_sparse(i, value)) return;
    dense = PyRef(PyObject_CallMethod(value, "tostype", "s", "default"));
    value = dense.get();
  }
  ArrayRef g = as_array(value);
  if (!g) {
    if (!PyErr_Occurred())
      PyErr_Format(PyExc_TypeError,
                   "the gradient rule of %s returned a %s for input %d: an array or None is needed",
                   v.name(), Py_TYPE(value)->tp_name, i);
    throw PythonError{};
  }
  const Meta& want = v.in_meta(i);
  if (g->ndim != 0 && g->size != want.shape.product() && g->ndim < want.shape.size()) {
    PyErr_Format(
        PyExc_ValueError,
        "the gradient rule of %s returned an array of %d dimensions for input %d, which has %d",
        v.name(), g->ndim, i, want.shape.size());
    throw PythonError{};
  }
  v.grad(i, g);
}

void custom_rule(Vjp& v) {
  CustomExtra& extra = extra_of(v);
  PyRef args(PyTuple_New(static_cast<Py_ssize_t>(1 + extra.saved_count)));
  PyObject* g;
  if (extra.tuple) {
    g = check(PyTuple_New(v.nout()));
    for (int i = 0; i < v.nout(); ++i) PyTuple_SET_ITEM(g, i, ArrayRef(v.g(i)).release_object());
  } else {
    g = ArrayRef(v.g()).release_object();
  }
  PyTuple_SET_ITEM(args.get(), 0, g);
  for (size_t i = 0; i < extra.saved_count; ++i)
    PyTuple_SET_ITEM(args.get(), i + 1, revive_saved(v, i));
  PyRef result(PyObject_Call(extra.vjp, args.get(), nullptr));
  if (!PyTuple_Check(result.get()) && !PyList_Check(result.get())) {
    if (v.nin() == 1) return take_gradient(v, 0, result.get());
    PyErr_Format(PyExc_TypeError,
                 "the gradient rule of %s must return a tuple of %d gradients, it returned a %s",
                 v.name(), v.nin(), Py_TYPE(result.get())->tp_name);
    throw PythonError{};
  }
  const Py_ssize_t n = PySequence_Size(result.get());
  if (n != v.nin()) {
    PyErr_Format(PyExc_ValueError,
                 "%s.backward must return exactly the same number of NDArrays as the number of "
                 "NDArrays arguments to "
                 "forward. Expecting %d got %zd",
                 v.name(), v.nin(), n);
    throw PythonError{};
  }
  for (int i = 0; i < v.nin(); ++i) take_gradient(v, i, PySequence_Fast_GET_ITEM(result.get(), i));
}

NodeRef new_node(const char* name, PyObject* inputs, PyObject* vjp, size_t nout) {
  const size_t nin = static_cast<size_t>(PySequence_Fast_GET_SIZE(inputs));
  auto extra = std::make_unique<CustomExtra>();
  extra->name = name;
  extra->op = {.name = extra->name.c_str()};
  if (vjp != Py_None) {
    extra->op.vjp = custom_rule;
    extra->vjp = Py_NewRef(vjp);
  }
  NodeRef node = NodeRef::steal(node_new(extra->op, nin, nout));
  node->extra = std::move(extra);
  bool any = false;
  for (size_t i = 0; i < nin; ++i) {
    PyObject* in = PySequence_Fast_GET_ITEM(inputs, i);
    if (!array_check(in)) continue;
    node->edges[i] = edge_of(reinterpret_cast<Array*>(in));
    any |= bool(node->edges[i]);
  }
  node_renumber(node.get());
  return any ? node : NodeRef();
}

int position(PyObject* sequence, PyObject* item) {
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence); ++i)
    if (PySequence_Fast_GET_ITEM(sequence, i) == item) return static_cast<int>(i);
  return kConstant;
}

void save_values(const NodeRef& node, PyObject* saved, PyObject* inputs, PyObject* outputs) {
  auto& extra = static_cast<CustomExtra&>(*node->extra);
  const size_t count = static_cast<size_t>(PySequence_Fast_GET_SIZE(saved));
  extra.saved = std::make_unique<SavedValue[]>(count);
  extra.objects.resize(count);
  extra.saved_count = count;
  for (size_t i = 0; i < count; ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(saved, i);
    SavedValue& s = extra.saved[i];
    s.input = position(inputs, item);
    s.output = s.input == kConstant ? position(outputs, item) : kConstant;
    ArrayRef array = array_check(item) || s.output != kConstant ? as_array(item) : ArrayRef();
    if (!array) {
      if (PyErr_Occurred()) throw PythonError{};
      extra.objects[i] = Py_NewRef(item);
      continue;
    }
    saved_link(s.record, check(array_alias(array.get())).release());
  }
}

// The output as an array with a history: another array over its bytes, as the function may have
// kept its own.
ArrayRef with_history(PyObject* out, const NodeRef& node, uint32_t i) {
  ArrayRef a = as_array(out);
  if (!a) {
    if (!PyErr_Occurred())
      PyErr_Format(PyExc_TypeError, "%s returned a %s where an array is needed", node->op->name,
                   Py_TYPE(out)->tp_name);
    throw PythonError{};
  }
  const bool scalar = !array_check(out) ? a->ndim == 0 : (a->flags & kScalar) != 0;
  node_set_out(node.get(), i, a.get());
  if (!is_inexact(a->dtype)) return a;
  ArrayRef result = check(array_alias(a.get()));
  if (scalar) result->flags |= kScalar;
  set_edge(result.get(), {node, i});
  return result;
}

PyObject* record(const char* name, PyObject* inputs, PyObject* outputs, PyObject* vjp,
                 PyObject* saved) {
  const bool several = PyTuple_Check(outputs) || PyList_Check(outputs);
  PyRef ins(PySequence_Fast(inputs, "record_custom: inputs must be a sequence"));
  PyRef outs(several ? PySequence_Fast(outputs, "") : PyTuple_Pack(1, outputs));
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(outs.get());
  NodeRef node;
  if (state.recording) node = new_node(name, ins.get(), vjp, static_cast<size_t>(count));
  if (!node) return Py_NewRef(outputs);
  static_cast<CustomExtra&>(*node->extra).tuple = several;
  if (saved) {
    PyRef values(PySequence_Fast(saved, "record_custom: saved must be a sequence"));
    save_values(node, values.get(), ins.get(), outs.get());
  }
  PyRef results(PyTuple_New(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* out = PySequence_Fast_GET_ITEM(outs.get(), i);
    PyObject* taped = with_history(out, node, static_cast<uint32_t>(i)).release_object();
    if (is_nd_array(out)) taped = to_nd_array(taped, reinterpret_cast<Array*>(out)->context);
    PyTuple_SET_ITEM(results.get(), i, check(taped));
  }
  if (!several) return Py_NewRef(PyTuple_GET_ITEM(results.get(), 0));
  if (PyTuple_CheckExact(outputs)) return results.release();
  if (PyList_Check(outputs)) return PySequence_List(results.get());
  // A named tuple (numpy.linalg's results) keeps its class.
  return PyObject_CallObject(reinterpret_cast<PyObject*>(Py_TYPE(outputs)), results.get());
}

}  // namespace

PyObject* record_custom(PyObject*, PyObject* args, PyObject* kwargs) {
  if (calls::listening()) calls::refuse("a gradient rule written in Python");
  static const char* names[] = {"name", "inputs", "outputs", "vjp", "saved", nullptr};
  const char* name;
  PyObject *inputs, *outputs, *vjp, *saved = nullptr;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sOOO|O", const_cast<char**>(names), &name,
                                   &inputs, &outputs, &vjp, &saved))
    return nullptr;
  return guarded([&] { return record(name, inputs, outputs, vjp, saved); });
}

}  // namespace mp::tape
