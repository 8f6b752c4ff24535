// Recorder: the state of one trace, and what the two halves of tracing share: recording calls
// (call_trace.cc) and what Python begins and ends (call_trace_module.cc).
#pragma once
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/array.h"
#include "core/pyref.h"
#include "python/call_plan.h"

namespace mp::calls {

// The upper half of the version of storages that are made during a trace: the top bit and the
// number of the trace (core/stamp.h). The lower half counts writes.
inline constexpr uint32_t kBorn = uint32_t{1} << 31;

inline bool born_since(const Storage* s, uint32_t trace) {
  const auto upper = static_cast<uint32_t>(s->version >> 32);
  return upper & kBorn && (upper & ~kBorn) >= trace;
}

inline uint32_t writes(const Storage* s) { return static_cast<uint32_t>(s->version); }

struct Recorder {
  std::unique_ptr<Plan> plan = std::make_unique<Plan>();
  std::unordered_map<PyObject*, int> slot_of;
  std::unordered_map<Storage*, int> memory_of;
  std::unordered_map<Storage*, uint32_t> versions;  // writes, as the last recorded call left them
  std::vector<PyRef> held;  // every array that has a slot, or had one: identities stay unique
  bool failed = false;      // there will be no plan
  std::string failure;      // why; empty when that is nothing to warn of
  std::string label;
  uint32_t number = 0;  // of the trace
  int quiet = 0;        // inside a recorded call
  int operators = 0;    // inside operators written in Python
  bool operator_failed = false;
  bool scalar_arrays_before = false;

  void fail(const char* what);
};

extern constinit thread_local Recorder* recorder;  // of this thread's trace; null: none

// A slot for an array; `call` is the one that made its bytes, or -1.
int new_slot(Recorder& r, Array* a, int call);
// A slot for an array that is older than the trace.
int capture(Recorder& r, Array* a);
// The slot of an array that is read; -1, and the trace has failed, when nobody knows its origin.
int slot_for(Recorder& r, Array* a);

// call_operator(f, *args, **kwargs), a function for Python: f(*args, **kwargs), traced by what f
// calls when that can be followed, else as one call of f.
PyObject* call_operator(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames);

}  // namespace mp::calls
