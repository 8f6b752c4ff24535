// Gradients of views, by one rule for all of them (Note [A view differentiates by its layout]).
// A View node selects bytes of its root's value; a SetView node is the root's value after a write
// through a view. The derivative of View scatters into zeros with the root's memory layout, through
// the same view; the derivative of that is View again, so that every order comes from these two.
#pragma once
#include "graph/node.h"
#include "tape/vjp.h"

namespace mp::tape {

struct ViewExtra final : NodeExtra {
  DType root_dtype, dtype;
  Shape root_shape, root_strides;
  Shape shape, strides;
  int64_t offset;  // of the view's first element from the root's, in bytes
};

extern const OpDef op_view;

NodeRef make_view_node(const Edge& source, Array* root, Array* view);
NodeRef make_set_view_node(const Edge& before, const Edge& value, Array* root, Array* view);

// From the view's value to the root's, zero elsewhere; records itself while recording.
ArrayRef view_scatter(const ArrayRef& view_value, const ViewExtra& layout);
// into += view_scatter(value), in place, not recorded. False: `into` does not have the root's
// layout.
bool view_scatter_add(Array* into, const ArrayRef& view_value, const ViewExtra& layout);

}  // namespace mp::tape
