#include "cpu/streams.h"

#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <type_traits>
#include <utility>

#include "engine/pool.h"

namespace mp::cpu {
namespace {

// std::mt19937 with words of 32 bits, which is half its size.
using Twister = std::mersenne_twister_engine<uint32_t, 32, 624, 397, 31, 0x9908b0df, 11, 0xffffffff,
                                             7, 0x9d2c5680, 15, 0xefc60000, 18, 1812433253>;
constexpr int kTwisters = 1024;
constexpr int64_t kPerTwister = 64;
constexpr int kMagic = 127;
constexpr double kTwo32 = 4294967296.0;

struct Streams {
  std::mutex mutex;  // held for a call, without the GIL
  uint32_t seed = 0;
  std::unique_ptr<Twister> twister[kTwisters];  // made when it is first needed
  Twister serial{0u};

  // Only the thread that draws from twister j calls this for j.
  Twister& at(int j) {
    if (!twister[j]) twister[j] = std::make_unique<Twister>(seed * kMagic + j);
    return *twister[j];
  }
};

// Made when the library is loaded: a fork while a thread makes it would leave the child without.
// Never destroyed: worker threads may outlive static objects.
Streams* const the_streams = [] {
  static Streams* all;
  all = new Streams;
  // A fork waits for the draw of another thread, so that the child's streams are whole and free.
  pthread_atfork([] { all->mutex.lock(); }, [] { all->mutex.unlock(); },
                 [] { all->mutex.unlock(); });
  return all;
}();

Streams& streams() { return *the_streams; }

// Numbers of type T as std::uniform_real_distribution makes them in libstdc++.
template <class T>
T uniform(Twister& g) {
  T u;
  if constexpr (std::is_same_v<T, float>) {
    u = static_cast<float>(g()) / static_cast<float>(kTwo32);
  } else {
    const double low = g();
    u = (low + g() * kTwo32) / (kTwo32 * kTwo32);
  }
  return u < 1 ? u : std::nextafter(T(1), T(0));
}

// Two normal numbers by the polar method, in the order in which they were drawn.
template <class T>
std::pair<T, T> normal_pair(Twister& g) {
  T x, y, r2;
  do {
    x = T(2) * uniform<T>(g) - T(1);
    y = T(2) * uniform<T>(g) - T(1);
    r2 = x * x + y * y;
  } while (r2 > 1 || r2 == 0);
  const T scale = std::sqrt(-2 * std::log(r2) / r2);
  return {x * scale, y * scale};
}

// Of each pair the second is used and the first forgotten.
template <class T>
T normal(Twister& g) {
  return normal_pair<T>(g).second;
}

// Marsaglia and Tsang's method.
template <class T, class P>
T gamma(P shape, P scale, Twister& g) {
  const T d = shape < 1 ? shape + 2.0 / 3.0 : shape - 1.0 / 3.0;
  if (!std::isfinite(d)) return shape * scale;  // no number would be accepted
  const T k = std::sqrt(9.0 * d);
  const T c = 1.0 / k;
  T sample;
  for (;;) {
    const T z = normal<T>(g);
    if (!(z > -k)) continue;
    const T x = 1.0 + c * z;
    const T v = x * x * x;
    if (std::log(1.0 - uniform<T>(g)) < 0.5 * z * z + d * (1.0 - v + std::log(v))) {
      sample = d * v * scale;
      break;
    }
  }
  return shape < 1 ? sample * std::pow(double(uniform<T>(g)), double(T(1.0 / shape))) : sample;
}

// By products of uniforms, and for a large mean by rejection from a Lorentzian; in float always.
float poisson(float mean, Twister& g) {
  if (mean < 12.0f) {
    const float least = std::exp(-mean);
    int count = 0;
    for (float product = uniform<float>(g); product > least; product *= uniform<float>(g)) ++count;
    return static_cast<float>(count);
  }
  const float root = std::sqrt(2.0 * mean), log_mean = std::log(mean);
  const float offset = mean * log_mean - std::lgamma(mean + 1.0f);
  float count, accept;
  do {
    float y;
    do {
      y = std::tan(3.1415926f * uniform<float>(g));
      count = root * y + mean;
    } while (count < 0.0f);
    count = std::floor(count);
    accept = 0.9 * (1.0 + y * y) * std::exp(count * log_mean - std::lgamma(count + 1.0f) - offset);
  } while (uniform<float>(g) > accept);
  return count;
}

template <StreamDraw D, class T, class P>
T draw_one(P a, P b, Twister& g) {
  if constexpr (D == StreamDraw::Uniform) {
    return a + (b - a) * uniform<T>(g);
  } else if constexpr (D == StreamDraw::Normal) {
    return a + normal<T>(g) * b;
  } else if constexpr (D == StreamDraw::Exponential) {
    return -std::log(1.0 - uniform<T>(g)) / a;
  } else if constexpr (D == StreamDraw::Gamma) {
    return gamma<T>(a, b, g);
  } else if constexpr (D == StreamDraw::Poisson) {
    return poisson(a, g);
  } else if constexpr (D == StreamDraw::NegativeBinomial) {
    return poisson(gamma<float>(a, P((1.0 - b) / b), g), g);
  } else {
    return poisson(b == 0 ? a : P(gamma<float>(P(1.0 / b), P(b * a), g)), g);
  }
}

// one(i, twister) for i in [0, n), each part of the range with its twister.
template <class F>
void each(int64_t n, int64_t ns_per_value, F&& one) {
  Streams& all = streams();
  std::lock_guard lock(all.mutex);
  const int64_t used = std::min<int64_t>(kTwisters, (n + kPerTwister - 1) / kPerTwister);
  const int64_t step = used ? (n + used - 1) / used : 0;
  const int64_t grain = std::max<int64_t>(1, 8192 / std::max<int64_t>(1, step * ns_per_value));
  pool::parallel_for(used, grain, n * ns_per_value, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      Twister& g = all.at(j);
      for (int64_t i = j * step, last = std::min(n, i + step); i < last; ++i) one(i, g);
    }
  });
}

