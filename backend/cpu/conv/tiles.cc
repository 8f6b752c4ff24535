#include <algorithm>
#include <cstring>

#include "cpu/conv/algorithms.h"
#include "cpu/conv/kernels.h"
#include "cpu/conv/row_tiles.h"
#include "cpu/conv/scratch.h"
#include "cpu/conv/window.h"
#include "engine/pool.h"

namespace mp::cpu::conv {
namespace {

constexpr int64_t kBlockResults = 2048;  // of a block, at most
constexpr int64_t kFewResults = 96;      // of a block, at least where there are images

// [group][depth part][row tile][depth][row]
template <class T>
void pack_weights(const Gather& g, const Weights& w, const RowTiles& tiles, const DepthParts& parts,
                  T* packed) {
  const int64_t depth = g.depth(), taps = g.taps();
  pool::parallel_for(
      g.groups * tiles.count, 1, g.groups * g.m * depth, [&](int64_t begin, int64_t end) {
        Scratch scratch(sizeof(T) * (depth + 1));
        T* row = scratch.as<T>();
        for (int64_t i = begin; i < end; ++i) {
          const int64_t group = i / tiles.count, tile = i % tiles.count,
                        height = tiles.height(tile);
          for (int64_t r = 0; r < height; ++r) {
            const int64_t base = group * w.group + (tiles.begin(tile) + r) * w.row;
            int64_t tap = 0;
            for (int64_t a = 0; a < g.axis[0].taps; ++a)
              for (int64_t b = 0; b < g.axis[1].taps; ++b)
                for (int64_t c = 0; c < g.axis[2].taps; ++c, ++tap) {
                  const int64_t place[3] = {a, b, c};
                  int64_t at = base;
                  for (int x = 0; x < 3; ++x)
                    at += (g.axis[x].weight_first + place[x] * g.axis[x].weight_step) * w.step[x];
                  rows<T>().load(w.type, w.data + at * itemsize(w.type), w.channel, row + tap * g.c,
                                 g.c);
                }
            for (int64_t part = 0; part < parts.count; ++part) {
              const int64_t k0 = parts.begin(part), k1 = parts.begin(part + 1);
              T* to = packed + group * g.m * depth + k0 * g.m + tiles.begin(tile) * (k1 - k0) + r;
              int64_t c = k0 / std::max<int64_t>(taps, 1), t = k0 - c * taps;
              for (int64_t k = k0; k < k1; ++k, to += height) {
                *to = row[t * g.c + c];
                if (++t == taps) t = 0, ++c;
              }
            }
          }
        }
      });
}

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
        window_(g, loops.lanes, g.results() < kFewResults ? kFewResults : kBlockResults, true),
        offsets_(window_.offsets()),
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
    for (int64_t part = 0; part < parts_.count; ++part) {
      const int64_t k0 = parts_.begin(part), k1 = parts_.begin(part + 1);
      for (int64_t v = 0; v < vectors; v += per_tile) {
        int64_t vector[kTileVectors], c_vector[kTileVectors];
        for (int64_t j = 0; j < per_tile; ++j) {
          const int64_t at = std::min(v + j, vectors - 1);
          vector[j] = packed_ ? j * loops_.lanes : vectors_[at];
          c_vector[j] = packed_ ? (v + j) * loops_.lanes : c_vectors_[at];
        }
        if (packed_) pack(copy, k0, k1, v * loops_.lanes, rows * width, panel);
        TileJob<T> job{k1 - k0,
                       nullptr,
                       packed_ ? panel : copy,
                       vector,
                       packed_ ? panel_offsets_.data() : offsets_.data() + k0,
                       nullptr,
                       c_vector,
                       std::min(per_tile, vectors - v),
                       staged_ ? c_row_ : out_.channel,
                       nullptr,
                       part == 0,
                       relu_ && part == parts_.count - 1};
        for (int64_t t = 0; t < row_tiles_.count; ++t) {
          const int64_t m = row_tiles_.begin(t);
          job.a = weights + k0 * g_.m + m * (k1 - k0);
          job.c = c + m * job.c_row;
          job.bias = bias_ ? bias_ + b.group * g_.m + m : nullptr;
          loops_.tile[row_tiles_.height(t)][per_tile](job);
        }
      }
    }
  }

  void pack(const T* copy, int64_t k0, int64_t k1, int64_t lane, int64_t lanes, T* panel) const {
    const int64_t width = g_.axis[2].out, full = row_tiles_.vectors * loops_.lanes;
    const int64_t count = std::min(full, lanes - lane);
    for (int64_t k = k0; k < k1; ++k, panel += full) {
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
  const RowTiles tiles(g.m);
  const DepthParts parts(g.depth());
  Scratch scratch(sizeof(T) * g.groups * g.m * (g.depth() + 1));
  T *packed = scratch.as<T>(), *bias = packed + g.groups * g.m * g.depth();
  pack_weights(g, weights, tiles, parts, packed);
  if (epilogue.bias) rows<T>().load(out.type, epilogue.bias, 1, bias, g.groups * g.m);
  const Loops<T>& loops =
      panels == Panels::kInPlace ? loops_for_rows<T>(g.axis[2].out) : wide_loops<T>();
  Tiles<T>(g, panels, loops, in, out, epilogue.bias ? bias : nullptr, epilogue.relu).run(packed);
}

template void gather_by_tiles<float>(const Gather&, Panels, const Tensor&, const Weights&,
                                     const Epilogue&, const Tensor&);
template void gather_by_tiles<double>(const Gather&, Panels, const Tensor&, const Weights&,
                                      const Epilogue&, const Tensor&);

}  // namespace mp::cpu::conv
