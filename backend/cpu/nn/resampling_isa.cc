#include "cpu/nn/resampling.h"
#include "cpu/vec.h"

namespace mp::cpu::MP_ISA {
namespace {

// --- To another size ---

template <class T>
void resize(const Resize& r, const void* x, void* y, void* row, int64_t begin, int64_t end) {
  T* blended = static_cast<T*>(row);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t plane = i / r.y.out, o = i % r.y.out;
    const T* image = static_cast<const T*>(x) + plane * r.y.in * r.x.in;
    const T *low = image + r.y.low[o] * r.x.in, *high = image + r.y.high[o] * r.x.in;
    const T w = static_cast<T>(r.y.w[o]), rest = 1 - w;
    const T* from = low;
    if (w != 0) {
      for (int64_t k = 0; k < r.x.in; ++k) blended[k] = rest * low[k] + w * high[k];
      from = blended;
    }
    T* to = static_cast<T*>(y) + i * r.x.out;
    for (int64_t k = 0; k < r.x.out; ++k) {
      const T wx = static_cast<T>(r.x.w[k]);
      // A weight of zero must not make a NaN of an infinite neighbour.
      to[k] = wx == 0 ? from[r.x.low[k]] : (1 - wx) * from[r.x.low[k]] + wx * from[r.x.high[k]];
    }
  }
}

template <class T>
void spread(const Resize& r, const void* dy, void* dx, void* row, int64_t begin, int64_t end) {
  T* line = static_cast<T*>(row);
  for (int64_t plane = begin; plane < end; ++plane) {
    T* image = static_cast<T*>(dx) + plane * r.y.in * r.x.in;
    __builtin_memset(image, 0, static_cast<size_t>(r.y.in * r.x.in) * sizeof(T));
    for (int64_t o = 0; o < r.y.out; ++o) {
      const T* from = static_cast<const T*>(dy) + (plane * r.y.out + o) * r.x.out;
      __builtin_memset(line, 0, static_cast<size_t>(r.x.in) * sizeof(T));
      for (int64_t k = 0; k < r.x.out; ++k) {
        const T w = static_cast<T>(r.x.w[k]);
        line[r.x.low[k]] += (1 - w) * from[k];
        line[r.x.high[k]] += w * from[k];
      }
      const T w = static_cast<T>(r.y.w[o]), rest = 1 - w;
      T *low = image + r.y.low[o] * r.x.in, *high = image + r.y.high[o] * r.x.in;
      for (int64_t k = 0; k < r.x.in; ++k) low[k] += rest * line[k];
      if (w != 0)
        for (int64_t k = 0; k < r.x.in; ++k) high[k] += w * line[k];
    }
  }
}

// --- At the points of a grid ---

// The four neighbours of the points of one block: upper left, upper right, lower left, lower right.
// A neighbour outside the data has place -1.
template <class T>
struct Corners {
  int32_t at[4][kSamplerPoints];
  T fx[kSamplerPoints], fy[kSamplerPoints];  // the way from the upper left one
  bool inside = true;                        // all neighbours of all points

