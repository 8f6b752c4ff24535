// What happens to a plan once its calls are complete: activations join the layer before them,
// elementwise calls work in place, memories share buffers, and each slot learns its last reader.
#include <algorithm>

#include "core/dtype.h"
#include "ops/ufunc.h"
#include "python/call_plan.h"
#include "python/call_trace.h"

namespace mp::calls {

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
  const size_t count = call.keywords();
  for (size_t i = 0; i < count; ++i)
    if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(call.kwnames.get(), i), name) == 0)
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

}  // namespace mp::calls
