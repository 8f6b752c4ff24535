#include "tape/view.h"

#include <cstring>
#include <numeric>
#include <vector>

#include "core/error.h"
#include "ops/api.h"
#include "tape/tape.h"

namespace mp::tape {
namespace {

// Axes longer than 1, ordered from the smallest to the largest stride.
std::vector<int> axes_by_stride(const Shape& shape, const Shape& strides) {
  std::vector<int> axes;
  for (int i = 0; i < shape.size(); ++i)
    if (shape[i] > 1) axes.push_back(i);
  std::stable_sort(axes.begin(), axes.end(),
                   [&](int x, int y) { return std::abs(strides[x]) < std::abs(strides[y]); });
  return axes;
}

// Whether no two elements share bytes (a sufficient condition that all slicing satisfies).
bool is_injective(const Shape& shape, const Shape& strides, int64_t item) {
  int64_t reach = item;
  for (int axis : axes_by_stride(shape, strides)) {
    int64_t step = std::abs(strides[axis]);
    if (step < reach) return false;
    reach += step * (shape[axis] - 1);
  }
  return true;
}

// Whether the elements tile one block of memory, lowest element first: array_new_strided's
// condition.
bool is_dense(const Shape& shape, const Shape& strides, int64_t item) {
  int64_t expect = item;
  for (int axis : axes_by_stride(shape, strides)) {
    if (strides[axis] != expect) return false;
    expect *= shape[axis];
  }
  return true;
}

// Lowest and one-past-highest byte of a layout, from its first element.
std::pair<int64_t, int64_t> extent(const Shape& shape, const Shape& strides, int64_t item) {
  int64_t low = 0, high = item;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return {0, 0};
    int64_t reach = (shape[i] - 1) * strides[i];
    (reach > 0 ? high : low) += reach;
  }
  return {low, high};
}

bool differentiable(const ViewExtra& l) {
  int64_t item = itemsize(l.root_dtype);
  bool same_kind =
      l.dtype == l.root_dtype || (kind(l.dtype) != kind(l.root_dtype) &&
                                  std::max(itemsize(l.dtype), itemsize(l.root_dtype)) ==
                                      2 * std::min(itemsize(l.dtype), itemsize(l.root_dtype)));
  if (!same_kind || !is_inexact(l.dtype) || !is_injective(l.root_shape, l.root_strides, item))
    return false;
  auto [low, high] = extent(l.root_shape, l.root_strides, item);
  auto [view_low, view_high] = extent(l.shape, l.strides, itemsize(l.dtype));
  return view_low == view_high || (l.offset + view_low >= low && l.offset + view_high <= high);
}

// Uninitialised, in the root's memory layout. `low` bytes lie before the first element.
ArrayRef new_in_root_layout(const ViewExtra& l) {
  const int ndim = l.root_shape.size();
  const int64_t item = itemsize(l.root_dtype);
  if (is_dense(l.root_shape, l.root_strides, item))
    return check(array_new_strided(l.root_dtype, ndim, l.root_shape.data(), l.root_strides.data()));
  auto [low, high] = extent(l.root_shape, l.root_strides, item);
  int64_t nbytes = high - low;
  ArrayRef bytes = check(array_new(DType::U8, 1, &nbytes));
  std::memset(bytes->bytes(), 0, static_cast<size_t>(nbytes));
  ArrayRef out = check(array_view(bytes.get(), l.root_dtype, ndim, l.root_shape.data(),
                                  l.root_strides.data(), bytes->offset - low));
  out->flags |= kDetached;  // it is a root; the bytes are only its memory
  return out;
}

bool in_root_layout(const Array* a, const ViewExtra& l) {
  if (a->dtype != l.root_dtype || !l.root_shape.equals(a->shape, a->ndim)) return false;
  for (int i = 0; i < a->ndim; ++i)
    if (a->shape[i] > 1 && a->strides[i] != l.root_strides[i]) return false;
  return true;
}

ArrayRef view_in(const ArrayRef& root, const ViewExtra& l) {
  return check(array_view(root.get(), l.dtype, l.shape.size(), l.shape.data(), l.strides.data(),
                          root->offset + l.offset));
}

ArrayRef zeros_in_root_layout(const ViewExtra& l) {
  ArrayRef z = new_in_root_layout(l);
  auto [low, high] = array_extent(z.get());
  std::memset(z->at(low), 0, high - low);
  return z;
}

// Where exactly one of root and view is complex, the pairing of real and imaginary parts in this
// gradient convention conjugates the complex side.
ArrayRef conjugate_if(bool condition, const ArrayRef& a) {
  static Ufunc* conjugate = find_ufunc("conjugate");
  return condition ? api::unary(conjugate, a) : a;
}

// Axes along which all elements are one: their cotangents add up. Returns the layout without them.
ArrayRef sum_repeated(const ArrayRef& g, ViewExtra& l) {
  std::vector<int> axes;
  std::vector<int64_t> shape(l.shape.begin(), l.shape.end());
  for (int i = 0; i < l.shape.size(); ++i) {
    if (l.strides[i] != 0 || l.shape[i] == 1) continue;
    axes.push_back(i);
    shape[i] = 1;
  }
  if (axes.empty()) return g;
  ArrayRef summed = api::sum(g, axes, true);
  l.shape = Shape(shape);
  return summed;
}

// The elements' positions in the block of memory that the root spans, for windows that overlap.
ArrayRef flat_positions(const ViewExtra& l, int64_t low) {
  int64_t count = l.shape.product(), item = itemsize(l.root_dtype);
  ArrayRef index = check(array_new(DType::I64, 1, &count));
  int64_t* out = reinterpret_cast<int64_t*>(index->bytes());
  std::vector<int64_t> at(l.shape.size(), 0);
  int64_t position = l.offset - low;
  for (int64_t k = 0; k < count; ++k) {
    out[k] = position / item;
    for (int axis = l.shape.size() - 1; axis >= 0; --axis) {
      position += l.strides[axis];
      if (++at[axis] < l.shape[axis]) break;
      position -= l.strides[axis] * l.shape[axis];
      at[axis] = 0;
    }
  }
  return index;
}

ArrayRef scatter_overlapping(const ArrayRef& g, const ViewExtra& l) {
  int64_t item = itemsize(l.root_dtype);
  auto [low, high] = extent(l.root_shape, l.root_strides, item);
  int64_t count = (high - low) / item, total = l.shape.product();
  ArrayRef block =
      api::scatter_add(api::reshape(g, {&total, 1}), flat_positions(l, low), {&count, 1});
  ArrayRef root =
      check(array_view(block.get(), l.root_dtype, l.root_shape.size(), l.root_shape.data(),
                       l.root_strides.data(), block->offset - low));
  return root;
}

// A view that is the whole root in another arrangement needs no zeros. Null when it is not such a
// view.
ArrayRef scatter_whole(const ArrayRef& g, const ViewExtra& l) {
  if (l.offset != 0 || l.dtype != l.root_dtype || l.shape.product() != l.root_shape.product())
    return {};
  auto c_order = [&](const Shape& shape, const Shape& strides) {
    int64_t expect = itemsize(l.dtype);
    for (int i = shape.size() - 1; i >= 0; --i) {
      if (shape[i] != 1 && strides[i] != expect) return false;
      expect *= shape[i];
    }
    return true;
  };
  if (c_order(l.shape, l.strides) && c_order(l.root_shape, l.root_strides))
    return api::reshape(g, l.root_shape.span());
  if (l.shape.size() != l.root_shape.size()) return {};
  std::vector<int> axes;  // axes[i]: the view's axis that is the root's axis i
  std::vector<bool> used(l.shape.size(), false);
  for (int i = 0; i < l.root_shape.size(); ++i) {
    int found = -1;
    for (int k = 0; k < l.shape.size() && found < 0; ++k)
      if (!used[k] && l.shape[k] == l.root_shape[i] &&
          (l.shape[k] == 1 || l.strides[k] == l.root_strides[i]))
        found = k;
    if (found < 0) return {};
    used[found] = true;
    axes.push_back(found);
  }
  return api::transpose(g, axes);
}

std::unique_ptr<ViewExtra> layout_of(Array* root, Array* view) {
  auto l = std::make_unique<ViewExtra>();
  l->root_dtype = root->dtype;
  l->dtype = view->dtype;
  l->root_shape = Shape(root->shape, root->ndim);
  l->root_strides = Shape(root->strides, root->ndim);
  l->shape = Shape(view->shape, view->ndim);
  l->strides = Shape(view->strides, view->ndim);
  l->offset = view->offset - root->offset;
  return l;
}

const ViewExtra& layout_of(Vjp& v) { return static_cast<const ViewExtra&>(*v.node().extra); }

void view_rule(Vjp& v) { v.grad(0, view_scatter(v.g(), layout_of(v))); }

// From the root's value to the view's; records itself while recording.
ArrayRef view_gather(const ArrayRef& root_value, const ViewExtra& l) {
  bool mixed = is_complex(l.root_dtype) != is_complex(l.dtype);
  ArrayRef value = conjugate_if(mixed && is_complex(l.root_dtype), root_value);
  if (!in_root_layout(value.get(), l)) {
    ArrayRef copy = new_in_root_layout(l);
    api::assign(copy, value);
    value = copy;
  }
  return conjugate_if(mixed && is_complex(l.dtype), view_in(value, l));
}

void set_view_rule(Vjp& v) {
  const ViewExtra& l = layout_of(v);
  if (v.needs(1)) v.grad(1, view_gather(v.g(), l));
  if (!v.needs(0)) return;
  ArrayRef kept = new_in_root_layout(l);
  api::assign(kept, v.g());
  api::assign(view_in(kept, l), api::zeros(l.dtype, {}));
  v.grad(0, kept);
}

const OpDef op_set_view{.name = "assignment", .vjp = set_view_rule};
const OpDef op_opaque_view{.name = "view (other dtype, or outside its base)"};

}  // namespace

