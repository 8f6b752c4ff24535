// The backward pass: sweeps the nodes below the heads from the newest to the oldest.
// With targets it returns their gradients and leaves attached gradient buffers alone; without, it
// fills the buffers of the leaves (attach_grad, mark_variables). Throws PythonError.
#pragma once
#include <span>
#include <vector>

#include "graph/node.h"

namespace mp::tape {

struct BackwardOptions {
  bool retain_graph = false;  // keep the saved values for another pass
  bool create_graph = false;  // record the pass itself, for higher derivatives
};

// head_grads: one per head; null stands for ones. The result has one entry per target, null when no
// head depends on it.
std::vector<ArrayRef> backward(std::span<const Edge> heads, std::span<const ArrayRef> head_grads,
                               std::span<const Edge> targets, BackwardOptions options);

}  // namespace mp::tape
