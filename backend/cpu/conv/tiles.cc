#include <algorithm>
#include <cstring>

#include "cpu/conv/algorithms.h"
#include "cpu/conv/kernels.h"
#include "cpu/conv/packed.h"
#include "cpu/conv/row_tiles.h"
#include "cpu/conv/window.h"
#include "cpu/scratch.h"
#include "engine/pool.h"

namespace mp::cpu::conv {
namespace {

constexpr int64_t kBlockResults = 2048;  // of a block, at most
constexpr int64_t kFewResults = 96;      // of a block, at least where there are images

// The weights of one result channel: [tap][channel].
template <class T>
void load_weights(const Gather& g, const Weights& w, int64_t base, T* out) {
  for (int64_t i = 0; i < g.axis[0].taps; ++i)
    for (int64_t j = 0; j < g.axis[1].taps; ++j)
      for (int64_t k = 0; k < g.axis[2].taps; ++k, out += g.c) {
        const int64_t tap[3] = {i, j, k};
        int64_t at = base;
        for (int x = 0; x < 3; ++x)
          at += (g.axis[x].weight_first + tap[x] * g.axis[x].weight_step) * w.step[x];
        rows<T>().load(w.type, w.data + at * itemsize(w.type), w.channel, out, g.c);
      }
}

// [group][depth part][row tile][depth][row], the depth in the order (taps of the first two axes,
// channel, tap of the last axis).
template <class T>
void pack_weights(const Gather& g, const Weights& w, const RowTiles& tiles, const DepthParts& parts,
                  T* packed) {
  const int64_t depth = g.depth(), last = g.axis[2].taps;
  auto pack_tile = [&](int64_t group, int64_t tile, T* row) {
    const int64_t m0 = tiles.begin(tile), height = tiles.height(tile);
    for (int64_t r = 0; r < height; ++r) {
      load_weights(g, w, group * w.group + (m0 + r) * w.row, row);
      for (int64_t part = 0; part < parts.count; ++part) {
        const int64_t k0 = parts.begin(part), k1 = parts.begin(part + 1);
        if (k0 == k1) continue;
        T* to = packed + group * g.m * depth + k0 * g.m + m0 * (k1 - k0) + r;
        // The place of k in the row, without a division for each.
        int64_t first = k0 / (g.c * last) * last, c = k0 / last % g.c, tap = k0 % last;
        for (int64_t k = k0; k < k1; ++k, to += height) {
          *to = row[(first + tap) * g.c + c];
          if (++tap < last) continue;
          tap = 0;
          if (++c < g.c) continue;
          c = 0, first += last;
        }
      }
    }
  };
  pool::parallel_for(g.groups * tiles.count, 1, g.groups * g.m * depth,
                     [&](int64_t begin, int64_t end) {
                       Scratch scratch(sizeof(T) * (depth + 1));
                       for (int64_t i = begin; i < end; ++i)
                         pack_tile(i / tiles.count, i % tiles.count, scratch.as<T>());
                     });
}

struct Range {
  int64_t begin, end;
};

template <class T>
class Tiles {
 public:
  Tiles(const Gather& g, Panels panels, const Loops<T>& loops, const Tensor& in, const Tensor& out,
        const T* bias, bool relu)
      : g_(g),
        loops_(loops),
        in_(in),
        out_(out),
        bias_(bias),
        relu_(relu),
        packed_(panels == Panels::kPacked),
        row_tiles_(g.m),
        parts_(g.depth()),
        window_(g, loops.lanes, std::clamp(g.results(), kFewResults, kBlockResults), true),
        offsets_(window_.offsets(false)),
        starts_(window_.starts()) {
    const int64_t width = g.axis[2].out, lanes = loops.lanes, tile = row_tiles_.vectors * lanes;
    staged_ = packed_ || out.type != DTypeOf<T>::value || out.step[2] * g.axis[2].out_step != 1 ||
              width % lanes != 0;
    row_vectors_ = ceil_div(width, lanes);
    const int64_t rows = window_.most_rows();
    c_row_ = packed_ ? ceil_div(rows * width, tile) * tile : rows * row_vectors_ * lanes;
    if (packed_) {
      for (int64_t k = 0; k < DepthParts::kMost; ++k) panel_offsets_.push_back(int32_t(k * tile));
      return;
    }
    window_.each_row(window_.block(0), [&](int64_t row, int64_t image, int64_t q0, int64_t q1) {
      for (int64_t v = 0; v < row_vectors_; ++v) {
        vectors_.push_back(starts_[row] + v * lanes);
        c_vectors_.push_back(staged_ ? (row * row_vectors_ + v) * lanes
                                     : place(image, q0, q1) + v * lanes);
      }
    });
  }

