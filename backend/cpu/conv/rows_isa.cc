#include "cpu/conv/kernels.h"
#include "cpu/convert16.h"

namespace mp::cpu::MP_ISA {
namespace {

template <class T, class S>
void load_row(const void* source, int64_t step, T* out, int64_t n) {
  const S* from = static_cast<const S*>(source);
  if (step == 1)
    for (int64_t i = 0; i < n; ++i) out[i] = T(widen(from[i]));
  else if (step == 2)
    for (int64_t i = 0; i < n; ++i) out[i] = T(widen(from[2 * i]));
  else
    for (int64_t i = 0; i < n; ++i) out[i] = T(widen(from[step * i]));
}

template <class T, class S>
void store_row(const T* source, void* out, int64_t step, int64_t n) {
  S* to = static_cast<S*>(out);
  if (step == 1)
    for (int64_t i = 0; i < n; ++i) to[i] = Narrow<S>::of(source[i]);
  else
    for (int64_t i = 0; i < n; ++i) to[step * i] = Narrow<S>::of(source[i]);
}

template <class T>
void load(DType type, const void* source, int64_t step, T* out, int64_t n) {
  if constexpr (sizeof(T) == 8) {
    load_row<T, double>(source, step, out, n);
  } else {
    if (type == DType::F32) return load_row<T, float>(source, step, out, n);
    if (type == DType::F16) return load_row<T, float16>(source, step, out, n);
    load_row<T, bfloat16>(source, step, out, n);
  }
}

template <class T>
void store(DType type, const T* source, void* out, int64_t step, int64_t n) {
  if constexpr (sizeof(T) == 8) {
    store_row<T, double>(source, out, step, n);
  } else {
    if (type == DType::F32) return store_row<T, float>(source, out, step, n);
    if (type == DType::F16) return store_row<T, float16>(source, out, step, n);
    store_row<T, bfloat16>(source, out, step, n);
  }
}

}  // namespace

extern const conv::Rows<float> conv_rows32;
const conv::Rows<float> conv_rows32 = {load<float>, store<float>};
extern const conv::Rows<double> conv_rows64;
const conv::Rows<double> conv_rows64 = {load<double>, store<double>};

}  // namespace mp::cpu::MP_ISA
