// What follows a matrix product before its result leaves the cache: y[row] = act(y[row] + bias),
// for float and double. No Python, callable without the GIL, parallel over rows on the pool.
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "cpu/isa.h"

namespace mp::cpu {

enum class Activation : uint8_t { None, Relu, Tanh, Sigmoid };

struct Epilogue {
  int64_t rows, n;
  Activation activation;
  const void* bias;  // n elements, or null
  void* y;           // dense
};

using EpilogueRows = void (*)(const Epilogue&, int64_t begin, int64_t end);
struct EpilogueLoops {
  EpilogueRows f32, f64;
};
MP_DECLARE_PER_ISA(EpilogueLoops, epilogue_loops)

void finish_linear(DType dtype, const Epilogue& p);

}  // namespace mp::cpu
