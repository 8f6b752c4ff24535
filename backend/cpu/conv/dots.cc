#include <algorithm>
#include <cstring>

#include "cpu/conv/algorithms.h"
#include "cpu/conv/kernels.h"
#include "cpu/conv/row_tiles.h"
#include "cpu/conv/window.h"
#include "cpu/scratch.h"
#include "engine/pool.h"

namespace mp::cpu::conv {
namespace {

constexpr int64_t kBlockResults = 768;           // four rows of them stay in the L1 cache
constexpr int64_t kPartials = int64_t{1} << 21;  // elements of partial sums, at least one set
constexpr int64_t kTasks = 16;
constexpr int64_t kLeastRows = 32;             // result channels of a task
constexpr int64_t kPanelElements = 48 * 1024;  // packed patches at once: in the L2 cache

template <class T>
class Dots {
 public:
  Dots(const Gather& g, Panels panels, const Loops<T>& loops, const Tensor& data,
       const Tensor& grad)
      : g_(g),
        loops_(loops),
        data_(data),
        grad_(grad),
        packed_(panels == Panels::kPacked),
        window_(g, loops.lanes, kBlockResults, false),
        offsets_(window_.offsets()),
        starts_(window_.starts()) {
    const int64_t width = g.axis[2].out, lanes = loops.lanes;
    most_lanes_ = lanes_taken(window_.most_rows() * width, loops.lanes);
    for (int64_t lane = 0; lane < most_lanes_; lane += lanes)
      vectors_.push_back(packed_ ? lane % kBlockResults : starts_[lane / width] + lane % width);
    lanes_at_once_ = std::min(most_lanes_, kBlockResults);
    depth_at_once_ = g.depth();
    if (packed_)
      depth_at_once_ = std::min(
          depth_at_once_,
          std::max<int64_t>(kPanelElements / lanes_at_once_ / kDotColumns, 1) * kDotColumns);
    for (int64_t k = 0; packed_ && k < depth_at_once_; ++k)
      panel_offsets_.push_back(int32_t(k * lanes_at_once_));
    // The shape alone divides the work, so that sums do not depend on the number of threads.
    const int64_t elements = g.groups * g.m * g.depth(), blocks = window_.blocks();
    chunks_ = std::clamp<int64_t>(std::min(kPartials / std::max<int64_t>(elements, 1), blocks), 1,
                                  kTasks);
    splits_ = std::clamp<int64_t>(kTasks / (chunks_ * g.groups), 1,
                                  std::max<int64_t>(g.m / kLeastRows, 1));
  }

  int64_t partial_elements() const { return chunks_ * set(); }

  void run(T* partial) const {
    const double macs = double(g_.batch) * g_.results() * set();
    const int64_t tasks = chunks_ * g_.groups * splits_;
    pool::parallel_for(tasks, 1, int64_t(macs / 40), [&](int64_t begin, int64_t end) {
      const int64_t rows = ceil_div(g_.m, splits_) + 1;
      const int64_t panel = packed_ ? depth_at_once_ * lanes_at_once_ + Window::kSlack : 0;
      Scratch scratch(sizeof(T) * (window_.size() + rows * most_lanes_ + panel));
      T *copy = scratch.as<T>(), *grads = copy + window_.size(), *pack = grads + rows * most_lanes_;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t chunk = i % chunks_, group = i / chunks_ / splits_;
        const int64_t split = i / chunks_ % splits_, blocks = window_.blocks();
        const int64_t m0 = split * g_.m / splits_, m1 = (split + 1) * g_.m / splits_;
        T* c = partial + chunk * set() + (group * g_.m + m0) * g_.depth();
        std::fill_n(c, (m1 - m0) * g_.depth(), T(0));
        for (int64_t j = chunk * blocks / chunks_; j < (chunk + 1) * blocks / chunks_; ++j) {
          Block b = window_.block(j);
          b.group = group;
          window_.fill(b, data_, copy);
          load_grads(b, m0, m1, grads);
          block(window_.rows(b), m1 - m0, copy, grads, pack, c);
        }
      }
    });
  }

