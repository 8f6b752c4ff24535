// Convolution, its transpose, and the gradient by the weights. Each is linear in each of its
// arrays, and the gradients of each are the two others, to any order.
#include <new>
#include <string>

#include "core/error.h"
#include "core/stamp.h"
#include "cpu/conv/conv.h"
#include "cpu/conv/packed.h"
#include "ops/api.h"
#include "ops/kernel_op.h"

namespace mp {
namespace {

using cpu::conv::Extents;
using cpu::conv::Filter;
using cpu::conv::Shape;
using Ints = std::vector<int64_t>;
using Span = std::span<const int64_t>;

std::string text(Span values) {
  std::string s = "(";
  for (size_t i = 0; i < values.size(); ++i) s += (i ? ", " : "") + std::to_string(values[i]);
  return s + (values.size() == 1 ? ",)" : ")");
}

// Reads the attributes and checks the arrays of one application against each other.
class Geometry {
 public:
  Geometry(const char* op, const Attrs& attrs, const ArrayRef& data, const char* name)
      : op_(op), rank_(data->ndim - 2) {
    if (rank_ < 1 || rank_ > 3)
      kernel_error(PyExc_ValueError,
                   "%s: %s must have 3, 4 or 5 axes (batch, channels and 1 to 3 spatial ones), it "
                   "has shape %s",
                   op, name, text(data->shape_span()).c_str());
    shape.channels_last = attrs.get<bool>("channels_last");
    shape.groups = attrs.get<int64_t>("groups");
    if (shape.groups < 1)
      kernel_error(PyExc_ValueError, "%s: the number of groups must be positive, it is %lld", op,
                   static_cast<long long>(shape.groups));
    read(attrs, "stride", 1, 1, shape.stride);
    read(attrs, "dilate", 1, 1, shape.dilation);
    read(attrs, "pad", 0, 0, shape.pad);
    shape.batch = data->shape[0];
  }

  int64_t channels(const ArrayRef& a) const {
    return a->shape[shape.channels_last ? a->ndim - 1 : 1];
  }
  void spatial(const ArrayRef& a, Extents& to) const {
    put(a->shape_span().subspan(shape.channels_last ? 1 : 2, static_cast<size_t>(rank_)), to);
  }
  void check_axes(const ArrayRef& a, const char* name) const {
    if (a->ndim != rank_ + 2)
      kernel_error(PyExc_ValueError, "%s: %s must have %d axes like the data, it has shape %s", op_,
                   name, rank_ + 2, text(a->shape_span()).c_str());
  }
  // Out and in channels of the convolution that the weights belong to.
  void weights(const ArrayRef& w, int64_t out_channels, int64_t in_channels) {
    check_axes(w, "weight");
    shape.out_channels = out_channels;
    shape.in_channels = in_channels;
    spatial(w, shape.kernel);
    check_kernel();
  }
  void check_kernel() const {
    for (int64_t k : shape.kernel)
      if (k < 1)
        kernel_error(PyExc_ValueError, "%s: the kernel must not be empty, it is %s", op_,
                     text(last(shape.kernel)).c_str());
  }
  // `per_group` channels in the array `name` beside `channels` in all groups of another.
  void check_groups(int64_t channels, const char* whose) const {
    if (channels % shape.groups)
      kernel_error(PyExc_ValueError, "%s: %lld channels of %s cannot be divided into %lld groups",
                   op_, static_cast<long long>(channels), whose,
                   static_cast<long long>(shape.groups));
  }
  void check_bias(KernelCall& call) const {
    if (!call.has(2)) return;
    const ArrayRef& bias = call.in(2);
    const int64_t n = result_channels;
    if (bias->ndim != 1 || bias->shape[0] != n)
      kernel_error(PyExc_ValueError,
                   "%s: bias must have shape (%lld,), one for each channel of the result, it has "
                   "shape %s",
                   op_, static_cast<long long>(n), text(bias->shape_span()).c_str());
  }
  // The extents of a convolution's result by the usual formula.
  void infer_out() {
    for (int i = 3 - rank_; i < 3; ++i) {
      const int64_t padded = shape.in[i] + 2 * shape.pad[i];
      const int64_t kernel = (shape.kernel[i] - 1) * shape.dilation[i] + 1;
      if (kernel > padded)
        kernel_error(PyExc_ValueError,
                     "%s: the kernel must fit into the padded data; along spatial axis %d it takes "
                     "%lld of %lld elements; pad more or use a smaller kernel or dilation",
                     op_, i - (3 - rank_), static_cast<long long>(kernel),
                     static_cast<long long>(padded));
      shape.out[i] = (padded - kernel) / shape.stride[i] + 1;
    }
  }
  // Whether the attribute is there; then its values, each at least `least`, stand in `to`.
  bool read(const Attrs& attrs, const char* name, int64_t absent, int64_t least, Extents& to) {
    const Ints& values = attrs.get<Ints>(name);
    const Ints all(static_cast<size_t>(rank_), absent);
    if (!values.empty() && values.size() != all.size())
      kernel_error(PyExc_ValueError, "%s: %s must have one value for each of %d spatial axes: %s",
                   op_, name, rank_, text(values).c_str());
    for (int64_t v : values)
      if (v < least)
        kernel_error(PyExc_ValueError, "%s: %s must be at least %lld everywhere: %s", op_, name,
                     static_cast<long long>(least), text(values).c_str());
    put(values.empty() ? all : values, to);
    return !values.empty();
  }
  Ints array_shape(int64_t channels, const Extents& extents, int64_t first) const {
    Ints dims{first};
    if (!shape.channels_last) dims.push_back(channels);
    for (int64_t e : last(extents)) dims.push_back(e);
    if (shape.channels_last) dims.push_back(channels);
    return dims;
  }

