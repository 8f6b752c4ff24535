#include "cpu/conv/winograd.h"

#include <algorithm>
#include <cstring>

#include "cpu/conv/algorithms.h"
#include "cpu/conv/packed.h"
#include "cpu/conv/row_tiles.h"
#include "cpu/conv/window.h"
#include "cpu/scratch.h"
#include "engine/pool.h"

namespace mp::cpu::conv {

bool winograd_takes(const Gather& g) {
  const Axis* a = g.axis;
  bool takes =
      a[0].out == 1 && a[0].in == 1 && a[0].taps == 1 && a[0].first == 0 && a[0].out_step == 1;
  for (int i = 1; i < 3; ++i)
    takes &= a[i].taps == 3 && std::abs(a[i].tap_step) == 1 && a[i].in_step == 1 &&
             a[i].out_step == 1 && a[i].weight_step == 1 && a[i].weight_first == 0;
  return takes;
}

namespace {

constexpr int64_t kBlockElements = 3 << 17;  // of transformed data and results of a block
constexpr int64_t kLeastPlaces = 96;
constexpr int64_t kGradPlaces = 256;  // of a block of a weight gradient
constexpr int64_t kPartials = int64_t{1} << 22;

// The gather of 4x4 patches, two apart: a place is a patch, the results of the gather are places.
Gather patches(const Gather& g) {
  Gather p = g;
  for (int i = 1; i < 3; ++i) {
    Axis& a = p.axis[i];
    a.first = a.lowest();
    a.tap_step = 1;
    a.taps = 4;
    a.in_step = 2;
    a.out = (a.out + 1) / 2;
  }
  return p;
}

// What a block of patches is, and how it is transformed.
template <class T>
class Patches {
 public:
  Patches(const Gather& g, int64_t places, bool apart)
      : g_(g),
        patches_(patches(g)),
        window_(patches_, wide_loops<T>().lanes, places, apart),
        offsets_(window_.offsets()),
        starts_(window_.starts()),
        most_(ceil_div(window_.most_rows() * width(), step()) * step()) {}

  const Window& window() const { return window_; }
  int64_t most_places() const { return most_; }
  int64_t places(const Block& b) const { return window_.rows(b) * width(); }
  int64_t padded(const Block& b) const { return ceil_div(places(b), step()) * step(); }
  int64_t copy_elements() const { return window_.size() + kPatch * most_ + Window::kSlack; }

  // The data of a block to [16][channel][place]; `copy` is work memory of copy_elements().
  void transform(const Block& b, const Tensor& in, T* copy, T* out) const {
    window_.fill(b, in, copy);
    T* flat = copy + window_.size();
    const int64_t n = places(b), all = padded(b);
    for (int64_t c = 0; c < g_.c; ++c) {
      for (int64_t j = 0; j < kPatch; ++j) {
        wide_loops<T>().pack(copy + offsets_[c * kPatch + j], starts_.data(), width(), 0, n,
                             flat + j * most_);
        std::memset(flat + j * most_ + n, 0, (all - n) * sizeof(T));
      }
      winograd_loops<T>().data(flat, most_, out + c * most_, g_.c * most_, all);
    }
  }

  // f(row of places, image, first row of results) for the rows of a block.
  template <class F>
  void each_row(const Block& b, F f) const {
    window_.each_row(b, [&](int64_t row, int64_t image, int64_t, int64_t q1) {
      f(row * width(), image, 2 * q1);
    });
  }
  int64_t width() const { return patches_.axis[2].out; }

 private:
  static int64_t step() { return 2 * wide_loops<T>().lanes; }

