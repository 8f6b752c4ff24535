#include "python/call_plan.h"

#include <algorithm>

#include "python/guarded.h"
#include "python/nd_array.h"
#include "python/scalar.h"
#include "tape/tape.h"

namespace mp::calls {

namespace {

struct PlanObject {
  PyObject_HEAD Plan* plan;
  PyObject* failed;  // label of the call that raised last
};

Plan& plan_of(PyObject* self) { return *reinterpret_cast<PlanObject*>(self)->plan; }

// The arrays of one run, by slot.
class Values {
 public:
  explicit Values(size_t n) : values_(n) {}
  ~Values() {
    for (PyObject* o : values_) Py_XDECREF(o);
  }
  PyObject* operator[](int slot) const { return values_[static_cast<size_t>(slot)]; }
  void set(int slot, PyObject* stolen) { Py_XSETREF(values_[static_cast<size_t>(slot)], stolen); }

 private:
  std::vector<PyObject*> values_;
};

// A new reference.
PyObject* build(const Operand& o, const Values& values) {
  if (o.kind == Operand::Slot) return Py_NewRef(values[o.slot]);
  if (o.kind == Operand::Constant) return Py_NewRef(o.constant.get());
  const auto n = static_cast<Py_ssize_t>(o.items.size());
  PyObject* sequence = check(o.kind == Operand::Tuple ? PyTuple_New(n) : PyList_New(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = build(o.items[static_cast<size_t>(i)], values);
    if (o.kind == Operand::Tuple)
      PyTuple_SET_ITEM(sequence, i, item);
    else
      PyList_SET_ITEM(sequence, i, item);
  }
  return sequence;
}

bool fits(const SlotMeta& meta, PyObject* o) {
  if (!array_check(o)) return false;
  const Array* a = reinterpret_cast<const Array*>(o);
  return a->dtype == meta.dtype && a->ndim == meta.shape.size() &&
         std::equal(a->shape, a->shape + a->ndim, meta.shape.begin());
}

// Puts the results into their slots. False: one has another shape or dtype than when it was traced,
// so that what Python made of it may not hold any more (a mask selected another number of rows).
bool store(const Plan& plan, const Results& results, PyObject* result, Values& values) {
  if (results.kind == Results::None) return true;
  const auto count = static_cast<Py_ssize_t>(results.slots.size());
  const bool one = results.kind == Results::One;
  if (!one && (!(PyTuple_Check(result) || PyList_Check(result)) ||
               PySequence_Fast_GET_SIZE(result) != count))
    return false;
  for (Py_ssize_t i = 0; i < count; ++i) {
    const int slot = results.slots[static_cast<size_t>(i)];
    if (slot < 0) continue;
    PyObject* o = one ? result : PySequence_Fast_GET_ITEM(result, i);
    if (!fits(plan.slots[static_cast<size_t>(slot)], o)) return false;
    values.set(slot, Py_NewRef(o));
  }
  return true;
}

bool run_call(const Plan& plan, const Call& c, Values& values) {
  constexpr size_t kFew = 16;
  PyObject* few[kFew];
  std::vector<PyObject*> many;
  std::vector<PyRef> built;
  PyObject** args = few;
  if (c.args.size() > kFew) many.resize(c.args.size()), args = many.data();
  for (size_t i = 0; i < c.args.size(); ++i) {
    const Operand& o = c.args[i];
    if (o.kind == Operand::Slot) {
      args[i] = values[o.slot];
    } else if (o.kind == Operand::Constant) {
      args[i] = o.constant.get();
    } else {
      built.emplace_back(build(o, values));
      args[i] = built.back().get();
    }
  }
  tape::state.recording = c.recording;
  tape::state.training = c.training;
  PyRef result(
      PyObject_Vectorcall(c.callable.get(), args, c.args.size() - c.keywords(), c.kwnames.get()));
  if (!store(plan, c.results, result.get(), values)) return false;
  for (int slot : c.done) values.set(slot, nullptr);
  return true;
}

// The thread's state, and results without axes as arrays, until the scope ends.
class StateScope {
 public:
  StateScope() : state_(tape::state), scalar_arrays_(std::exchange(scalar_arrays, true)) {}
  ~StateScope() { tape::state = state_, scalar_arrays = scalar_arrays_; }
  StateScope(const StateScope&) = delete;

 private:
  tape::State state_;
  bool scalar_arrays_;
};

PyObject* run(PlanObject* self, PyObject* inputs, PyObject* captured) {
  const Plan& plan = *self->plan;
  for (size_t i = 0; i < plan.captured.size(); ++i)
    if (!fits(plan.slots[static_cast<size_t>(plan.captured[i])],
              PyList_GET_ITEM(captured, static_cast<Py_ssize_t>(i))))
      Py_RETURN_NONE;
  Values values(plan.slots.size());
  for (size_t i = 0; i < plan.inputs; ++i)
    values.set(static_cast<int>(i), Py_NewRef(PyList_GET_ITEM(inputs, static_cast<Py_ssize_t>(i))));
  for (size_t i = 0; i < plan.captured.size(); ++i)
    values.set(plan.captured[i], Py_NewRef(PyList_GET_ITEM(captured, static_cast<Py_ssize_t>(i))));
  {
    StateScope scope;
    for (const Call& c : plan.calls) try {
        if (!run_call(plan, c, values)) Py_RETURN_NONE;
      } catch (PythonError&) {
        Py_XSETREF(self->failed, PyUnicode_FromString(c.label.c_str()));
        throw;
      }
  }
  PyRef outputs(PyList_New(static_cast<Py_ssize_t>(plan.outputs.size())));
  for (size_t i = 0; i < plan.outputs.size(); ++i)
    PyList_SET_ITEM(outputs.get(), static_cast<Py_ssize_t>(i),
                    check(output_object(values[plan.outputs[i]])));
  return outputs.release();
}

PyObject* plan_run(PyObject* self, PyObject* const* args, Py_ssize_t nargs) {
  const Plan& plan = plan_of(self);
  if (nargs != 2 || !PyList_Check(args[0]) || !PyList_Check(args[1]) ||
      PyList_GET_SIZE(args[0]) != static_cast<Py_ssize_t>(plan.inputs) ||
      PyList_GET_SIZE(args[1]) != static_cast<Py_ssize_t>(plan.captured.size()))
    return PyErr_Format(PyExc_TypeError, "run takes lists of %zu inputs and %zu captured arrays",
                        plan.inputs, plan.captured.size());
  return guarded([&] { return run(reinterpret_cast<PlanObject*>(self), args[0], args[1]); });
}

PyObject* plan_captured(PyObject* self, void*) {
  const Plan& plan = plan_of(self);
  PyObject* list = PyList_New(static_cast<Py_ssize_t>(plan.captured_arrays.size()));
  for (size_t i = 0; list && i < plan.captured_arrays.size(); ++i)
    PyList_SET_ITEM(list, static_cast<Py_ssize_t>(i), Py_NewRef(plan.captured_arrays[i].get()));
  return list;
}

PyObject* plan_text(PyObject* self, void*) {
  return PyUnicode_FromString(plan_of(self).text().c_str());
}
PyObject* plan_failed(PyObject* self, void*) {
  PyObject* label = reinterpret_cast<PlanObject*>(self)->failed;
  return label ? Py_NewRef(label) : PyUnicode_FromString("");
}
PyObject* plan_calls(PyObject* self, void*) {
  return PyLong_FromSize_t(plan_of(self).calls.size());
}
PyObject* plan_planned(PyObject* self, void*) {
  return PyLong_FromLongLong(plan_of(self).planned_bytes());
}
PyObject* plan_unplanned(PyObject* self, void*) {
  return PyLong_FromLongLong(plan_of(self).unplanned);
}

void plan_dealloc(PyObject* self) {
  delete reinterpret_cast<PlanObject*>(self)->plan;
  Py_XDECREF(reinterpret_cast<PlanObject*>(self)->failed);
  PyObject_Free(self);
}

PyMethodDef plan_methods[] = {
    {"run", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(plan_run)), METH_FASTCALL,
     "run(inputs, captured)\n--\n\nThe outputs for lists of the inputs and of the captured arrays, "
     "as a list; None when a captured array or a result has another dtype or shape than when it "
     "was traced."},
    {}};
PyGetSetDef plan_attributes[] = {
    {"captured", plan_captured, nullptr, "The arrays that were neither inputs nor results.",
     nullptr},
    {"text", plan_text, nullptr, "The calls in order, with shapes and memory.", nullptr},
    {"failed", plan_failed, nullptr, "The label of the call that raised last.", nullptr},
    {"calls", plan_calls, nullptr, "How many calls it makes.", nullptr},
    {"planned_bytes", plan_planned, nullptr, "Bytes of the results, memory reused.", nullptr},
    {"unplanned_bytes", plan_unplanned, nullptr, "Bytes of the results, each for itself.", nullptr},
    {}};

PyTypeObject PlanType = {PyVarObject_HEAD_INIT(nullptr, 0)};

}  // namespace

PyObject* output_object(PyObject* o) {
  Array* a = reinterpret_cast<Array*>(o);
  if (a->ndim || !(a->flags & kScalar) || is_nd_array(o)) return Py_NewRef(o);
  return finish_result(ArrayRef::borrow(a).release());
}

PyObject* plan_object(std::unique_ptr<Plan> plan) {
  PlanObject* o = PyObject_New(PlanObject, &PlanType);
  if (!o) return nullptr;
  o->plan = plan.release();
  o->failed = nullptr;
  return reinterpret_cast<PyObject*>(o);
}

bool plan_init(PyObject* module) {
  PlanType.tp_name = "minpy._core.CallPlan";
  PlanType.tp_basicsize = sizeof(PlanObject);
  PlanType.tp_flags = Py_TPFLAGS_DEFAULT;
  PlanType.tp_dealloc = plan_dealloc;
  PlanType.tp_methods = plan_methods;
  PlanType.tp_getset = plan_attributes;
  PlanType.tp_doc = "Recorded calls, to be made again on other inputs.";
  return PyType_Ready(&PlanType) == 0 &&
         PyModule_AddObjectRef(module, "CallPlan", reinterpret_cast<PyObject*>(&PlanType)) == 0;
}

}  // namespace mp::calls
