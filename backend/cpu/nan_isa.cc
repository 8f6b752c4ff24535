#include "cpu/nan.h"
#include "cpu/vec.h"

namespace mp::cpu::MP_ISA {
namespace {

// By the bits, which raises no floating-point flags; blocks keep the counters narrow.
template <class T>
int64_t replace(char* out, const char* in, int64_t n, double value) {
  using U = UInt<sizeof(T)>;
  constexpr U kInfinity = sizeof(T) == 4 ? U{0x7f800000} : static_cast<U>(0x7ff0000000000000);
  constexpr U kMagnitude = static_cast<U>(~U{0}) >> 1;
  constexpr int64_t kBlock = 1 << 16;
  const U instead = bit_cast<U>(static_cast<T>(value));
  int64_t total = 0;
  for (int64_t start = 0; start < n; start += kBlock) {
    const int64_t m = smaller(kBlock, n - start);
    char* o = out + start * static_cast<int64_t>(sizeof(T));
    const char* p = in + start * static_cast<int64_t>(sizeof(T));
    U count = 0;
    for (int64_t i = 0; i < m; ++i) {
      const U x = load<U>(p + i * static_cast<int64_t>(sizeof(T)));
      const bool nan = (x & kMagnitude) > kInfinity;
      store<U>(o + i * static_cast<int64_t>(sizeof(T)), nan ? instead : x);
      count += nan;
    }
    total += static_cast<int64_t>(count);
  }
  return total;
}

template <class T>
void square(char* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const T v = load<T>(x + i * static_cast<int64_t>(sizeof(T)));
    store<T>(x + i * static_cast<int64_t>(sizeof(T)), v == v ? v * v : T{0});
  }
}

// A comparison with NaN is false, so that NaNs never win.
template <class T, bool kMax>
struct Extreme {
  static constexpr int64_t kSize = sizeof(T), kLanes = 32 / sizeof(T), kTile = 1024;
  using W = Vec<T, kLanes>;

  static void find(char* best, const char* in, int64_t stride, int64_t rows, int64_t columns) {
    if (columns == 1 && stride == kSize) {
      store<T>(best, run(load<T>(best), in, rows));
      return;
    }
    for (int64_t j = 0; j < columns; j += kTile)
      tile(best + j * kSize, in + j * kSize, stride, rows, smaller(kTile, columns - j));
  }

 private:
  static MP_INLINE T better(T x, T best) { return (kMax ? x > best : x < best) ? x : best; }
  static MP_INLINE W better_lanes(W x, W best) {
    if constexpr (kMax)
      return x > best ? x : best;
    else
      return x < best ? x : best;
  }
  static MP_INLINE T run(T best, const char* in, int64_t n) {
    W lanes[4];
    for (W& w : lanes) w = best - W{};
    int64_t i = 0;
    for (; i + 4 * kLanes <= n; i += 4 * kLanes)
      for (int k = 0; k < 4; ++k)
        lanes[k] = better_lanes(load<W>(in + (i + k * kLanes) * kSize), lanes[k]);
    for (int k = 1; k < 4; ++k) lanes[0] = better_lanes(lanes[k], lanes[0]);
    for (int k = 0; k < kLanes; ++k) best = better(lanes[0][k], best);
    for (; i < n; ++i) best = better(load<T>(in + i * kSize), best);
    return best;
  }
  static MP_INLINE void tile(char* best, const char* in, int64_t stride, int64_t rows, int64_t m) {
    for (int64_t i = 0; i < rows; ++i) {
      const char* row = in + i * stride;
      int64_t j = 0;
      for (; j + kLanes <= m; j += kLanes)
        store<W>(best + j * kSize,
                 better_lanes(load<W>(row + j * kSize), load<W>(best + j * kSize)));
      for (; j < m; ++j)
        store<T>(best + j * kSize, better(load<T>(row + j * kSize), load<T>(best + j * kSize)));
    }
  }
};

#define MP_NAN_ROW(T)                                                          \
  NanLoops::Row {                                                              \
    replace<T>, square<T>, { Extreme<T, false>::find, Extreme<T, true>::find } \
  }

}  // namespace

extern const NanLoops nan_loops;
const NanLoops nan_loops = {MP_NAN_ROW(float), MP_NAN_ROW(double)};

}  // namespace mp::cpu::MP_ISA
