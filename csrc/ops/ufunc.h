// Ufunc: an elementwise operator, and at once the Python object that numpy.ufunc stands for.
// It owns its inner loops. Which loop serves which operand types is asked of NumPy once per
// combination (numpy.ufunc.resolve_dtypes) and remembered, so promotion is NumPy's by construction.
// A loop is ours where backend/cpu has one, else NumPy's own inner loop: see Note [Borrowed loops].
#pragma once
#include <Python.h>

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/array.h"
#include "cpu/loops.h"
#include "engine/fp_state.h"
#include "engine/profiler.h"
#include "ops/op.h"

namespace mp {

inline constexpr int kMaxUfuncArgs = 5;

// Operand types for resolution: a DType, or one of the Python scalars, which adapt to the other
// operand.
enum : uint8_t { kWeakInt = kDTypeCount, kWeakFloat, kWeakComplex, kOperandCodes };

struct Loop {
  DType types[kMaxUfuncArgs];  // inputs then outputs
  cpu::LoopFn fn;
  void* data;
  bool borrowed;                 // NumPy's own loop
  bool needs_python;             // which may set a Python error (integer powers)
  mutable float element_ns = 0;  // of a large call on one thread; 0: not measured yet
};

// How an operator computes one element of float32 or float64 from operands of that dtype: an inner
// loop of ours, or plain arithmetic.
struct NumberLoop {
  cpu::LoopFn fn = nullptr;  // null: neither, the general path must do it
  char arithmetic = 0;       // '+', '-', '*', '/'
  bool shows = false;  // what is wrong with a result can be told from it: it is not `ordinary`
  bool known = false;
};

struct Ufunc {
  PyObject_HEAD vectorcallfunc vectorcall;
  const char* name;
  int nin, nout;
  OpDef op;         // gradient row; name is the ufunc's
  PyObject* numpy;  // NumPy's ufunc of the same name
  std::vector<Loop>* loops;
  // 0: not asked yet, 1: no native loop, else index + 2.
  std::vector<uint16_t>* resolved;
  std::unordered_map<uint32_t, uint16_t>* reductions;  // (array dtype, requested dtype) to the same
  int64_t calls;
  NumberLoop numbers[2];  // float32, float64

