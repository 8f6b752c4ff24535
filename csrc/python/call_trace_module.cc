// What Python calls to trace: begin_trace, end_trace and the switches beside them.
#include "core/error.h"
#include "python/call_recorder.h"
#include "python/call_trace.h"
#include "python/convert.h"
#include "python/guarded.h"
#include "python/scalar.h"

namespace mp::calls {
namespace {

uint32_t last_trace = 0;

// begin_trace(inputs: list of arrays, captured: list of arrays)
PyObject* begin_trace(PyObject*, PyObject* args) {
  PyObject *inputs, *captured;
  if (!PyArg_ParseTuple(args, "O!O!", &PyList_Type, &inputs, &PyList_Type, &captured))
    return nullptr;
  if (recorder) {
    PyErr_SetString(PyExc_RuntimeError, "this thread is tracing already");
    return nullptr;
  }
  auto r = std::make_unique<Recorder>();
  r->number = ++last_trace & ~kBorn;
  storage_birth = uint64_t{r->number | kBorn} << 32;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(inputs); ++i)
    new_slot(*r, reinterpret_cast<Array*>(PyList_GET_ITEM(inputs, i)), -1);
  r->plan->inputs = static_cast<size_t>(PyList_GET_SIZE(inputs));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(captured); ++i)
    if (!r->slot_of.contains(PyList_GET_ITEM(captured, i)))
      capture(*r, reinterpret_cast<Array*>(PyList_GET_ITEM(captured, i)));
  r->scalar_arrays_before = std::exchange(scalar_arrays, true);
  recorder = r.release();
  if (traces++ == 0) install_traced_slots();
  Py_RETURN_NONE;
}

std::unique_ptr<Recorder> take_recorder() {
  std::unique_ptr<Recorder> r(std::exchange(recorder, nullptr));
  if (!r) return r;
  scalar_arrays = r->scalar_arrays_before;
  if (--traces == 0) {
    remove_traced_slots();
    storage_birth = 0;
  }
  return r;
}

PyObject* abort_trace(PyObject*, PyObject*) {
  take_recorder();
  Py_RETURN_NONE;
}

bool written_outside(const Recorder& r) {
  for (const PyRef& o : r.held) {
    Storage* s = reinterpret_cast<Array*>(o.get())->storage;
    auto it = r.versions.find(s);
    if (it != r.versions.end() && it->second != writes(s)) return true;
  }
  return false;
}

void set_outputs(Recorder& r, PyObject* outputs) {
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(outputs); ++i) {
    const int slot = slot_for(r, reinterpret_cast<Array*>(PyList_GET_ITEM(outputs, i)));
    if (slot < 0) return;
    r.plan->outputs.push_back(slot);
  }
}

// What each array leaves the computation as: NumPy's scalar for a result without axes.
PyRef finished_outputs(PyObject* outputs) {
  PyRef list(PyList_New(PyList_GET_SIZE(outputs)));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(outputs); ++i)
    PyList_SET_ITEM(list.get(), i, check(output_object(PyList_GET_ITEM(outputs, i))));
  return list;
}

// end_trace(outputs: list of arrays) -> (plan or None, why there is none, the outputs)
PyObject* end_trace(PyObject*, PyObject* outputs) {
  if (!PyList_Check(outputs) || !recorder)
    return PyErr_Format(PyExc_RuntimeError, "end_trace takes a list, after begin_trace");
  if (!recorder->failed) set_outputs(*recorder, outputs);
  if (!recorder->failed && written_outside(*recorder))
    recorder->fail("an array was written to by something that tracing does not see");
  std::unique_ptr<Recorder> r = take_recorder();
  PyRef finished = finished_outputs(outputs);
  if (r->failed) return Py_BuildValue("(OsO)", Py_None, r->failure.c_str(), finished.get());
  for (const PyRef& o : r->held) {
    Storage* s = reinterpret_cast<Array*>(o.get())->storage;
    if (auto it = r->memory_of.find(s); it != r->memory_of.end() && s->saved)
      r->plan->memories[static_cast<size_t>(it->second)].kept = true;
  }
  r->plan->finish();
  return Py_BuildValue("(NOO)", plan_object(std::move(r->plan)), Py_None, finished.get());
}

// adopt(array): made during the trace, but not by it, such as a parameter that was initialised.
PyObject* adopt(PyObject*, PyObject* o) {
  if (recorder && array_check(o) && !recorder->slot_of.contains(o))
    capture(*recorder, reinterpret_cast<Array*>(o));
  return Py_NewRef(o);
}

PyObject* is_tracing(PyObject*, PyObject*) { return PyBool_FromLong(listening()); }

// set_quiet(+1 or -1): calls from here on are none of the trace's business, or are again.
PyObject* set_quiet(PyObject*, PyObject* change) {
  if (recorder) recorder->quiet += static_cast<int>(PyLong_AsLong(change));
  Py_RETURN_NONE;
}

PyObject* set_label(PyObject*, PyObject* text) {
  if (recorder) recorder->label = PyUnicode_AsUTF8(text);
  Py_RETURN_NONE;
}

// peek(array): its elements as a numpy.ndarray, for printing.
PyObject* peek(PyObject*, PyObject* o) {
  if (!array_check(o)) return PyErr_Format(PyExc_TypeError, "%R is not an array", o);
  Quiet quiet;
  return to_numpy(reinterpret_cast<Array*>(o));
}

PyObject* end_trace_guarded(PyObject* m, PyObject* o) {
  return guarded([&] { return end_trace(m, o); });
}

PyMethodDef functions[] = {
    {"begin_trace", begin_trace, METH_VARARGS,
     "begin_trace(inputs, captured)\n--\n\nWrite down the calls of this thread from now on."},
    {"end_trace", end_trace_guarded, METH_O,
     "end_trace(outputs)\n--\n\nThe plan that computes these arrays, or None and the reason."},
    {"abort_trace", abort_trace, METH_NOARGS, "Forget the trace of this thread, if there is one."},
    {"adopt", adopt, METH_O, "Let the trace know an array that it did not see being made."},
    {"peek", peek, METH_O, "The elements as a numpy.ndarray, which tracing takes no notice of."},
    {"is_tracing", is_tracing, METH_NOARGS, "Whether calls of this thread are written down."},
    {"set_quiet", set_quiet, METH_O, "Stop (1) or go on (-1) writing calls down."},
    {"set_label", set_label, METH_O, "Whose calls the next ones are."},
    {"call_operator", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call_operator)),
     METH_FASTCALL | METH_KEYWORDS,
     "call_operator(f, *args, **kwargs)\n--\n\nCall f, which is traced as one call when what it "
     "does cannot be followed."},
    {}};

}  // namespace

bool init(PyObject* module) {
  return plan_init(module) && PyModule_AddFunctions(module, functions) == 0;
}

}  // namespace mp::calls
