#include "cpu/conv/lanes.h"
#include "cpu/conv/loops.h"

namespace mp::cpu::MP_ISA {

extern const conv::Loops<float> conv_narrow32;
const conv::Loops<float> conv_narrow32 = loops_of<float, kNarrowLanes>;
extern const conv::Loops<double> conv_narrow64;
const conv::Loops<double> conv_narrow64 = loops_of<double, kNarrowLanes / 2>;

}  // namespace mp::cpu::MP_ISA
