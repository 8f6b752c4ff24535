#include "cpu/math/exp.h"
#include "cpu/math/sigmoid.h"
#include "cpu/nn/linear.h"

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

}  // namespace

extern const EpilogueLoops epilogue_loops;
const EpilogueLoops epilogue_loops = {epilogue<float>, epilogue<double>};

}  // namespace mp::cpu::MP_ISA
