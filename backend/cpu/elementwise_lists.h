// The per-ISA loop tables: each elementwise_*_isa.cc publishes one, elementwise.cc joins those of
// one ISA.
#pragma once
#include <cstddef>

#include "cpu/isa.h"
#include "cpu/loops.h"

namespace mp::cpu {

struct LoopList {
  const LoopEntry* first;
  size_t count;
};

#define MP_CHAPTER(name) MP_DECLARE_PER_ISA(LoopList, name)
#include "cpu/elementwise_chapters.inc"
#undef MP_CHAPTER

}  // namespace mp::cpu
