// CallPlan: recorded calls (python/call_trace.h) in order, with the slots that they read and fill.
// Running it makes the calls again on other inputs; a slot is emptied after its last reader, so
// that the bytes serve the calls that follow. It keeps no results between runs.
#pragma once
#include <Python.h>

#include <memory>
#include <string>
#include <vector>

#include "core/array.h"
#include "core/pyref.h"

namespace mp::calls {

// One argument: a slot's array, a constant, or a tuple or list of arguments.
struct Operand {
  enum Kind { Slot, Constant, Tuple, List } kind = Constant;
  int slot = -1;
  PyRef constant;
  std::vector<Operand> items;
};

// What a call returned: nothing of interest, one array, or a tuple or list with arrays in it (-1:
// no array at that place).
struct Results {
  enum Kind { None, One, Several } kind = None;
  std::vector<int> slots;
};

struct Call {
  PyRef callable;
  std::vector<Operand> args;  // those of the keywords last
  PyRef kwnames;              // null: none
  Results results;
  bool recording, training;  // the thread's state (tape/tape.h)
  std::string label;         // whose call it is: the node of a symbol
  std::vector<int> done;     // slots that nobody reads after it
  bool in_place = false;  // writes to the memory of its first operand, which nobody needs any more

  size_t keywords() const {
    return kwnames.get() ? static_cast<size_t>(PyTuple_GET_SIZE(kwnames.get())) : 0;
  }
};

// The callable's __name__, or that of its type.
std::string name_of(PyObject* callable);

// What a slot held when it was traced.
struct SlotMeta {
  DType dtype;
  std::vector<int64_t> shape;
  int memory;      // which block of bytes: views share their array's
  int64_t nbytes;  // of the block
};

struct Memory {
  int64_t nbytes = 0;
  int first = -1, last = -1;  // calls that fill it and read it last; first -1: not the plan's
  bool kept = false;          // for the backward pass, or as an output
  int buffer = -1;            // which of the reused blocks
};

struct Plan {
  std::vector<Call> calls;
  std::vector<SlotMeta> slots;
  std::vector<Memory> memories;
  std::vector<int> captured;  // slots
  std::vector<PyRef> captured_arrays;
  size_t inputs = 0;         // slots 0 .. inputs-1, then the captured ones anywhere
  std::vector<int> outputs;  // slots
  int64_t unplanned = 0;     // bytes of all results, each for itself

  // After the calls are complete: last readers, and which memory may follow which.
  void finish();
  std::string text() const;
  int64_t planned_bytes() const;
};

// What an array leaves a traced computation as: outside of it, results without axes are NumPy
// scalars. A new reference; null with an error set.
PyObject* output_object(PyObject* array);

// A Python object around the plan; null with an error set.
PyObject* plan_object(std::unique_ptr<Plan> plan);
bool plan_init(PyObject* module);

}  // namespace mp::calls
