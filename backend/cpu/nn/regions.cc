// Regions of images, see detection.h.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "cpu/nn/detection.h"
#include "engine/pool.h"

namespace mp::cpu {
namespace {

template <class F>
void with_type(DType dtype, F f) {
  if (dtype == DType::F64)
    f(double{});
  else
    f(float{});
}

template <class T>
const T* roi_of(const void* rois, int64_t i) {
  return static_cast<const T*>(rois) + 5 * i;
}

int64_t work(const Regions& r, int64_t per_bin) {
  return r.count * r.out_channels() * r.bins[0] * r.bins[1] * per_bin;
}

struct Range {
  int64_t begin, end;
};

// The elements of a bin along one axis.
Range bin_range(int64_t bin, double size, int64_t start, int64_t limit) {
  const auto place = [&](double at) {
    return std::clamp<int64_t>(static_cast<int64_t>(at) + start, 0, limit);
  };
  return {place(std::floor(static_cast<double>(bin) * size)),
          place(std::ceil(static_cast<double>(bin + 1) * size))};
}

// A region's first element and its extent along one axis, in whole elements.
template <class T>
void whole_extent(T low, T high, double scale, int64_t& start, int64_t& extent) {
  const auto rounded = [&](T v) {
    return static_cast<int64_t>(std::clamp(std::round(static_cast<double>(v) * scale), -1e9, 1e9));
  };
  start = rounded(low);
  extent = std::max<int64_t>(rounded(high) - start + 1, 1);
}

template <class T>
void largest(const Regions& r, const T* x, const T* roi, int64_t first, T* y, int32_t* places) {
  int64_t left, top, width, height;
  whole_extent(roi[1], roi[3], r.scale, left, width);
  whole_extent(roi[2], roi[4], r.scale, top, height);
  const double bin_height = static_cast<double>(height) / static_cast<double>(r.bins[0]);
  const double bin_width = static_cast<double>(width) / static_cast<double>(r.bins[1]);
  const T* images = x + static_cast<int64_t>(roi[0]) * r.channels * r.height * r.width;
  int64_t to = first;
  for (int64_t c = 0; c < r.channels; ++c) {
    const T* image = images + c * r.height * r.width;
    for (int64_t i = 0; i < r.bins[0]; ++i)
      for (int64_t j = 0; j < r.bins[1]; ++j, ++to) {
        const Range rows = bin_range(i, bin_height, top, r.height);
        const Range columns = bin_range(j, bin_width, left, r.width);
        int32_t place = -1;
        T best = 0;
        for (int64_t h = rows.begin; h < rows.end; ++h)
          for (int64_t w = columns.begin; w < columns.end; ++w) {
            const T v = image[h * r.width + w];
            if (place >= 0 && !(v > best) && v == v) continue;
            best = v, place = static_cast<int32_t>(h * r.width + w);
          }
        y[to] = best;
        if (places) places[to] = place;
      }
  }
}

// Calls f(output's element, image's element) for the places of the channels [c0, c1).
template <class T, class F>
void by_place(const Regions& r, const int32_t* places, const void* rois, int64_t roi, int64_t c0,
              int64_t c1, F f) {
  const int64_t bins = r.bins[0] * r.bins[1];
  const T image = roi_of<T>(rois, roi)[0];
  if (image < 0) return;
  for (int64_t c = c0; c < c1; ++c) {
    const int64_t from = (roi * r.channels + c) * bins;
    const int64_t to = (static_cast<int64_t>(image) * r.channels + c) * r.height * r.width;
    for (int64_t i = from; i < from + bins; ++i)
      if (places[i] >= 0) f(i, to + places[i]);
  }
}

// --- Means of bilinear samples ---

struct Sample {
  int64_t low, high;  // elements along one axis
  double w;           // of the higher one
  bool inside;
};

Sample sample_at(double at, int64_t size) {
  if (!(at >= -1 && at <= static_cast<double>(size))) return {0, 0, 0, false};
  at = std::max(at, 0.0);
  const int64_t low = std::min(static_cast<int64_t>(at), size - 1);
  if (low == size - 1) return {low, low, 0, true};
  return {low, low + 1, at - static_cast<double>(low), true};
}

struct AlignAxis {
  double start, bin;
  int64_t samples;
  Sample at(int64_t bin_index, int64_t k, int64_t size) const {
    return sample_at(start + static_cast<double>(bin_index) * bin +
                         (static_cast<double>(k) + 0.5) * bin / static_cast<double>(samples),
                     size);
  }
};

template <class T>
AlignAxis align_axis(const Regions& r, T low, T high, int64_t bins) {
  const double offset = r.aligned ? 0.5 : 0;
  const double start = static_cast<double>(low) * r.scale - offset;
  double extent = static_cast<double>(high) * r.scale - offset - start;
  if (!r.aligned) extent = std::max(extent, 1.0);
  const double bin = extent / static_cast<double>(bins);
  const int64_t samples = r.samples > 0 ? r.samples : static_cast<int64_t>(std::ceil(bin));
  return {start, bin, std::max<int64_t>(samples, 1)};
}

// Calls f(output's element, element of the data, weight) for every element that a bin reads, for
// the output channels [c0, c1) of a region.
template <class T, class F>
void by_sample(const Regions& r, const void* rois, int64_t roi, int64_t c0, int64_t c1, F f) {
  const T* box = roi_of<T>(rois, roi);
  if (box[0] < 0) return;
  const AlignAxis ys = align_axis(r, box[2], box[4], r.bins[0]);
  const AlignAxis xs = align_axis(r, box[1], box[3], r.bins[1]);
  const double share = 1 / static_cast<double>(ys.samples * xs.samples);
  const int64_t bins = r.bins[0] * r.bins[1], size = r.height * r.width;
  const int64_t images = static_cast<int64_t>(box[0]) * r.channels;
  for (int64_t bin = 0; bin < bins; ++bin)
    for (int64_t k = 0; k < ys.samples; ++k) {
      const Sample y = ys.at(bin / r.bins[1], k, r.height);
      for (int64_t l = 0; l < xs.samples && y.inside; ++l) {
        const Sample x = xs.at(bin % r.bins[1], l, r.width);
        if (!x.inside) continue;
        const int64_t at[4] = {y.low * r.width + x.low, y.low * r.width + x.high,
                               y.high * r.width + x.low, y.high * r.width + x.high};
        const double w[4] = {(1 - y.w) * (1 - x.w), (1 - y.w) * x.w, y.w * (1 - x.w), y.w * x.w};
        for (int64_t c = c0; c < c1; ++c) {
          const int64_t channel = r.position_sensitive ? c * bins + bin : c;
          const int64_t image = (images + channel) * size;
          const int64_t to = (roi * r.out_channels() + c) * bins + bin;
          for (int q = 0; q < 4; ++q)
            if (w[q] != 0) f(to, image + at[q], static_cast<T>(w[q] * share));
        }
      }
    }
}

// The adjoints run over slabs of channels, each filled by one thread, region by region.
constexpr int64_t kSlab = 8;

template <class T, class F>
void over_slabs(const Regions& r, T* dx, int64_t channels, int64_t ns, F f) {
  std::memset(dx, 0, static_cast<size_t>(r.batch * r.channels * r.height * r.width) * sizeof(T));
  pool::parallel_for((channels + kSlab - 1) / kSlab, 1, ns, [&](int64_t begin, int64_t end) {
    for (int64_t roi = 0; roi < r.count; ++roi)
      f(roi, begin * kSlab, std::min(end * kSlab, channels));
  });
}

}  // namespace

void roi_pooling(DType dtype, const Regions& r, const void* x, const void* rois, void* y,
                 int32_t* places) {
  const int64_t out = r.channels * r.bins[0] * r.bins[1];
  with_type(dtype, [&]<class T>(T) {
    pool::parallel_for(r.count, 1, work(r, 20), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* roi = roi_of<T>(rois, i);
        T* to = static_cast<T*>(y);
        if (roi[0] >= 0) {
          largest(r, static_cast<const T*>(x), roi, i * out, to, places);
          continue;
        }
        std::fill_n(to + i * out, out, T(0));
        if (places) std::fill_n(places + i * out, out, -1);
      }
    });
  });
}

