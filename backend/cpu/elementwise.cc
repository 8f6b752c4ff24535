// The list of elementwise loops of the best instruction set: the per-ISA tables of the chapters,
// joined.
#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "cpu/elementwise_lists.h"
#include "cpu/loops.h"

namespace mp::cpu {
namespace {

LoopFn& fn_of(std::vector<LoopEntry>& loops, std::string_view op, std::string_view types) {
  return std::find_if(loops.begin(), loops.end(),
                      [&](const LoopEntry& e) { return op == e.op && types == e.types; })
      ->fn;
}

// numpy.power takes square roots when one exponent of 0.5 serves the whole loop, which differs from
// pow at -0.0 and -inf.
template <class T>
struct PowerWithRoots {
  static inline LoopFn power, root;
  static void loop(char** args, const intptr_t* n, const intptr_t* steps, void* data) {
    if (steps[1] != 0 || *n == 0 || *reinterpret_cast<const T*>(args[1]) != T(0.5))
      return power(args, n, steps, data);
    char* root_args[2] = {args[0], args[2]};
    const intptr_t root_steps[2] = {steps[0], steps[2]};
    root(root_args, n, root_steps, data);
  }
  static void install(std::vector<LoopEntry>& loops, std::string_view power_types,
                      std::string_view root_types) {
    LoopFn& slot = fn_of(loops, "power", power_types);
    power = std::exchange(slot, loop);
    root = fn_of(loops, "sqrt", root_types);
  }
};

}  // namespace

std::span<const LoopEntry> best_loops() {
  static const std::vector<LoopEntry> all = [] {
    std::vector<LoopEntry> joined;
    for (const LoopList* list : {
#define MP_CHAPTER(name) &MP_BEST_ISA(name),
#include "cpu/elementwise_chapters.inc"
#undef MP_CHAPTER
         })
      joined.insert(joined.end(), list->first, list->first + list->count);
    PowerWithRoots<float>::install(joined, "fff", "ff");
    PowerWithRoots<double>::install(joined, "ddd", "dd");
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
