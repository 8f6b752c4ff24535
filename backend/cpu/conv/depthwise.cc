#include "cpu/conv/depthwise.h"

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

constexpr int64_t kChannels = 256;               // of a block, at most
constexpr int64_t kCopyElements = 3 << 15;       // of a block, where that is up to us
constexpr int64_t kPartials = int64_t{1} << 20;  // elements of partial sums
constexpr int64_t kTasks = 16;

// A block: some channels and some results along axis 0 or 1 of one image, and a copy of the data
// under them in T, padded: [line][column][channel], channels in whole vectors.
template <class T>
class Blocks {
 public:
  struct Block {
    int64_t image, channel, channels, first, results;
  };

  explicit Blocks(const Gather& g)
      : g_(g),
        divided_(g.axis[0].out > 1 ? 0 : 1),
        channels_(std::min(g.groups, kChannels)),
        padded_(lanes_taken(channels_, depthwise_loops<T>().lanes)) {
    const Axis *a = g.axis, &along = a[divided_];
    columns_ = a[2].extent(a[2].out);
    lines1_ = a[1].extent(divided_ == 0 ? a[1].out : 1);
    const int64_t line = padded_ * columns_ * (divided_ == 0 ? lines1_ : 1) * along.in_step;
    const int64_t most =
        std::max({kCopyElements / line - along.reach(), 2 * along.reach(), int64_t{4}});
    results_ = ceil_div(along.out, ceil_div(along.out, most));
    if (divided_ == 1) lines1_ = a[1].extent(results_);
    lines0_ = a[0].extent(divided_ == 0 ? results_ : 1);
    channel_blocks_ = ceil_div(g.groups, channels_);
    result_blocks_ = ceil_div(along.out, results_);
    for (int64_t i = 0; i < a[0].taps; ++i)
      for (int64_t j = 0; j < a[1].taps; ++j)
        for (int64_t k = 0; k < a[2].taps; ++k)
          offsets_.push_back(static_cast<int32_t>(
              padded_ *
              (((a[0].tap(i) - a[0].lowest()) * lines1_ + a[1].tap(j) - a[1].lowest()) * columns_ +
               a[2].tap(k) - a[2].lowest())));
  }

  int64_t count() const { return g_.batch * channel_blocks_ * result_blocks_; }
  int64_t copy_elements() const { return lines0_ * lines1_ * columns_ * padded_; }
  bool fits() const { return copy_elements() < int64_t{1} << 31; }
  int64_t padded() const { return padded_; }
  int64_t channel_blocks() const { return channel_blocks_; }
  const std::vector<int32_t>& offsets() const { return offsets_; }

  // In the order (channels, image, results).
  Block block(int64_t i) const {
    const int64_t results = i % result_blocks_, image = i / result_blocks_ % g_.batch,
                  channel = i / result_blocks_ / g_.batch * channels_;
    const int64_t first = results * results_;
    return {image, channel, std::min(channels_, g_.groups - channel), first,
            std::min(results_, g_.axis[divided_].out - first)};
  }

  void fill(const Block& b, const Tensor& in, T* copy) const {
    const Axis* a = g_.axis;
    const int64_t first0 = (divided_ == 0 ? b.first * a[0].in_step : 0) + a[0].lowest();
    const int64_t first1 = (divided_ == 1 ? b.first * a[1].in_step : 0) + a[1].lowest();
    const int64_t lines0 = a[0].extent(divided_ == 0 ? b.results : 1);
    const int64_t lines1 = a[1].extent(divided_ == 1 ? b.results : a[1].out);
    for (int64_t i = 0; i < lines0; ++i)
      for (int64_t j = 0; j < lines1; ++j) {
        const int64_t i0 = first0 + i, i1 = first1 + j;
        const bool inside = i0 >= 0 && i0 < a[0].in && i1 >= 0 && i1 < a[1].in;
        fill_line(b, in, inside, in.image * b.image + i0 * in.step[0] + i1 * in.step[1] + b.channel,
                  copy + (i * lines1_ + j) * columns_ * padded_);
      }
  }

