// Gradients of everything that only moves elements (advanced indexing, take, repeat, tile, roll,
// copies of reshapes): such an operator runs a second time on the numbering 0, 1, 2 ... of the
// source's elements, and what it makes of that says for each element of the result where it came
// from. One rule serves them all.
#pragma once
#include <utility>

#include "core/array.h"
#include "graph/node.h"
#include "tape/tape.h"

namespace mp {

// int64 0..size-1 in the array's shape, C order. Null with a Python error set.
ArrayRef flat_numbering(const Array* a);
// The node of a gather from `a` at flat positions of any layout. Null with an error set on failure.
NodeRef begin_gather(Array* a, ArrayRef positions);

// Runs `move` (ArrayRef(Array*), which must not record) on `a` and records what it did.
template <class Move>
ArrayRef gathered(Array* a, Move move) {
  if (!tape::should_record(a)) return move(a);
  ArrayRef numbering = flat_numbering(a);
  if (!numbering) return {};
  ArrayRef positions = move(numbering.get());
  if (!positions) return {};
  NodeRef node = begin_gather(a, std::move(positions));
  if (!node && PyErr_Occurred()) return {};
  ArrayRef out = move(a);
  if (!out) return {};
  Array* outs[] = {out.get()};
  if (tape::finish(node, outs) < 0) return {};
  return out;
}

}  // namespace mp
