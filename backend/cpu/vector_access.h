// GCC vectors from and to pointers to their elements. Included by *_isa.cc files only.
#pragma once
#include "cpu/vec.h"

namespace mp::cpu::MP_ISA {

template <class V, class T>
MP_INLINE V load_wide(const T* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class V, class T>
MP_INLINE void store_wide(T* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}

// x - 0 is x for every x, so nothing is computed; x + 0 would turn -0 into 0.
template <class V, class T>
MP_INLINE V splat(T x) {
  return x - V{};
}

}  // namespace mp::cpu::MP_ISA
