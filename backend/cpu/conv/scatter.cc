#include <algorithm>
#include <cstring>

#include "cpu/conv/algorithms.h"
#include "cpu/conv/kernels.h"
#include "cpu/conv/packed.h"
#include "cpu/conv/row_tiles.h"
#include "cpu/scratch.h"
#include "engine/pool.h"

namespace mp::cpu::conv {
namespace {

constexpr int64_t kTasks = 8;  // images and groups that are worth an algorithm without others
constexpr int64_t kLeastResults = 8;  // result channels of a group

// Element p of the input and tap t meet in result p - tap(t): the sums of one image, results that
// nobody asked for included, collect in a buffer of `extent` from `low` on.
struct Spread {
  int64_t low, extent;
  explicit Spread(const Axis& a) {
    const int64_t first = a.tap(0), last = a.tap(a.taps - 1);
    low = -std::max(first, last);
    extent = a.in - 1 - std::min(first, last) - low + 1;
  }
};

template <class T>
class Scatter {
 public:
  Scatter(const Gather& g, const Tensor& in, const Tensor& out, const T* bias, bool relu)
      : g_(g),
        loops_(wide_loops<T>()),
        in_(in),
        out_(out),
        bias_(bias),
        relu_(relu),
        tiles_(g.m),
        parts_(g.c),
        rows_(g.axis[1]),
        columns_(g.axis[2]),
        pitch_(lanes_taken(g.axis[2].in, loops_.lanes)),
        sum_pitch_(columns_.extent + loops_.lanes),
        plane_(g.axis[1].in * pitch_),
        sum_plane_(rows_.extent * sum_pitch_) {
    for (int64_t c = 0; c < g.c; ++c) offsets_.push_back(static_cast<int32_t>(c * plane_));
  }

  // [group][tap][depth part][row tile][channel][row].
  void pack(const Weights& w, T* packed) const {
    const Scratch scratch(sizeof(T) * g_.c);
    T* line = scratch.as<T>();
    each_tap([&](int64_t tap, int64_t i, int64_t j) {
      const Axis &a = g_.axis[1], &b = g_.axis[2];
      const int64_t at = (a.weight_first + i * a.weight_step) * w.step[1] +
                         (b.weight_first + j * b.weight_step) * w.step[2];
      for (int64_t m = 0; m < g_.groups * g_.m; ++m) {
        const int64_t group = m / g_.m, row = m % g_.m;
        const int64_t base = group * w.group + row * w.row + at;
        rows<T>().load(w.type, w.data + base * itemsize(w.type), w.channel, line, g_.c);
        int64_t tile = 0;
        while (tiles_.begin(tile + 1) <= row) ++tile;
        for (int64_t part = 0; part < parts_.count; ++part) {
          const int64_t k0 = parts_.begin(part), k1 = parts_.begin(part + 1);
          T* to = packed + (group * g_.taps() + tap) * g_.m * g_.c + k0 * g_.m +
                  tiles_.begin(tile) * (k1 - k0) + row - tiles_.begin(tile);
          for (int64_t k = k0; k < k1; ++k, to += tiles_.height(tile)) *to = line[k];
        }
      }
    });
  }

  void run(const T* weights) const {
    const double macs = double(g_.batch) * g_.groups * g_.m * g_.c * g_.taps() * plane_;
    pool::parallel_for(g_.batch * g_.groups, 1, int64_t(macs / 40),
                       [&](int64_t begin, int64_t end) {
                         const Scratch scratch(sizeof(T) * (g_.c * plane_ + g_.m * sum_plane_));
                         T *data = scratch.as<T>(), *sums = data + g_.c * plane_;
                         for (int64_t i = begin; i < end; ++i) {
                           const int64_t image = i / g_.groups, group = i % g_.groups;
                           load(image, group, data);
                           std::fill_n(sums, g_.m * sum_plane_, T(0));
                           add(weights + group * g_.taps() * g_.m * g_.c, data, sums);
                           store(image, group, sums);
                         }
                       });
  }

 private:
  template <class F>
  void each_tap(F f) const {
    int64_t tap = 0;
    for (int64_t i = 0; i < g_.axis[1].taps; ++i)
      for (int64_t j = 0; j < g_.axis[2].taps; ++j) f(tap++, i, j);
  }

  void load(int64_t image, int64_t group, T* data) const {
    const int64_t width = g_.axis[2].in;
    for (int64_t c = 0; c < g_.c; ++c)
      for (int64_t y = 0; y < g_.axis[1].in; ++y, data += pitch_) {
        rows<T>().load(
            in_.type,
            in_.at(image * in_.image + (group * g_.c + c) * in_.channel + y * in_.step[1]),
            in_.step[2], data, width);
        std::memset(data + width, 0, (pitch_ - width) * sizeof(T));
      }
  }

