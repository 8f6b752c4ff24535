// Stable argsort: integers that hold 32 bits of a key's code and its position are sorted, so that
// no comparison follows an index. They stand where the positions will.
#include <algorithm>
#include <atomic>
#include <bit>
#include <vector>

#include "cpu/sort_code.h"
#include "cpu/sort_wide.h"

namespace mp::cpu {
namespace {

constexpr int64_t kPackGrain = 16384;

template <class C>
void argsort_bytes(const char* keys, int64_t* idx, int64_t n) {
  int64_t at[256] = {}, start = 0;
  auto code = [](char key) { return C::ordered(static_cast<uint8_t>(key)); };
  for (int64_t i = 0; i < n; ++i) ++at[code(keys[i])];
  for (int k = 0; k < 256; ++k) start += std::exchange(at[k], start);
  for (int64_t i = 0; i < n; ++i) idx[at[code(keys[i])]++] = i;
}

template <class U>
U load(const char* keys, int64_t i) {
  U u;
  std::memcpy(&u, keys + i * sizeof(U), sizeof(U));
  return u;
}

// The codes of n keys less the least of them, shifted down to at most 32 bits.
template <class U>
struct Window {
  U least;
  int shift;

  U low_bits() const { return static_cast<U>((uint64_t{1} << shift) - 1); }
};

template <class C>
Window<typename C::Bits> window_of(const char* keys, int64_t n) {
  using U = typename C::Bits;
  if constexpr (sizeof(U) < 8) return {0, 0};
  std::atomic<U> least{static_cast<U>(~U{0})}, most{0};
  pool::parallel_for(n, kPackGrain, n, [&](int64_t begin, int64_t end) {
    U low = static_cast<U>(~U{0}), high = 0;
    for (int64_t i = begin; i < end; ++i) {
      const U code = C::comparable(load<U>(keys, i));
      low = std::min(low, code);
      high = std::max(high, code);
    }
    for (U seen = least; low < seen && !least.compare_exchange_weak(seen, low);) {
    }
    for (U seen = most; high > seen && !most.compare_exchange_weak(seen, high);) {
    }
  });
  const U width = most - least;
  return {least, std::max(static_cast<int>(std::bit_width(width)) - 32, 0)};
}

// `spare`, where there is any, has room for n.
void sort_pairs(uint64_t* pairs, uint64_t* spare, int64_t n) {
  if (n <= kFew) return insertion_sort(pairs, n);
  if (n <= 64) return std::sort(pairs, pairs + n);
  if (sort_kernel<uint64_t>() && (n > kLongestRadix || (spare && shared_pieces(n, 9 * n) > 1)))
    return sort_wide<IntegerCode>(pairs, spare, n);
  RowBuffer<uint64_t> room(spare ? 0 : n);
  radix_sort<4>(pairs, spare ? spare : room.data(), n);
}

// Sorts the runs of pairs that agree in their upper halves by the lower bits of the codes.
template <class C>
void sort_ties(const char* keys, const Window<typename C::Bits>& window, uint64_t* pairs,
               int64_t n) {
  for (int64_t i = 0, end; i < n; i = end) {
    for (end = i + 1; end < n && (pairs[end] ^ pairs[i]) >> 32 == 0;) ++end;
    if (end - i == 1) continue;
    for (int64_t j = i; j < end; ++j) {
      const uint64_t position = static_cast<uint32_t>(pairs[j]);
      const uint64_t code = C::comparable(load<typename C::Bits>(keys, position)) - window.least;
      pairs[j] = (code & window.low_bits()) << 32 | position;
    }
    sort_pairs(pairs + i, nullptr, end - i);
  }
}

// Cuts n sorted pairs into parts none of which ends within a run of equal upper halves.
std::vector<int64_t> cut_between_runs(const uint64_t* pairs, int64_t n) {
  const int64_t parts =
      std::max<int64_t>(1, std::min<int64_t>(n / kPackGrain, 8 * pool::threads()));
  std::vector<int64_t> cuts{0};
  for (int64_t k = 1; k <= parts; ++k) {
    int64_t cut = std::max(cuts.back(), n * k / parts);
    while (cut > 0 && cut < n && (pairs[cut] ^ pairs[cut - 1]) >> 32 == 0) ++cut;
    cuts.push_back(cut);
  }
  return cuts;
}

template <class C>
void argsort_keys(const char* keys, int64_t* positions, uint64_t* spare, int64_t n) {
  using U = typename C::Bits;
  uint64_t* pairs = reinterpret_cast<uint64_t*>(positions);
  const Window<U> window = window_of<C>(keys, n);
  pool::parallel_for(n, kPackGrain, n, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const U code = C::comparable(load<U>(keys, i)) - window.least;
      pairs[i] = static_cast<uint64_t>(code >> window.shift) << 32 | i;
    }
  });
  sort_pairs(pairs, spare, n);
  const std::vector<int64_t> cuts = cut_between_runs(pairs, n);
  const int64_t parts = static_cast<int64_t>(cuts.size()) - 1;
  pool::parallel_for(parts, 1, n * (window.shift ? 3 : 1), [&](int64_t begin, int64_t end) {
    uint64_t* first = pairs + cuts[begin];
    const int64_t count = cuts[end] - cuts[begin];
    if (window.shift) sort_ties<C>(keys, window, first, count);
    for (int64_t i = 0; i < count; ++i) first[i] = static_cast<uint32_t>(first[i]);
  });
}

template <class C>
void argsort_row(const char* keys, int64_t* positions, char* scratch, int64_t n) {
  if (sizeof(typename C::Bits) == 1 && n > kFew)
    argsort_bytes<C>(keys, positions, n);
  else
    argsort_keys<C>(keys, positions, reinterpret_cast<uint64_t*>(scratch), n);
}

int64_t row_ns(int64_t n) { return 12 * n; }

}  // namespace

size_t argsort_scratch(DType dtype, int64_t rows, int64_t n) {
  if (is_complex(dtype) || itemsize(dtype) == 1 || rows >= pool::threads()) return 0;
  return shared_pieces(n, row_ns(n)) > 1 ? n * sizeof(uint64_t) : 0;
}

bool argsort_rows(DType dtype, const char* keys, int64_t* positions, int64_t rows, int64_t n,
                  char* scratch) {
  if (n >= int64_t{1} << 32) return false;
  const int64_t row = n * itemsize(dtype), grain = std::max<int64_t>(1, 2048 / n);
  return with_code(dtype, [&]<class C>(C) {
    auto sort_range = [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        argsort_row<C>(keys + i * row, positions + i * n, scratch, n);
    };
    if (scratch)
      sort_range(0, rows);
    else
      pool::parallel_for(rows, grain, rows * row_ns(n), sort_range);
    return true;
  });
}

}  // namespace mp::cpu
