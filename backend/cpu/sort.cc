// Sorting rows. Bytes are counted, codes of two bytes sorted by byte from the lowest or counted,
// and longer keys sorted by the kernels of sort_wide.h, except for a handful.
#include "cpu/sort.h"

#include <algorithm>
#include <type_traits>

#include "cpu/sort_code.h"
#include "cpu/sort_wide.h"

namespace mp::cpu {
namespace {

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
  RowBuffer<U> room(2 * n);
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

template <class C>
void sort_short(char* keys, int64_t n) {
  if (sizeof(typename C::Bits) == 1 && n > kFew)
    count_bytes(keys, n, C::ordered(0));
  else
    sort_keys<C>(keys, n);
}

// The integer that stands for a key of C in sort_wide, and its code.
template <class C>
struct Wide {
  using U = typename C::Bits;
  using T = std::conditional_t<C::kKind == Kind::Unsigned, U, std::make_signed_t<U>>;
  using Code = std::conditional_t<C::kFloating, FloatCode, IntegerCode>;
};

// Time for a key on one thread, roughly.
int64_t row_ns(DType dtype, int64_t n) {
  return n * (itemsize(dtype) == 8 ? 9 : itemsize(dtype) == 1 ? 2 : 5);
}

}  // namespace

void set_sort_kernel(DType dtype, SortKernel kernel) { sort_kernels[index(dtype)] = kernel; }

bool can_sort(DType dtype, int64_t n) {
  if (is_complex(dtype) || n >= int64_t{1} << 32) return false;
  if (n <= kFew || itemsize(dtype) <= 2) return true;
  return with_code(dtype, []<class C>(C) {
    if constexpr (sizeof(typename C::Bits) < 4)
      return true;
    else
      return sort_kernel<typename Wide<C>::T>() != nullptr;
  });
}

size_t sort_scratch(DType dtype, int64_t rows, int64_t n) {
  if (itemsize(dtype) < 4 || rows >= pool::threads()) return 0;
  return shared_pieces(n, row_ns(dtype, n)) > 1 ? n * itemsize(dtype) : 0;
}

void sort_rows(DType dtype, char* keys, int64_t rows, int64_t n, char* scratch) {
  const int64_t row = n * itemsize(dtype), grain = std::max<int64_t>(1, 4096 / n);
  with_code(dtype, [&]<class C>(C) {
    if constexpr (sizeof(typename C::Bits) >= 4) {
      using T = typename Wide<C>::T;
      using Code = typename Wide<C>::Code;
      if (scratch) {
        for (int64_t i = 0; i < rows; ++i)
          sort_wide<Code>(reinterpret_cast<T*>(keys + i * row), reinterpret_cast<T*>(scratch), n);
        return true;
      }
      if (n > kFew) {
        pool::parallel_for(rows, grain, rows * row_ns(dtype, n), [&](int64_t begin, int64_t end) {
          for (; begin < end; ++begin)
            Code::sort_alone(reinterpret_cast<T*>(keys + begin * row), n);
        });
        return true;
      }
    }
    pool::parallel_for(rows, grain, rows * row_ns(dtype, n), [&](int64_t begin, int64_t end) {
      for (; begin < end; ++begin) sort_short<C>(keys + begin * row, n);
    });
    return true;
  });
}

}  // namespace mp::cpu
