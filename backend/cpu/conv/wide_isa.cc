#include "cpu/conv/lanes.h"
#include "cpu/conv/loops.h"

namespace mp::cpu::MP_ISA {

extern const conv::Loops<float> conv_wide32;
const conv::Loops<float> conv_wide32 = loops_of<float, kWideLanes>;
extern const conv::Loops<double> conv_wide64;
const conv::Loops<double> conv_wide64 = loops_of<double, kWideLanes / 2>;

}  // namespace mp::cpu::MP_ISA
