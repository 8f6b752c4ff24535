// Normalisation.
#include "cpu/nn/norm.h"

#include "cpu/nn/group_norm.h"
#include "ops/kernel_op.h"

namespace mp {
namespace {

// Input i as a dense vector of n numbers; the axis that n is the length of is for the message.
ArrayRef per_channel(const char* op, const KernelCall& call, int i, const char* name, int64_t n,
                     const char* axis) {
  ArrayRef a = call.dense(i);
  if (a->ndim != 1 || a->shape[0] != n)
    kernel_error(PyExc_ValueError,
                 "%s: %s must have shape (%lld,), the length of the %s axis, not ndim %d size %lld",
                 op, name, static_cast<long long>(n), axis, int{a->ndim},
                 static_cast<long long>(a->size));
  return a;
}

const void* bytes_of(const ArrayRef& a) { return a ? a->bytes() : nullptr; }

cpu::LayerNorm layer_norm_shape(const ArrayRef& x, const Attrs& attrs) {
  if (x->ndim == 0) kernel_error(PyExc_ValueError, "layer_norm: data must have at least one axis");
  const int64_t n = x->shape[x->ndim - 1];
  return {n ? x->size / n : 0, n, attrs.get<double>("eps")};
}

void layer_norm_forward(KernelCall& call) {
  ArrayRef x = call.dense(0), gamma, beta;
  const cpu::LayerNorm shape = layer_norm_shape(x, call.attrs);
  if (call.has(1) != call.has(2))
    kernel_error(PyExc_TypeError, "layer_norm: gamma and beta are given both or not at all");
  if (call.has(1)) {
    gamma = per_channel("layer_norm", call, 1, "gamma", shape.n, "last");
    beta = per_channel("layer_norm", call, 2, "beta", shape.n, "last");
  }
  Array* y = call.make(x->dtype, x->shape_span());
  const auto rows = x->shape_span().first(x->ndim - 1);
  Array *mean = call.make(x->dtype, rows), *rstd = call.make(x->dtype, rows);
  const cpu::LayerNormForward p{x->bytes(), bytes_of(gamma), bytes_of(beta),
                                y->bytes(), mean->bytes(),   rstd->bytes()};
  ReleaseGil scope(x->size);
  cpu::layer_norm(x->dtype, shape, p);
}

void layer_norm_grad_forward(KernelCall& call) {
  ArrayRef dy = call.dense(0), x = call.dense(1), mean = call.dense(2), rstd = call.dense(3),
           gamma = call.has(4) ? call.dense(4) : ArrayRef();
  const cpu::LayerNorm shape = layer_norm_shape(x, call.attrs);
  Array* dx = call.make(x->dtype, x->shape_span());
  const cpu::LayerNormBackward p{dy->bytes(),   x->bytes(),    bytes_of(gamma),
                                 mean->bytes(), rstd->bytes(), dx->bytes()};
  char *to_gamma = nullptr, *to_beta = nullptr;
  if (gamma) {
    to_gamma = call.make(x->dtype, {shape.n})->bytes();
    to_beta = call.make(x->dtype, {shape.n})->bytes();
  }
  ReleaseGil scope(x->size);
  cpu::layer_norm_grad(x->dtype, shape, p, to_gamma, to_beta);
}

const KernelAttr kEps{"eps", KernelAttr::Real, 1e-5};

const KernelOp layer_norm_grad{
    .name = "layer_norm_grad",
    .doc = "Gradients of layer_norm by data and, given gamma, by gamma and beta.",
    .inputs = {{"dy"}, {"data"}, {"mean"}, {"rstd"}, {"gamma", KernelInput::Float, true}},
    .attrs = {kEps},
    .forward = layer_norm_grad_forward,
};

void layer_norm_rule(KernelVjp& v) {
  std::vector<ArrayRef> grads =
      apply(layer_norm_grad, {v.g(), v.in(0), v.out(1), v.out(2), v.in(1)}, v.attrs);
  for (size_t i = 0; i < grads.size(); ++i) v.grad(static_cast<int>(i), grads[i]);
}

const KernelOp layer_norm{
    .name = "layer_norm",
    .doc =
        "Normalises the last axis to mean 0 and variance 1, then scales by gamma and shifts by "
        "beta where given. Outputs: the result, the means, the reciprocal standard deviations.",
    .inputs = {{"data"}, {"gamma", KernelInput::Float, true}, {"beta", KernelInput::Float, true}},
    .attrs = {kEps},
    .forward = layer_norm_forward,
    .vjp = layer_norm_rule,
    .saves_inputs = 0b011,
    .saves_outputs = 0b110,
};

// --- Batch normalisation ---

cpu::BatchNorm batch_norm_shape(const ArrayRef& x, const Attrs& attrs, bool given) {
  const int64_t axis = attrs.get<int64_t>("axis");
  if (axis < -x->ndim || axis >= x->ndim)
    kernel_error(PyExc_ValueError,
                 "batch_norm: axis %lld is out of bounds for data of %d dimensions",
                 static_cast<long long>(axis), int{x->ndim});
  const int64_t place = axis < 0 ? axis + x->ndim : axis;
  cpu::BatchNorm shape{1, x->shape[place], 1, attrs.get<double>("eps"), given};
  for (int64_t i = 0; i < x->ndim; ++i)
    if (i != place) (i < place ? shape.outer : shape.inner) *= x->shape[i];
  return shape;
}

void batch_norm_forward(KernelCall& call) {
  ArrayRef x = call.dense(0), mean, var;
  const bool given = call.has(3);
  const cpu::BatchNorm shape = batch_norm_shape(x, call.attrs, given);
  auto vector = [&](int i, const char* name) {
    return per_channel("batch_norm", call, i, name, shape.channels, "channel");
  };
  ArrayRef gamma = vector(1, "gamma"), beta = vector(2, "beta");
  Array* y = call.make(x->dtype, x->shape_span());
  if (given) {
    mean = vector(3, "moving_mean");
    var = vector(4, "moving_var");
  } else {
    mean = ArrayRef::borrow(call.make(x->dtype, {shape.channels}));
    var = ArrayRef::borrow(call.make(x->dtype, {shape.channels}));
  }
  const void* scale = call.attrs.get<bool>("fix_gamma") ? nullptr : gamma->bytes();
  const cpu::BatchNormForward p{x->bytes(),    scale,        beta->bytes(),
                                mean->bytes(), var->bytes(), y->bytes()};
  ReleaseGil scope(x->size);
  cpu::batch_norm(x->dtype, shape, p);
}

void batch_norm_grad_forward(KernelCall& call) {
  ArrayRef dy = call.dense(0), x = call.dense(1), gamma = call.dense(2), mean = call.dense(3),
           var = call.dense(4);
  const cpu::BatchNorm shape = batch_norm_shape(x, call.attrs, call.attrs.get<bool>("given"));
  Array* dx = call.make(x->dtype, x->shape_span());
  Array *dgamma = call.make(x->dtype, {shape.channels}),
        *dbeta = call.make(x->dtype, {shape.channels});
  const void* scale = call.attrs.get<bool>("fix_gamma") ? nullptr : gamma->bytes();
  const cpu::BatchNormBackward p{dy->bytes(),  x->bytes(),  scale,           mean->bytes(),
                                 var->bytes(), dx->bytes(), dgamma->bytes(), dbeta->bytes()};
  ReleaseGil scope(x->size);
  cpu::batch_norm_grad(x->dtype, shape, p);
}

const KernelAttr kChannelAxis{"axis", KernelAttr::Int, int64_t{1}};
const KernelAttr kFixGamma{"fix_gamma", KernelAttr::Bool, false};

const KernelOp batch_norm_grad{
    .name = "batch_norm_grad",
    .doc = "Gradients of batch_norm by data, gamma and beta.",
    .inputs = {{"dy"}, {"data"}, {"gamma"}, {"mean"}, {"var"}},
    .attrs = {kEps, kChannelAxis, kFixGamma, {"given", KernelAttr::Bool, false}},
    .forward = batch_norm_grad_forward,
};

void batch_norm_rule(KernelVjp& v) {
  const bool given = v.has(3);
  Attrs attrs = v.attrs;
  attrs.set("given", given);
  std::vector<ArrayRef> grads =
      apply(batch_norm_grad,
            {v.g(), v.in(0), v.in(1), given ? v.in(3) : v.out(1), given ? v.in(4) : v.out(2)},
            std::move(attrs));
  for (int i = 0; i < 3; ++i) v.grad(i, grads[static_cast<size_t>(i)]);
}

const KernelOp batch_norm{
    .name = "batch_norm",
    .doc =
        "Normalises each channel to mean 0 and variance 1, then scales by gamma (unless it is "
        "fixed to 1) and shifts by beta. With a mean and a variance those are used and have no "
        "gradient. Outputs: the result; without given ones the means, the variances.",
    .inputs = {{"data"},
               {"gamma"},
               {"beta"},
               {"mean", KernelInput::Float, true},
               {"var", KernelInput::Float, true}},
    .attrs = {kEps, kChannelAxis, kFixGamma},
    .forward = batch_norm_forward,
    .vjp = batch_norm_rule,
    .saves_inputs = 0b11011,
    .saves_outputs = 0b110,
};

// --- Group normalisation ---

cpu::GroupNorm group_norm_shape(const ArrayRef& x, const Attrs& attrs) {
  const int64_t groups = attrs.get<int64_t>("num_groups");
  if (x->ndim < 2 || groups < 1 || x->shape[1] % groups)
    kernel_error(PyExc_ValueError,
                 "group_norm: num_groups, %lld, must divide the channels, the second axis of the "
                 "data",
                 static_cast<long long>(groups));
  const int64_t examples = x->shape[0] * x->shape[1];
  return {x->shape[0], groups, x->shape[1] / groups, examples ? x->size / examples : 0,
          attrs.get<double>("eps")};
}

void group_norm_forward(KernelCall& call) {
  ArrayRef x = call.dense(0);
  const cpu::GroupNorm s = group_norm_shape(x, call.attrs);
  ArrayRef gamma = per_channel("group_norm", call, 1, "gamma", s.channels(), "channel"),
           beta = per_channel("group_norm", call, 2, "beta", s.channels(), "channel");
  Array* y = call.make(x->dtype, x->shape_span());
  Array *mean = call.make(x->dtype, {s.batch, s.groups}),
        *rstd = call.make(x->dtype, {s.batch, s.groups});
  const cpu::GroupNormForward p{x->bytes(), gamma->bytes(), beta->bytes(),
                                y->bytes(), mean->bytes(),  rstd->bytes()};
  ReleaseGil scope(x->size);
  cpu::group_norm(x->dtype, s, p);
}

void group_norm_grad_forward(KernelCall& call) {
  ArrayRef dy = call.dense(0), x = call.dense(1), gamma = call.dense(2), mean = call.dense(3),
           rstd = call.dense(4);
  const cpu::GroupNorm s = group_norm_shape(x, call.attrs);
  Array* dx = call.make(x->dtype, x->shape_span());
  Array *dgamma = call.make(x->dtype, {s.channels()}), *dbeta = call.make(x->dtype, {s.channels()});
  const cpu::GroupNormBackward p{dy->bytes(),   x->bytes(),  gamma->bytes(),  mean->bytes(),
                                 rstd->bytes(), dx->bytes(), dgamma->bytes(), dbeta->bytes()};
  ReleaseGil scope(x->size);
  cpu::group_norm_grad(x->dtype, s, p);
}

const KernelAttr kGroups{"num_groups", KernelAttr::Int, int64_t{1}};

const KernelOp group_norm_grad{
    .name = "group_norm_grad",
    .doc = "Gradients of group_norm by data, gamma and beta.",
    .inputs = {{"dy"}, {"data"}, {"gamma"}, {"mean"}, {"rstd"}},
    .attrs = {kGroups, kEps},
    .forward = group_norm_grad_forward,
};

void group_norm_rule(KernelVjp& v) {
  std::vector<ArrayRef> grads =
      apply(group_norm_grad, {v.g(), v.in(0), v.in(1), v.out(1), v.out(2)}, v.attrs);
  for (int i = 0; i < 3; ++i) v.grad(i, grads[static_cast<size_t>(i)]);
}

const KernelOp group_norm{
    .name = "group_norm",
    .doc =
        "Normalises groups of channels of each example to mean 0 and variance 1, then scales each "
        "channel by gamma and shifts it by beta. Outputs: the result, the means, the reciprocal "
        "standard deviations.",
    .inputs = {{"data"}, {"gamma"}, {"beta"}},
    .attrs = {kGroups, kEps},
    .forward = group_norm_forward,
    .vjp = group_norm_rule,
    .saves_inputs = 0b011,
    .saves_outputs = 0b110,
};

}  // namespace

KernelChapter norm_kernels() {
  static const KernelOp* const ops[] = {&layer_norm,      &layer_norm_grad, &batch_norm,
                                        &batch_norm_grad, &group_norm,      &group_norm_grad};
  return ops;
}

}  // namespace mp
