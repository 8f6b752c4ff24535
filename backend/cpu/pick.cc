// Selection by masks and indices: moves of whole elements, the same on every instruction set, on
// the pool where there are many.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "cpu/kernels.h"
#include "engine/pool.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace mp::cpu {
namespace {

struct Bytes16 {
  uint64_t lo, hi;
};

// 64 mask bytes (0 or not) as bits.
uint64_t mask_bits(const char* mask) {
#if defined(__SSE2__)
  uint64_t bits = 0;
  for (int k = 0; k < 4; ++k) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(mask + 16 * k));
    const unsigned zero = _mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_setzero_si128()));
    bits |= uint64_t{~zero & 0xffffu} << (16 * k);
  }
  return bits;
#else
  uint64_t bits = 0;
  for (int k = 0; k < 64; ++k) bits |= uint64_t{mask[k] != 0} << k;
  return bits;
#endif
}
uint64_t mask_bits(const char* mask, int64_t n) {
  if (n >= 64) return mask_bits(mask);
  uint64_t bits = 0;
  for (int64_t k = 0; k < n; ++k) bits |= uint64_t{mask[k] != 0} << k;
  return bits;
}

// Calls move(i) for every set position of the mask, in order; whole(i) for 64 set positions from i.
template <class Move, class Whole>
void for_set(const char* mask, int64_t n, Move&& move, Whole&& whole) {
  for (int64_t i = 0; i < n; i += 64) {
    uint64_t bits = mask_bits(mask + i, n - i);
    if (bits == ~uint64_t{0}) {
      whole(i);
    } else {
      for (; bits; bits &= bits - 1) move(i + std::countr_zero(bits));
    }
  }
}

// Runs f with a type of `size` bytes, or with void when there is none.
template <class F>
auto with_size(int64_t size, F&& f) {
  switch (size) {
    case 1:
      return f.template operator()<uint8_t>();
    case 2:
      return f.template operator()<uint16_t>();
    case 4:
      return f.template operator()<uint32_t>();
    case 8:
      return f.template operator()<uint64_t>();
    case 16:
      return f.template operator()<Bytes16>();
    default:
      return f.template operator()<void>();
  }
}

template <class T>
void copy_one(char* dst, const char* src, int64_t size) {
  if constexpr (std::is_void_v<T>)
    std::memcpy(dst, src, size);
  else
    std::memcpy(dst, src, sizeof(T));
}

}  // namespace

int64_t count_true(const char* mask, int64_t n) {
  int64_t count = 0;
  View in{DType::Bool, 1, &n, nullptr, const_cast<char*>(mask)};
  const int64_t step = 1, none = 0;
  in.strides = &step;
  if (n > 0)
    reduce(Reduce::CountNonzero, {DType::I64, 1, &n, &none, reinterpret_cast<char*>(&count)}, in);
  return count;
}

namespace {

int64_t compress_part(char* dst, const char* src, int64_t stride, int size, const char* mask,
                      int64_t n) {
  return with_size(size, [&]<class T>() {
    char* d = dst;
    auto one = [&](int64_t i) {
      copy_one<T>(d, src + i * stride, size);
      d += size;
    };
    for_set(mask, n, one, [&](int64_t i) {
      if (stride == size) {
        std::memcpy(d, src + i * stride, int64_t{64} * size);
        d += int64_t{64} * size;
      } else {
        for (int k = 0; k < 64; ++k) one(i + k);
      }
    });
    return static_cast<int64_t>((d - dst) / size);
  });
}

int64_t expand_part(char* dst, int64_t stride, int size, const char* mask, int64_t n,
                    const char* src, int64_t src_stride) {
  return with_size(size, [&]<class T>() {
    int64_t count = 0;
    auto one = [&](int64_t i) { copy_one<T>(dst + i * stride, src + count++ * src_stride, size); };
    for_set(mask, n, one, [&](int64_t i) {
      for (int k = 0; k < 64; ++k) one(i + k);
    });
    return count;
  });
}

// Calls part(begin, length, elements set before) -> elements set within for parts of a mask, on
// several threads when it is long: then what is set is counted first. Returns the sum.
template <class F>
int64_t over_mask(const char* mask, int64_t n, F&& part) {
  constexpr int64_t kPart = int64_t{1} << 16;
  if (n < 4 * kPart || !pool::worthwhile(n)) return part(int64_t{0}, n, int64_t{0});
  const int64_t parts = (n + kPart - 1) / kPart;
  auto length = [&](int64_t k) { return std::min(kPart, n - k * kPart); };
  std::vector<int64_t> before(parts + 1, 0);
  pool::parallel_for(parts, 1, n / 16, [&](int64_t k, int64_t end) {
    for (; k < end; ++k) before[k + 1] = count_true(mask + k * kPart, length(k));
  });
  for (int64_t k = 0; k < parts; ++k) before[k + 1] += before[k];
  pool::parallel_for(parts, 1, n, [&](int64_t k, int64_t end) {
    for (; k < end; ++k) part(k * kPart, length(k), before[k]);
  });
  return before[parts];
}

}  // namespace