  void run(const T* weights) const {
    const int64_t blocks = window_.blocks();
    const double macs = double(g_.batch) * g_.groups * g_.results() * g_.m * (g_.depth() + 8);
    pool::parallel_for(g_.groups * blocks, 1, int64_t(macs / 40), [&](int64_t begin, int64_t end) {
      const int64_t panel =
          packed_ ? DepthParts::kMost * row_tiles_.vectors * loops_.lanes + Window::kSlack : 0;
      const int64_t stage = staged_ ? g_.m * c_row_ : 0;
      Scratch scratch(sizeof(T) * (window_.size() + panel + stage));
      T* copy = scratch.as<T>();
      for (int64_t i = begin; i < end; ++i) {
        Block b = window_.block(i % blocks);
        b.group = i / blocks;
        window_.fill(b, in_, copy);
        T* c = staged_ ? copy + window_.size() + panel
                       : reinterpret_cast<T*>(out_.data) + b.group * g_.m * out_.channel +
                             block_place(b);
        block(b, weights + b.group * g_.m * g_.depth(), copy, copy + window_.size(), c);
        if (staged_) unstage(b, c);
      }
    });
  }

 private:
  int64_t place(int64_t image, int64_t q0, int64_t q1) const {
    const Axis* a = g_.axis;
    return image * out_.image + (a[0].out_first + q0 * a[0].out_step) * out_.step[0] +
           (a[1].out_first + q1 * a[1].out_step) * out_.step[1] + a[2].out_first * out_.step[2];
  }
  // Of the block's first result, relative to that of block 0, which the tables hold.
  int64_t block_place(const Block& b) const {
    int64_t at = 0;
    window_.each_row({0, b.image, 1, b.first, 1},
                     [&](int64_t row, int64_t n, int64_t q0, int64_t q1) {
                       if (row == 0) at = place(n, q0, q1) - place(0, 0, 0);
                     });
    return at;
  }

  void block(const Block& b, const T* weights, const T* copy, T* panel, T* c) const {
    const int64_t rows = window_.rows(b), width = g_.axis[2].out, per_tile = row_tiles_.vectors;
    const int64_t vectors = packed_ ? ceil_div(rows * width, loops_.lanes) : rows * row_vectors_;
    const std::vector<Range> inside = depth_inside(b);
    for (int64_t part = 0; part < parts_.count; ++part)
      for (int64_t v = 0; v < vectors; v += per_tile) {
        const int64_t last = std::min(v + per_tile, vectors) - 1;
        auto row_of = [&](int64_t vector, int64_t lane) {
          return packed_ ? std::min((vector * loops_.lanes + lane) / width, rows - 1)
                         : vector / row_vectors_;
        };
        const Range depth = join(inside, row_of(v, 0), row_of(last, loops_.lanes - 1));
        const Range k{std::max(depth.begin, parts_.begin(part)),
                      std::min(depth.end, parts_.begin(part + 1))};
        const bool first = part == parts_.of(depth.begin);
        if (k.begin >= k.end && !first) continue;
        int64_t vector[kTileVectors], c_vector[kTileVectors];
        for (int64_t j = 0; j < per_tile; ++j) {
          const int64_t at = std::min(v + j, vectors - 1);
          vector[j] = packed_ ? j * loops_.lanes : vectors_[at];
          c_vector[j] = packed_ ? (v + j) * loops_.lanes : c_vectors_[at];
        }
        if (packed_) pack(copy, k, v * loops_.lanes, rows * width, panel);
        TileJob<T> job{std::max<int64_t>(k.end - k.begin, 0),
                       nullptr,
                       packed_ ? panel : copy,
                       vector,
                       packed_ ? panel_offsets_.data() : offsets_.data() + k.begin,
                       nullptr,
                       c_vector,
                       last - v + 1,
                       staged_ ? c_row_ : out_.channel,
                       nullptr,
                       first,
                       relu_ && depth.end <= parts_.begin(part + 1)};
        multiply(job, b.group, weights, part, k.begin, c);
      }
  }

  void multiply(TileJob<T>& job, int64_t group, const T* weights, int64_t part, int64_t k,
                T* c) const {
    const int64_t k0 = parts_.begin(part), k1 = parts_.begin(part + 1);
    for (int64_t t = 0; t < row_tiles_.count; ++t) {
      const int64_t m = row_tiles_.begin(t), height = row_tiles_.height(t);
      job.a = weights + k0 * g_.m + m * (k1 - k0) + (k - k0) * height;
      job.c = c + m * job.c_row;
      job.bias = bias_ ? bias_ + group * g_.m + m : nullptr;
      loops_.tile[height][row_tiles_.vectors](job);
    }
  }

