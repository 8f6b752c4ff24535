// Regions of images, suppression of overlapping boxes, greedy matching. The kernels of regions are
// linear in the data, given the places of maxima, and so are differentiable to every order:
//   roi_pooling <- roi_spread <-> roi_pick,  roi_align <-> roi_align_spread.
// Boxes and regions have no gradient.
#include "cpu/nn/detection.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/kernel_op.h"
#include "tape/tape.h"

namespace mp {
namespace {

using Ints = std::vector<int64_t>;

double element(const ArrayRef& a, int64_t i) {
  return a->dtype == DType::F64 ? reinterpret_cast<const double*>(a->bytes())[i]
                                : reinterpret_cast<const float*>(a->bytes())[i];
}

// The regions' numbers in the data's dtype, which they are read in.
ArrayRef regions_of(const KernelCall& call, int i, DType dtype) {
  const ArrayRef& a = call.in(i);
  if (a->ndim != 2 || a->shape[1] != 5)
    kernel_error(PyExc_ValueError,
                 "regions must have shape (n, 5): image, x1, y1, x2, y2, not ndim %d size %lld",
                 int{a->ndim}, static_cast<long long>(a->size));
  if (a->dtype == dtype) return call.dense(i);
  ArrayRef cast = check(array_cast(a.get(), dtype));
  cast->bytes();
  return cast;
}

void check_regions(const ArrayRef& rois, int64_t batch, bool positive) {
  for (int64_t i = 0; i < rois->shape[0]; ++i) {
    double v[5];
    for (int k = 0; k < 5; ++k) {
      v[k] = element(rois, 5 * i + k);
      if (!std::isfinite(v[k]))
        kernel_error(PyExc_ValueError, "region %lld has a number that is not finite",
                     static_cast<long long>(i));
    }
    if (v[0] >= static_cast<double>(batch))
      kernel_error(PyExc_IndexError, "region %lld is of image %lld, but there are %lld images",
                   static_cast<long long>(i), static_cast<long long>(v[0]),
                   static_cast<long long>(batch));
    if (positive && v[0] >= 0 && !(v[3] > v[1] && v[4] > v[2]))
      kernel_error(PyExc_ValueError,
                   "region %lld has no extent, which aligned regions must have: x2 > x1, y2 > y1",
                   static_cast<long long>(i));
  }
}

// `size` is batch, channels, height, width of the data.
cpu::Regions regions(const ArrayRef& rois, const Attrs& attrs, const Ints& size) {
  const Ints& bins = attrs.get<Ints>("bins");
  if (bins.size() != 2 || bins[0] < 1 || bins[1] < 1)
    kernel_error(PyExc_ValueError, "regions: the pooled size must be two integers of at least 1");
  if (size.size() != 4 || size[2] * size[3] > std::numeric_limits<int32_t>::max())
    kernel_error(PyExc_ValueError,
                 "regions: data must have shape (batch, channels, height, width), with less than "
                 "2**31 elements in an image");
  const bool sensitive = attrs.get<bool>("position_sensitive");
  if (sensitive && size[1] % (bins[0] * bins[1]))
    kernel_error(PyExc_ValueError,
                 "regions: position_sensitive requires a multiple of %lld channels, not %lld",
                 static_cast<long long>(bins[0] * bins[1]), static_cast<long long>(size[1]));
  const bool aligned = attrs.get<bool>("aligned");
  check_regions(rois, size[0], aligned);
  return {rois->shape[0],
          size[0],
          size[1],
          size[2],
          size[3],
          {bins[0], bins[1]},
          attrs.get<double>("scale"),
          attrs.get<int64_t>("samples"),
          sensitive,
          aligned};
}

Ints shape_of(const ArrayRef& a) { return {a->shape, a->shape + a->ndim}; }

Array* make_bins(KernelCall& call, const cpu::Regions& r, DType dtype) {
  return call.make(dtype, {r.count, r.out_channels(), r.bins[0], r.bins[1]});
}

void require_bins(const ArrayRef& a, const cpu::Regions& r, const char* name) {
  const int64_t shape[] = {r.count, r.out_channels(), r.bins[0], r.bins[1]};
  if (!std::ranges::equal(a->shape_span(), shape))
    kernel_error(PyExc_ValueError, "regions: %s has not the shape of the result", name);
}

const int32_t* places_of(const ArrayRef& places, const cpu::Regions& r) {
  require_bins(places, r, "places");
  if (places->dtype != DType::I32)
    kernel_error(PyExc_TypeError, "regions: places must be those that roi_pooling returned");
  return reinterpret_cast<const int32_t*>(places->bytes());
}

void roi_pooling_forward(KernelCall& call) {
  ArrayRef x = call.dense(0), rois = regions_of(call, 1, x->dtype);
  const cpu::Regions r = regions(rois, call.attrs, shape_of(x));
  Array* y = make_bins(call, r, x->dtype);
  Array* places =
      tape::state.recording ? make_bins(call, r, DType::I32) : call.make(DType::I32, {0});
  const char *from = x->bytes(), *boxes = rois->bytes();
  char* to = y->bytes();
  int32_t* to_places =
      tape::state.recording ? reinterpret_cast<int32_t*>(places->bytes()) : nullptr;
  ReleaseGil scope(x->size);
  cpu::roi_pooling(x->dtype, r, from, boxes, to, to_places);
}

void roi_spread_forward(KernelCall& call) {
  ArrayRef dy = call.dense(0), places = call.dense(1), rois = regions_of(call, 2, dy->dtype);
  const Ints& size = call.attrs.get<Ints>("size");
  const cpu::Regions r = regions(rois, call.attrs, size);
  require_bins(dy, r, "dy");
  const int32_t* at = places_of(places, r);
  Array* dx = call.make(dy->dtype, size);
  const char *from = dy->bytes(), *boxes = rois->bytes();
  char* to = dx->bytes();
  ReleaseGil scope(dx->size);
  cpu::roi_spread(dy->dtype, r, from, at, boxes, to);
}

void roi_pick_forward(KernelCall& call) {
  ArrayRef x = call.dense(0), places = call.dense(1), rois = regions_of(call, 2, x->dtype);
  const cpu::Regions r = regions(rois, call.attrs, shape_of(x));
  const int32_t* at = places_of(places, r);
  Array* y = make_bins(call, r, x->dtype);
  const char *from = x->bytes(), *boxes = rois->bytes();
  char* to = y->bytes();
  ReleaseGil scope(y->size);
  cpu::roi_pick(x->dtype, r, from, at, boxes, to);
}

void roi_align_forward(KernelCall& call) {
  ArrayRef x = call.dense(0), rois = regions_of(call, 1, x->dtype);
  const cpu::Regions r = regions(rois, call.attrs, shape_of(x));
  Array* y = make_bins(call, r, x->dtype);
  const char *from = x->bytes(), *boxes = rois->bytes();
  char* to = y->bytes();
  ReleaseGil scope(y->size);
  cpu::roi_align(x->dtype, r, from, boxes, to);
}

void roi_align_spread_forward(KernelCall& call) {
  ArrayRef dy = call.dense(0), rois = regions_of(call, 1, dy->dtype);
  const Ints& size = call.attrs.get<Ints>("size");
  const cpu::Regions r = regions(rois, call.attrs, size);
  require_bins(dy, r, "dy");
  Array* dx = call.make(dy->dtype, size);
  const char *from = dy->bytes(), *boxes = rois->bytes();
  char* to = dx->bytes();
  ReleaseGil scope(dx->size);
  cpu::roi_align_spread(dy->dtype, r, from, boxes, to);
}

extern const KernelOp roi_pooling, roi_spread, roi_pick, roi_align, roi_align_spread;

Attrs with_size(const KernelVjp& v) {
  Attrs attrs = v.attrs;
  const auto shape = v.in_shape(0);
  attrs.set("size", Ints(shape.begin(), shape.end()));
  return attrs;
}
void roi_pooling_rule(KernelVjp& v) {
  v.grad(0, apply(roi_spread, {v.g(), v.out(1), v.in(1)}, with_size(v))[0]);
}
void roi_spread_rule(KernelVjp& v) {
  v.grad(0, apply(roi_pick, {v.g(), v.in(1), v.in(2)}, v.attrs)[0]);
}
void roi_pick_rule(KernelVjp& v) {
  v.grad(0, apply(roi_spread, {v.g(), v.in(1), v.in(2)}, with_size(v))[0]);
}
void roi_align_rule(KernelVjp& v) {
  v.grad(0, apply(roi_align_spread, {v.g(), v.in(1)}, with_size(v))[0]);
}
void roi_align_spread_rule(KernelVjp& v) {
  v.grad(0, apply(roi_align, {v.g(), v.in(1)}, v.attrs)[0]);
}

std::vector<KernelAttr> region_attrs(bool size) {
  std::vector<KernelAttr> attrs{{"bins", KernelAttr::Ints, Ints{}, true},
                                {"scale", KernelAttr::Real, 1.0},
                                {"samples", KernelAttr::Int, int64_t{-1}},
                                {"position_sensitive", KernelAttr::Bool, false},
                                {"aligned", KernelAttr::Bool, false}};
  if (size) attrs.push_back({"size", KernelAttr::Ints, Ints{}, true});
  return attrs;
}

const KernelInput kRois{"rois", KernelInput::Any}, kPlaces{"places", KernelInput::Any};

const KernelOp roi_pooling{
    .name = "roi_pooling",
    .doc =
        "The largest element of each bin of each region. Outputs: the result, and, while "
        "recording, the elements' places in the images (else an empty array).",
    .inputs = {{"data"}, kRois},
    .attrs = region_attrs(false),
    .forward = roi_pooling_forward,
    .vjp = roi_pooling_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b10,
    .saves_outputs = 0b10,
};
const KernelOp roi_spread{
    .name = "roi_spread",
    .doc = "Adds the elements of dy to the places that roi_pooling found.",
    .inputs = {{"dy"}, kPlaces, kRois},
    .attrs = region_attrs(true),
    .forward = roi_spread_forward,
    .vjp = roi_spread_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b110,
};
const KernelOp roi_pick{
    .name = "roi_pick",
    .doc = "The elements of data at the places that roi_pooling found.",
    .inputs = {{"data"}, kPlaces, kRois},
    .attrs = region_attrs(false),
    .forward = roi_pick_forward,
    .vjp = roi_pick_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b110,
};
const KernelOp roi_align{
    .name = "roi_align",
    .doc = "The mean of bilinear samples in each bin of each region.",
    .inputs = {{"data"}, kRois},
    .attrs = region_attrs(false),
    .forward = roi_align_forward,
    .vjp = roi_align_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b10,
};
const KernelOp roi_align_spread{
    .name = "roi_align_spread",
    .doc = "The adjoint of roi_align.",
    .inputs = {{"dy"}, kRois},
    .attrs = region_attrs(true),
    .forward = roi_align_spread_forward,
    .vjp = roi_align_spread_rule,
    .differentiable_rule = true,
    .saves_inputs = 0b10,
};

// --- Boxes ---

void box_suppression_forward(KernelCall& call) {
  ArrayRef boxes = call.dense(0), scores = call.dense(1);
  ArrayRef classes = call.has(2) ? call.dense(2) : ArrayRef();
  if (boxes->ndim != 3 || boxes->shape[2] != 4 || scores->ndim != 2 ||
      !std::ranges::equal(scores->shape_span(), boxes->shape_span().first(2)) ||
      (classes && !std::ranges::equal(classes->shape_span(), scores->shape_span())) ||
      scores->shape[1] > std::numeric_limits<int32_t>::max())
    kernel_error(PyExc_ValueError,
                 "box_suppression: boxes must have shape (batch, n, 4), scores and classes "
                 "(batch, n)");
  const cpu::Suppression s{scores->shape[0], scores->shape[1], call.attrs.get<int64_t>("limit"),
                           call.attrs.get<double>("threshold")};
  Array* order = call.make(DType::I32, scores->shape_span());
  Array* keep = call.make(DType::Bool, scores->shape_span());
  const char *b = boxes->bytes(), *v = scores->bytes(), *c = classes ? classes->bytes() : nullptr;
  auto* to_order = reinterpret_cast<int32_t*>(order->bytes());
  auto* to_keep = reinterpret_cast<uint8_t*>(keep->bytes());
  ReleaseGil scope(scores->size * 16);
  cpu::box_suppression(boxes->dtype, s, b, v, c, to_order, to_keep);
}

const KernelOp box_suppression{
    .name = "box_suppression",
    .doc =
        "Drops boxes that overlap a better one (of their class). Outputs: the boxes' numbers by "
        "falling score, then -1, and whether each of these is kept.",
    .inputs = {{"boxes"}, {"scores"}, {"classes", KernelInput::Float, true}},
    .attrs = {{"threshold", KernelAttr::Real, 0.5}, {"limit", KernelAttr::Int, int64_t{-1}}},
    .forward = box_suppression_forward,
};

void bipartite_matching_forward(KernelCall& call) {
  ArrayRef scores = call.dense(0);
  if (scores->ndim != 3)
    kernel_error(PyExc_ValueError,
                 "bipartite_matching: data must have shape (batch, rows, columns)");
  const cpu::Matching m{scores->shape[0],
                        scores->shape[1],
                        scores->shape[2],
                        call.attrs.get<int64_t>("limit"),
                        call.attrs.get<bool>("rising"),
                        call.attrs.get<double>("threshold")};
  Array* rows = call.make(scores->dtype, {m.batch, m.rows});
  Array* columns = call.make(scores->dtype, {m.batch, m.columns});
  const char* from = scores->bytes();
  char *to_rows = rows->bytes(), *to_columns = columns->bytes();
  ReleaseGil scope(scores->size * 16);
  cpu::bipartite_matching(scores->dtype, m, from, to_rows, to_columns);
}

const KernelOp bipartite_matching{
    .name = "bipartite_matching",
    .doc =
        "Greedy matching of rows and columns by score. Outputs: each row's and each column's "
        "partner, or -1.",
    .inputs = {{"data"}},
    .attrs = {{"threshold", KernelAttr::Real, 0.0},
              {"rising", KernelAttr::Bool, false},
              {"limit", KernelAttr::Int, int64_t{-1}}},
    .forward = bipartite_matching_forward,
};

}  // namespace

KernelChapter detection_kernels() {
  static const KernelOp* const ops[] = {&roi_pooling,       &roi_spread,       &roi_pick,
                                        &roi_align,         &roi_align_spread, &box_suppression,
                                        &bipartite_matching};
  return ops;
}

}  // namespace mp
