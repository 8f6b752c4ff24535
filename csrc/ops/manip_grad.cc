// Gradients of copying, selecting and joining.
#include "ops/expr.h"
#include "ops/gradients.h"
#include "tape/vjp.h"

namespace mp {
namespace {

void where_rule(Vjp& v) {
  ArrayRef cond = v.in(0);
  if (v.needs(1)) v.grad(1, api::where(cond, v.g(), 0.0));
  if (v.needs(2)) v.grad(2, api::where(cond, 0.0, v.g()));
}

void concatenate_rule(Vjp& v) {
  const int axis = static_cast<int>(v.attrs().get<int64_t>("axis"));
  const auto& sizes = v.attrs().get<std::vector<int64_t>>("sizes");
  int64_t start = 0;
  for (int i = 0; i < v.nin(); start += sizes[i++]) {
    if (!v.needs(i)) continue;
    ArrayRef part = api::slice(v.g(), axis, start, start + sizes[i]);
    v.grad(i, api::reshape(part, v.in_meta(i).shape.span()));
  }
}

}  // namespace

const OpDef op_copy{.name = "copy", .vjp = [](Vjp& v) { v.grad(0, v.g()); }};
const OpDef op_where{.name = "where", .vjp = where_rule, .saves = kSaveIn0};
const OpDef op_concatenate{.name = "concatenate", .vjp = concatenate_rule};

}  // namespace mp
