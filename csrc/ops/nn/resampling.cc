// Resampling of images: to another size (linear, with its adjoint), and at the points of a grid.
#include "cpu/nn/resampling.h"

#include <limits>

#include "ops/kernel_op.h"

namespace mp {
namespace {

void require_images(const char* op, const char* name, const ArrayRef& a) {
  if (a->ndim != 4)
    kernel_error(PyExc_ValueError, "%s: %s must have 4 axes, it has %d", op, name, int{a->ndim});
  if (a->shape[2] * a->shape[3] > std::numeric_limits<int32_t>::max())
    kernel_error(PyExc_ValueError, "%s: an image of %s must have less than 2**31 elements", op,
                 name);
}

// --- To another size ---

// `given` is the array of the size that the attributes do not name.
cpu::ResizeSizes resize_sizes(const char* op, const ArrayRef& given, const Attrs& attrs,
                              bool forward) {
  require_images(op, "data", given);
  const int64_t height = attrs.get<int64_t>("height"), width = attrs.get<int64_t>("width");
  cpu::ResizeSizes s{given->shape[0] * given->shape[1], {}, {}, attrs.get<bool>("align_corners")};
  for (int i = 0; i < 2; ++i) {
    const int64_t named = i ? width : height;
    (forward ? s.in : s.out)[i] = given->shape[2 + i];
    (forward ? s.out : s.in)[i] = named;
    if (named < 1 || named > std::numeric_limits<int32_t>::max() || given->shape[2 + i] < 1)
      kernel_error(PyExc_ValueError,
                   "%s: images must have a height and a width of at least 1, not %lld and %lld", op,
                   static_cast<long long>(named), static_cast<long long>(given->shape[2 + i]));
  }
  return s;
}

void resize_bilinear_forward(KernelCall& call) {
  ArrayRef x = call.dense(0);
  const cpu::ResizeSizes s = resize_sizes("resize_bilinear", x, call.attrs, true);
  Array* y = call.make(x->dtype, {x->shape[0], x->shape[1], s.out[0], s.out[1]});
  const char* from = x->bytes();
  char* to = y->bytes();
  ReleaseGil scope(y->size);
  cpu::resize_bilinear(x->dtype, s, from, to);
}

void resize_bilinear_grad_forward(KernelCall& call) {
  ArrayRef dy = call.dense(0);
  const cpu::ResizeSizes s = resize_sizes("resize_bilinear_grad", dy, call.attrs, false);
  Array* dx = call.make(dy->dtype, {dy->shape[0], dy->shape[1], s.in[0], s.in[1]});
  const char* from = dy->bytes();
  char* to = dx->bytes();
  ReleaseGil scope(dy->size);
  cpu::resize_bilinear_grad(dy->dtype, s, from, to);
}

extern const KernelOp resize_bilinear, resize_bilinear_grad;

// Each is the adjoint of the other; height and width name what the other one is given.
ArrayRef resize_adjoint(const KernelOp& adjoint, KernelVjp& v) {
  const auto shape = v.in_shape(0);
  return apply(adjoint, {v.g()},
               Attrs{{"height", shape[2]},
                     {"width", shape[3]},
                     {"align_corners", v.attrs.get<bool>("align_corners")}})[0];
}
void resize_bilinear_rule(KernelVjp& v) { v.grad(0, resize_adjoint(resize_bilinear_grad, v)); }
void resize_bilinear_grad_rule(KernelVjp& v) { v.grad(0, resize_adjoint(resize_bilinear, v)); }

const std::vector<KernelAttr> kResizeAttrs{{"height", KernelAttr::Int, int64_t{0}, true},
                                           {"width", KernelAttr::Int, int64_t{0}, true},
                                           {"align_corners", KernelAttr::Bool, true}};

const KernelOp resize_bilinear{
    .name = "resize_bilinear",
    .doc = "Images of another height and width, by bilinear interpolation.",
    .inputs = {{"data"}},
    .attrs = kResizeAttrs,
    .forward = resize_bilinear_forward,
    .vjp = resize_bilinear_rule,
    .differentiable_rule = true,
};
const KernelOp resize_bilinear_grad{
    .name = "resize_bilinear_grad",
    .doc = "The adjoint of resize_bilinear, to images of the given height and width.",
    .inputs = {{"dy"}},
    .attrs = kResizeAttrs,
    .forward = resize_bilinear_grad_forward,
    .vjp = resize_bilinear_grad_rule,
    .differentiable_rule = true,
};

// --- At the points of a grid ---

void require_grid(const char* op, const ArrayRef& data, const ArrayRef& grid) {
  require_images(op, "grid", grid);
  if (grid->shape[0] != data->shape[0] || grid->shape[1] != 2)
    kernel_error(PyExc_ValueError,
                 "%s: grid must have shape (%lld, 2, height, width), it begins with (%lld, %lld)",
                 op, static_cast<long long>(data->shape[0]), static_cast<long long>(grid->shape[0]),
                 static_cast<long long>(grid->shape[1]));
}

cpu::Sampler sampler(const ArrayRef& grid, int64_t channels, int64_t height, int64_t width) {
  return {grid->shape[0], channels, height, width, grid->shape[2] * grid->shape[3]};
}

void bilinear_sampler_forward(KernelCall& call) {
  ArrayRef x = call.dense(0), grid = call.dense(1);
  require_images("bilinear_sampler", "data", x);
  require_grid("bilinear_sampler", x, grid);
  const cpu::Sampler s = sampler(grid, x->shape[1], x->shape[2], x->shape[3]);
  Array* y = call.make(x->dtype, {s.batch, s.channels, grid->shape[2], grid->shape[3]});
  const char *from = x->bytes(), *points = grid->bytes();
  char* to = y->bytes();
  ReleaseGil scope(y->size);
  cpu::bilinear_sampler(x->dtype, s, from, points, to);
}

void require_cotangent(const char* op, const ArrayRef& dy, const ArrayRef& grid) {
  require_images(op, "dy", dy);
  require_grid(op, dy, grid);
  if (dy->shape[2] != grid->shape[2] || dy->shape[3] != grid->shape[3])
    kernel_error(PyExc_ValueError, "%s: dy and grid must have the same height and width", op);
}

void bilinear_sampler_data_grad_forward(KernelCall& call) {
  ArrayRef dy = call.dense(0), grid = call.dense(1);
  require_cotangent("bilinear_sampler_data_grad", dy, grid);
  const int64_t height = call.attrs.get<int64_t>("height"),
                width = call.attrs.get<int64_t>("width");
  const cpu::Sampler s = sampler(grid, dy->shape[1], height, width);
  Array* dx = call.make(dy->dtype, {s.batch, s.channels, height, width});
  const char *from = dy->bytes(), *points = grid->bytes();
  char* to = dx->bytes();
  ReleaseGil scope(dy->size);
  cpu::bilinear_sampler_data_grad(dy->dtype, s, from, points, to);
}

void bilinear_sampler_grid_grad_forward(KernelCall& call) {
  ArrayRef dy = call.dense(0), x = call.dense(1), grid = call.dense(2);
  require_cotangent("bilinear_sampler_grid_grad", dy, grid);
  require_images("bilinear_sampler_grid_grad", "data", x);
  if (x->shape[0] != dy->shape[0] || x->shape[1] != dy->shape[1])
    kernel_error(PyExc_ValueError,
                 "bilinear_sampler_grid_grad: dy and data must have the same batch and channels");
  const cpu::Sampler s = sampler(grid, x->shape[1], x->shape[2], x->shape[3]);
  Array* dgrid = call.make(x->dtype, grid->shape_span());
  const char *g = dy->bytes(), *from = x->bytes(), *points = grid->bytes();
  char* to = dgrid->bytes();
  ReleaseGil scope(dy->size);
  cpu::bilinear_sampler_grid_grad(x->dtype, s, g, from, points, to);
}

const KernelOp bilinear_sampler_data_grad{
    .name = "bilinear_sampler_data_grad",
    .doc = "The gradient of bilinear_sampler by images of the given height and width.",
    .inputs = {{"dy"}, {"grid"}},
    .attrs = {{"height", KernelAttr::Int, int64_t{0}, true},
              {"width", KernelAttr::Int, int64_t{0}, true}},
    .forward = bilinear_sampler_data_grad_forward,
};
const KernelOp bilinear_sampler_grid_grad{
    .name = "bilinear_sampler_grid_grad",
    .doc = "The gradient of bilinear_sampler by its grid.",
    .inputs = {{"dy"}, {"data"}, {"grid"}},
    .attrs = {},
    .forward = bilinear_sampler_grid_grad_forward,
};

void bilinear_sampler_rule(KernelVjp& v) {
  if (v.needs(0))
    v.grad(0, apply(bilinear_sampler_data_grad, {v.g(), v.in(1)},
                    Attrs{{"height", v.in(0)->shape[2]}, {"width", v.in(0)->shape[3]}})[0]);
  if (v.needs(1)) v.grad(1, apply(bilinear_sampler_grid_grad, {v.g(), v.in(0), v.in(1)}, {})[0]);
}

const KernelOp bilinear_sampler{
    .name = "bilinear_sampler",
    .doc = "Images interpolated bilinearly at the points of a grid.",
    .inputs = {{"data"}, {"grid"}},
    .attrs = {},
    .forward = bilinear_sampler_forward,
    .vjp = bilinear_sampler_rule,
    .saves_inputs = 0b11,
};

}  // namespace

KernelChapter resampling_kernels() {
  static const KernelOp* const ops[] = {&resize_bilinear, &resize_bilinear_grad, &bilinear_sampler,
                                        &bilinear_sampler_data_grad, &bilinear_sampler_grid_grad};
  return ops;
}

}  // namespace mp
