// Inner loops of elementwise operators. One loop handles one operator at one set of dtypes over one
// dimension; it has the signature of NumPy's inner loops, so that NumPy's own can stand in for a
// missing one. Each per-ISA translation unit publishes a list; the best list for this machine is
// chosen once at load. Contract: any alignment and any strides (also 0 and negative); in == out
// allowed when identical; the floating-point status flags that NumPy's loop would raise are raised,
// and no others except inexact.
#pragma once
#include <cstdint>
#include <span>

#include "core/dtype.h"

namespace mp::cpu {

// args: nin input then nout output pointers; n[0]: elements; steps: byte stride of each argument.
using LoopFn = void (*)(char** args, const intptr_t* n, const intptr_t* steps, void* data);
// As `data` of a loop of ours: of a single element, it may also raise flags that mean nothing. To
// hide them takes longer than to compute the value.
inline void* any_flags() { return reinterpret_cast<void*>(1); }

struct LoopEntry {
  const char*
      op;  // canonical NumPy ufunc name: "add", "true_divide" is "divide", "abs" is "absolute"
  const char* types;  // kTypeChar of inputs then outputs, e.g. "ffd" is not valid for add, "fff" is
  LoopFn fn;
};

// The loops of the best instruction set that this processor has (x86-64-v2/v3/v4, or the baseline
// elsewhere). MINPY_ISA=v2|v3|v4 lowers the choice, for tests.
std::span<const LoopEntry> best_loops();
const char* best_isa();

}  // namespace mp::cpu