  // The panel of a tile's vectors stays in the L1 cache while all taps and channels meet it.
  void add(const T* weights, const T* data, T* sums) const {
    const int64_t per_row = pitch_ / loops_.lanes, vectors = g_.axis[1].in * per_row;
    const int64_t per_tile = tiles_.vectors;
    for (int64_t part = 0; part < parts_.count; ++part)
      for (int64_t v = 0; v < vectors; v += per_tile) {
        int64_t vector[kTileVectors], sum[kTileVectors];
        for (int64_t j = 0; j < per_tile; ++j) {
          const int64_t at = std::min(v + j, vectors - 1);
          vector[j] = at * loops_.lanes;
          sum[j] = at / per_row * sum_pitch_ + at % per_row * loops_.lanes;
        }
        each_tap([&](int64_t tap, int64_t i, int64_t j) {
          const int64_t k0 = parts_.begin(part), k1 = parts_.begin(part + 1);
          const int64_t at =
              (-g_.axis[1].tap(i) - rows_.low) * sum_pitch_ - g_.axis[2].tap(j) - columns_.low;
          TileJob<T> job{k1 - k0,
                         nullptr,
                         data,
                         vector,
                         offsets_.data() + k0,
                         nullptr,
                         sum,
                         std::min(per_tile, vectors - v),
                         sum_plane_,
                         nullptr,
                         false,
                         false};
          for (int64_t t = 0; t < tiles_.count; ++t) {
            const int64_t m = tiles_.begin(t);
            job.a = weights + tap * g_.m * g_.c + k0 * g_.m + m * (k1 - k0);
            job.c = sums + m * sum_plane_ + at;
            loops_.tile[tiles_.height(t)][per_tile](job);
          }
        });
      }
  }

  void store(int64_t image, int64_t group, T* sums) const {
    const Axis &a = g_.axis[1], &b = g_.axis[2];
    for (int64_t m = 0; m < g_.m; ++m) {
      const int64_t channel = group * g_.m + m;
      const T bias = bias_ ? bias_[channel] : T(0);
      for (int64_t y = 0; y < a.out; ++y) {
        T* row = sums + m * sum_plane_ + (y - rows_.low) * sum_pitch_ - columns_.low;
        for (int64_t x = 0; x < b.out; ++x) {
          const T sum = row[x] + bias;
          row[x] = relu_ && sum < 0 ? T(0) : sum;
        }
        rows<T>().store(
            out_.type, row,
            out_.at(image * out_.image + channel * out_.channel +
                    (a.out_first + y * a.out_step) * out_.step[1] + b.out_first * out_.step[2]),
            out_.step[2] * b.out_step, b.out);
      }
    }
  }

  const Gather& g_;
  const Loops<T>& loops_;
  Tensor in_, out_;
  const T* bias_;
  bool relu_;
  RowTiles tiles_;
  DepthParts parts_;
  Spread rows_, columns_;
  int64_t pitch_, sum_pitch_, plane_, sum_plane_;
  std::vector<int32_t> offsets_;
};

// Whether the buffer of sums has all results that are asked for.
bool covers(const Axis& a) {
  const Spread s(a);
  return s.low <= 0 && s.low + s.extent >= a.out;
}

}  // namespace

template <class T>
bool scatter_takes(const Gather& g) {
  const Axis *a = g.axis, &rows = a[1], &row = a[2];
  if (a[0].out != 1 || a[0].in != 1 || a[0].taps != 1 || a[0].first != 0 || a[0].out_step != 1)
    return false;
  if (rows.in_step != 1 || row.in_step != 1 || rows.taps * row.taps < 2 || rows.in * row.in == 0)
    return false;
  const int lanes = wide_loops<T>().lanes;
  return covers(rows) && covers(row) && g.m >= kLeastResults && g.c >= kLeastResults &&
         g.batch * g.groups >= kTasks &&
         3 * lanes_taken(row.in, lanes) <= 2 * lanes_taken(row.out, lanes) &&
         g.c * rows.in * lanes_taken(row.in, lanes) < int64_t{1} << 20;
}

template <class T>
void gather_by_scatter(const Gather& g, const Tensor& in, const Weights& weights,
                       const Epilogue& epilogue, const Tensor& out) {
  const Scratch scratch(sizeof(T) * g.groups * g.m);
  T* bias = scratch.as<T>();
  if (epilogue.bias) rows<T>().load(out.type, epilogue.bias, 1, bias, g.groups * g.m);
  const Scatter<T> scatter(g, in, out, epilogue.bias ? bias : nullptr, epilogue.relu);
  const Packed<T> packed('s', g, weights, g.groups * g.m * g.depth(),
                         [&](T* to) { scatter.pack(weights, to); });
  scatter.run(packed.data());
}

#define MP_SCATTER(T)                                                              \
  template bool scatter_takes<T>(const Gather&);                                   \
  template void gather_by_scatter<T>(const Gather&, const Tensor&, const Weights&, \
                                     const Epilogue&, const Tensor&);
MP_SCATTER(float)
MP_SCATTER(double)
#undef MP_SCATTER

}  // namespace mp::cpu::conv
