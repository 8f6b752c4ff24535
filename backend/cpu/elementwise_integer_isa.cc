#define MP_EW_INTEGER
#define MP_EW_NATURAL 1
#include "cpu/elementwise_rows.h"

namespace mp::cpu::MP_ISA {
const LoopList integer_loops = MP_EW_LIST;
}  // namespace mp::cpu::MP_ISA
