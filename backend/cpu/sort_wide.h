// Rows of integers of four or eight bytes: a borrowed kernel sorts them; on several threads it
// sorts pieces, which are merged in parallel. Floating-point numbers are integers here that compare
// as they do (sort_loops.h).
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "cpu/merge.h"
#include "cpu/sort.h"
#include "cpu/sort_loops.h"
#include "engine/pool.h"

namespace mp::cpu {

inline SortKernel sort_kernels[kDTypeCount] = {};

template <class T>
SortKernel sort_kernel() {
  return sort_kernels[index(DTypeOf<T>::value)];
}

inline constexpr int64_t kLeastPiece = 8192;     // keys a thread sorts at least
inline constexpr int64_t kMergeGrain = 8192;     // keys that one call merges
inline constexpr int64_t kLongestRadix = 65536;  // pairs: what the caches hold
inline constexpr int64_t kLeastShared = 32768;   // shorter rows are sorted on one thread

// The pieces into which the threads share a row of n keys that takes so long on one thread.
inline int shared_pieces(int64_t n, int64_t serial_ns) {
  if (n < kLeastShared || pool::inside() || !pool::worthwhile(serial_ns)) return 1;
  return static_cast<int>(std::min<int64_t>(pool::threads(), n / kLeastPiece));
}

inline const SortLoops& sort_loops = MP_BEST_ISA(sort_loops);

// How keys become the integers that are sorted, and back.
struct IntegerCode {
  template <class T>
  static void encode(const T* from, T* to, int64_t n) {
    if (from != to) std::memcpy(to, from, n * sizeof(T));
  }
  template <class T>
  static void decode(T*, int64_t) {}
  template <class T>
  static void sort_alone(T* keys, int64_t n) {
    sort_kernel<T>()(keys, n, nullptr);
  }
};
struct FloatCode {
  static void encode(const int32_t* from, int32_t* to, int64_t n) {
    sort_loops.encode_float(from, to, n);
  }
  static void encode(const int64_t* from, int64_t* to, int64_t n) {
    sort_loops.encode_double(from, to, n);
  }
  static void decode(int32_t* keys, int64_t n) { sort_loops.decode_float(keys, n); }
  static void decode(int64_t* keys, int64_t n) { sort_loops.decode_double(keys, n); }
  static bool any_nan(const int32_t* keys, int64_t n) { return sort_loops.any_float_nan(keys, n); }
  static bool any_nan(const int64_t* keys, int64_t n) { return sort_loops.any_double_nan(keys, n); }

  // The kernels for floats are as fast as those for integers, but make all NaNs the same and leave
  // zeros in any order.
  template <class T>
  static void sort_alone(T* keys, int64_t n) {
    using Float = std::conditional_t<sizeof(T) == 4, float, double>;
    const SortKernel kernel = sort_kernel<Float>();
    if (kernel && !any_nan(keys, n)) {
      kernel(keys, n, nullptr);
      Float* numbers = reinterpret_cast<Float*>(keys);
      const auto [first, last] = std::equal_range(numbers, numbers + n, Float(0));
      const auto negative = std::count_if(first, last, [](Float x) { return std::signbit(x); });
      std::fill(std::fill_n(first, negative, -Float(0)), last, Float(0));
    } else {
      encode(keys, keys, n);
      sort_kernel<T>()(keys, n, nullptr);
      decode(keys, n);
    }
  }
};

// Merges neighbouring runs, whose ends are `ends`, two by two; decodes when that was the last time.
template <class Code, class T>
std::vector<int64_t> merge_runs(const T* from, T* to, const std::vector<int64_t>& ends) {
  const size_t runs = ends.size() - 1;
  const int64_t n = ends.back();
  pool::parallel_for(n, kMergeGrain, n * 2, [&](int64_t begin, int64_t end) {
    for (size_t k = 0; k < runs; k += 2) {
      const int64_t first = ends[k], middle = ends[k + 1], last = ends[std::min(k + 2, runs)];
      for (int64_t at = std::max(begin, first); at < std::min(end, last);) {
        const int64_t stop = std::min({at + kMergeGrain, end, last});
        merge_part(from + first, middle - first, from + middle, last - middle, at - first,
                   stop - first, to + at);
        if (runs <= 2) Code::decode(to + at, stop - at);
        at = stop;
      }
    }
  });
  std::vector<int64_t> merged;
  for (size_t k = 0; k < runs; k += 2) merged.push_back(ends[k]);
  merged.push_back(n);
  return merged;
}

// Sorts a row of n keys in place; `spare` has room for as many, or is null.
template <class Code, class T>
void sort_wide(T* keys, T* spare, int64_t n) {
  const int64_t serial_ns = n * (sizeof(T) == 4 ? 5 : 9);
  const int pieces = spare ? shared_pieces(n, serial_ns) : 1;
  if (pieces < 2) return Code::sort_alone(keys, n);
  std::vector<int64_t> ends;
  for (int i = 0; i <= pieces; ++i) ends.push_back(n * i / pieces);
  // So that the last merge ends where the keys were.
  const bool odd = std::bit_width(static_cast<unsigned>(pieces - 1)) % 2;
  T *from = odd ? spare : keys, *to = odd ? keys : spare;
  pool::parallel_for(pieces, 1, serial_ns, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t count = ends[i + 1] - ends[i];
      Code::encode(keys + ends[i], from + ends[i], count);
      sort_kernel<T>()(from + ends[i], count, nullptr);
    }
  });
  for (; ends.size() > 2; std::swap(from, to)) ends = merge_runs<Code>(from, to, ends);
}

}  // namespace mp::cpu
