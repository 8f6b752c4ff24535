#include "cpu/sort_loops.h"

namespace mp::cpu::MP_ISA {
namespace {

template <class T, class U, int kMantissaBits>
struct Code {
  static constexpr int kSignBit = sizeof(T) * 8 - 1;
  static constexpr U kMagnitude = (U{1} << kSignBit) - 1;
  // Negative NaNs, which would be below -inf, go around to the upper end.
  static constexpr U kNegativeNans = (U{1} << kMantissaBits) - 1;

  // The sign is spread over the other bits. T(u) < 0 stands for the shift that AVX2 lacks.
  static U turned(U u) { return u ^ (T(u) < 0 ? kMagnitude : U{0}); }
  static void encode(const T* from, T* to, int64_t n) {
    for (int64_t i = 0; i < n; ++i) to[i] = T(turned(U(from[i])) - kNegativeNans);
  }
  static void decode(T* keys, int64_t n) {
    for (int64_t i = 0; i < n; ++i) keys[i] = T(turned(U(keys[i]) + kNegativeNans));
  }
  static bool any_nan(const T* keys, int64_t n) {
    constexpr T kInfinity = T(kMagnitude - kNegativeNans);
    T found = 0;
    for (int64_t i = 0; i < n; ++i) found |= T(U(keys[i]) & kMagnitude) > kInfinity ? T(1) : T(0);
    return found;
  }
};
using FloatCode = Code<int32_t, uint32_t, 23>;
using DoubleCode = Code<int64_t, uint64_t, 52>;

}  // namespace

extern const SortLoops sort_loops;
const SortLoops sort_loops = {FloatCode::encode,  DoubleCode::encode, FloatCode::decode,
                              DoubleCode::decode, FloatCode::any_nan, DoubleCode::any_nan};

}  // namespace mp::cpu::MP_ISA
