// Copies, casts and selections in the shape of an elementwise inner loop, and the loops behind
// reductions: what the executor of programs needs besides the operators' own loops.
#pragma once
#include "core/dtype.h"
#include "cpu/along_loops.h"
#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/reduce_loops.h"

namespace mp::cpu {

struct BoundLoop {
  LoopFn fn;
  void* data;
};
BoundLoop copy_loop(DType from, DType to);  // arguments: source, destination
BoundLoop select_loop(int itemsize);        // arguments: condition, a, b, destination
// Null when reduce() has no loops for this combination.
const ReduceEntry* reduce_loops(Reduce op, DType in, DType out);
// Null when arg_reduce() has no loops for the dtype.
const AlongLoops::ArgEntry* search_loops(bool largest, DType in);
// dst[i, j] = src[i, j] over n0 × n1 elements; strides in bytes.
void copy_block(char* dst, int64_t d0, int64_t d1, const char* src, int64_t s0, int64_t s1,
                int64_t n0, int64_t n1, int itemsize);

}  // namespace mp::cpu