template <StreamDraw D, class T, class P>
void fill_with(T* out, int64_t n, const StreamParams& p) {
  constexpr int64_t kNs = D == StreamDraw::Uniform ? 4 : 60;
  if (p.repeat >= n) {
    const P a(p.a[0]), b(p.b[0]);
    return each(n, kNs, [=](int64_t i, Twister& g) { out[i] = draw_one<D, T>(a, b, g); });
  }
  each(n, kNs, [&](int64_t i, Twister& g) {
    out[i] = draw_one<D, T>(P(p.a[i / p.repeat]), P(p.b[i / p.repeat]), g);
  });
}

template <StreamDraw D, class T>
void fill_as(T* out, int64_t n, const StreamParams& p) {
  p.single ? fill_with<D, T, float>(out, n, p) : fill_with<D, T, double>(out, n, p);
}

template <class T>
void fill(StreamDraw draw, T* out, int64_t n, const StreamParams& p) {
  using enum StreamDraw;
  using Fill = void (*)(T*, int64_t, const StreamParams&);
  constexpr Fill kFill[kStreamDraws] = {fill_as<Uniform, T>,
                                        fill_as<Normal, T>,
                                        fill_as<Exponential, T>,
                                        fill_as<Gamma, T>,
                                        fill_as<Poisson, T>,
                                        fill_as<NegativeBinomial, T>,
                                        fill_as<GeneralizedNegativeBinomial, T>};
  kFill[static_cast<int>(draw)](out, n, p);
}

template <class T>
void integers(T* out, int64_t n, int64_t low, int64_t high) {
  const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  each(n, 20, [=](int64_t i, Twister& g) {
    const uint64_t first = g();
    out[i] = static_cast<T>(static_cast<uint64_t>(low) + ((first << 31) + g()) % range);
  });
}

// An integer below n, as std::uniform_int_distribution made it until gcc 11.
uint32_t below(uint32_t n, Twister& g) {
  const uint32_t scale = 0xffffffffu / n, past = scale * n;
  uint32_t word;
  do word = g();
  while (word >= past);
  return word / scale;
}

}  // namespace

void stream_seed(uint32_t seed, uint32_t serial) {
  Streams& all = streams();
  std::lock_guard lock(all.mutex);
  all.seed = seed;
  for (auto& twister : all.twister) twister.reset();
  all.serial.seed(serial);
}

void stream_fill(StreamDraw draw, float* out, int64_t n, StreamParams params) {
  fill(draw, out, n, params);
}
void stream_fill(StreamDraw draw, double* out, int64_t n, StreamParams params) {
  fill(draw, out, n, params);
}
void stream_integers(int32_t* out, int64_t n, int64_t low, int64_t high) {
  integers(out, n, low, high);
}
void stream_integers(int64_t* out, int64_t n, int64_t low, int64_t high) {
  integers(out, n, low, high);
}

void serial_uniform(float* out, int64_t n) {
  Streams& all = streams();
  std::lock_guard lock(all.mutex);
  for (int64_t i = 0; i < n; ++i) out[i] = uniform<float>(all.serial);
}

void serial_normal(float* out, int64_t n) {
  Streams& all = streams();
  std::lock_guard lock(all.mutex);
  for (int64_t i = 0; i < n; i += 2) {
    const auto [first, second] = normal_pair<float>(all.serial);
    out[i] = second;
    if (i + 1 < n) out[i + 1] = first;
  }
}

void serial_order(int64_t* order, int64_t n, bool from_first) {
  Streams& all = streams();
  std::lock_guard lock(all.mutex);
  std::iota(order, order + n, int64_t{0});
  for (int64_t step = 1; step < n; ++step) {
    const int64_t i = from_first ? step : n - step;
    std::swap(order[i], order[below(static_cast<uint32_t>(i + 1), all.serial)]);
  }
}

}  // namespace mp::cpu
