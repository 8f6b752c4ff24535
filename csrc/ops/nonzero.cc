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

// The positions of the bits in each number of eight bits, and how many there are. Wide, so that
// every processor adds and stores them as vectors.
struct BitPositions {
  int64_t of[256][8] = {};
  uint8_t count[256] = {};
  constexpr BitPositions() {
    for (int bits = 0; bits < 256; ++bits)
      for (int bit = 0; bit < 8; ++bit)
        if (bits >> bit & 1) of[bits][count[bits]++] = bit;
  }
};
constexpr BitPositions kBitPositions;

// Bit k: whether byte k of the word is not zero.
unsigned nonzero_bytes(uint64_t word) {
  constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7f, kGather = 0x0102040810204080;
  word = ((((word & kLow) + kLow) | word) & ~kLow) >> 7;
  return static_cast<unsigned>(word * kGather >> 56);
}

// Writes the flat positions of the `count` true bytes: eight at once, of which the next eight
// overwrite those too many, as long as there is room for that.
void flat_positions(const char* mask, int64_t n, int64_t count, int64_t* out) {
  const int64_t* end = out + count;
  int64_t i = 0;
  for (; i + 8 <= n && end - out >= 8; i += 8) {
    uint64_t word;
    std::memcpy(&word, mask + i, 8);
    if (!word) continue;
    const unsigned bits = nonzero_bytes(word);
    for (int k = 0; k < 8; ++k) out[k] = i + kBitPositions.of[bits][k];
    out += kBitPositions.count[bits];
  }
  for (; out < end; ++i)
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
  int64_t count = cpu::count_true(mask->bytes(), mask->size);
  int ndim = a->ndim ? a->ndim : 1;
  int64_t shape[2] = {count, ndim};
  ArrayRef table = ArrayRef::steal(array_new(DType::I64, 2, shape));
  if (!table) return {};
  int64_t* rows = reinterpret_cast<int64_t*>(table->bytes());
  if (ndim == 1) {
    flat_positions(mask->bytes(), mask->size, count, rows);
    return table;
  }
  ArrayRef flat = ArrayRef::steal(array_new(DType::I64, 1, &count));
  if (!flat) return {};
  int64_t* positions = reinterpret_cast<int64_t*>(flat->bytes());
  flat_positions(mask->bytes(), mask->size, count, positions);
  unravel(positions, count, a, rows);
  return table;
}

}  // namespace mp
