#include "python/call_plan.h"

#include <algorithm>
#include <cstring>

#include "core/dtype.h"
#include "ops/ufunc.h"
#include "python/call_trace.h"
#include "python/nd_array.h"
#include "python/scalar.h"
#include "tape/tape.h"

namespace mp::calls {

// --- After tracing ---

namespace {

template <class Visit>
void each_slot(const Operand& o, Visit&& visit) {
  if (o.kind == Operand::Slot) visit(o.slot);
  for (const Operand& item : o.items) each_slot(item, visit);
}

// Gives every memory of the plan's own the smallest free buffer that holds it. A buffer is free
// again after the last call that reads what is in it; a call that works in place takes its
// operand's.
void assign_buffers(Plan& plan) {
  std::vector<int64_t> sizes;
  std::vector<int> free_from;  // by buffer: the call from which it may be written
  for (Memory& m : plan.memories) {
    if (m.first < 0) continue;
    int best = -1;
    for (size_t b = 0; b < sizes.size(); ++b)
      if (free_from[b] <= m.first && sizes[b] >= m.nbytes &&
          (best < 0 || sizes[b] < sizes[static_cast<size_t>(best)]))
        best = static_cast<int>(b);
    if (best < 0) {
      best = static_cast<int>(sizes.size());
      sizes.push_back(m.nbytes);
      free_from.push_back(0);
    }
    m.buffer = best;
    free_from[static_cast<size_t>(best)] =
        m.kept ? static_cast<int>(plan.calls.size()) : m.last + 1;
  }
}

// --- Activations in the pass of the layer before ---

PyObject* kernel(const char* name) {
  PyRef module(PyImport_ImportModule("minpy._core"));
  PyRef kernels(PyObject_GetAttrString(module.get(), "kernels"));
  return check(PyObject_GetAttrString(kernels.get(), name));
}

// How often each slot is read, outputs included.
std::vector<int> count_readers(const Plan& plan) {
  std::vector<int> readers(plan.slots.size());
  for (const Call& c : plan.calls)
    for (const Operand& o : c.args) each_slot(o, [&](int s) { ++readers[static_cast<size_t>(s)]; });
  for (int s : plan.outputs) ++readers[static_cast<size_t>(s)];
  return readers;
}

Operand* keyword(Call& call, const char* name) {
  PyObject* names = call.kwnames.get();
  if (!names) return nullptr;
  const auto count = static_cast<size_t>(PyTuple_GET_SIZE(names));
  for (size_t i = 0; i < count; ++i)
    if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, i), name) == 0)
      return &call.args[call.args.size() - count + i];
  return nullptr;
}

// Has the layer apply the activation; false when it cannot.
bool take_activation(Call& layer, const std::string& name) {
  static PyObject *dense = kernel("fully_connected"), *convolution = kernel("convolution"),
                  *convolution_relu = kernel("convolution_relu");
  if (layer.callable.get() == convolution && name == "relu") {
    layer.callable = PyRef(Py_NewRef(convolution_relu));
    return true;
  }
  if (layer.callable.get() != dense || (name != "relu" && name != "tanh" && name != "sigmoid"))
    return false;
  Operand* kind = keyword(layer, "act_type");
  if (!kind || kind->kind != Operand::Constant || PyObject_IsTrue(kind->constant.get()) != 0)
    return false;
  kind->constant = PyRef(PyUnicode_FromString(name.c_str()));
  return true;
}

