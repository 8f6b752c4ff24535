#define MP_EW_HYPERBOLIC
#define MP_EW_NATURAL 0
#include "cpu/elementwise_rows.h"

namespace mp::cpu::MP_ISA {
const LoopList hyperbolic_loops = MP_EW_LIST;
}  // namespace mp::cpu::MP_ISA