  Shape shape;
  int64_t result_channels = 0;

 private:
  Span last(const Extents& e) const { return Span(e).last(static_cast<size_t>(rank_)); }
  void put(Span values, Extents& to) const {
    for (int i = 0; i < rank_; ++i) to[3 - rank_ + i] = values[i];
  }
  const char* op_;
  int rank_;
};

// Runs f without the GIL where the work is worth it. The attribute "algorithm", for tests, names
// the one to use.
template <class F>
void compute(const char* op, const Shape& shape, const Attrs& attrs, F f) {
  const std::string& algorithm = attrs.get<std::string>("algorithm");
  bool failed = false, taken = true;
  {
    ReleaseGil scope(shape.macs());
    try {
      taken = f(algorithm.empty() ? nullptr : algorithm.c_str());
    } catch (std::bad_alloc&) {
      failed = true;
    }
  }
  if (!taken)
    kernel_error(PyExc_ValueError, "%s: there is no algorithm %s for this shape", op,
                 algorithm.c_str());
  if (!failed) return;
  PyErr_NoMemory();
  throw PythonError{};
}

cpu::conv::Epilogue epilogue(const ArrayRef& bias, bool relu = false) {
  return {bias ? bias->bytes() : nullptr, relu};
}

// The weights that `dense` made of input i, which may be a copy.
Filter filter(const KernelCall& call, int i, const ArrayRef& weight) {
  const bool copied = weight.get() != call.in(i).get();
  return {weight->bytes(), copied ? 0 : storage_stamp(weight->storage)};
}

void convolve(KernelCall& call, bool relu) {
  ArrayRef data = call.dense(0), weight = call.dense(1),
           bias = call.has(2) ? call.dense(2) : ArrayRef();
  Geometry g("convolution", call.attrs, data, "data");
  Shape& s = g.shape;
  const int64_t channels = g.channels(data);
  g.weights(weight, weight->shape[0], channels);
  g.check_groups(channels, "the data");
  g.check_groups(s.out_channels, "the result");
  if (g.channels(weight) * s.groups != channels)
    kernel_error(PyExc_ValueError,
                 "convolution: data has %lld channels, weight of shape %s is for %lld in %lld "
                 "groups; weight must be (filters, channels / groups, kernel...), or (filters, "
                 "kernel..., channels / groups) with channels last",
                 static_cast<long long>(channels), text(weight->shape_span()).c_str(),
                 static_cast<long long>(g.channels(weight) * s.groups),
                 static_cast<long long>(s.groups));
  g.result_channels = s.out_channels;
  g.check_bias(call);
  g.spatial(data, s.in);
  if (!g.read(call.attrs, "size", 1, 0, s.out)) g.infer_out();
  Array* out = call.make(data->dtype, g.array_shape(s.out_channels, s.out, s.batch));
  const Filter packable = filter(call, 1, weight);
  compute("convolution", s, call.attrs, [&](const char* algorithm) {
    return cpu::conv::forward(s, data->dtype, data->bytes(), packable, epilogue(bias, relu),
                              out->bytes(), algorithm);
  });
}

void convolution_forward(KernelCall& call) { convolve(call, false); }
void convolution_relu_forward(KernelCall& call) { convolve(call, true); }

void deconvolution_forward(KernelCall& call) {
  ArrayRef data = call.dense(0), weight = call.dense(1),
           bias = call.has(2) ? call.dense(2) : ArrayRef();
  Geometry g("deconvolution", call.attrs, data, "data");
  Shape& s = g.shape;
  const int64_t channels = g.channels(data);
  g.check_axes(weight, "weight");
  g.weights(weight, channels, g.channels(weight) * s.groups);
  g.check_groups(channels, "the data");
  if (weight->shape[0] != channels)
    kernel_error(PyExc_ValueError,
                 "deconvolution: data has %lld channels, weight of shape %s is for %lld; weight "
                 "must be (channels, filters / groups, kernel...), or (channels, kernel..., "
                 "filters / groups) with channels last",
                 static_cast<long long>(channels), text(weight->shape_span()).c_str(),
                 static_cast<long long>(weight->shape[0]));
  g.result_channels = s.in_channels;
  g.check_bias(call);
  g.spatial(data, s.out);
  g.read(call.attrs, "size", 0, 0, s.in);
  Array* out = call.make(data->dtype, g.array_shape(s.in_channels, s.in, s.batch));
  const Filter packable = filter(call, 1, weight);
  compute("deconvolution", s, call.attrs, [&](const char* algorithm) {
    return cpu::conv::data_gradient(s, data->dtype, data->bytes(), packable, epilogue(bias),
                                    out->bytes(), algorithm);
  });
}

void weight_gradient_forward(KernelCall& call) {
  ArrayRef data = call.dense(0), grad = call.dense(1);
  Geometry g("conv_weight_gradient", call.attrs, data, "data");
  Shape& s = g.shape;
  g.check_axes(grad, "grad");
  s.in_channels = g.channels(data);
  s.out_channels = g.channels(grad);
  g.check_groups(s.in_channels, "the data");
  g.check_groups(s.out_channels, "grad");
  if (grad->shape[0] != s.batch)
    kernel_error(PyExc_ValueError, "conv_weight_gradient: data has a batch of %lld, grad of %lld",
                 static_cast<long long>(s.batch), static_cast<long long>(grad->shape[0]));
  g.spatial(data, s.in);
  g.spatial(grad, s.out);
  g.read(call.attrs, "kernel", 1, 1, s.kernel);
  Array* out =
      call.make(data->dtype, g.array_shape(s.in_channels / s.groups, s.kernel, s.out_channels));
  compute("conv_weight_gradient", s, call.attrs, [&](const char* algorithm) {
    return cpu::conv::weight_gradient(s, data->dtype, data->bytes(), grad->bytes(), out->bytes(),
                                      algorithm);
  });
}

// --- Gradients ---

// The extents along the spatial axes of an array or weights of that shape.
Ints spatial_of(Span shape, const Attrs& attrs) {
  const Span inner =
      attrs.get<bool>("channels_last") ? shape.subspan(1, shape.size() - 2) : shape.subspan(2);
  return Ints(inner.begin(), inner.end());
}

Attrs with(const Attrs& attrs, const char* name, Ints extents) {
  Attrs result{{name, std::move(extents)}};
  for (const char* other : {"stride", "dilate", "pad", "groups", "channels_last", "algorithm"})
    result.set(other, *attrs.find(other));
  result.set(name == std::string("size") ? "kernel" : "size", Ints{});
  return result;
}

ArrayRef channel_sums(const ArrayRef& g, const Attrs& attrs) {
  std::vector<int> axes{0};
  const int first = attrs.get<bool>("channels_last") ? 1 : 2;
  for (int i = 0; i < g->ndim - 2; ++i) axes.push_back(first + i);
  return api::sum(g, axes, false);
}

extern const KernelOp convolution, deconvolution, conv_weight_gradient;

// The gradients of a convolution from that of its result before any activation.
void convolution_gradients(KernelVjp& v, const ArrayRef& g) {
  if (v.needs(0))
    v.grad(0, apply(deconvolution, {g, v.in(1)},
                    with(v.attrs, "size", spatial_of(v.in_shape(0), v.attrs)))[0]);
  if (v.needs(1))
    v.grad(1, apply(conv_weight_gradient, {v.in(0), g},
                    with(v.attrs, "kernel", spatial_of(v.in_shape(1), v.attrs)))[0]);
  if (v.needs(2)) v.grad(2, channel_sums(g, v.attrs));
}

void convolution_rule(KernelVjp& v) { convolution_gradients(v, v.g()); }

void convolution_relu_rule(KernelVjp& v) {
  convolution_gradients(v, api::where(api::astype(v.out(0), DType::Bool), v.g(), 0.0));
}

void deconvolution_rule(KernelVjp& v) {
  if (v.needs(0))
    v.grad(0, apply(convolution, {v.g(), v.in(1)},
                    with(v.attrs, "size", spatial_of(v.in_shape(0), v.attrs)))[0]);
  if (v.needs(1))
    v.grad(1, apply(conv_weight_gradient, {v.g(), v.in(0)},
                    with(v.attrs, "kernel", spatial_of(v.in_shape(1), v.attrs)))[0]);
  if (v.needs(2)) v.grad(2, channel_sums(v.g(), v.attrs));
}

void weight_gradient_rule(KernelVjp& v) {
  if (v.needs(0))
    v.grad(0, apply(deconvolution, {v.in(1), v.g()},
                    with(v.attrs, "size", spatial_of(v.in_shape(0), v.attrs)))[0]);
  if (v.needs(1))
    v.grad(1, apply(convolution, {v.in(0), v.g()},
                    with(v.attrs, "size", spatial_of(v.in_shape(1), v.attrs)))[0]);
}

std::vector<KernelAttr> attributes(bool kernel_required) {
  return {{"kernel", KernelAttr::Ints, Ints{}, kernel_required},
          {"stride", KernelAttr::Ints, Ints{}},
          {"dilate", KernelAttr::Ints, Ints{}},
          {"pad", KernelAttr::Ints, Ints{}},
          {"groups", KernelAttr::Int, int64_t{1}},
          {"channels_last", KernelAttr::Bool, false},
          {"size", KernelAttr::Ints, Ints{}},
          {"algorithm", KernelAttr::Text, std::string()}};
}

const KernelOp convolution{
    .name = "convolution",
    .doc =
        "Convolution over 1 to 3 spatial axes, plus a bias. `size`: the result's extents, if not "
        "those that fit.",
    .inputs = {{"data"}, {"weight"}, {"bias", KernelInput::Float, true}},
    .attrs = attributes(false),
    .forward = convolution_forward,
    .vjp = convolution_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b011,
    .half_native = true,
};

const KernelOp convolution_relu{
    .name = "convolution_relu",
    .doc = "max(convolution, 0), in one pass over the result.",
    .inputs = {{"data"}, {"weight"}, {"bias", KernelInput::Float, true}},
    .attrs = attributes(false),
    .forward = convolution_relu_forward,
    .vjp = convolution_relu_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b011,
    .saves_outputs = 0b1,
    .half_native = true,
};

const KernelOp deconvolution{
    .name = "deconvolution",
    .doc =
        "The transpose of a convolution, by its data, plus a bias. `size`: the result's extents.",
    .inputs = {{"data"}, {"weight"}, {"bias", KernelInput::Float, true}},
    .attrs = attributes(false),
    .forward = deconvolution_forward,
    .vjp = deconvolution_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b011,
    .half_native = true,
};

const KernelOp conv_weight_gradient{
    .name = "conv_weight_gradient",
    .doc = "The gradient of a convolution by its weight, of spatial extents `kernel`.",
    .inputs = {{"data"}, {"grad"}},
    .attrs = attributes(true),
    .forward = weight_gradient_forward,
    .vjp = weight_gradient_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b011,
    .half_native = true,
};

}  // namespace

KernelChapter convolution_kernels() {
  stamp_forget = cpu::conv::forget_packed;
  static const KernelOp* const ops[] = {&convolution, &convolution_relu, &deconvolution,
                                        &conv_weight_gradient};
  return ops;
}

}  // namespace mp
