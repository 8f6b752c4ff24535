// Rows and elements by number (embedding, take, pick, gather_nd), and their gradients, each the
// other's. Numbers may come in any real dtype; a fraction is cut off, as in MXNet.
#include "cpu/nn/embedding.h"

#include <algorithm>
#include <string>
#include <vector>

#include "ops/kernel_op.h"

namespace mp {
namespace {

// --- Numbers ---

std::string place_of(const Array* a, int64_t flat) {
  std::string text;
  for (int i = a->ndim - 1; i >= 0; --i) {
    text = std::to_string(flat % a->shape[i]) + (text.empty() ? "" : ", ") + text;
    flat /= a->shape[i];
  }
  return "(" + text + (a->ndim == 1 ? ",)" : ")");
}

[[noreturn]] void out_of_bounds(const Array* a, int64_t flat, int64_t value, int axis, int64_t n) {
  kernel_error(
      PyExc_IndexError, "index %lld at position %s is out of bounds for axis %d with size %lld",
      static_cast<long long>(value), place_of(a, flat).c_str(), axis, static_cast<long long>(n));
}

// The numbers as dense int64, which are the caller's own when `fresh`.
ArrayRef integers(const ArrayRef& a, bool fresh) {
  if (is_complex(a->dtype))
    kernel_error(PyExc_TypeError, "indices must be real numbers, they are %s",
                 kDTypeName[index(a->dtype)]);
  if (a->dtype != DType::I64) {
    ArrayRef cast = check(array_cast(a.get(), DType::I64));
    return cast->c_contiguous() ? cast : check(array_copy(cast.get(), 'C'));
  }
  return a->c_contiguous() && !fresh ? a : check(array_copy(a.get(), 'C'));
}

int64_t* data_of(const ArrayRef& a) { return reinterpret_cast<int64_t*>(a->bytes()); }

// Numbers in [0, n), by the attribute "mode".
ArrayRef rows_in_range(const KernelCall& call, int64_t n, int axis) {
  const std::string& mode = call.attrs.get<std::string>("mode");
  const bool clip = mode == "clip", wrap = mode == "wrap";
  if (!clip && !wrap && mode != "raise")
    kernel_error(PyExc_ValueError, "mode must be 'clip', 'wrap' or 'raise', got '%s'",
                 mode.c_str());
  ArrayRef rows = integers(call.in(1), clip || wrap);
  int64_t* r = data_of(rows);
  if (n > 0 && clip)
    for (int64_t i = 0; i < rows->size; ++i) r[i] = std::clamp<int64_t>(r[i], 0, n - 1);
  if (n > 0 && wrap)
    for (int64_t i = 0; i < rows->size; ++i) r[i] = (r[i] % n + n) % n;
  for (int64_t i = 0; i < rows->size; ++i)
    if (r[i] < 0 || r[i] >= n) out_of_bounds(rows.get(), i, r[i], axis, n);
  return rows;
}

// --- Shapes ---

int64_t product(std::span<const int64_t> shape) {
  int64_t n = 1;
  for (int64_t length : shape) n *= length;
  return n;
}

using Shape = std::vector<int64_t>;

// The axes before and after `axis`, and those of `middle` between them.
Shape with_axis(std::span<const int64_t> shape, int axis, int count,
                std::span<const int64_t> middle) {
  Shape result(shape.begin(), shape.begin() + axis);
  result.insert(result.end(), middle.begin(), middle.end());
  result.insert(result.end(), shape.begin() + axis + count, shape.end());
  return result;
}

int axis_of(const Attrs& attrs, int ndim) {
  const int64_t axis = attrs.get<int64_t>("axis");
  if (axis < -ndim || axis >= ndim)
    kernel_error(PyExc_ValueError, "axis %lld is out of bounds for an array of %d axes",
                 static_cast<long long>(axis), ndim);
  return static_cast<int>(axis < 0 ? axis + ndim : axis);
}

// `shape` cut at the axes [axis, axis + middle) into outer and inner; n and count as given.
cpu::TableShape table_shape(std::span<const int64_t> shape, int axis, int middle, int64_t n,
                            int64_t count) {
  return {product(shape.first(axis)), n, product(shape.subspan(axis + middle)), count};
}

// --- take ---

extern const KernelOp take_grad, pick_grad;

void take_forward(KernelCall& call) {
  ArrayRef data = call.dense(0);
  const int axis = axis_of(call.attrs, data->ndim);
  const int64_t n = data->shape[axis];
  ArrayRef rows = rows_in_range(call, n, axis);
  const auto s = table_shape(data->shape_span(), axis, 1, n, rows->size);
  Array* out = call.make(data->dtype, with_axis(data->shape_span(), axis, 1, rows->shape_span()));
  const int64_t* numbers = data_of(rows);
  const char* table = data->bytes();
  char* taken = out->bytes();
  ReleaseGil scope(out->size);
  cpu::take_rows(s, itemsize(data->dtype), numbers, table, taken);
}

Attrs reverse_attrs(const KernelVjp& v, std::span<const int64_t> shape) {
  const int axis = axis_of(v.attrs, static_cast<int>(shape.size()));
  return {
      {"axis", int64_t{axis}}, {"mode", v.attrs.get<std::string>("mode")}, {"size", shape[axis]}};
}

void take_rule(KernelVjp& v) {
  v.grad(0, apply(take_grad, {v.g(), v.in(1)}, reverse_attrs(v, v.in_shape(0)))[0]);
}

const KernelAttr kAxis{"axis", KernelAttr::Int, int64_t{0}},
    kMode{"mode", KernelAttr::Text, std::string("raise")},
    kSize{"size", KernelAttr::Int, int64_t{0}, true};

const KernelOp take{
    .name = "take",
    .doc = "The slices of data at the numbers of indices along an axis.",
    .inputs = {{"data"}, {"indices", KernelInput::Any}},
    .attrs = {kAxis, kMode},
    .forward = take_forward,
    .vjp = take_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b10,
    .half_native = true,
};

void take_grad_forward(KernelCall& call) {
  ArrayRef g = call.dense(0);
  const int axis = static_cast<int>(call.attrs.get<int64_t>("axis"));
  const int64_t n = call.attrs.get<int64_t>("size");
  ArrayRef rows = rows_in_range(call, n, axis);
  const auto s = table_shape(g->shape_span(), axis, rows->ndim, n, rows->size);
  const int64_t middle[] = {n};
  Array* out = call.make(g->dtype, with_axis(g->shape_span(), axis, rows->ndim, middle));
  const int64_t* numbers = data_of(rows);
  const char* values = g->bytes();
  char* table = out->bytes();
  ReleaseGil scope(out->size);
  cpu::add_rows(g->dtype, s, cpu::sorted_occurrences(numbers, s.count, n), values, table);
}

void take_grad_rule(KernelVjp& v) {
  v.grad(0, apply(take, {v.g(), v.in(1)},
                  {{"axis", v.attrs.get<int64_t>("axis")},
                   {"mode", v.attrs.get<std::string>("mode")}})[0]);
}

const KernelOp take_grad{
    .name = "take_grad",
    .doc =
        "The gradient of take: the slices of g added at their numbers along an axis of length "
        "size.",
    .inputs = {{"g"}, {"indices", KernelInput::Any}},
    .attrs = {kAxis, kMode, kSize},
    .forward = take_grad_forward,
    .vjp = take_grad_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b10,
};

void rows_grad_forward(KernelCall& call) {
  ArrayRef g = call.dense(0);
  const int64_t n = call.attrs.get<int64_t>("size");
  ArrayRef rows = rows_in_range(call, n, 0);
  if (rows->ndim > g->ndim || !std::equal(rows->shape, rows->shape + rows->ndim, g->shape))
    kernel_error(PyExc_ValueError, "take_grad_rows: g must begin with the axes of indices");
  const auto s = table_shape(g->shape_span(), 0, rows->ndim, n, rows->size);
  const auto occurrences = cpu::sorted_occurrences(data_of(rows), s.count, n);
  std::vector<int64_t> first;
  for (int64_t i = 0; i < s.count; ++i)
    if (i == 0 ||
        occurrences[static_cast<size_t>(i)].row != occurrences[static_cast<size_t>(i) - 1].row)
      first.push_back(i);
  const int64_t unique = static_cast<int64_t>(first.size());
  Array* found = call.make(DType::I64, {unique});
  for (int64_t i = 0; i < unique; ++i)
    reinterpret_cast<int64_t*>(found->bytes())[i] =
        occurrences[static_cast<size_t>(first[static_cast<size_t>(i)])].row;
  first.push_back(s.count);
  const int64_t middle[] = {unique};
  Array* sums = call.make(g->dtype, with_axis(g->shape_span(), 0, rows->ndim, middle));
  const char* values = g->bytes();
  char* out = sums->bytes();
  ReleaseGil scope(g->size);
  cpu::add_rows_sparse(g->dtype, s, occurrences, first, values, out);
}

const KernelOp take_grad_rows{
    .name = "take_grad_rows",
    .doc =
        "The gradient of take along axis 0 without the rows that do not occur. Outputs: the "
        "rows that do, ascending, and their gradients.",
    .inputs = {{"g"}, {"indices", KernelInput::Any}},
    .attrs = {kMode, kSize},
    .forward = rows_grad_forward,
};

// --- pick ---

void check_picked(const ArrayRef& rows, std::span<const int64_t> shape) {
  if (!std::ranges::equal(rows->shape_span(), shape))
    kernel_error(PyExc_ValueError,
                 "pick: index must have the shape of data without the axis; it has %d axes and "
                 "%lld elements, %zu axes and %lld elements are required",
                 int{rows->ndim}, static_cast<long long>(rows->size), shape.size(),
                 static_cast<long long>(product(shape)));
}

void pick_forward(KernelCall& call) {
  ArrayRef data = call.dense(0);
  const int axis = axis_of(call.attrs, data->ndim);
  const int64_t n = data->shape[axis];
  ArrayRef rows = rows_in_range(call, n, axis);
  const Shape shape = with_axis(data->shape_span(), axis, 1, {});
  check_picked(rows, shape);
  const auto s = table_shape(data->shape_span(), axis, 1, n, 0);
  Array* out = call.make(data->dtype, shape);
  const int64_t* numbers = data_of(rows);
  const char* table = data->bytes();
  char* picked = out->bytes();
  ReleaseGil scope(out->size);
  cpu::pick(s, itemsize(data->dtype), numbers, table, picked);
}

void pick_rule(KernelVjp& v) {
  v.grad(0, apply(pick_grad, {v.g(), v.in(1)}, reverse_attrs(v, v.in_shape(0)))[0]);
}

const KernelOp pick{
    .name = "pick",
    .doc = "One element of each line of data along an axis.",
    .inputs = {{"data"}, {"index", KernelInput::Any}},
    .attrs = {kAxis, kMode},
    .forward = pick_forward,
    .vjp = pick_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b10,
    .half_native = true,
};

void pick_grad_forward(KernelCall& call) {
  ArrayRef g = call.dense(0);
  const int axis = static_cast<int>(call.attrs.get<int64_t>("axis"));
  const int64_t n = call.attrs.get<int64_t>("size");
  ArrayRef rows = rows_in_range(call, n, axis);
  check_picked(rows, g->shape_span());
  const auto s = table_shape(g->shape_span(), axis, 0, n, 0);
  const int64_t middle[] = {n};
  Array* out = call.make(g->dtype, with_axis(g->shape_span(), axis, 0, middle));
  const int64_t* numbers = data_of(rows);
  const char* values = g->bytes();
  char* table = out->bytes();
  ReleaseGil scope(out->size);
  cpu::unpick(s, itemsize(g->dtype), numbers, values, table);
}

void pick_grad_rule(KernelVjp& v) {
  v.grad(0, apply(pick, {v.g(), v.in(1)},
                  {{"axis", v.attrs.get<int64_t>("axis")},
                   {"mode", v.attrs.get<std::string>("mode")}})[0]);
}

const KernelOp pick_grad{
    .name = "pick_grad",
    .doc = "The gradient of pick: g at its places in lines of zeros.",
    .inputs = {{"g"}, {"index", KernelInput::Any}},
    .attrs = {kAxis, kMode, kSize},
    .forward = pick_grad_forward,
    .vjp = pick_grad_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b10,
    .half_native = true,
};

// --- gather_nd ---

void flat_positions_forward(KernelCall& call) {
  ArrayRef numbers = integers(call.in(0), false);
  const auto& sizes = call.attrs.get<std::vector<int64_t>>("sizes");
  if (numbers->ndim == 0 || numbers->shape[0] != static_cast<int64_t>(sizes.size()))
    kernel_error(PyExc_ValueError, "the first axis of indices must have length %zu", sizes.size());
  Array* out = call.make(DType::I64, numbers->shape_span().subspan(1));
  int64_t* flat = reinterpret_cast<int64_t*>(out->bytes());
  std::fill(flat, flat + out->size, 0);
  for (size_t axis = 0; axis < sizes.size(); ++axis) {
    const int64_t n = sizes[axis], start = static_cast<int64_t>(axis) * out->size;
    const int64_t* r = data_of(numbers) + start;
    for (int64_t i = 0; i < out->size; ++i) {
      if (r[i] < -n || r[i] >= n)
        out_of_bounds(numbers.get(), start + i, r[i], static_cast<int>(axis), n);
      flat[i] = flat[i] * n + (r[i] < 0 ? r[i] + n : r[i]);
    }
  }
}

const KernelOp flat_positions{
    .name = "flat_positions",
    .doc =
        "The places in a flattened array of the given sizes of tuples of numbers, which lie "
        "along the first axis; negative ones count from the end.",
    .inputs = {{"indices", KernelInput::Any}},
    .attrs = {{"sizes", KernelAttr::Ints, std::vector<int64_t>{}, true}},
    .forward = flat_positions_forward,
};

}  // namespace

KernelChapter embedding_kernels() {
  static const KernelOp* const ops[] = {&take, &take_grad, &take_grad_rows,
                                        &pick, &pick_grad, &flat_positions};
  return ops;
}

}  // namespace mp
