#include <cstdlib>

#include "cpu/isa.h"

namespace mp::cpu {

#if defined(__x86_64__) && !defined(MP_ONE_ISA)
namespace {

int detect() {
  __builtin_cpu_init();
  int level = __builtin_cpu_supports("x86-64-v4") ? 4 : __builtin_cpu_supports("x86-64-v3") ? 3 : 2;
  const char* wish = std::getenv("MINPY_ISA");
  if (wish && wish[0] == 'v' && wish[1] >= '2' && wish[1] <= '4' && !wish[2]) {
    const int wanted = wish[1] - '0';
    if (wanted < level) level = wanted;
  }
  return level;
}

}  // namespace

int isa_level() {
  static const int level = detect();
  return level;
}
#else
int isa_level() { return 0; }
#endif

}  // namespace mp::cpu
