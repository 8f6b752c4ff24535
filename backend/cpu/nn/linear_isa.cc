#include "cpu/math/exp.h"
#include "cpu/math/sigmoid.h"
#include "cpu/nn/linear.h"
#include "cpu/nn/tiles.h"

namespace mp::cpu::MP_ISA {
namespace {

struct Identity {
  template <class T>
  MP_FN T f(T x) {
    return x;
  }
};
struct Relu {
  template <class T>
  MP_FN T f(T x) {
    return x < 0 ? T(0) : x;
  }
};

template <class T, class F>
void rows(const Epilogue& p, int64_t begin, int64_t end) {
  const T* bias = static_cast<const T*>(p.bias);
  for (int64_t row = begin; row < end; ++row) {
    T* y = static_cast<T*>(p.y) + row * p.n;
    if (bias)
      for (int64_t i = 0; i < p.n; ++i) y[i] = F::f(y[i] + bias[i]);
    else
      for (int64_t i = 0; i < p.n; ++i) y[i] = F::f(y[i]);
  }
}

template <class T>
void epilogue(const Epilogue& p, int64_t begin, int64_t end) {
  switch (p.activation) {
    case Activation::None:
      return rows<T, Identity>(p, begin, end);
    case Activation::Relu:
      return rows<T, Relu>(p, begin, end);
    case Activation::Tanh:
      return rows<T, Tanh>(p, begin, end);
    case Activation::Sigmoid:
      return rows<T, Sigmoid>(p, begin, end);
  }
}

template <class T>
void small_product(const SmallProduct& p, const ProductData& d) {
  alignas(64) T panels[kSmallPanelBytes / sizeof(T)];
  const T* b = reinterpret_cast<const T*>(d.b);
  if (p.b_col == 1)
    pack_panels(b, p.b_row, p.k, p.n, panels);
  else if (p.b_row == 1)
    pack_transposed(b, p.b_col, p.n, p.k, panels);
  else
    for (int64_t j = 0; j < p.n; ++j) {
      T* column = panels + j / kPanel<T> * p.k * kPanel<T> + j % kPanel<T>;
      for (int64_t i = 0; i < p.k; ++i) column[i * kPanel<T>] = b[i * p.b_row + j * p.b_col];
    }
  const Left<T> a{reinterpret_cast<const T*>(d.a), p.a_row, p.a_col};
  multiply_panels(p.m, p.n, p.k, a, panels, p.k * kPanel<T>, reinterpret_cast<T*>(d.c), p.n, false);
}

}  // namespace

extern const LinearLoops linear_loops;
const LinearLoops linear_loops = {epilogue<float>, epilogue<double>, small_product<float>,
                                  small_product<double>};

}  // namespace mp::cpu::MP_ISA