  // f(the copy under the row's first result, the result's position along the first two axes).
  template <class F>
  void each_row(const Block& b, const T* copy, F f) const {
    const Axis* a = g_.axis;
    const int64_t n0 = divided_ == 0 ? b.results : 1, n1 = divided_ == 1 ? b.results : a[1].out;
    for (int64_t q0 = 0; q0 < n0; ++q0)
      for (int64_t q1 = 0; q1 < n1; ++q1)
        f(copy + (q0 * a[0].in_step * lines1_ + q1 * a[1].in_step) * columns_ * padded_,
          divided_ == 0 ? b.first + q0 : 0, divided_ == 1 ? b.first + q1 : q1);
  }

 private:
  void fill_line(const Block& b, const Tensor& in, bool inside, int64_t at, T* to) const {
    const Axis& a = g_.axis[2];
    const int64_t low = a.lowest(), begin = std::clamp<int64_t>(-low, 0, columns_);
    const int64_t end = inside ? std::clamp<int64_t>(a.in - low, begin, columns_) : begin;
    std::memset(to, 0, begin * padded_ * sizeof(T));
    std::memset(to + end * padded_, 0, (columns_ - end) * padded_ * sizeof(T));
    at += (begin + low) * in.step[2];
    T* column = to + begin * padded_;
    if (b.channels == padded_ && in.step[2] == padded_)
      return rows<T>().load(in.type, in.at(at), 1, column, (end - begin) * padded_);
    for (int64_t x = begin; x < end; ++x, at += in.step[2], column += padded_) {
      rows<T>().load(in.type, in.at(at), 1, column, b.channels);
      std::memset(column + b.channels, 0, (padded_ - b.channels) * sizeof(T));
    }
  }

  const Gather& g_;
  int divided_;
  int64_t channels_, padded_, columns_, lines0_, lines1_, results_;
  int64_t channel_blocks_, result_blocks_;
  std::vector<int32_t> offsets_;
};

// [block of channels][tap][channel], zeros in the channels that fill a vector up.
template <class T>
void pack_taps(const Gather& g, const Weights& w, const Blocks<T>& blocks, T* packed) {
  const int64_t padded = blocks.padded();
  std::fill_n(packed, blocks.channel_blocks() * g.taps() * padded, T(0));
  for (int64_t first = 0; first < g.groups; first += kChannels)
    for (int64_t i = 0; i < g.axis[0].taps; ++i)
      for (int64_t j = 0; j < g.axis[1].taps; ++j)
        for (int64_t k = 0; k < g.axis[2].taps; ++k, packed += padded) {
          const int64_t tap[3] = {i, j, k};
          int64_t at = first * w.group;
          for (int x = 0; x < 3; ++x)
            at += (g.axis[x].weight_first + tap[x] * g.axis[x].weight_step) * w.step[x];
          rows<T>().load(w.type, w.data + at * itemsize(w.type), w.group, packed,
                         std::min(kChannels, g.groups - first));
        }
}

double work(const Gather& g) { return double(g.batch) * g.groups * g.results() * (g.taps() + 4); }

}  // namespace

bool depthwise_takes(const Gather& g) {
  return g.channels_last && g.c == 1 && g.m == 1 && g.groups > 1 && g.taps() > 0 &&
         g.batch * g.results() > 0 && Blocks<float>(g).fits();
}

template <class T>
void gather_depthwise(const Gather& g, const Tensor& in, const Weights& weights,
                      const Epilogue& epilogue, const Tensor& out) {
  const Blocks<T> blocks(g);
  const int64_t padded = blocks.padded(), width = g.axis[2].out;
  const Packed<T> packed('d', g, weights, blocks.channel_blocks() * g.taps() * padded,
                         [&](T* to) { pack_taps(g, weights, blocks, to); });
  const Scratch biases(sizeof(T) * (g.groups + padded));
  T* bias = biases.as<T>();
  std::fill_n(bias + g.groups, padded, T(0));
  if (epilogue.bias) rows<T>().load(out.type, epilogue.bias, 1, bias, g.groups);
  const int64_t x_step = g.axis[2].out_step * out.step[2];
  pool::parallel_for(blocks.count(), 1, int64_t(work(g) / 16), [&](int64_t begin, int64_t end) {
    const Scratch scratch(sizeof(T) * (blocks.copy_elements() + width * padded));
    T *copy = scratch.as<T>(), *stage = copy + blocks.copy_elements();
    for (int64_t i = begin; i < end; ++i) {
      const auto b = blocks.block(i);
      blocks.fill(b, in, copy);
      const bool staged = out.type != DTypeOf<T>::value || b.channels != padded;
      blocks.each_row(b, copy, [&](const T* from, int64_t q0, int64_t q1) {
        const Axis* a = g.axis;
        const int64_t at =
            b.image * out.image + b.channel + (a[0].out_first + q0 * a[0].out_step) * out.step[0] +
            (a[1].out_first + q1 * a[1].out_step) * out.step[1] + a[2].out_first * out.step[2];
        T* to = staged ? stage : reinterpret_cast<T*>(out.data) + at;
        depthwise_loops<T>().row({width, padded, g.taps(), from, a[2].in_step * padded,
                                  blocks.offsets().data(),
                                  packed.data() + b.channel / kChannels * g.taps() * padded,
                                  epilogue.bias ? bias + b.channel : nullptr, epilogue.relu, to,
                                  staged ? padded : x_step});
        for (int64_t x = 0; staged && x < width; ++x)
          rows<T>().store(out.type, stage + x * padded, out.at(at + x * x_step), 1, b.channels);
      });
    }
  });
}

