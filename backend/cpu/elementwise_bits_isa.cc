#define MP_EW_BITS
#define MP_EW_NATURAL 1
#include "cpu/elementwise_rows.h"

namespace mp::cpu::MP_ISA {
const LoopList bits_loops = MP_EW_LIST;
}  // namespace mp::cpu::MP_ISA
