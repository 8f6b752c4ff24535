// Normalisation.
#include "cpu/nn/norm.h"

#include "ops/kernel_op.h"

namespace mp {
namespace {

void check_channels(const char* op, const char* name, const ArrayRef& a, int64_t n) {
  if (a->ndim != 1 || a->shape[0] != n)
    kernel_error(
        PyExc_ValueError,
        "%s: %s must have shape (%lld,), the length of the last axis, not ndim %d size %lld", op,
        name, static_cast<long long>(n), int{a->ndim}, static_cast<long long>(a->size));
}

cpu::LayerNorm layer_norm_shape(const ArrayRef& x, const Attrs& attrs) {
  if (x->ndim == 0) kernel_error(PyExc_ValueError, "layer_norm: data must have at least one axis");
  const int64_t n = x->shape[x->ndim - 1];
  return {n ? x->size / n : 0, n, attrs.get<double>("eps")};
}

void layer_norm_forward(KernelCall& call) {
  ArrayRef x = call.dense(0), gamma = call.dense(1), beta = call.dense(2);
  const cpu::LayerNorm shape = layer_norm_shape(x, call.attrs);
  check_channels("layer_norm", "gamma", gamma, shape.n);
  check_channels("layer_norm", "beta", beta, shape.n);
  Array* y = call.make(x->dtype, x->shape_span());
  const auto rows = x->shape_span().first(x->ndim - 1);
  Array *mean = call.make(x->dtype, rows), *rstd = call.make(x->dtype, rows);
  const cpu::LayerNormForward p{x->bytes(), gamma->bytes(), beta->bytes(),
                                y->bytes(), mean->bytes(),  rstd->bytes()};
  ReleaseGil scope(x->size);
  cpu::layer_norm(x->dtype, shape, p);
}

void layer_norm_grad_forward(KernelCall& call) {
  ArrayRef dy = call.dense(0), x = call.dense(1), gamma = call.dense(2), mean = call.dense(3),
           rstd = call.dense(4);
  const cpu::LayerNorm shape = layer_norm_shape(x, call.attrs);
  Array* dx = call.make(x->dtype, x->shape_span());
  Array *dgamma = call.make(x->dtype, {shape.n}), *dbeta = call.make(x->dtype, {shape.n});
  const cpu::LayerNormBackward p{dy->bytes(),   x->bytes(),    gamma->bytes(),
                                 mean->bytes(), rstd->bytes(), dx->bytes()};
  char *to_gamma = dgamma->bytes(), *to_beta = dbeta->bytes();
  ReleaseGil scope(x->size);
  cpu::layer_norm_grad(x->dtype, shape, p, to_gamma, to_beta);
}

const KernelAttr kEps{"eps", KernelAttr::Real, 1e-5};

const KernelOp layer_norm_grad{
    .name = "layer_norm_grad",
    .doc = "Gradients of layer_norm by data, gamma and beta.",
    .inputs = {{"dy"}, {"data"}, {"gamma"}, {"mean"}, {"rstd"}},
    .attrs = {kEps},
    .forward = layer_norm_grad_forward,
};

void layer_norm_rule(KernelVjp& v) {
  std::vector<ArrayRef> grads =
      apply(layer_norm_grad, {v.g(), v.in(0), v.in(1), v.out(1), v.out(2)}, v.attrs);
  for (int i = 0; i < 3; ++i) v.grad(i, grads[static_cast<size_t>(i)]);
}

const KernelOp layer_norm{
    .name = "layer_norm",
    .doc =
        "Normalises the last axis to mean 0 and variance 1, then scales by gamma and shifts by "
        "beta. Outputs: the result, the means, the reciprocal standard deviations.",
    .inputs = {{"data"}, {"gamma"}, {"beta"}},
    .attrs = {kEps},
    .forward = layer_norm_forward,
    .vjp = layer_norm_rule,
    .saves_inputs = 0b011,
    .saves_outputs = 0b110,
};

}  // namespace

KernelChapter norm_kernels() {
  static const KernelOp* const ops[] = {&layer_norm, &layer_norm_grad};
  return ops;
}

}  // namespace mp
