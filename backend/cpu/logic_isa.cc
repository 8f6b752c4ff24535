#include "cpu/reduce_loops.h"
#include "cpu/reduce_shape.h"

namespace mp::cpu::MP_ISA {
namespace {

template <class S>
struct Truth {
  using In = S;
  using Out = Bool;
  using Acc = uint8_t;
  static MP_INLINE Acc get(In s) { return nonzero(s); }
  static MP_INLINE Acc read(Out o) { return o.v; }
  static MP_INLINE Out write(Acc a) { return {a}; }
};

// In blocks, so that a decided row ends early. kAll looks for a zero, otherwise for a nonzero
// element.
template <class S, bool kAll>
struct Quantify : Truth<S> {
  static constexpr int64_t kSize = sizeof(S);
  static MP_INLINE uint8_t combine(uint8_t a, uint8_t b) { return kAll ? a & b : a | b; }
  static MP_INLINE uint8_t row(const char* p, int64_t stride, int64_t n) {
    constexpr int64_t kBlock = 1024 / kSize, kStep = 128 / kSize;
    int64_t i = 0;
    if (stride == kSize)
      for (int64_t m; (m = smaller(kBlock, (n - i) / kStep * kStep)) > 0; i += m)
        if (decides(p + i * kSize, m * kSize)) return !kAll;
    for (; i < n; i += kBlock) {
      const int64_t end = smaller(n, i + kBlock);
      uint8_t found = 0;
      for (int64_t j = i; j < end; ++j) found |= nonzero(load<S>(p + j * stride)) ^ kAll;
      if (found) return !kAll;
    }
    return kAll;
  }

 private:
  // In both lanes of a complex number: whether one is not zero.
  static MP_INLINE Vec<uint32_t, 8> either_part(Vec<uint32_t, 8> x) {
    typedef uint32_t I __attribute__((vector_size(32)));
    return x | MP_SHUFFLE(I, x, x, 1, 0, 3, 2, 5, 4, 7, 6);
  }
  static MP_INLINE Vec<uint64_t, 4> either_part(Vec<uint64_t, 4> x) {
    typedef uint64_t I __attribute__((vector_size(32)));
    return x | MP_SHUFFLE(I, x, x, 1, 0, 3, 2);
  }
  // Whether a multiple of 128 bytes of elements holds what is looked for.
  static MP_INLINE bool decides(const char* p, int64_t bytes) {
    constexpr int kPart = Kind<S>::is_complex ? kSize / 2 : kSize;
    using V = Vec<UInt<kPart>, 32 / kPart>;
    V found[4] = {};
    for (int64_t i = 0; i < bytes; i += 128)
      for (int k = 0; k < 4; ++k) {
        V x = load<V>(p + i + k * 32);
        if constexpr (kSame<S, Half> || kSame<S, BHalf> || Kind<S>::is_float)
          x += x;  // drops the sign
        if constexpr (Kind<S>::is_complex) x = either_part(x + x);
        if constexpr (kAll)
          found[k] |= reinterpret_cast<V>(x == 0);
        else
          found[k] |= x;
      }
    const V any = (found[0] | found[1]) | (found[2] | found[3]);
    return any_lane(any);
  }
};

template <class S>
struct Count {
  using In = S;
  using Out = int64_t;
  using Acc = int64_t;
  static MP_INLINE Acc get(In s) { return nonzero(s); }
  static MP_INLINE Acc read(Out o) { return o; }
  static MP_INLINE Out write(Acc a) { return a; }
  static MP_INLINE Acc combine(Acc a, Acc b) { return a + b; }
  static MP_INLINE Acc row(const char* p, int64_t stride, int64_t n) {
    int64_t count = 0, i = 0;
    if constexpr (!Kind<S>::is_complex)
      if (stride == int64_t{sizeof(S)}) count = dense(p, n, i);
    for (; i < n; ++i) count += nonzero(load<S>(p + i * stride));
    return count;
  }

 private:
  // Counts in lanes of the element's width, added up before they can overflow.
  static MP_INLINE int64_t dense(const char* p, int64_t n, int64_t& i) {
    using U = UInt<sizeof(S)>;
    constexpr int kLanes = 32 / sizeof(S), kRounds = sizeof(S) == 1 ? 255 : 4096;
    using V = Vec<U, kLanes>;
    int64_t total = 0;
    while (i + kLanes <= n) {
      V lanes = {};
      for (int r = 0; r < kRounds && i + kLanes <= n; ++r, i += kLanes) {
        V x = load<V>(p + i * int64_t{sizeof(S)});
        if constexpr (kSame<S, Half> || kSame<S, BHalf> || Kind<S>::is_float)
          x += x;  // drops the sign
        lanes -= reinterpret_cast<V>(x != 0);
      }
      for (int k = 0; k < kLanes; ++k) total += lanes[k];
    }
    return total;
  }
};
#define MP_ANY(S) \
  ReduceEntry { reduce_inner<Quantify<S, false>>, reduce_outer<Quantify<S, false>>, DType::Bool }
#define MP_EVERY(S) \
  ReduceEntry { reduce_inner<Quantify<S, true>>, reduce_outer<Quantify<S, true>>, DType::Bool }
#define MP_COUNT(S) \
  ReduceEntry { reduce_inner<Count<S>>, reduce_outer<Count<S>>, DType::I64 }

}  // namespace

extern const LogicLoops logic_loops;
const LogicLoops logic_loops = {
    {{MP_ALL_TYPES(MP_ANY)}, {MP_ALL_TYPES(MP_EVERY)}, {MP_ALL_TYPES(MP_COUNT)}}};

}  // namespace mp::cpu::MP_ISA
