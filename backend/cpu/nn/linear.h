// What follows a product of float or double before its result leaves the cache:
// y[row] = act(y[row] + bias). No Python, callable without the GIL, parallel where the product is.
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "cpu/gemm.h"
#include "cpu/isa.h"

namespace mp::cpu {

enum class Activation : uint8_t { None, Relu, Tanh, Sigmoid };

struct Epilogue {
  int64_t n;  // columns
  Activation activation;
  const void* bias;  // n elements, or null
  void* y;           // dense
};

using EpilogueLoop = void (*)(const Epilogue&, const GemmRange&);
struct LinearLoops {
  EpilogueLoop epilogue_f32, epilogue_f64;
};
MP_DECLARE_PER_ISA(LinearLoops, linear_loops)

// For a product whose result is p.y; p must outlive it.
GemmFinish linear_finish(DType dtype, const Epilogue& p);

}  // namespace mp::cpu
