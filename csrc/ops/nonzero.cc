#include "ops/nonzero.h"

#include <cstring>

#include "backend/cpu/kernels.h"
#include "core/view.h"

namespace mp {
namespace {

// A C-contiguous boolean array that is true where `a` is not zero.
ArrayRef as_mask(Array* a) {
  if (a->dtype == DType::Bool && a->c_contiguous()) return ArrayRef::borrow(a);
  ArrayRef mask = ArrayRef::steal(array_new(DType::Bool, a->ndim, a->shape));
  if (mask && mask->size) cpu::copy(cpu_view(mask.get()), cpu_view(a));
  return mask;
}

// Writes the flat positions of the true bytes; masks are mostly runs, so eight at a time where all are equal.
void flat_positions(const char* mask, int64_t n, int64_t* out) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t word;
    std::memcpy(&word, mask + i, 8);
    if (!word) continue;
    for (int k = 0; k < 8; ++k) {
      *out = i + k;
      out += mask[i + k] != 0;
    }
  }
  for (; i < n; ++i)
    if (mask[i]) *out++ = i;
}

// Flat positions to one row of coordinates each.
void unravel(const int64_t* flat, int64_t count, const Array* a, int64_t* rows) {
  for (int64_t i = 0; i < count; ++i, rows += a->ndim) {
    int64_t rest = flat[i];
    for (int d = a->ndim - 1; d > 0; --d) {
      rows[d] = rest % a->shape[d];
      rest /= a->shape[d];
    }
    rows[0] = rest;
  }
}

}  // namespace

ArrayRef nonzero_table(Array* a) {
  ArrayRef mask = as_mask(a);
  if (!mask) return {};
  int64_t count = cpu::count_true(mask->data, mask->size);
  int ndim = a->ndim ? a->ndim : 1;
  int64_t shape[2] = {count, ndim}, flat_shape = count + 8;  // room for the branch-free writes past the end
  ArrayRef table = ArrayRef::steal(array_new(DType::I64, 2, shape));
  ArrayRef flat = ArrayRef::steal(array_new(DType::I64, 1, &flat_shape));
  if (!table || !flat) return {};
  int64_t* positions = reinterpret_cast<int64_t*>(flat->data);
  flat_positions(mask->data, mask->size, positions);
  int64_t* rows = reinterpret_cast<int64_t*>(table->data);
  if (ndim == 1) {
    if (count) std::memcpy(rows, positions, count * sizeof(int64_t));
  } else {
    unravel(positions, count, a, rows);
  }
  return table;
}

}  // namespace mp
