// Scaled dot-product attention, softmax(scale q k' + mask) v, for float and double, in blocks of
// queries and keys: scores never exist as a whole. No Python, callable without the GIL, parallel on
// the pool over heads and blocks; the cut depends on the shape alone, so do the bits.
// - A row whose keys are all masked by -inf gives zeros, and zero gradients.
// - Workspace: below 1 MiB a thread (float, heads up to 128 wide), and for gradients of fewer than
//   16 heads up to 16 times the queries.
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "cpu/isa.h"

namespace mp::cpu {

// One matrix per head: rows are `step` elements apart, columns adjacent.
struct HeadRows {
  const void* const* heads;
  int64_t step;
};
// What is added to the scores, by steps in elements, which may be 0. No heads: nothing.
struct HeadMask {
  const void* const* heads;
  int64_t row, col;
};

struct Attention {
  int64_t heads, queries, keys, width, value_width;
  double scale;
  bool causal;  // query i sees the keys up to i
  HeadRows q, k, v;
  HeadMask mask;
  void* out;           // (heads, queries, value_width)
  double* log_weight;  // (heads, queries): the logarithm of the sum of exponentials
};
struct AttentionGrad {
  const Attention& forward;
  HeadRows dout;
  void *dq, *dk, *dv;  // dense, like q, k and v
  void* dmask;         // (heads, queries, keys), or null
};

// A part of the work: queries of one head forward, keys of one head backward, whose share of dq
// goes to `dq`.
struct AttentionPart {
  int64_t head, begin, end;
  void* workspace;  // 64-byte aligned
  void* dq;
};

struct AttentionLoops {
  void (*forward_f32)(const Attention&, const AttentionPart&);
  void (*forward_f64)(const Attention&, const AttentionPart&);
  void (*backward_f32)(const AttentionGrad&, const AttentionPart&);
  void (*backward_f64)(const AttentionGrad&, const AttentionPart&);
};
MP_DECLARE_PER_ISA(AttentionLoops, attention_loops)

// Rows of queries and of keys in a block. Sizes of the workspace assume vectors of up to 64 bytes.
inline constexpr int64_t kQueryBlock = 96, kKeyBlock = 256, kPanelBytes = 128;

void attention(DType dtype, const Attention& p);
void attention_grad(DType dtype, const AttentionGrad& p);

}  // namespace mp::cpu
