#include "python/call_trace.h"

#include <cstring>
#include <unordered_map>
#include <vector>

#include "python/call_recorder.h"
#include "python/import.h"
#include "python/user_frame.h"
#include "tape/errors.h"
#include "tape/tape.h"

namespace mp::calls {

int traces = 0;
constinit thread_local Recorder* recorder = nullptr;

void Recorder::fail(const char* what) {
  if (operators) {
    operator_failed = true;
  } else if (!failed) {
    failed = true;
    if (what) failure = user_frame() + ": " + what;
  }
}

namespace {

// Functions of arrays whose results follow from shapes and dtypes: no values, so never recorded.
constexpr const char* kOfLayout[] = {"shape",
                                     "ndim",
                                     "size",
                                     "result_type",
                                     "can_cast",
                                     "iscomplexobj",
                                     "isrealobj",
                                     "isscalar",
                                     "broadcast_shapes",
                                     "shares_memory",
                                     "may_share_memory",
                                     "min_scalar_type",
                                     "common_type",
                                     "ndarray.__len__"};

// --- Arrays in arguments and results ---

// Calls visit(Array*) for every array in a tree of tuples and lists; stops when it returns false.
template <class Visit>
bool each_array(PyObject* o, Visit&& visit, int depth = 0) {
  if (array_check(o)) return visit(reinterpret_cast<Array*>(o));
  if (depth < 4 && (PyTuple_Check(o) || PyList_CheckExact(o)))
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
      if (!each_array(PySequence_Fast_GET_ITEM(o, i), visit, depth + 1)) return false;
  return true;
}

bool holds_array(PyObject* o) {
  return !each_array(o, [](Array*) { return false; });
}

// Bytes that existed before, or that belong to NumPy, are never the plan's to reuse.
int memory_for(Recorder& r, Array* a, int call) {
  if (a->storage->owner || !born_since(a->storage, r.number)) call = -1;
  auto [it, fresh] = r.memory_of.try_emplace(a->storage, static_cast<int>(r.plan->memories.size()));
  if (fresh)
    r.plan->memories.push_back({static_cast<int64_t>(a->storage->nbytes), call, -1, false, -1});
  return it->second;
}

}  // namespace

int new_slot(Recorder& r, Array* a, int call) {
  const int slot = static_cast<int>(r.plan->slots.size());
  const int memory = memory_for(r, a, call);
  r.plan->slots.push_back({a->dtype,
                           {a->shape, a->shape + a->ndim},
                           memory,
                           r.plan->memories[static_cast<size_t>(memory)].nbytes});
  r.held.emplace_back(Py_NewRef(reinterpret_cast<PyObject*>(a)));
  r.slot_of.emplace(reinterpret_cast<PyObject*>(a), slot);
  r.versions[a->storage] = writes(a->storage);
  return slot;
}

int capture(Recorder& r, Array* a) {
  const int slot = new_slot(r, a, -1);
  r.plan->captured.push_back(slot);
  r.plan->captured_arrays.emplace_back(Py_NewRef(reinterpret_cast<PyObject*>(a)));
  return slot;
}

namespace {

bool is_captured_memory(const Recorder& r, Storage* s) {
  for (const PyRef& o : r.plan->captured_arrays)
    if (reinterpret_cast<Array*>(o.get())->storage == s) return true;
  return false;
}

}  // namespace

int slot_for(Recorder& r, Array* a) {
  if (auto it = r.slot_of.find(reinterpret_cast<PyObject*>(a)); it != r.slot_of.end())
    return it->second;
  if (born_since(a->storage, r.number)) {
    r.fail("an array that no traced function returned");
    return -1;
  }
  if (r.memory_of.contains(a->storage) && !is_captured_memory(r, a->storage)) {
    r.fail("a view that no traced function returned");
    return -1;
  }
  return capture(r, a);
}

namespace {

bool operand(Recorder& r, PyObject* o, Operand& out) {
  if (array_check(o)) {
    out.kind = Operand::Slot;
    out.slot = slot_for(r, reinterpret_cast<Array*>(o));
    return out.slot >= 0;
  }
  const bool tuple = PyTuple_CheckExact(o);
  if ((tuple && holds_array(o)) || PyList_CheckExact(o)) {
    out.kind = tuple ? Operand::Tuple : Operand::List;
    out.items.resize(static_cast<size_t>(PySequence_Fast_GET_SIZE(o)));
    for (size_t i = 0; i < out.items.size(); ++i)
      if (!operand(r, PySequence_Fast_GET_ITEM(o, static_cast<Py_ssize_t>(i)), out.items[i]))
        return false;
    return true;
  }
  if (PyDict_CheckExact(o) || PySlice_Check(o)) {
    PyRef parts(PyDict_CheckExact(o) ? PyDict_Values(o)
                                     : PyTuple_Pack(3, reinterpret_cast<PySliceObject*>(o)->start,
                                                    reinterpret_cast<PySliceObject*>(o)->stop,
                                                    reinterpret_cast<PySliceObject*>(o)->step));
    if (holds_array(parts.get())) {
      r.fail("an array inside a dict or slice");
      return false;
    }
  }
  out.constant = PyRef(Py_NewRef(o));
  return true;
}

// Whether the result tells Python more than arrays: numbers that were computed from arrays.
bool holds_values(PyObject* o, int depth = 0) {
  if (array_check(o) || o == Py_None) return false;
  if (depth < 4 && (PyTuple_Check(o) || PyList_CheckExact(o))) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
      if (holds_values(PySequence_Fast_GET_ITEM(o, i), depth + 1)) return true;
    return false;
  }
  return true;
}

bool depends_on_layout_only(PyObject* callable) {
  const std::string name = name_of(callable);
  for (const char* known : kOfLayout)
    if (name == known) return true;
  return false;
}

int result_slot(Recorder& r, PyObject* o, int call) {
  if (!array_check(o)) return -1;
  if (auto it = r.slot_of.find(o); it != r.slot_of.end()) return it->second;
  return new_slot(r, reinterpret_cast<Array*>(o), call);
}

void set_results(Recorder& r, PyObject* result, int call, Results& out) {
  if (array_check(result)) {
    out = {Results::One, {result_slot(r, result, call)}};
  } else if (PyTuple_Check(result) || PyList_CheckExact(result)) {
    out.kind = Results::Several;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(result); ++i)
      out.slots.push_back(result_slot(r, PySequence_Fast_GET_ITEM(result, i), call));
  }
}

