#include "cpu/nn/linear.h"

namespace mp::cpu {
namespace {

const LinearLoops& loops() {
  static const LinearLoops& best = MP_BEST_ISA(linear_loops);
  return best;
}
void finish_f32(const void* p, const GemmRange& range) {
  loops().epilogue_f32(*static_cast<const Epilogue*>(p), range);
}
void finish_f64(const void* p, const GemmRange& range) {
  loops().epilogue_f64(*static_cast<const Epilogue*>(p), range);
}

}  // namespace

GemmFinish linear_finish(DType dtype, const Epilogue& p) {
  if (!p.bias && p.activation == Activation::None) return {};
  return {dtype == DType::F64 ? finish_f64 : finish_f32, &p};
}

}  // namespace mp::cpu