// A layer whose result only an activation reads applies it in its own pass, as the layers of Gluon
// do that are told theirs.
void join_activations(Plan& plan) {
  const std::vector<int> readers = count_readers(plan);
  std::vector<Call*> maker(plan.slots.size());
  std::vector<bool> gone(plan.calls.size());
  for (size_t i = 0; i < plan.calls.size(); ++i) {
    Call& c = plan.calls[i];
    if (c.results.kind != Results::One) continue;
    maker[static_cast<size_t>(c.results.slots[0])] = &c;
    if (Py_TYPE(c.callable.get()) != &UfuncType || c.args.size() != 1 || c.kwnames.get() ||
        c.args[0].kind != Operand::Slot)
      continue;
    const auto from = static_cast<size_t>(c.args[0].slot);
    const auto to = static_cast<size_t>(c.results.slots[0]);
    Call* layer = maker[from];
    if (!layer || readers[from] != 1 || layer->recording != c.recording ||
        plan.slots[from].dtype != plan.slots[to].dtype ||
        !take_activation(*layer, reinterpret_cast<Ufunc*>(c.callable.get())->name))
      continue;
    layer->results.slots[0] = static_cast<int>(to);
    maker[to] = layer;
    gone[i] = true;
  }
  size_t kept = 0;
  for (size_t i = 0; i < plan.calls.size(); ++i)
    if (!gone[i] && kept++ != i) plan.calls[kept - 1] = std::move(plan.calls[i]);
  plan.calls.resize(kept);
}

// Which call fills each memory of the plan's own; none: it is not needed any more.
void find_first_calls(Plan& plan) {
  const int never = static_cast<int>(plan.calls.size());
  for (Memory& m : plan.memories)
    if (m.first >= 0) m.first = never;
  for (size_t i = 0; i < plan.calls.size(); ++i)
    for (int s : plan.calls[i].results.slots) {
      if (s < 0) continue;
      Memory& m = plan.memories[static_cast<size_t>(plan.slots[static_cast<size_t>(s)].memory)];
      if (m.first >= 0) m.first = std::min(m.first, static_cast<int>(i));
    }
  for (Memory& m : plan.memories)
    if (m.first == never) m.first = -1;
}

// --- In place ---

// The callable that writes a call's result over its first operand: operator.iadd for operator.add;
// an operator of the table itself, which then gets `out`. Null: there is none.
PyRef in_place_form(PyObject* callable) {
  if (Py_TYPE(callable) == &UfuncType) return PyRef(Py_NewRef(callable));
  constexpr const char* names[] = {"add", "sub", "mul", "truediv", "mod", "pow", "floordiv"};
  for (const char* name : names)
    if (callable == operator_function(name))
      return PyRef(PyObject_GetAttrString(PyRef(PyImport_ImportModule("operator")).get(),
                                          (std::string("i") + name).c_str()));
  return {};
}

// Whether nobody needs what is in the operand's memory after the call, and the result fits there.
bool may_overwrite(const Plan& plan, int number, const Operand& operand, int result) {
  if (operand.kind != Operand::Slot) return false;
  const SlotMeta& from = plan.slots[static_cast<size_t>(operand.slot)];
  const SlotMeta& to = plan.slots[static_cast<size_t>(result)];
  const Memory& m = plan.memories[static_cast<size_t>(from.memory)];
  int64_t count = itemsize(from.dtype);
  for (int64_t n : from.shape) count *= n;
  return m.first >= 0 && !m.kept && m.last == number && from.dtype == to.dtype &&
         from.shape == to.shape && !from.shape.empty() && count == from.nbytes &&
         from.memory != to.memory;
}

// Joins the result's memory to that of the operand.
void overwrite(Plan& plan, Call& call, PyRef form) {
  const int operand = call.args[0].slot, result = call.results.slots[0];
  const int target = plan.slots[static_cast<size_t>(operand)].memory;
  const int gone = plan.slots[static_cast<size_t>(result)].memory;
  Memory& m = plan.memories[static_cast<size_t>(target)];
  const Memory& joined = plan.memories[static_cast<size_t>(gone)];
  m.last = std::max(m.last, joined.last);
  m.kept |= joined.kept;
  for (SlotMeta& s : plan.slots)
    if (s.memory == gone) s.memory = target;
  plan.memories[static_cast<size_t>(gone)].first = -1;
  plan.memories[static_cast<size_t>(gone)].nbytes = 0;
  call.in_place = true;
  if (Py_TYPE(form.get()) == &UfuncType) {
    Operand out;
    out.kind = Operand::Slot;
    out.slot = operand;
    call.args.push_back(std::move(out));
    call.kwnames = PyRef(Py_BuildValue("(s)", "out"));
  }
  call.callable = std::move(form);
}