void note_versions(Recorder& r, PyObject* o) {
  each_array(o, [&](Array* a) {
    if (auto it = r.versions.find(a->storage); it != r.versions.end())
      it->second = writes(a->storage);
    return true;
  });
}

bool nested_arrays(PyObject* result) {
  if (!PyTuple_Check(result) && !PyList_CheckExact(result)) return false;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(result); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(result, i);
    if (!array_check(item) && holds_array(item)) return true;
  }
  return false;
}

// A reshape to the shape that the array has: later calls can take the array itself.
bool gives_same_view(PyObject* callable, PyObject* const* args, PyObject* result) {
  if (!array_check(result) || !array_check(args[0]) || result == args[0] ||
      Py_TYPE(result) != Py_TYPE(args[0]) || name_of(callable) != "reshape")
    return false;
  const auto *from = reinterpret_cast<Array*>(args[0]), *to = reinterpret_cast<Array*>(result);
  return from->context == to->context && from->flags == to->flags && array_same_view(from, to);
}

bool is_operand(const Call& call, int slot) {
  for (const Operand& o : call.args)
    if (o.kind == Operand::Slot && o.slot == slot) return true;
  return false;
}

bool unwritten(const Recorder& r, PyObject* const* args, Py_ssize_t total) {
  for (Py_ssize_t i = 0; i < total; ++i)
    if (!each_array(args[i], [&](Array* a) {
          auto it = r.versions.find(a->storage);
          return it == r.versions.end() || it->second == writes(a->storage);
        }))
      return false;
  return true;
}

// Writes the call down; false with a Python error set when the result is a value for Python.
bool write_down(Recorder& r, PyObject* callable, PyObject* const* args, Py_ssize_t nargs,
                PyObject* kwnames, PyObject* result) {
  const Py_ssize_t total = nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  bool takes_arrays = false;
  for (Py_ssize_t i = 0; i < total; ++i) takes_arrays |= holds_array(args[i]);
  if (holds_values(result) && (takes_arrays || !holds_array(result))) {
    if (!takes_arrays || depends_on_layout_only(callable)) return true;
    return !value_read(("the result of " + name_of(callable)).c_str());
  }
  if (nested_arrays(result)) {
    r.fail("a function that returns arrays in nested lists");
    return true;
  }
  Call call;
  call.callable = PyRef(Py_NewRef(callable));
  call.args.resize(static_cast<size_t>(total));
  for (Py_ssize_t i = 0; i < total; ++i)
    if (!operand(r, args[i], call.args[static_cast<size_t>(i)])) return true;
  if (kwnames && PyTuple_GET_SIZE(kwnames)) call.kwnames = PyRef(Py_NewRef(kwnames));
  if (gives_same_view(callable, args, result)) {
    r.slot_of.emplace(result, call.args[0].slot);
    r.held.emplace_back(Py_NewRef(result));
    return true;
  }
  set_results(r, result, static_cast<int>(r.plan->calls.size()), call.results);
  if (call.results.kind == Results::One && is_operand(call, call.results.slots[0]) &&
      unwritten(r, args, total))
    return true;  // it gave back what it got
  call.recording = tape::state.recording;
  call.training = tape::state.training;
  call.label = r.label;
  r.plan->calls.push_back(std::move(call));
  for (Py_ssize_t i = 0; i < total; ++i) note_versions(r, args[i]);
  note_versions(r, result);
  return true;
}