  int nargs() const { return nin + nout; }
};

extern PyTypeObject UfuncType;
inline bool ufunc_check(PyObject* o) { return Py_TYPE(o) == &UfuncType; }

// The loop for these operand codes; null when only NumPy can handle (or refuse) the call.
const Loop* resolve_loop(Ufunc* f, const uint8_t* codes);
// The loop that f.reduce uses for an array of dtype `in`; `requested` is Invalid without a dtype
// argument.
const Loop* resolve_reduction(Ufunc* f, DType in, DType requested);
void find_number_loop(Ufunc* f, DType dtype);
inline const NumberLoop& number_loop(Ufunc* f, DType dtype) {  // F32 or F64
  const NumberLoop& loop = f->numbers[dtype == DType::F64];
  if (!loop.known) [[unlikely]]
    find_number_loop(f, dtype);
  return loop;
}
// any_flags() while that is enough for number_call, else null. Needs the GIL.
extern void* number_call_data;
// The operator on numbers, for gradient rules. Raises a flag when it has no such loop.
template <class T, int n>
T number_call(Ufunc* f, const T (&in)[n]) {
  const NumberLoop& loop = number_loop(f, sizeof(T) == 4 ? DType::F32 : DType::F64);
  T out{};
  if (!loop.fn) return fp_raise(FE_INVALID), out;
  char* args[n + 1];
  intptr_t count = 1, steps[n + 1];
  for (int i = 0; i <= n; ++i) {
    args[i] =
        i < n ? reinterpret_cast<char*>(const_cast<T*>(in + i)) : reinterpret_cast<char*>(&out);
    steps[i] = sizeof(T);
  }
  loop.fn(args, &count, steps, number_call_data);
  return out;
}
void load_loops(Ufunc* f);
void forget_loops();       // resolve all anew: the policy changed
PyObject* ufunc_counts();  // a dict from name to the number of calls
void reset_ufunc_counts();

// While set, 0-d results of this thread stay plain arrays (gradient rules compose arrays).
extern constinit thread_local bool keep_arrays __attribute__((tls_model("initial-exec")));

// f(*inputs) without keyword arguments. `outs` holds nout borrowed arrays to write into, or null.
PyObject* ufunc_call(Ufunc* f, PyObject* const* inputs, Array* const* outs);
// The same without `outs` for the everyday operands (ops/ufunc_plain.cc); null without an error
// set: the general path must do it.
PyObject* ufunc_call_plain(Ufunc* f, PyObject* const* inputs);
// The same for operands that are single numbers (ops/ufunc_number.cc). False: they are not; else
// the result, which is null with an error set.
bool ufunc_call_number(Ufunc* f, PyObject* const* inputs, PyObject*& result);
// The same for callers that come straight from Python and go on with ufunc_call_others.
inline bool ufunc_try_number(Ufunc* f, PyObject* const* inputs, PyObject*& result) {
  if (profiler::on() || !ufunc_call_number(f, inputs, result)) return false;
  ++f->calls;
  return true;
}
PyObject* ufunc_call_others(Ufunc* f, PyObject* const* inputs);
// A Python float or int as one element of the loop's dtype; false when the general path must see to
// it.
bool encode_number(PyObject* number, DType want, char* to);
// sum = f(sum, value) for everyday operands of one shape and dtype that the tape does not know;
// false: the general path must do it. Throws PythonError.
bool ufunc_accumulate_plain(Ufunc* f, Array* sum, Array* value);
PyObject* ufunc_inplace(Ufunc* f, PyObject* a, PyObject* b);  // a = f(a, b) written into a

// f.reduce. `axes` is a bit mask of the reduced axes. Returns a new array, or null without an error
// set when the combination has no native path.
struct Reduction {
  uint64_t axes;
  bool keepdims;
  DType dtype = DType::Invalid;
  Array* out = nullptr;
};
Array* ufunc_reduce(Ufunc* f, Array* a, const Reduction& r);

// The methods of these names, with Python's arguments. Null without an error: NumPy must do it.
PyObject* ufunc_accumulate(Ufunc* f, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames);
PyObject* ufunc_outer(Ufunc* f, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames);

// Runs an inner loop over all dimensions, in the order that walks memory forwards.
void run_loop(const Loop& loop, int nargs, int ndim, const int64_t* shape, char** data,
              const int64_t* const* strides);
// The same for operands that overlap only where they are identical: large ones on several threads,
// without the GIL.
void run_elementwise(const Loop& loop, int nargs, int ndim, const int64_t* shape, char** data,
                     const int64_t* const* strides);

// Floating-point status: `fp_clear` before the loops, `fp_report` after; -1 when an error was
// raised. x86's older unit, which takes long to ask, is raised by some of NumPy's loops only.
void fp_clear();
int fp_report(const char* ufunc_name);
inline bool fp_quiet(const Loop& loop) { return !loop.borrowed && !fp_raised_sse(); }
inline void fp_clear(const Loop& loop) {
  if (!fp_quiet(loop)) fp_clear();
}
inline int loop_status(const Loop& loop, const char* ufunc_name) {
  if (fp_quiet(loop)) return 0;
  return loop.borrowed && PyErr_Occurred() ? -1 : fp_report(ufunc_name);
}

// An elementwise operator that NumPy lacks; the table of them is in ufunc_own.cc.
struct OwnUfunc {
  const char* name;
  int nin;
  const char* doc;
};
std::span<const OwnUfunc> own_ufuncs();
PyObject* make_numpy_ufunc(const OwnUfunc& own);  // a numpy.ufunc over our inner loops

bool ufunc_init(PyObject* module);

}  // namespace mp