  void find(const Sampler& s, const void* grid, int64_t image, int64_t first, int64_t n) {
    const T* gx = static_cast<const T*>(grid) + image * 2 * s.points + first;
    const T* gy = gx + s.points;
    inside = true;
    for (int64_t i = 0; i < n; ++i) {
      const T x = (gx[i] + 1) * (static_cast<T>(s.width - 1) / 2);
      const T y = (gy[i] + 1) * (static_cast<T>(s.height - 1) / 2);
      // False for NaN too: such a point has no neighbours.
      const bool near =
          x > -1 && x < static_cast<T>(s.width) && y > -1 && y < static_cast<T>(s.height);
      const int64_t left = near ? static_cast<int64_t>(x + 1) - 1 : -2;  // floor
      const int64_t upper = near ? static_cast<int64_t>(y + 1) - 1 : -2;
      fx[i] = near ? x - static_cast<T>(left) : T(0);
      fy[i] = near ? y - static_cast<T>(upper) : T(0);
      for (int k = 0; k < 4; ++k) {
        const int64_t column = left + k % 2, line = upper + k / 2;
        const bool in = column >= 0 && column < s.width && line >= 0 && line < s.height;
        at[k][i] = in ? static_cast<int32_t>(line * s.width + column) : -1;
        inside &= in;
      }
    }
  }
  MP_INLINE T value(const T* image, int k, int64_t i) const {
    return at[k][i] < 0 ? T(0) : image[at[k][i]];
  }
};

struct Block {
  int64_t image, first, n;
  Block(const Sampler& s, int64_t i) {
    const int64_t blocks = (s.points + kSamplerPoints - 1) / kSamplerPoints;
    image = i / blocks, first = i % blocks * kSamplerPoints;
    n = smaller(kSamplerPoints, s.points - first);
  }
};

template <class T>
MP_INLINE T blend(T a, T b, T c, T d, T fx, T fy) {
  return (1 - fy) * ((1 - fx) * a + fx * b) + fy * ((1 - fx) * c + fx * d);
}

template <class T>
void sample(const Sampler& s, const void* x, const void* grid, void* y, int64_t begin,
            int64_t end) {
  Corners<T> c;
  for (int64_t i = begin; i < end; ++i) {
    const Block b(s, i);
    c.find(s, grid, b.image, b.first, b.n);
    for (int64_t channel = 0; channel < s.channels; ++channel) {
      const int64_t plane = b.image * s.channels + channel;
      const T* from = static_cast<const T*>(x) + plane * s.height * s.width;
      T* to = static_cast<T*>(y) + plane * s.points + b.first;
      if (c.inside)
        for (int64_t k = 0; k < b.n; ++k)
          to[k] = blend(from[c.at[0][k]], from[c.at[1][k]], from[c.at[2][k]], from[c.at[3][k]],
                        c.fx[k], c.fy[k]);
      else
        for (int64_t k = 0; k < b.n; ++k)
          to[k] = blend(c.value(from, 0, k), c.value(from, 1, k), c.value(from, 2, k),
                        c.value(from, 3, k), c.fx[k], c.fy[k]);
    }
  }
}

template <class T>
void sample_data(const Sampler& s, const void* dy, const void* grid, void* dx, int64_t begin,
                 int64_t end) {
  Corners<T> c;
  const int64_t slabs = (s.channels + kSamplerChannels - 1) / kSamplerChannels;
  const int64_t size = s.height * s.width;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t image = i / slabs, channel = i % slabs * kSamplerChannels;
    const int64_t channels = smaller(kSamplerChannels, s.channels - channel);
    T* slab = static_cast<T*>(dx) + (image * s.channels + channel) * size;
    __builtin_memset(slab, 0, static_cast<size_t>(channels * size) * sizeof(T));
    for (int64_t first = 0; first < s.points; first += kSamplerPoints) {
      const int64_t n = smaller(kSamplerPoints, s.points - first);
      c.find(s, grid, image, first, n);
      for (int64_t k = 0; k < channels; ++k) {
        T* to = slab + k * size;
        const T* g =
            static_cast<const T*>(dy) + (image * s.channels + channel + k) * s.points + first;
        for (int64_t p = 0; p < n; ++p) {
          const T fx = c.fx[p], fy = c.fy[p];
          const T w[4] = {(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx};
          for (int q = 0; q < 4; ++q)
            if (c.at[q][p] >= 0) to[c.at[q][p]] += w[q] * g[p];
        }
      }
    }
  }
}

template <class T>
void sample_grid(const Sampler& s, const void* dy, const void* x, const void* grid, void* dgrid,
                 int64_t begin, int64_t end) {
  Corners<T> c;
  for (int64_t i = begin; i < end; ++i) {
    const Block b(s, i);
    c.find(s, grid, b.image, b.first, b.n);
    T along_x[kSamplerPoints] = {}, along_y[kSamplerPoints] = {};
    for (int64_t channel = 0; channel < s.channels; ++channel) {
      const int64_t plane = b.image * s.channels + channel;
      const T* from = static_cast<const T*>(x) + plane * s.height * s.width;
      const T* g = static_cast<const T*>(dy) + plane * s.points + b.first;
      for (int64_t k = 0; k < b.n; ++k) {
        const T ul = c.value(from, 0, k), ur = c.value(from, 1, k), ll = c.value(from, 2, k),
                lr = c.value(from, 3, k);
        along_x[k] += g[k] * ((1 - c.fy[k]) * (ur - ul) + c.fy[k] * (lr - ll));
        along_y[k] += g[k] * ((1 - c.fx[k]) * (ll - ul) + c.fx[k] * (lr - ur));
      }
    }
    T* to = static_cast<T*>(dgrid) + b.image * 2 * s.points + b.first;
    for (int64_t k = 0; k < b.n; ++k) {
      to[k] = along_x[k] * (static_cast<T>(s.width - 1) / 2);
      to[s.points + k] = along_y[k] * (static_cast<T>(s.height - 1) / 2);
    }
  }
}

template <class T>
constexpr ResamplingLoops set = {resize<T>, spread<T>, sample<T>, sample_data<T>, sample_grid<T>};

}  // namespace

extern const ResamplingLoopSets resampling_loops;
const ResamplingLoopSets resampling_loops = {set<float>, set<double>};

}  // namespace mp::cpu::MP_ISA
