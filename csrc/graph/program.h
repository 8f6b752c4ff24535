// Program: instructions in order over storages, the form in which work is executed. The deferred
// window fills one; a planned graph becomes one. An instruction reads its inputs and writes its
// outputs over one iteration space of at most kProgramDims axes, slowest first; an operand is a
// strided view over that space (stride 0: repeated, or reduced away) or one number. Invariants: the
// order of the instructions is the order of their effects; a program holds one reference to each of
// its storages; the outputs of one instruction do not overlap, and an input overlaps an output only
// when it is the same view.
#pragma once
#include <cstdint>
#include <vector>

#include "core/dtype.h"
#include "core/storage.h"
#include "cpu/along_loops.h"
#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/reduce_loops.h"

namespace mp {

inline constexpr int kProgramDims = 4;
inline constexpr int kProgramArgs = 5;

struct Operand {
  int32_t slot = -1;  // the storage; -1: the one element in `number`
  DType dtype = DType::Invalid;
  int64_t offset = 0;  // of the first element, in bytes from the start of the storage
  int64_t strides[kProgramDims] = {};
  alignas(16) char number[16];
};

struct Instruction {
  const char* name;  // as floating-point warnings and the debug output show it
  cpu::LoopFn fn = nullptr;
  void* data = nullptr;
  // A reduction has no loop but this: args[0] is reduced to args[1], whose strides are 0 along the
  // reduced axes.
  const cpu::ReduceEntry* reduce = nullptr;
  // Nor has a search for the place of the first extreme along one axis, or in everything.
  const cpu::AlongLoops::ArgEntry* place = nullptr;
  cpu::Reduce reduction{};  // Min or Max for a search
  bool raises = false;      // may raise floating-point flags that NumPy reports
  uint8_t nin = 0, nout = 1, ndim = 0;
  int64_t shape[kProgramDims];
  Operand args[kProgramArgs];  // inputs, then outputs

  int nargs() const { return nin + nout; }
  bool reduces() const { return reduce || place; }
  int64_t size() const {
    int64_t n = 1;
    for (int i = 0; i < ndim; ++i) n *= shape[i];
    return n;
  }
};

struct Slot {
  Storage* storage;
  bool live = true;      // somebody besides the program can see the bytes afterwards
  uint8_t device = 0;    // 0: here, else one more than its number (engine/devices.h)
  char* data = nullptr;  // the bytes, for whoever runs the program
};

struct Program {
  std::vector<Slot> slots;
  std::vector<Instruction> code;
};

}  // namespace mp