// Elementwise calls that are not recorded write over an operand that dies with them. (A recorded
// call's operands belong to the tape.)
void work_in_place(Plan& plan) {
  for (size_t i = 0; i < plan.calls.size(); ++i) {
    Call& c = plan.calls[i];
    if (c.recording || c.kwnames.get() || c.args.empty() || c.results.kind != Results::One)
      continue;
    if (!may_overwrite(plan, static_cast<int>(i), c.args[0], c.results.slots[0])) continue;
    PyRef form = in_place_form(c.callable.get());
    if (form.get()) overwrite(plan, c, std::move(form));
  }
}

}  // namespace

void Plan::finish() {
  for (const Memory& m : memories)
    if (m.first >= 0) unplanned += m.nbytes;
  join_activations(*this);
  find_first_calls(*this);
  std::vector<int> last(slots.size(), -1);
  for (size_t i = 0; i < calls.size(); ++i) {
    const int number = static_cast<int>(i);
    for (const Operand& o : calls[i].args) each_slot(o, [&](int s) { last[s] = number; });
    for (int s : calls[i].results.slots)
      if (s >= 0) last[static_cast<size_t>(s)] = number;
  }
  for (size_t s = 0; s < slots.size(); ++s) {
    Memory& m = memories[static_cast<size_t>(slots[s].memory)];
    m.last = std::max(m.last, last[s]);
    const bool lasting =
        s < inputs || m.first < 0 ||
        std::find(outputs.begin(), outputs.end(), static_cast<int>(s)) != outputs.end();
    m.kept |= m.first >= 0 && lasting;
    if (!lasting && last[s] >= 0)
      calls[static_cast<size_t>(last[s])].done.push_back(static_cast<int>(s));
  }
  work_in_place(*this);
  assign_buffers(*this);
}

int64_t Plan::planned_bytes() const {
  std::vector<int64_t> sizes;
  for (const Memory& m : memories) {
    if (m.buffer < 0) continue;
    sizes.resize(std::max(sizes.size(), static_cast<size_t>(m.buffer) + 1));
    int64_t& size = sizes[static_cast<size_t>(m.buffer)];
    size = std::max(size, m.nbytes);
  }
  int64_t sum = 0;
  for (int64_t n : sizes) sum += n;
  return sum;
}

// --- As text ---

