#define MP_EW_ACTIVATION
#define MP_EW_NATURAL 0
#include "cpu/math/activation.h"
#include "cpu/elementwise_rows.h"

namespace mp::cpu::MP_ISA {
const LoopList activation_loops = MP_EW_LIST;
}  // namespace mp::cpu::MP_ISA
