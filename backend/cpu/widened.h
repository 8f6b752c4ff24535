// In what type sums and products of each element type accumulate, and what they give.
#pragma once
#include "core/dtype.h"
#include "cpu/element.h"

namespace mp::cpu::MP_ISA {

// What sums and products of a dtype are accumulated in and given as.
template <class S>
struct Widened {
  using Acc = int64_t;
  using Out = int64_t;
  static constexpr DType dtype = DType::I64;
};
template <class T>
struct Unsigned {
  using Acc = uint64_t;
  using Out = uint64_t;
  static constexpr DType dtype = DType::U64;
};
template <>
struct Widened<uint8_t> : Unsigned<void> {};
template <>
struct Widened<uint16_t> : Unsigned<void> {};
template <>
struct Widened<uint32_t> : Unsigned<void> {};
template <>
struct Widened<uint64_t> : Unsigned<void> {};
template <class A, class O, DType t>
struct Kept {
  using Acc = A;
  using Out = O;
  static constexpr DType dtype = t;
};
template <>
struct Widened<Half> : Kept<float, Half, DType::F16> {};
template <>
struct Widened<BHalf> : Kept<float, BHalf, DType::BF16> {};
template <>
struct Widened<float> : Kept<float, float, DType::F32> {};
template <>
struct Widened<double> : Kept<double, double, DType::F64> {};
template <>
struct Widened<C64> : Kept<C64, C64, DType::C64> {};
template <>
struct Widened<C128> : Kept<C128, C128, DType::C128> {};

template <class S>
struct Accumulate {
  using In = S;
  using Out = typename Widened<S>::Out;
  using Acc = typename Widened<S>::Acc;
  // Integers wrap around: compute unsigned.
  static MP_INLINE Acc get(In s) { return static_cast<Acc>(value(s)); }
  static MP_INLINE Acc read(Out o) { return value(o); }
  static MP_INLINE Out write(Acc a) { return element<Out>(a); }
};

}  // namespace mp::cpu::MP_ISA