namespace {

std::string constant_text(PyObject* o) {
  PyObject* repr = PyObject_Repr(o);
  const char* text = repr ? PyUnicode_AsUTF8(repr) : nullptr;
  std::string result = text ? text : "?";
  PyErr_Clear();
  Py_XDECREF(repr);
  if (result.size() > 40) result = result.substr(0, 37) + "...";
  return result;
}

std::string operand_text(const Operand& o) {
  if (o.kind == Operand::Slot) return "%" + std::to_string(o.slot);
  if (o.kind == Operand::Constant) return constant_text(o.constant.get());
  std::string text(1, o.kind == Operand::Tuple ? '(' : '[');
  for (size_t i = 0; i < o.items.size(); ++i) text += (i ? ", " : "") + operand_text(o.items[i]);
  return text + (o.kind == Operand::Tuple ? ')' : ']');
}

std::string slot_text(const SlotMeta& s) {
  std::string text = std::string(kDTypeName[index(s.dtype)]) + "(";
  for (size_t i = 0; i < s.shape.size(); ++i) text += (i ? ", " : "") + std::to_string(s.shape[i]);
  return text + ")";
}

std::string call_text(const Plan& plan, const Call& c, int number) {
  std::string text;
  for (int s : c.results.slots) text += (text.empty() ? "%" : ", %") + std::to_string(s);
  if (!text.empty()) text += " = ";
  PyObject* name = PyObject_GetAttrString(c.callable.get(), "__name__");
  text += name && PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : "call";
  PyErr_Clear();
  Py_XDECREF(name);
  text += "(";
  const size_t keywords =
      c.kwnames.get() ? static_cast<size_t>(PyTuple_GET_SIZE(c.kwnames.get())) : 0;
  const size_t plain = c.args.size() - keywords;
  for (size_t i = 0; i < c.args.size(); ++i) {
    if (i) text += ", ";
    if (i >= plain)
      text += std::string(PyUnicode_AsUTF8(PyTuple_GET_ITEM(c.kwnames.get(), i - plain))) + "=";
    text += operand_text(c.args[i]);
  }
  text += ")";
  for (int s : c.results.slots) {
    if (s < 0) continue;
    const SlotMeta& meta = plan.slots[static_cast<size_t>(s)];
    const Memory& m = plan.memories[static_cast<size_t>(meta.memory)];
    text += "  " + slot_text(meta);
    if (c.in_place)
      text += " in place";
    else if (m.first != number)
      text += m.first < 0 ? " in memory of the caller" : " view";
    else
      text += " in buffer " + std::to_string(m.buffer) + (m.kept ? ", kept" : "");
  }
  return c.label.empty() ? text : text + "  # " + c.label;
}

}  // namespace

std::string Plan::text() const {
  std::string text;
  for (size_t i = 0; i < calls.size(); ++i)
    text += call_text(*this, calls[i], static_cast<int>(i)) + "\n";
  char summary[160];
  std::snprintf(summary, sizeof summary, "Total %.3f MB allocated, %.3f MB without reuse\n",
                static_cast<double>(planned_bytes()) / 1048576.0,
                static_cast<double>(unplanned) / 1048576.0);
  return text + summary;
}

// --- Running ---

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

void store(const Results& results, PyObject* result, Values& values) {
  if (results.kind == Results::One) {
    values.set(results.slots[0], Py_NewRef(result));
    return;
  }
  if (results.kind == Results::None) return;
  if (!(PyTuple_Check(result) || PyList_Check(result)) ||
      PySequence_Fast_GET_SIZE(result) != static_cast<Py_ssize_t>(results.slots.size())) {
    PyErr_SetString(PyExc_RuntimeError, "a traced function returned another number of results");
    throw PythonError{};
  }
  for (size_t i = 0; i < results.slots.size(); ++i)
    if (results.slots[i] >= 0)
      values.set(results.slots[i],
                 Py_NewRef(PySequence_Fast_GET_ITEM(result, static_cast<Py_ssize_t>(i))));
}

void run_call(const Call& c, Values& values) {
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
  const size_t keywords =
      c.kwnames.get() ? static_cast<size_t>(PyTuple_GET_SIZE(c.kwnames.get())) : 0;
  PyRef result(
      PyObject_Vectorcall(c.callable.get(), args, c.args.size() - keywords, c.kwnames.get()));
  store(c.results, result.get(), values);
  for (int slot : c.done) values.set(slot, nullptr);
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

bool fits(const SlotMeta& meta, PyObject* o) {
  if (!array_check(o)) return false;
  const Array* a = reinterpret_cast<const Array*>(o);
  return a->dtype == meta.dtype && a->ndim == meta.shape.size() &&
         std::equal(a->shape, a->shape + a->ndim, meta.shape.begin());
}

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
        run_call(c, values);
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
  try {
    return run(reinterpret_cast<PlanObject*>(self), args[0], args[1]);
  } catch (PythonError&) {
    return nullptr;
  }
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
     "as a list; None when a captured array has another dtype or shape than when it was traced."},
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