// --- Operators written in Python ---

struct Mark {
  size_t calls, slots, memories, captured;
};

Mark mark_of(const Recorder& r) {
  const Plan& p = *r.plan;
  return {p.calls.size(), p.slots.size(), p.memories.size(), p.captured.size()};
}

void roll_back(Recorder& r, const Mark& mark) {
  Plan& p = *r.plan;
  p.calls.resize(mark.calls);
  p.slots.resize(mark.slots);
  p.memories.resize(mark.memories);
  p.captured.resize(mark.captured);
  p.captured_arrays.resize(mark.captured);
  std::erase_if(r.slot_of, [&](auto& e) { return static_cast<size_t>(e.second) >= mark.slots; });
  std::erase_if(r.memory_of, [&](auto& e) {
    const bool gone = static_cast<size_t>(e.second) >= mark.memories;
    if (gone) r.versions.erase(e.first);
    return gone;
  });
}

bool takes_function(PyObject* const* args, Py_ssize_t total) {
  for (Py_ssize_t i = 0; i < total; ++i)
    if (PyFunction_Check(args[i]) || PyMethod_Check(args[i])) return true;
  return false;
}

}  // namespace

// call_operator(f, *args, **kwargs): f(*args, **kwargs), traced by what f calls when that can be
// followed, else as one call of f.
PyObject* call_operator(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  if (nargs < 1) return PyErr_Format(PyExc_TypeError, "call_operator takes a function");
  PyObject* f = args[0];
  ++args, --nargs;
  auto run = [&] { return PyObject_Vectorcall(f, args, static_cast<size_t>(nargs), kwnames); };
  if (!listening()) return run();
  Recorder& r = *recorder;
  const Py_ssize_t total = nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  const Mark mark = mark_of(r);
  const bool followed = before_call(args, total);
  const bool outer_failed = std::exchange(r.operator_failed, false);
  ++r.operators;
  PyObject* result = run();
  --r.operators;
  const bool failed = std::exchange(r.operator_failed, outer_failed);
  if (!result || !failed || !followed) return result;
  roll_back(r, mark);
  if (takes_function(args, total))
    r.fail(nullptr);  // contrib.cond and the like may choose by values
  else
    result = after_call(f, args, nargs, kwnames, result);
  return result;
}

bool listening_here() { return recorder && !recorder->quiet; }

Quiet::Quiet() : of_(recorder) {
  if (recorder) ++recorder->quiet;
}
Quiet::~Quiet() {
  if (of_ && of_ == recorder) --recorder->quiet;
}

bool before_call(PyObject* const* args, Py_ssize_t total) {
  Recorder& r = *recorder;
  if (r.failed || r.operator_failed) return false;
  if (!unwritten(r, args, total)) {
    r.fail("an array was written to by something that tracing does not see");
    return false;
  }
  for (Py_ssize_t i = 0; i < total; ++i)
    if (!each_array(args[i], [&](Array* a) {
          return r.slot_of.contains(reinterpret_cast<PyObject*>(a)) ||
                 !born_since(a->storage, r.number);
        })) {
      r.fail("an array that no traced function returned");
      return false;
    }
  return true;
}

void note_release(Storage* s) {
  if (!recorder) return;
  if (auto it = recorder->versions.find(s); it != recorder->versions.end()) ++it->second;
}

PyObject* after_call(PyObject* callable, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames,
                     PyObject* result) {
  try {
    if (write_down(*recorder, callable, args, nargs, kwnames, result)) return result;
  } catch (PythonError&) {
  }
  Py_DECREF(result);
  return nullptr;
}

PyObject* operator_function(const char* name) {
  static std::unordered_map<const char*, PyObject*> known;  // names are literals
  PyObject*& f = known[name];
  if (f) return f;
  for (const char* module_name : {"operator", "builtins", "minpy._core"}) {
    f = imported(module_name, name);
    if (f) break;
    PyErr_Clear();
  }
  return f;
}

bool value_read(const char* what) {
  Recorder& r = *recorder;
  if (r.operators) {
    r.operator_failed = true;
    return false;
  }
  std::string where;
  try {
    where = user_frame();
  } catch (PythonError&) {
    PyErr_Clear();
  }
  PyErr_Format(tape::mxnet_error(),
               "%s: Python reads %s in a hybridized block. What it does with it could depend on "
               "the values of arrays, and a compiled computation would repeat what it did for this "
               "call. Write the choice with where() or contrib.cond(), or run the block without "
               "compiling it: net.hybridize(active=False).",
               where.c_str(), what);
  return true;
}

void refuse(const char* what) {
  try {
    recorder->fail(what);
  } catch (PythonError&) {
    PyErr_Clear();
  }
}

}  // namespace mp::calls
