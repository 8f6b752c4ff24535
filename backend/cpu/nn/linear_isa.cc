#include "cpu/math/exp.h"
#include "cpu/math/sigmoid.h"
#include "cpu/nn/linear.h"
#include "cpu/vec.h"

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
void rows(const Epilogue& p, const GemmRange& r) {
  const T* bias = static_cast<const T*>(p.bias);
  for (int64_t row = r.row; row < r.row_end; ++row) {
    T* y = static_cast<T*>(p.y) + row * p.n;
    if (bias)
      for (int64_t i = r.column; i < r.column_end; ++i) y[i] = F::f(y[i] + bias[i]);
    else
      for (int64_t i = r.column; i < r.column_end; ++i) y[i] = F::f(y[i]);
  }
}

template <class T>
void epilogue(const Epilogue& p, const GemmRange& r) {
  switch (p.activation) {
    case Activation::None:
      return rows<T, Identity>(p, r);
    case Activation::Relu:
      return rows<T, Relu>(p, r);
    case Activation::Tanh:
      return rows<T, Tanh>(p, r);
    case Activation::Sigmoid:
      return rows<T, Sigmoid>(p, r);
  }
}

}  // namespace

extern const LinearLoops linear_loops;
const LinearLoops linear_loops = {epilogue<float>, epilogue<double>};

}  // namespace mp::cpu::MP_ISA
