#include "cpu/program_loops.h"

#include <bit>

#include "cpu/copy_loops.h"

namespace mp::cpu {
namespace {

const CopyLoops& copies = MP_BEST_ISA(copy_loops);
const CastLoops& casts = MP_BEST_ISA(cast_loops);
const AlongLoops& along = MP_BEST_ISA(along_loops);

int log_size(int itemsize) { return std::countr_zero(static_cast<unsigned>(itemsize)); }

void run_copy(char** args, const intptr_t* n, const intptr_t* steps, void* data) {
  reinterpret_cast<CopyLoops::Copy2d>(data)(args[1], 0, steps[1], args[0], 0, steps[0], 1, *n);
}
void run_cast(char** args, const intptr_t* n, const intptr_t* steps, void* data) {
  reinterpret_cast<CastFn>(data)(args[1], steps[1], args[0], steps[0], *n);
}
void run_select(char** args, const intptr_t* n, const intptr_t* steps, void* data) {
  reinterpret_cast<AlongLoops::Select>(data)(args[3], steps[3], args[0], steps[0], args[1],
                                             steps[1], args[2], steps[2], *n);
}

}  // namespace

BoundLoop copy_loop(DType from, DType to) {
  if (from == to) return {run_copy, reinterpret_cast<void*>(copies.copy2d[log_size(itemsize(to))])};
  return {run_cast, reinterpret_cast<void*>(casts.from[index(from)][index(to)])};
}

BoundLoop select_loop(int itemsize) {
  return {run_select, reinterpret_cast<void*>(along.select[log_size(itemsize)])};
}

const AlongLoops::ArgEntry* search_loops(bool largest, DType in) {
  const AlongLoops::ArgEntry& entry = along.arg[largest][index(in)];
  return entry.row ? &entry : nullptr;
}

void copy_block(char* dst, int64_t d0, int64_t d1, const char* src, int64_t s0, int64_t s1,
                int64_t n0, int64_t n1, int itemsize) {
  copies.copy2d[log_size(itemsize)](dst, d0, d1, src, s0, s1, n0, n1);
}

}  // namespace mp::cpu