const OpDef op_view{.name = "view", .vjp = view_rule};

NodeRef make_view_node(const Edge& source, Array* root, Array* view) {
  auto layout = layout_of(root, view);
  NodeRef node = NodeRef::steal(node_new(differentiable(*layout) ? op_view : op_opaque_view, 1));
  node->edges[0] = source;
  node_set_out(node.get(), 0, view);
  node->extra = std::move(layout);
  return node;
}

NodeRef make_set_view_node(const Edge& before, const Edge& value, Array* root, Array* view) {
  auto layout = layout_of(root, view);
  NodeRef node =
      NodeRef::steal(node_new(differentiable(*layout) ? op_set_view : op_opaque_view, 2));
  node->edges[0] = before;
  node->edges[1] = value;
  node_set_out(node.get(), 0, root);
  node->extra = std::move(layout);
  return node;
}

ArrayRef view_scatter(const ArrayRef& view_value, const ViewExtra& layout) {
  if (ArrayRef whole = scatter_whole(view_value, layout)) return whole;
  ViewExtra l = layout;
  ArrayRef g = sum_repeated(view_value, l);
  if (l.dtype == l.root_dtype && !is_injective(l.shape, l.strides, itemsize(l.dtype)))
    return scatter_overlapping(g, l);
  bool mixed = is_complex(l.root_dtype) != is_complex(l.dtype);
  ArrayRef root = zeros_in_root_layout(l);
  api::assign(view_in(root, l), conjugate_if(mixed && is_complex(l.dtype), g));
  return conjugate_if(mixed && is_complex(l.root_dtype), root);
}

bool view_scatter_add(Array* into, const ArrayRef& view_value, const ViewExtra& layout) {
  if (layout.dtype != layout.root_dtype || !in_root_layout(into, layout)) return false;
  ViewExtra l = layout;
  ArrayRef g = sum_repeated(view_value, l);
  if (!is_injective(l.shape, l.strides, itemsize(l.dtype))) return false;
  static Ufunc* add = find_ufunc("add");
  ArrayRef target = view_in(ArrayRef::borrow(into), l);
  api::assign(target, api::binary(add, target, g));
  return true;
}

}  // namespace mp::tape
