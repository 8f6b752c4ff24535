// The list of elementwise loops of the best instruction set: the per-ISA tables of the chapters,
// joined.
#include <vector>

#include "cpu/elementwise_lists.h"
#include "cpu/loops.h"

namespace mp::cpu {

std::span<const LoopEntry> best_loops() {
  static const std::vector<LoopEntry> all = [] {
    std::vector<LoopEntry> joined;
    for (const LoopList* list : {
#define MP_CHAPTER(name) &MP_BEST_ISA(name),
#include "cpu/elementwise_chapters.inc"
#undef MP_CHAPTER
         })
      joined.insert(joined.end(), list->first, list->first + list->count);
    return joined;
  }();
  return all;
}

const char* best_isa() {
  switch (isa_level()) {
    case 2:
      return "x86-64-v2";
    case 3:
      return "x86-64-v3";
    case 4:
      return "x86-64-v4";
  }
  return "baseline";
}

}  // namespace mp::cpu