  const Gather& g_;
  Gather patches_;
  Window window_;
  std::vector<int32_t> offsets_;
  std::vector<int64_t> starts_;
  int64_t most_;
};

// The 3x3 kernels of result channel `m` (of all groups), transformed: out[j * step + c].
template <class T>
void transform_kernels(const Gather& g, const Weights& w, int64_t m, T* taps, T* out,
                       int64_t step) {
  const int64_t base = m / g.m * w.group + m % g.m * w.row;
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 3; ++j) {
      const int64_t y = g.axis[1].tap_step > 0 ? i : 2 - i, x = g.axis[2].tap_step > 0 ? j : 2 - j;
      rows<T>().load(w.type, w.data + (base + y * w.step[1] + x * w.step[2]) * itemsize(w.type),
                     w.channel, taps + (3 * i + j) * g.c, g.c);
    }
  auto axis = [](T a, T b, T c, T* to, int stride) {
    to[0] = a;
    to[stride] = (a + b + c) / 2;
    to[2 * stride] = (a - b + c) / 2;
    to[3 * stride] = c;
  };
  for (int64_t c = 0; c < g.c; ++c) {
    T half[12], all[kPatch];
    for (int j = 0; j < 3; ++j)
      axis(taps[j * g.c + c], taps[(3 + j) * g.c + c], taps[(6 + j) * g.c + c], half + j, 3);
    for (int i = 0; i < 4; ++i) axis(half[3 * i], half[3 * i + 1], half[3 * i + 2], all + 4 * i, 1);
    for (int j = 0; j < kPatch; ++j) out[j * step + c] = all[j];
  }
}

// [group][16][depth part][row tile][depth][row]
template <class T>
void pack_kernels(const Gather& g, const Weights& w, const RowTiles& tiles, const DepthParts& parts,
                  T* packed) {
  pool::parallel_for(
      g.groups * tiles.count, 1, g.groups * g.m * g.c * 20, [&](int64_t begin, int64_t end) {
        Scratch scratch(sizeof(T) * (9 + kPatch) * g.c);
        T *taps = scratch.as<T>(), *all = taps + 9 * g.c;
        for (int64_t i = begin; i < end; ++i) {
          const int64_t group = i / tiles.count, tile = i % tiles.count,
                        height = tiles.height(tile);
          for (int64_t r = 0; r < height; ++r) {
            transform_kernels(g, w, group * g.m + tiles.begin(tile) + r, taps, all, g.c);
            for (int64_t j = 0; j < kPatch; ++j)
              for (int64_t part = 0; part < parts.count; ++part) {
                const int64_t k0 = parts.begin(part), k1 = parts.begin(part + 1);
                T* to = packed + (group * kPatch + j) * g.m * g.c + k0 * g.m +
                        tiles.begin(tile) * (k1 - k0) + r;
                for (int64_t k = k0; k < k1; ++k, to += height) *to = all[j * g.c + k];
              }
          }
        }
      });
}

template <class T>
class Results {
 public:
  Results(const Gather& g, const Tensor& in, const Tensor& out, const T* bias, bool relu)
      : g_(g),
        in_(in),
        out_(out),
        bias_(bias),
        relu_(relu),
        tiles_(g.m),
        parts_(g.c),
        patches_(g, std::max(kBlockElements / (kPatch * (g.c + g.m)), kLeastPlaces), true) {
    for (int64_t c = 0; c < g.c; ++c) offsets_.push_back(int32_t(c * patches_.most_places()));
  }

  void run(const T* kernels) const {
    const int64_t blocks = patches_.window().blocks(), most = patches_.most_places();
    const double macs = double(g_.batch) * g_.groups * g_.results() * g_.m * g_.c * 4;
    pool::parallel_for(g_.groups * blocks, 1, int64_t(macs / 40), [&](int64_t begin, int64_t end) {
      Scratch scratch(sizeof(T) *
                      (patches_.copy_elements() + kPatch * most * (g_.c + g_.m) + 4 * most));
      T *copy = scratch.as<T>(), *data = copy + patches_.copy_elements();
      T *product = data + kPatch * most * g_.c, *result = product + kPatch * most * g_.m;
      for (int64_t i = begin; i < end; ++i) {
        Block b = patches_.window().block(i % blocks);
        b.group = i / blocks;
        patches_.transform(b, in_, copy, data);
        for (int64_t j = 0; j < kPatch; ++j)
          multiply(patches_.padded(b), kernels + (b.group * kPatch + j) * g_.m * g_.c,
                   data + j * g_.c * most, product + j * g_.m * most);
        for (int64_t m = 0; m < g_.m; ++m) store(b, m, product + m * most, result);
      }
    });
  }

 private:
  void multiply(int64_t places, const T* kernels, const T* data, T* product) const {
    const Loops<T>& loops = wide_loops<T>();
    const int64_t per_tile = tiles_.vectors, most = patches_.most_places();
    for (int64_t part = 0; part < parts_.count; ++part) {
      const int64_t k0 = parts_.begin(part), k1 = parts_.begin(part + 1);
      for (int64_t place = 0; place < places; place += per_tile * loops.lanes) {
        int64_t vector[kTileVectors];
        for (int64_t j = 0; j < per_tile; ++j) vector[j] = place + j * loops.lanes;
        TileJob<T> job{k1 - k0,   nullptr, data,     vector, offsets_.data() + k0,
                       nullptr,   vector,  per_tile, most,   nullptr,
                       part == 0, false};
        for (int64_t t = 0; t < tiles_.count; ++t) {
          job.a = kernels + k0 * g_.m + tiles_.begin(t) * (k1 - k0);
          job.c = product + tiles_.begin(t) * most;
          loops.tile[tiles_.height(t)][per_tile](job);
        }
      }
    }
  }