void roi_spread(DType dtype, const Regions& r, const void* dy, const int32_t* places,
                const void* rois, void* dx) {
  with_type(dtype, [&]<class T>(T) {
    const T* from = static_cast<const T*>(dy);
    T* to = static_cast<T*>(dx);
    over_slabs(r, to, r.channels, work(r, 2), [&](int64_t roi, int64_t c0, int64_t c1) {
      by_place<T>(r, places, rois, roi, c0, c1, [&](int64_t o, int64_t i) { to[i] += from[o]; });
    });
  });
}

void roi_pick(DType dtype, const Regions& r, const void* x, const int32_t* places, const void* rois,
              void* y) {
  const int64_t out = r.channels * r.bins[0] * r.bins[1];
  with_type(dtype, [&]<class T>(T) {
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(y);
    pool::parallel_for(r.count, 1, work(r, 2), [&](int64_t begin, int64_t end) {
      std::fill_n(to + begin * out, (end - begin) * out, T(0));
      for (int64_t i = begin; i < end; ++i)
        by_place<T>(r, places, rois, i, 0, r.channels,
                    [&](int64_t o, int64_t place) { to[o] = from[place]; });
    });
  });
}

void roi_align(DType dtype, const Regions& r, const void* x, const void* rois, void* y) {
  const int64_t out = r.out_channels() * r.bins[0] * r.bins[1];
  with_type(dtype, [&]<class T>(T) {
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(y);
    pool::parallel_for(r.count, 1, work(r, 20), [&](int64_t begin, int64_t end) {
      std::fill_n(to + begin * out, (end - begin) * out, T(0));
      for (int64_t i = begin; i < end; ++i)
        by_sample<T>(r, rois, i, 0, r.out_channels(),
                     [&](int64_t o, int64_t at, T w) { to[o] += w * from[at]; });
    });
  });
}

void roi_align_spread(DType dtype, const Regions& r, const void* dy, const void* rois, void* dx) {
  with_type(dtype, [&]<class T>(T) {
    const T* from = static_cast<const T*>(dy);
    T* to = static_cast<T*>(dx);
    over_slabs(r, to, r.out_channels(), work(r, 20), [&](int64_t roi, int64_t c0, int64_t c1) {
      by_sample<T>(r, rois, roi, c0, c1,
                   [&](int64_t o, int64_t at, T w) { to[at] += w * from[o]; });
    });
  });
}

}  // namespace mp::cpu
