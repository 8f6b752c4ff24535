// Gradients of gathers and scatters by flat positions.
#include <vector>

#include "ops/expr.h"
#include "ops/gradients.h"
#include "tape/vjp.h"

namespace mp {
namespace {

const ArrayRef& index_of(Vjp& v) { return v.attrs().get<ArrayRef>("index"); }

void gather_rule(Vjp& v) {
  v.grad(0, api::scatter_add(v.g(), index_of(v), v.in_meta(0).shape.span()));
}

void scatter_add_rule(Vjp& v) { v.grad(0, api::gather(v.g(), index_of(v))); }

// True for each position that no later one overwrites. Null when all are.
ArrayRef last_writes(const ArrayRef& index, int64_t size) {
  ArrayRef dense = index->c_contiguous() ? index : check(array_copy(index.get(), 'C'));
  const int64_t* at = reinterpret_cast<const int64_t*>(dense->bytes());
  std::vector<int64_t> writer(static_cast<size_t>(size), -1);
  bool repeated = false;
  for (int64_t k = 0; k < dense->size; ++k) {
    repeated |= writer[at[k]] >= 0;
    writer[at[k]] = k;
  }
  if (!repeated) return {};
  ArrayRef last = check(array_new(DType::Bool, index->ndim, index->shape));
  for (int64_t k = 0; k < dense->size; ++k) last->bytes()[k] = writer[at[k]] == k;
  return last;
}

void setitem_rule(Vjp& v) {
  const ArrayRef& index = index_of(v);
  const Meta& target = v.out_meta();
  if (v.needs(0)) {
    const int64_t size = target.shape.product();
    ArrayRef kept = check(array_new(DType::Bool, 1, &size));
    std::fill(kept->bytes(), kept->bytes() + size, 1);
    ArrayRef dense = index->c_contiguous() ? index : check(array_copy(index.get(), 'C'));
    const int64_t* at = reinterpret_cast<const int64_t*>(dense->bytes());
    for (int64_t k = 0; k < dense->size; ++k) kept->bytes()[at[k]] = 0;
    v.grad(0, api::where(api::reshape(kept, target.shape.span()), v.g(), 0.0));
  }
  if (v.needs(1)) {
    ArrayRef g = api::gather(v.g(), index);
    if (ArrayRef last = last_writes(index, target.shape.product())) g = api::where(last, g, 0.0);
    v.grad(1, g);
  }
}

}  // namespace

const OpDef op_gather{.name = "gather", .vjp = gather_rule};
const OpDef op_setitem{.name = "setitem", .vjp = setitem_rule};
const OpDef op_scatter_add{.name = "scatter_add", .vjp = scatter_add_rule};

}  // namespace mp