  void store(const Block& b, int64_t m, const T* product, T* result) const {
    const int64_t most = patches_.most_places(), channel = b.group * g_.m + m;
    winograd_loops<T>().result(product, g_.m * most, result, most, patches_.padded(b),
                               bias_ ? bias_[channel] : T(0), relu_);
    patches_.each_row(b, [&](int64_t place, int64_t image, int64_t row) {
      for (int64_t j = 0; j < 4; ++j) {
        const int64_t y = row + j / 2, x = j % 2;
        if (y >= g_.axis[1].out) break;
        rows<T>().store(out_.type, result + j * most + place,
                        out_.at(image * out_.image + channel * out_.channel + y * out_.step[1] +
                                x * out_.step[2]),
                        2 * out_.step[2], (g_.axis[2].out - x + 1) / 2);
      }
    });
  }

  const Gather& g_;
  Tensor in_, out_;
  const T* bias_;
  bool relu_;
  RowTiles tiles_;
  DepthParts parts_;
  Patches<T> patches_;
  std::vector<int32_t> offsets_;
};

// Sums over places of transformed gradients times transformed data, 16 for each pair of channels.
template <class T>
class WeightSums {
 public:
  WeightSums(const Gather& g, const Tensor& data, const Tensor& grad)
      : g_(g), data_(data), grad_(grad), patches_(g, kGradPlaces, false) {
    const int64_t most = patches_.most_places();
    for (int64_t c = 0; c < g.c; ++c) offsets_.push_back(int32_t(c * most));
    for (int64_t v = 0; v < most; v += wide_loops<T>().lanes) vectors_.push_back(v);
    const int64_t blocks = patches_.window().blocks();
    chunks_ = std::clamp<int64_t>(std::min(kPartials / set(), blocks), 1, 16);
  }

  int64_t partial_elements() const { return chunks_ * set(); }

  void run(T* partial) const {
    const int64_t blocks = patches_.window().blocks(), most = patches_.most_places();
    const double macs = double(g_.batch) * g_.results() * g_.groups * g_.m * g_.c * 4;
    pool::parallel_for(g_.groups * chunks_, 1, int64_t(macs / 40), [&](int64_t begin, int64_t end) {
      Scratch scratch(sizeof(T) *
                      (patches_.copy_elements() + kPatch * most * (g_.c + g_.m) + 4 * most));
      T *copy = scratch.as<T>(), *data = copy + patches_.copy_elements();
      T *grads = data + kPatch * most * g_.c, *four = grads + kPatch * most * g_.m;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t chunk = i % chunks_, group = i / chunks_;
        T* sums = partial + chunk * set() + group * kPatch * g_.m * g_.c;
        std::fill_n(sums, kPatch * g_.m * g_.c, T(0));
        for (int64_t k = chunk * blocks / chunks_; k < (chunk + 1) * blocks / chunks_; ++k) {
          Block b = patches_.window().block(k);
          b.group = group;
          patches_.transform(b, data_, copy, data);
          for (int64_t m = 0; m < g_.m; ++m) transform_grad(b, m, four, grads + m * most);
          for (int64_t j = 0; j < kPatch; ++j)
            multiply(patches_.padded(b), grads + j * g_.m * most, data + j * g_.c * most,
                     sums + j * g_.m * g_.c);
        }
      }
    });
  }

