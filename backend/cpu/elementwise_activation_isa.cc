#define MP_EW_ACTIVATION
#define MP_EW_NATURAL 0
// clang-format off: the rows are made of these functions
#include "cpu/math/activation.h"
#include "cpu/elementwise_rows.h"
// clang-format on

namespace mp::cpu::MP_ISA {
const LoopList activation_loops = MP_EW_LIST;
}  // namespace mp::cpu::MP_ISA
