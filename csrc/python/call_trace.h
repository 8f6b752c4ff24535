// Tracing: which functions of arrays a computation called, in order, so that a CallPlan
// (python/call_plan.h) can call them again without the Python code between them. hybridize() and
// the Executor stand on it. See Note [Traced calls]. A call is written down where Python enters us
// (`listening` is true there only), with its arguments as slots: the inputs, captured arrays that
// are older than the trace, and results of earlier calls. What tracing cannot follow never goes
// unnoticed: an array that appeared, or a write that happened, outside of a recorded call makes the
// trace fail. Everything here needs the GIL; a trace belongs to the thread that began it.
#pragma once
#include <Python.h>

#include <string>
#include <utility>

#include "core/array.h"

namespace mp::calls {

extern int traces;  // in all threads
bool listening_here();
// Whether the call that just came from Python is to be recorded.
inline bool listening() { return traces && listening_here(); }

// While it lives, calls of this thread are part of one that is recorded, or none of its business.
class Quiet {
 public:
  Quiet();
  ~Quiet();
  Quiet(const Quiet&) = delete;

 private:
  void* of_;  // the trace that it silences
};

// To be called around a recorded call. False: the trace failed, and the call is not recorded.
bool before_call(PyObject* const* args, Py_ssize_t total);
// Returns the result, or null with an error set when it is a value that Python may not see.
PyObject* after_call(PyObject* callable, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames,
                     PyObject* result);

// Makes the call and writes it down as a call of `callable`, with `nargs` arguments and those of
// the keywords after them.
template <class F>
PyObject* record(PyObject* callable, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames,
                 F&& call) {
  const bool recorded = before_call(args, nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0));
  PyObject* result;
  {
    Quiet quiet;
    result = call();
  }
  if (!recorded || !result || result == Py_NotImplemented) return result;
  return after_call(callable, args, nargs, kwnames, result);
}

// The vectorcall entry of one of our callables, recorded.
inline PyObject* record_vectorcall(vectorcallfunc f, PyObject* self, PyObject* const* args,
                                   size_t nargsf, PyObject* kwnames) {
  return record(self, args, PyVectorcall_NARGS(nargsf), kwnames,
                [&] { return f(self, args, nargsf, kwnames); });
}

// The callable of this name in the modules operator, builtins or minpy._core.
PyObject* operator_function(const char* name);

// The array's value goes to Python. True: that is an error, which is set. Within an operator the
// operator as a whole becomes one recorded call instead.
bool value_read(const char* what);
// A storage that NumPy could see counts one more write. What NumPy did was part of a recorded call.
void note_release(Storage* s);
// Something that tracing does not know happens: the trace fails, or the operator that does it is
// recorded as a whole.
void refuse(const char* what);

// The slots of the array types that record (python/traced_slots.cc): in place while any trace is
// on.
void install_traced_slots();
void remove_traced_slots();

bool init(PyObject* module);

}  // namespace mp::calls
