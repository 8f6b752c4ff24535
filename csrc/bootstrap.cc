// Weak stand-ins for chapters that are being added; each disappears when the real one is linked.
#include <cstdlib>
#include <cstring>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "ops/gradients.h"
#include "ops/manip.h"
#include "ops/op.h"
#include "python/array_type.h"
#include "python/convert.h"
#include "python/fallback.h"
#include "python/index.h"
#include "python/numpy_api.h"
#include "tape/python.h"
#include "tape/tape.h"

#define WEAK __attribute__((weak))
namespace mp {
namespace cpu {
WEAK bool reduce(Reduce, const View&, const View&) { return false; }
WEAK bool arg_reduce(bool, int, const View&, const View&) { return false; }
}
namespace cpu {
WEAK bool scatter_add(DType, char*, int64_t, int64_t, const int64_t*, int64_t, const char*, int64_t) { return false; }
WEAK bool scan(bool, int, const View&, const View&) { return false; }
WEAK void gather(char* dst, const char* src, int64_t stride, int64_t inner, const int64_t* idx, int64_t n) {
  for (int64_t i = 0; i < n; ++i) std::memcpy(dst + i * inner, src + idx[i] * stride, inner);
}
WEAK void scatter(char* dst, int64_t stride, int64_t inner, const int64_t* idx, int64_t n, const char* src, int64_t step) {
  for (int64_t i = 0; i < n; ++i) std::memcpy(dst + idx[i] * stride, src + i * step, inner);
}
WEAK int64_t count_true(const char* mask, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) count += mask[i] != 0;
  return count;
}
WEAK int64_t compress(char* dst, const char* src, int64_t stride, int size, const char* mask, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i)
    if (mask[i]) std::memcpy(dst + count++ * size, src + i * stride, size);
  return count;
}
WEAK int64_t expand(char* dst, int64_t stride, int size, const char* mask, int64_t n, const char* src, int64_t step) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i)
    if (mask[i]) std::memcpy(dst + i * stride, src + count++ * step, size);
  return count;
}
WEAK bool select(const View&, const View&, const View&, const View&) { return false; }
}
}  // namespace mp