int64_t compress(char* dst, const char* src, int64_t stride, int size, const char* mask,
                 int64_t n) {
  return over_mask(mask, n, [=](int64_t i, int64_t length, int64_t before) {
    return compress_part(dst + before * size, src + i * stride, stride, size, mask + i, length);
  });
}

int64_t expand(char* dst, int64_t stride, int size, const char* mask, int64_t n, const char* src,
               int64_t src_stride) {
  return over_mask(mask, n, [=](int64_t i, int64_t length, int64_t before) {
    return expand_part(dst + i * stride, stride, size, mask + i, length, src + before * src_stride,
                       src_stride);
  });
}

namespace {

// Plain parameters: captured references would be read again after every store.
template <class T>
void gather_rows(char* dst, const char* src, int64_t src_stride, int64_t inner, const int64_t* idx,
                 int64_t n) {
  if constexpr (!std::is_void_v<T>) {
    constexpr int64_t kSize = sizeof(T);
    if (src_stride == kSize) {
#pragma GCC unroll 4
      for (int64_t r = 0; r < n; ++r) copy_one<T>(dst + r * kSize, src + idx[r] * kSize, kSize);
      return;
    }
  }
  for (int64_t r = 0; r < n; ++r) copy_one<T>(dst + r * inner, src + idx[r] * src_stride, inner);
}
template <class T>
void scatter_rows(char* dst, int64_t dst_stride, int64_t inner, const int64_t* idx, int64_t n,
                  const char* src, int64_t src_step) {
  for (int64_t r = 0; r < n; ++r) copy_one<T>(dst + idx[r] * dst_stride, src + r * src_step, inner);
}

}  // namespace

namespace {

void gather_part(char* dst, const char* src, int64_t src_stride, int64_t inner, const int64_t* idx,
                 int64_t n) {
  with_size(inner, [=]<class T>() { gather_rows<T>(dst, src, src_stride, inner, idx, n); });
}

// f(begin, end) over rows to be gathered: a nanosecond each from the cache, and their bytes.
template <class F>
void share_rows(int64_t n, int64_t inner, F&& f) {
  const int64_t each = 1 + inner / 16;
  pool::parallel_for(n, std::max<int64_t>(1, 16384 / each), n * each, f);
}

}  // namespace

void gather(char* dst, const char* src, int64_t src_stride, int64_t inner, const int64_t* idx,
            int64_t n) {
  share_rows(n, inner, [=](int64_t i, int64_t end) {
    gather_part(dst + i * inner, src, src_stride, inner, idx + i, end - i);
  });
}

bool indices_within(const int64_t* idx, int64_t n, int64_t low, int64_t high) {
  uint64_t outside = 0;  // the sign bit: some index is below low or above high
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t x = static_cast<uint64_t>(idx[i]);
    outside |= (x - static_cast<uint64_t>(low)) | (static_cast<uint64_t>(high) - x);
  }
  return static_cast<int64_t>(outside) >= 0;
}

bool gather_checked(char* dst, const char* src, int64_t src_stride, int64_t inner,
                    const int64_t* idx, int64_t n, int64_t rows) {
  constexpr int64_t kBlock = 1024;
  std::atomic<bool> all_inside{true};
  share_rows(n, inner, [&](int64_t i, int64_t end) {
    for (; i < end; i += kBlock) {
      const int64_t m = std::min(kBlock, end - i);
      if (!indices_within(idx + i, m, 0, rows - 1))
        return all_inside.store(false, std::memory_order_relaxed);
      gather_part(dst + i * inner, src, src_stride, inner, idx + i, m);
    }
  });
  return all_inside;
}

void scatter(char* dst, int64_t dst_stride, int64_t inner, const int64_t* idx, int64_t n,
             const char* src, int64_t src_step) {
  with_size(inner,
            [=]<class T>() { scatter_rows<T>(dst, dst_stride, inner, idx, n, src, src_step); });
}

}  // namespace mp::cpu
