// How many float32 the vectors of an instruction set hold, and a shorter choice. Included by the
// *_isa.cc files only.
#pragma once

namespace mp::cpu::MP_ISA {

#if defined(__AVX512F__)
inline constexpr int kWideLanes = 16, kNarrowLanes = 8;
#elif defined(__AVX__)
inline constexpr int kWideLanes = 8, kNarrowLanes = 4;
#else
inline constexpr int kWideLanes = 4, kNarrowLanes = 4;
#endif

}  // namespace mp::cpu::MP_ISA
