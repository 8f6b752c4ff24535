// Sorting and argsorting by radix. Every real element has a code: an unsigned integer that compares
// as the element does. NaNs have none; they are taken out first and put last. Bytes are counted,
// codes of two bytes sorted by byte from the lowest; longer keys are left to NumPy's vectorised
// quicksort, except for a handful. The order of equal keys is always kept, so argsort is stable.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "cpu/kernels.h"

namespace mp::cpu {
namespace {

constexpr int64_t kFew = 16;  // insertion sort up to here

enum class Kind { Unsigned, Signed, Floating };

template <class U, Kind kKind, U kInfinity = 0>
struct Code {
  using Bits = U;
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
  // The same for both zeros.
  static U comparable(U u) { return ordered(kFloating && u == kSign ? U{0} : u); }
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
class Scratch {
 public:
  explicit Scratch(int64_t n) {
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

// Bytes in the order of `key ^ flip`.
void count_bytes(char* keys, int64_t n, unsigned flip) {
  int64_t count[256] = {};
  for (int64_t i = 0; i < n; ++i) ++count[static_cast<uint8_t>(keys[i]) ^ flip];
  for (unsigned k = 0; k < 256; ++k) {
    std::memset(keys, static_cast<int>(k ^ flip), count[k]);
    keys += count[k];
  }
}

// The same for two bytes, where the keys outnumber the values.
void count_codes(uint16_t* codes, int64_t n) {
  std::unique_ptr<int64_t[]> count(new int64_t[65536]());
  for (int64_t i = 0; i < n; ++i) ++count[codes[i]];
  for (int value = 0; value < 65536; ++value)
    codes = std::fill_n(codes, count[value], static_cast<uint16_t>(value));
}

template <class U>
void sort_codes(U* codes, U* spare, int64_t n) {
  if (n <= kFew)
    insertion_sort(codes, n);
  else if constexpr (sizeof(U) == 2)
    n >= 65536 ? count_codes(codes, n) : radix_sort<0>(codes, spare, n);
}

template <class C>
void sort_keys(char* bytes, int64_t n) {
  using U = typename C::Bits;
  Scratch<U> room(2 * n);
  U *codes = room.data(), *spare = codes + n;
  int64_t numbers = 0;
  for (int64_t i = 0; i < n; ++i) {
    U u;
    std::memcpy(&u, bytes + i * sizeof(U), sizeof(U));
    const bool nan = C::is_nan(u);
    codes[numbers] = C::ordered(u);
    spare[n - 1 - (i - numbers)] = u;  // stays there only if it is a NaN
    numbers += !nan;
  }
  std::memcpy(bytes + numbers * sizeof(U), spare + numbers, (n - numbers) * sizeof(U));
  sort_codes(codes, spare, numbers);
  for (int64_t i = 0; i < numbers; ++i) {
    const U u = C::original(codes[i]);
    std::memcpy(bytes + i * sizeof(U), &u, sizeof(U));
  }
}

// Pairs (part of a code, position) as one integer, so that equal keys stay in order.
void sort_pairs(uint64_t* pairs, uint64_t* spare, int64_t n) {
  if (n <= kFew)
    insertion_sort(pairs, n);
  else if (n <= 64)
    std::sort(pairs, pairs + n);
  else
    radix_sort<4>(pairs, spare, n);
}

template <class C>
void argsort_bytes(const char* keys, int64_t* idx, int64_t n) {
  int64_t at[256] = {}, start = 0;
  auto code = [](char key) { return C::ordered(static_cast<uint8_t>(key)); };
  for (int64_t i = 0; i < n; ++i) ++at[code(keys[i])];
  for (int k = 0; k < 256; ++k) start += std::exchange(at[k], start);
  for (int64_t i = 0; i < n; ++i) idx[at[code(keys[i])]++] = i;
}

// How far codes of eight bytes are to be shifted down to leave the 32 uppermost bits that vary.
template <class C>
int window_shift(const char* keys, int64_t n) {
  using U = typename C::Bits;
  if constexpr (sizeof(U) < 8) return 0;
  U ones = 0, zeros = 0;
  for (int64_t i = 0; i < n; ++i) {
    U u;
    std::memcpy(&u, keys + i * sizeof(U), sizeof(U));
    if (C::is_nan(u)) continue;
    ones |= C::comparable(u);
    zeros |= static_cast<U>(~C::comparable(u));
  }
  return std::max(static_cast<int>(std::bit_width(static_cast<U>(ones & zeros))) - 32, 0);
}

template <class C>
bool argsort_keys(const char* keys, int64_t* idx, int64_t n) {
  using U = typename C::Bits;
  if (n >= int64_t{1} << 32) return false;
  auto key = [keys](int64_t i) {
    U u;
    std::memcpy(&u, keys + i * sizeof(U), sizeof(U));
    return u;
  };
  Scratch<uint64_t> room(2 * n);
  uint64_t *pairs = room.data(), *spare = pairs + n;
  const int shift = window_shift<C>(keys, n);
  int64_t numbers = 0;
  for (int64_t i = 0; i < n; ++i) {
    const U u = key(i);
    pairs[numbers] = uint64_t{static_cast<uint32_t>(C::comparable(u) >> shift)} << 32 | i;
    idx[n - 1 - (i - numbers)] = i;
    numbers += !C::is_nan(u);
  }
  std::reverse(idx + numbers, idx + n);
  if (numbers > 1) sort_pairs(pairs, spare, numbers);
  const uint64_t low_bits = (uint64_t{1} << shift) - 1;  // at most 32
  for (int64_t i = 0, end; shift && i < numbers; i = end) {
    for (end = i + 1; end < numbers && (pairs[end] ^ pairs[i]) >> 32 == 0;) ++end;
    if (end - i == 1) continue;
    for (int64_t j = i; j < end; ++j) {
      const uint64_t position = static_cast<uint32_t>(pairs[j]);
      pairs[j] = (C::comparable(key(position)) & low_bits) << 32 | position;
    }
    sort_pairs(pairs + i, spare, end - i);
  }
  for (int64_t i = 0; i < numbers; ++i) idx[i] = static_cast<uint32_t>(pairs[i]);
  return true;
}

}  // namespace

bool has_sort(DType dtype, int64_t n) {
  return !is_complex(dtype) && (n <= kFew || itemsize(dtype) <= 2) && n < int64_t{1} << 32;
}

bool sort(DType dtype, char* keys, int64_t n) {
  if (!has_sort(dtype, n)) return false;
  if (itemsize(dtype) == 1 && n > kFew) {
    count_bytes(keys, n, dtype == DType::I8 ? 0x80 : 0);
    return true;
  }
  return with_code(dtype, [&]<class C>(C) {
    sort_keys<C>(keys, n);
    return true;
  });
}

bool argsort(DType dtype, const char* keys, int64_t* idx, int64_t n, bool) {
  return with_code(dtype, [&]<class C>(C) {
    if (sizeof(typename C::Bits) > 1 || n <= kFew) return argsort_keys<C>(keys, idx, n);
    argsort_bytes<C>(keys, idx, n);
    return true;
  });
}

}  // namespace mp::cpu