  void finish(T* partial, const Weights& w) const {
    pool::parallel_for(g_.groups * g_.m, 1, partial_elements(), [&](int64_t begin, int64_t end) {
      Scratch scratch(sizeof(T) * (kPatch + 9) * g_.c);
      T *sum = scratch.as<T>(), *taps = sum + kPatch * g_.c;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t group = i / g_.m, m = i % g_.m;
        for (int64_t j = 0; j < kPatch; ++j) {
          const T* from = partial + ((group * kPatch + j) * g_.m + m) * g_.c;
          std::copy_n(from, g_.c, sum + j * g_.c);
          for (int64_t chunk = 1; chunk < chunks_; ++chunk)
            for (int64_t c = 0; c < g_.c; ++c) sum[j * g_.c + c] += from[chunk * set() + c];
        }
        for (int64_t c = 0; c < g_.c; ++c) kernel(sum + c, taps + c);
        const int64_t base = group * w.group + m * w.row;
        for (int64_t t = 0; t < 9; ++t)
          rows<T>().store(w.type, taps + t * g_.c,
                          const_cast<char*>(w.data) +
                              (base + t / 3 * w.step[1] + t % 3 * w.step[2]) * itemsize(w.type),
                          w.channel, g_.c);
      }
    });
  }

 private:
  int64_t set() const { return g_.groups * kPatch * g_.m * g_.c; }

  // The transpose of the kernels' transform.
  void kernel(const T* sum, T* taps) const {
    auto axis = [](T a, T b, T c, T d, T* to, int64_t stride) {
      to[0] = a + (b + c) / 2;
      to[stride] = (b - c) / 2;
      to[2 * stride] = (b + c) / 2 + d;
    };
    T half[12];
    const int64_t s = g_.c;
    for (int64_t j = 0; j < 4; ++j)
      axis(sum[j * s], sum[(4 + j) * s], sum[(8 + j) * s], sum[(12 + j) * s], half + j, 4);
    for (int64_t i = 0; i < 3; ++i)
      axis(half[4 * i], half[4 * i + 1], half[4 * i + 2], half[4 * i + 3], taps + 3 * i * s, s);
  }

  void transform_grad(const Block& b, int64_t m, T* four, T* out) const {
    const int64_t most = patches_.most_places(), width = g_.axis[2].out;
    std::memset(four, 0, 4 * most * sizeof(T));  // odd rows and columns, and the last vector's rest
    patches_.each_row(b, [&](int64_t place, int64_t image, int64_t row) {
      for (int64_t j = 0; j < 4; ++j) {
        const int64_t y = row + j / 2, x = j % 2;
        if (y >= g_.axis[1].out) break;
        rows<T>().load(grad_.type,
                       grad_.at(image * grad_.image + (b.group * g_.m + m) * grad_.channel +
                                y * grad_.step[1] + x * grad_.step[2]),
                       2 * grad_.step[2], four + j * most + place, (width - x + 1) / 2);
      }
    });
    winograd_loops<T>().grad(four, most, out, g_.m * most, patches_.padded(b));
  }

  // In chunks of gradients that stay in the L1 cache.
  void multiply(int64_t places, const T* grads, const T* data, T* sums) const {
    const Loops<T>& loops = wide_loops<T>();
    const int64_t most = patches_.most_places(), at_once = 16;
    for (int64_t m0 = 0; m0 < g_.m; m0 += at_once)
      for (int64_t c = 0; c < g_.c;) {
        int64_t columns = 0;
        for (int64_t m = m0; m < std::min(m0 + at_once, g_.m); m += kDotRows) {
          const int64_t height = std::min<int64_t>(kDotRows, g_.m - m);
          columns = std::min<int64_t>(kDotColumnsFor[kDotRows], g_.c - c);
          loops.dot[height][columns]({places / loops.lanes, grads + m * most, most, data,
                                      vectors_.data(), offsets_.data() + c, sums + m * g_.c + c,
                                      g_.c});
        }
        c += columns;
      }
  }

  const Gather& g_;
  Tensor data_, grad_;
  Patches<T> patches_;
  std::vector<int32_t> offsets_;
  std::vector<int64_t> vectors_;
  int64_t chunks_;
};

}  // namespace

template <class T>
void gather_by_winograd(const Gather& g, const Tensor& in, const Weights& weights,
                        const Epilogue& epilogue, const Tensor& out) {
  const Packed<T> packed('w', g, weights, g.groups * g.m * kPatch * g.c, [&](T* to) {
    pack_kernels(g, weights, RowTiles(g.m), DepthParts(g.c), to);
  });
  const Scratch scratch(sizeof(T) * g.groups * g.m);
  T* bias = scratch.as<T>();
  if (epilogue.bias) rows<T>().load(out.type, epilogue.bias, 1, bias, g.groups * g.m);
  Results<T>(g, in, out, epilogue.bias ? bias : nullptr, epilogue.relu).run(packed.data());
}

template <class T>
void weights_by_winograd(const Gather& g, const Tensor& data, const Tensor& grad,
                         const Weights& weights) {
  const WeightSums<T> sums(g, data, grad);
  Scratch scratch(sizeof(T) * sums.partial_elements());
  sums.run(scratch.as<T>());
  sums.finish(scratch.as<T>(), weights);
}

#define MP_WINOGRAD(T)                                                              \
  template void gather_by_winograd<T>(const Gather&, const Tensor&, const Weights&, \
                                      const Epilogue&, const Tensor&);              \
  template void weights_by_winograd<T>(const Gather&, const Tensor&, const Tensor&, const Weights&);
MP_WINOGRAD(float)
MP_WINOGRAD(double)
#undef MP_WINOGRAD

}  // namespace mp::cpu::conv