  // The part of the depth whose taps along the middle axis meet data, for each row of results.
  std::vector<Range> depth_inside(const Block& b) const {
    const Axis& a = g_.axis[1];
    const int64_t per_tap = g_.c * g_.axis[2].taps;
    std::vector<Range> all;
    all.reserve(window_.rows(b));
    window_.each_row(b, [&](int64_t, int64_t, int64_t, int64_t q1) {
      auto outside = [&](int64_t t) {
        const int64_t at = q1 * a.in_step + a.tap(t);
        return at < 0 || at >= a.in;
      };
      if (g_.axis[0].taps != 1) return all.push_back({0, g_.depth()});
      Range r{0, a.taps};
      while (r.begin < r.end && outside(r.begin)) ++r.begin;
      while (r.begin < r.end && outside(r.end - 1)) --r.end;
      all.push_back(r.begin < r.end ? Range{r.begin * per_tap, r.end * per_tap} : Range{0, 0});
    });
    return all;
  }

  // What the rows `first` to `last` need.
  static Range join(const std::vector<Range>& inside, int64_t first, int64_t last) {
    Range all = inside[first];
    for (int64_t row = first + 1; row <= last; ++row) {
      const Range& r = inside[row];
      if (all.begin == all.end) all = r;
      if (r.begin < r.end) all = {std::min(all.begin, r.begin), std::max(all.end, r.end)};
    }
    return all;
  }

  void pack(const T* copy, Range depth, int64_t lane, int64_t lanes, T* panel) const {
    const int64_t width = g_.axis[2].out, full = row_tiles_.vectors * loops_.lanes;
    const int64_t count = std::min(full, lanes - lane);
    for (int64_t k = depth.begin; k < depth.end; ++k, panel += full) {
      loops_.pack(copy + offsets_[k], starts_.data() + lane / width, width, lane % width, count,
                  panel);
      if (count < full) std::memset(panel + count, 0, (full - count) * sizeof(T));
    }
  }

  void unstage(const Block& b, const T* stage) const {
    const int64_t width = g_.axis[2].out, row_lanes = packed_ ? width : row_vectors_ * loops_.lanes;
    const int64_t channel0 = b.group * g_.m;
    if (packed_ && g_.results() == 1) {  // a row is one result of each image
      for (int64_t m = 0; m < g_.m; ++m)
        rows<T>().store(out_.type, stage + m * c_row_,
                        out_.at(place(b.image, 0, 0) + (channel0 + m) * out_.channel), out_.image,
                        b.images);
      return;
    }
    window_.each_row(b, [&](int64_t row, int64_t image, int64_t q0, int64_t q1) {
      for (int64_t m = 0; m < g_.m; ++m)
        rows<T>().store(out_.type, stage + m * c_row_ + row * row_lanes,
                        out_.at(place(image, q0, q1) + (channel0 + m) * out_.channel),
                        out_.step[2] * g_.axis[2].out_step, width);
    });
  }

  const Gather& g_;
  const Loops<T>& loops_;
  Tensor in_, out_;
  const T* bias_;
  bool relu_, packed_, staged_;
  RowTiles row_tiles_;
  DepthParts parts_;
  Window window_;
  int64_t row_vectors_, c_row_;
  std::vector<int32_t> offsets_, panel_offsets_;
  std::vector<int64_t> starts_, vectors_, c_vectors_;
};

}  // namespace

template <class T>
void gather_by_tiles(const Gather& g, Panels panels, const Tensor& in, const Weights& weights,
                     const Epilogue& epilogue, const Tensor& out) {
  const Packed<T> packed('t', g, weights, g.groups * g.m * g.depth(), [&](T* to) {
    pack_weights(g, weights, RowTiles(g.m), DepthParts(g.depth()), to);
  });
  const Scratch scratch(sizeof(T) * g.groups * g.m);
  T* bias = scratch.as<T>();
  if (epilogue.bias) rows<T>().load(out.type, epilogue.bias, 1, bias, g.groups * g.m);
  const Loops<T>& loops =
      panels == Panels::kInPlace ? loops_for_rows<T>(g.axis[2].out) : wide_loops<T>();
  Tiles<T>(g, panels, loops, in, out, epilogue.bias ? bias : nullptr, epilogue.relu)
      .run(packed.data());
}

template void gather_by_tiles<float>(const Gather&, Panels, const Tensor&, const Weights&,
                                     const Epilogue&, const Tensor&);
template void gather_by_tiles<double>(const Gather&, Panels, const Tensor&, const Weights&,
                                      const Epilogue&, const Tensor&);

}  // namespace mp::cpu::conv