  // The sums of the chunks in order, in the layout of the weights.
  void finish(T* partial, const Weights& w) const {
    const int64_t depth = g_.depth(), taps = g_.taps();
    pool::parallel_for(g_.groups * g_.m, 1, partial_elements(), [&](int64_t begin, int64_t end) {
      Scratch scratch(sizeof(T) * g_.c);
      T* channels = scratch.as<T>();
      for (int64_t i = begin; i < end; ++i) {
        T* sum = partial + i * depth;
        for (int64_t chunk = 1; chunk < chunks_; ++chunk)
          for (int64_t k = 0; k < depth; ++k) sum[k] += sum[chunk * set() + k];
        const int64_t base = i / g_.m * w.group + i % g_.m * w.row;
        char* out = const_cast<char*>(w.data);
        if (w.channel != 1) {
          rows<T>().store(w.type, sum, out + base * itemsize(w.type), 1, depth);
          continue;
        }
        for (int64_t t = 0; t < taps; ++t) {  // channels last
          for (int64_t c = 0; c < g_.c; ++c) channels[c] = sum[c * taps + t];
          rows<T>().store(w.type, channels, out + (base + t * w.step[2]) * itemsize(w.type), 1,
                          g_.c);
        }
      }
    });
  }

 private:
  int64_t set() const { return g_.groups * g_.m * g_.depth(); }

  void load_grads(const Block& b, int64_t m0, int64_t m1, T* grads) const {
    const int64_t width = g_.axis[2].out, lanes = window_.rows(b) * width;
    for (int64_t m = m0; m < m1; ++m, grads += most_lanes_) {
      const int64_t channel = (b.group * g_.m + m) * grad_.channel;
      window_.each_row(b, [&](int64_t row, int64_t n, int64_t q0, int64_t q1) {
        const int64_t at = n * grad_.image + channel + q0 * grad_.step[0] + q1 * grad_.step[1];
        conv::rows<T>().load(grad_.type, grad_.at(at), grad_.step[2], grads + row * width, width);
      });
      const int64_t taken = lanes_taken(lanes, loops_.lanes);
      std::memset(grads + lanes, 0, (taken - lanes) * sizeof(T));
    }
  }

  void block(int64_t rows, int64_t m, const T* copy, const T* grads, T* panel, T* c) const {
    const int64_t lanes = rows * g_.axis[2].out, depth = g_.depth();
    for (int64_t lane = 0; lane < lanes; lane += lanes_at_once_)
      for (int64_t k0 = 0; k0 < depth; k0 += depth_at_once_) {
        const int64_t k1 = std::min(k0 + depth_at_once_, depth);
        const int64_t count = std::min(lanes_at_once_, lanes - lane);
        if (packed_) pack(copy, k0, k1, lane, count, panel);
        for (int64_t i = 0; i < m; i += kDotRows) {
          const int64_t height = std::min<int64_t>(kDotRows, m - i), most = kDotColumnsFor[height];
          DotJob<T> job{lanes_taken(count, loops_.lanes) / loops_.lanes,
                        grads + i * most_lanes_ + lane,
                        most_lanes_,
                        packed_ ? panel : copy,
                        vectors_.data() + lane / loops_.lanes,
                        nullptr,
                        nullptr,
                        depth};
          for (int64_t k = k0; k < k1; k += most) {
            job.offset = packed_ ? panel_offsets_.data() + k - k0 : offsets_.data() + k;
            job.c = c + i * depth + k;
            loops_.dot[height][std::min(most, k1 - k)](job);
          }
        }
      }
  }

  void pack(const T* copy, int64_t k0, int64_t k1, int64_t lane, int64_t count, T* panel) const {
    const int64_t width = g_.axis[2].out, taken = lanes_taken(count, loops_.lanes);
    for (int64_t k = k0; k < k1; ++k, panel += lanes_at_once_) {
      loops_.pack(copy + offsets_[k], starts_.data() + lane / width, width, lane % width, count,
                  panel);
      std::memset(panel + count, 0, (taken - count) * sizeof(T));
    }
  }

  const Gather& g_;
  const Loops<T>& loops_;
  Tensor data_, grad_;
  bool packed_;
  Window window_;
  std::vector<int32_t> offsets_, panel_offsets_;
  std::vector<int64_t> starts_, vectors_;
  int64_t most_lanes_, lanes_at_once_, depth_at_once_, chunks_, splits_;
};

}  // namespace

template <class T>
void weights_by_dots(const Gather& g, Panels panels, const Tensor& data, const Tensor& grad,
                     const Weights& weights) {
  const Loops<T>& loops =
      panels == Panels::kInPlace ? loops_for_rows<T>(g.axis[2].out) : wide_loops<T>();
  const Dots<T> dots(g, panels, loops, data, grad);
  Scratch scratch(sizeof(T) * dots.partial_elements());
  dots.run(scratch.as<T>());
  dots.finish(scratch.as<T>(), weights);
}

template void weights_by_dots<float>(const Gather&, Panels, const Tensor&, const Tensor&,
                                     const Weights&);
template void weights_by_dots<double>(const Gather&, Panels, const Tensor&, const Tensor&,
                                      const Weights&);

}  // namespace mp::cpu::conv