// Images are divided among at most kTasks sums of each block of channels.
template <class T>
void weights_depthwise(const Gather& g, const Tensor& data, const Tensor& grad,
                       const Weights& weights) {
  const Blocks<T> blocks(g);
  const int64_t padded = blocks.padded(), width = g.axis[2].out, set = g.taps() * padded;
  const int64_t each = blocks.count() / blocks.channel_blocks();
  const int64_t chunks =
      std::clamp<int64_t>(std::min(kPartials / (set * blocks.channel_blocks()), each), 1, kTasks);
  const Scratch partials(sizeof(T) * blocks.channel_blocks() * chunks * set);
  const int64_t tasks = blocks.channel_blocks() * chunks;
  pool::parallel_for(tasks, 1, int64_t(work(g) / 16), [&](int64_t begin, int64_t end) {
    const Scratch scratch(sizeof(T) * (blocks.copy_elements() + width * padded));
    T *copy = scratch.as<T>(), *stage = copy + blocks.copy_elements();
    std::fill_n(stage, width * padded, T(0));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t base = i / chunks * each, chunk = i % chunks;
      T* sums = partials.as<T>() + i * set;
      std::fill_n(sums, set, T(0));
      for (int64_t j = chunk * each / chunks; j < (chunk + 1) * each / chunks; ++j) {
        const auto b = blocks.block(base + j);
        blocks.fill(b, data, copy);
        const bool staged = grad.type != DTypeOf<T>::value || b.channels != padded;
        blocks.each_row(b, copy, [&](const T* from, int64_t q0, int64_t q1) {
          const int64_t at =
              b.image * grad.image + b.channel + q0 * grad.step[0] + q1 * grad.step[1];
          for (int64_t x = 0; staged && x < width; ++x)
            rows<T>().load(grad.type, grad.at(at + x * grad.step[2]), 1, stage + x * padded,
                           b.channels);
          depthwise_loops<T>().sums({width, padded, g.taps(), from, g.axis[2].in_step * padded,
                                     blocks.offsets().data(),
                                     staged ? stage : reinterpret_cast<const T*>(grad.data) + at,
                                     staged ? padded : grad.step[2], sums});
        });
      }
    }
  });
  for (int64_t first = 0; first < g.groups; first += kChannels) {
    T* sums = partials.as<T>() + first / kChannels * chunks * set;
    for (int64_t chunk = 1; chunk < chunks; ++chunk)
      for (int64_t k = 0; k < set; ++k) sums[k] += sums[chunk * set + k];
    for (int64_t tap = 0; tap < g.taps(); ++tap)
      rows<T>().store(weights.type, sums + tap * padded,
                      const_cast<char*>(weights.data) +
                          (first * weights.group + tap * weights.step[2]) * itemsize(weights.type),
                      weights.group, std::min(kChannels, g.groups - first));
  }
}

#define MP_DEPTHWISE(T)                                                                            \
  template void gather_depthwise<T>(const Gather&, const Tensor&, const Weights&, const Epilogue&, \
                                    const Tensor&);                                                \
  template void weights_depthwise<T>(const Gather&, const Tensor&, const Tensor&, const Weights&);
MP_DEPTHWISE(float)
MP_DEPTHWISE(double)
#undef MP_DEPTHWISE

}  // namespace mp::cpu::conv
