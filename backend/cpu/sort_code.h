// Every real element has a code: an unsigned integer that compares as the element does. Short rows
// are sorted by insertion, codes of a few bytes by radix; both keep the order of equal keys.
#pragma once
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "core/dtype.h"

namespace mp::cpu {

inline constexpr int64_t kFew = 16;  // insertion sort up to here

enum class Kind { Unsigned, Signed, Floating };

template <class U, Kind kKeys, U kInfinity = 0>
struct Code {
  using Bits = U;
  static constexpr Kind kKind = kKeys;
  static constexpr U kSign = static_cast<U>(U{1} << (sizeof(U) * 8 - 1));
  static constexpr bool kFloating = kKind == Kind::Floating;

  static bool is_nan(U u) { return kFloating && static_cast<U>(u & ~kSign) > kInfinity; }
  static U ordered(U u) {
    if constexpr (kKind == Kind::Unsigned) return u;
    if constexpr (kKind == Kind::Signed) return u ^ kSign;
    return u ^ (u & kSign ? static_cast<U>(~U{0}) : kSign);
  }
  static U original(U code) {
    if constexpr (kKind == Kind::Unsigned) return code;
    if constexpr (kKind == Kind::Signed) return code ^ kSign;
    return code ^ (code & kSign ? kSign : static_cast<U>(~U{0}));
  }
  // The same for both zeros, and the largest for all NaNs.
  static U comparable(U u) {
    return is_nan(u) ? static_cast<U>(~U{0}) : ordered(kFloating && u == kSign ? U{0} : u);
  }
};

// Runs f with the Code of a real dtype; the result for others is false.
template <class F>
bool with_code(DType dtype, F&& f) {
  switch (dtype) {
    case DType::Bool:
    case DType::U8:
      return f(Code<uint8_t, Kind::Unsigned>{});
    case DType::I8:
      return f(Code<uint8_t, Kind::Signed>{});
    case DType::U16:
      return f(Code<uint16_t, Kind::Unsigned>{});
    case DType::I16:
      return f(Code<uint16_t, Kind::Signed>{});
    case DType::F16:
      return f(Code<uint16_t, Kind::Floating, 0x7c00>{});
    case DType::BF16:
      return f(Code<uint16_t, Kind::Floating, 0x7f80>{});
    case DType::U32:
      return f(Code<uint32_t, Kind::Unsigned>{});
    case DType::I32:
      return f(Code<uint32_t, Kind::Signed>{});
    case DType::F32:
      return f(Code<uint32_t, Kind::Floating, 0x7f800000>{});
    case DType::U64:
      return f(Code<uint64_t, Kind::Unsigned>{});
    case DType::I64:
      return f(Code<uint64_t, Kind::Signed>{});
    case DType::F64:
      return f(Code<uint64_t, Kind::Floating, 0x7ff0000000000000>{});
    default:
      return false;
  }
}

// Room for n values: on the stack for short rows.
template <class T>
class RowBuffer {
 public:
  explicit RowBuffer(int64_t n) {
    if (n > kShort) long_.reset(new T[n]);
  }
  T* data() { return long_ ? long_.get() : short_; }

 private:
  static constexpr int64_t kShort = 512;
  T short_[kShort];
  std::unique_ptr<T[]> long_;
};

template <class U>
void insertion_sort(U* v, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const U x = v[i];
    int64_t j = i;
    for (; j > 0 && x < v[j - 1]; --j) v[j] = v[j - 1];
    v[j] = x;
  }
}

// Sorts fewer than 2^32 keys by their bytes from kFirst on; a byte that is the same in all of them
// costs nothing.
template <int kFirst, class U>
void radix_sort(U* keys, U* spare, int64_t n) {
  constexpr int kBytes = sizeof(U) - kFirst;
  uint32_t counts[kBytes][256] = {};
  auto byte = [](U x, int b) { return static_cast<uint8_t>(x >> (8 * (kFirst + b))); };
  for (int64_t i = 0; i < n; ++i)
    for (int b = 0; b < kBytes; ++b) ++counts[b][byte(keys[i], b)];
  U *from = keys, *to = spare;
  for (int b = 0; b < kBytes; ++b) {
    uint32_t *at = counts[b], start = 0;
    if (at[byte(from[0], b)] == n) continue;
    for (int k = 0; k < 256; ++k) start += std::exchange(at[k], start);
    for (int64_t i = 0; i < n; ++i) to[at[byte(from[i], b)]++] = from[i];
    std::swap(from, to);
  }
  if (from != keys) std::memcpy(keys, from, n * sizeof(U));
}

}  // namespace mp::cpu
