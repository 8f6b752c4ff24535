#include "ops/gather.h"

#include <numeric>

#include "ops/gradients.h"

namespace mp {

ArrayRef flat_numbering(const Array* a) {
  ArrayRef out = ArrayRef::steal(array_new(DType::I64, a->ndim, a->shape));
  if (!out) return {};
  int64_t* first = reinterpret_cast<int64_t*>(out->bytes());
  std::iota(first, first + out->size, int64_t{0});
  return out;
}

NodeRef begin_gather(Array* a, ArrayRef positions) {
  if (!positions->c_contiguous()) positions = ArrayRef::steal(array_copy(positions.get(), 'C'));
  if (!positions) return {};
  Array* ins[] = {a};
  return tape::begin(op_gather, ins, {{"index", std::move(positions)}});
}

}  // namespace mp
