// Without fused operations, so that all instruction sets compute the same bits.
#define MP_PLAIN_MATH
#include "cpu/philox_vec.h"
#include "cpu/random_floats.h"
#include "cpu/random_rejection.h"

namespace mp::cpu::MP_ISA {
namespace {

constexpr uint64_t kOneAttempt = uint64_t{1} << 32;
constexpr uint64_t kCounts = uint64_t{1} << 63;  // attempts of a count whose mean was drawn

MP_FN Philox moved(Philox at, int64_t blocks, uint64_t attempts = 0) {
  at.block += blocks, at.stream += attempts;
  return at;
}

// Elements of a chunk that are still to be drawn: their places, their parameter, their blocks.
struct Pending {
  int64_t count;
  int32_t place[kChunk];
  double param[kChunk];
  alignas(64) uint64_t block[kChunk];

  Pending(const double* params, int64_t n, const Philox& at) : count(n) {
    for (int64_t i = 0; i < n; ++i) place[i] = int32_t(i), param[i] = params[i];
    number(at);
  }
  // Leaves those whose values are negative.
  void keep_undecided(const double* values, const Philox& at) {
    int64_t left = 0;
    for (int64_t j = 0; j < count; ++j) {
      place[left] = place[j], param[left] = param[j];
      left += values[j] < 0 ? 1 : 0;
    }
    count = left;
    number(at);
  }

 private:
  void number(const Philox& at) {
    for (int64_t j = 0; j < count; ++j) block[j] = at.block + uint64_t(place[j]);
    for (int64_t j = count; j % (kGroups * kLanes); ++j) block[j] = 0;
  }
};

// The words 0 and 1 of blocks, and their words 2 and 3.
struct Halves {
  alignas(64) uint64_t first[kChunk], second[kChunk];

  void make(const Philox& at, const Pending& of, uint64_t attempt) {
    const uint64_t* block = of.block;
    philox_of(
        moved(at, 0, attempt * kOneAttempt), of.count,
        [block](int64_t i) __attribute__((always_inline)) { return words_at(block + i); },
        [this](int64_t i, Words x0, Words x1, Words x2, Words x3) __attribute__((always_inline)) {
          put(first + i, joined(x0, x1));
          put(second + i, joined(x2, x3));
        });
  }
};

// Draws a chunk, the first element at the place `at`, with one parameter for each element. A Law's
// at_once and at_last make a value of a parameter and the words of an attempt, or -1 to reject
// them; at_once also for want of a quick proof. Both select one condition at a time: the compiler
// does not make vectors of conditions that are used in several ways.
template <class Law>
void by_attempts(const double* params, int64_t n, const Philox& at, double* out) {
  typename Law::Words words;
  Pending pending(params, n, at);
  uint64_t attempt = 0;
  words.make(at, pending, attempt);
  for (int64_t i = 0; i < n; ++i) out[i] = Law::at_once(params[i], words, i);
  pending.keep_undecided(out, at);
  while (pending.count > 0) {
    words.make(at, pending, attempt++);
    alignas(64) double values[kChunk];
    const int64_t count = pending.count;
    for (int64_t j = 0; j < count; ++j) values[j] = Law::at_last(pending.param[j], words, j);
    for (int64_t j = 0; j < count; ++j) out[pending.place[j]] = values[j];
    pending.keep_undecided(values, at);
  }
}

// Words for gamma numbers: for floats those of one block, for doubles the halves of two.
template <class T>
struct GammaWords {
  Halves of[sizeof(T) / 4];

  void make(const Philox& at, const Pending& pending, uint64_t attempt) {
    for (uint64_t i = 0; i < sizeof(T) / 4; ++i)
      of[i].make(at, pending, attempt * (sizeof(T) / 4) + i);
  }
  MP_INLINE UInt<sizeof(T)> radius(int64_t i) const { return UInt<sizeof(T)>(of[0].first[i]); }
  MP_INLINE UInt<sizeof(T)> angle(int64_t i) const {
    return second_of(of[0].first, of[0].second, i);
  }
  MP_INLINE UInt<sizeof(T)> accept(int64_t i) const {
    return UInt<sizeof(T)>(sizeof(T) == 4 ? of[0].second[i] : of[sizeof(T) / 8].first[i]);
  }
  MP_INLINE UInt<sizeof(T)> boost(int64_t i) const {
    return second_of(of[sizeof(T) / 8].second, of[sizeof(T) / 8].second, i);
  }

 private:
  // A float's second word is the high half of the pair, a double's has a pair to itself.
  MP_INLINE static UInt<sizeof(T)> second_of(const uint64_t* pair, const uint64_t* next,
                                             int64_t i) {
    return UInt<sizeof(T)>(sizeof(T) == 4 ? pair[i] >> 32 : next[i]);
  }
};

// Marsaglia and Tsang's method ("A simple method for generating gamma variables", 2000), of scale
// 1. A shape below 1 is raised by 1, for which raise_power makes up.
template <class T>
struct GammaLaw {
  using Words = GammaWords<T>;
  double d, c, z, x, u;  // z is normal, x = 1 + c z, u uniform in (0, 1]

  MP_INLINE GammaLaw(double shape, const Words& words, int64_t i)
      : d(shape < 1 ? shape + 2.0 / 3 : shape - 1.0 / 3), c(1 / mp_sqrt(9 * d)) {
    T pair[2];
    normal_pair(words.radius(i), words.angle(i), pair);
    z = pair[0], x = 1 + c * z, u = positive_unit(words.accept(i));
  }
  MP_INLINE double quick() const {
    const double square = z * z;
    const double proved = u < 1 - 0.0331 * (square * square) ? d * (x * x * x) : -1;
    const double value = x > 0 ? proved : -1;
    return d < kInfinity<double> ? value : d;
  }
  MP_INLINE static double at_once(double shape, const Words& words, int64_t i) {
    return GammaLaw(shape, words, i).quick();
  }
  MP_INLINE static double at_last(double shape, const Words& words, int64_t i) {
    const GammaLaw g(shape, words, i);
    const double v = g.x * g.x * g.x, value = g.quick();
    const double proof = 0.5 * (g.z * g.z) + g.d * (1 - v + mp_log_normal(v));
    const double proved = mp_log_normal(g.u) < proof ? g.d * v : -1;
    const double possible = g.x > 0 ? proved : -1;
    return value < 0 ? possible : value;
  }
};

// Multiplies by a uniform number to the power 1 / shape where a shape is below 1.
template <class T>
void raise_power(const double* shape, int64_t n, const Philox& at, double* out) {
  GammaWords<T> words;
  words.make(at, Pending(shape, n, at), 0);
  for (int64_t i = 0; i < n; ++i) {
    const double power = mp_fmin(1 / shape[i], 1e300);
    const double factor = Exp::f(power * mp_log_normal(double(positive_unit(words.boost(i)))));
    out[i] *= shape[i] < 1 ? factor : 1;
  }
}

template <class T>
void gamma_chunk(const double* shape, int64_t n, const Philox& at, double* out) {
  by_attempts<GammaLaw<T>>(shape, n, at, out);
  int64_t low = 0;
  for (int64_t i = 0; i < n; ++i) low += shape[i] < 1 ? 1 : 0;
  if (low) raise_power<T>(shape, n, at, out);
}

// log k! - ((k + 1/2) log k - k + log(2 pi) / 2) for k above 0: five terms of Stieltjes' continued
// fraction. Wrong by 2e-5 for 1, which no mean that asks for it makes likely, and 1e-7 or less
// above.
MP_FN double stirling_rest(double k) {
  const double inverse = 1 / k, r = inverse * inverse;
  const double above = 1 + r * (0x1.ca1d5c044be7ap+0 + r * 0x1.056a8533f6282p-2);
  const double below = 1 + r * (0x1.d2a5e48cd4703p+0 + r * 0x1.39e229c585128p-2);
  return inverse * (1.0 / 12) * (above / below);
}

// Counts of means below kFew: how many of the sums of probabilities are at most a uniform number.
// That is kept so far below 1 that the rounded sums get above it, which cuts off 1.4e-14 of a tail.
constexpr double kFew = 10, kBelowOne = 1 - 0x1p-46;
constexpr int kMostSums = 64;  // of such a mean

struct Reciprocals {
  double of[kMostSums + 1] = {};
  constexpr Reciprocals() {
    for (int k = 1; k <= kMostSums; ++k) of[k] = 1.0 / k;
  }
};
constexpr Reciprocals kReciprocals;

constexpr int kWide = 4, kVectors = 4;  // vectors of counts that are found together
using Numbers = Vec<double, kWide>;
using Counts = Vec<int64_t, kWide>;

struct FewGroup {
  Numbers mean[kVectors], mass[kVectors], u[kVectors];

  MP_INLINE void find(Counts* count) const {
    Numbers masses[kVectors], sum[kVectors];
    for (int g = 0; g < kVectors; ++g) masses[g] = sum[g] = mass[g], count[g] = Counts{};
    Counts any = ~Counts{};
    for (int k = 0; k < kMostSums && (any[0] | any[1] | any[2] | any[3]); ++k) {
      any = Counts{};
      for (int g = 0; g < kVectors; ++g) {
        const Counts beyond = u[g] >= sum[g];
        count[g] -= beyond;
        any |= beyond;
        masses[g] *= mean[g] * kReciprocals.of[k + 1];
        sum[g] += masses[g];
      }
    }
  }
};

// Leaves the elements of larger means as they are.
void few_chunk(const double* mean, const uint64_t* words, int64_t n, double* out) {
  constexpr int64_t kGroup = kWide * kVectors;
  alignas(64) double means[kChunk], none[kChunk], u[kChunk];
  alignas(64) int64_t found[kChunk];
  for (int64_t i = 0; i < n; ++i) {
    means[i] = mean[i] < kFew ? mean[i] : 0;
    none[i] = Exp::f(-means[i]);
    u[i] = unit(words[i]) * kBelowOne;
  }
  for (int64_t i = n; i % kGroup; ++i) means[i] = none[i] = u[i] = 0;
  for (int64_t i = 0; i < n; i += kGroup) {
    FewGroup group;
    __builtin_memcpy(group.mean, means + i, sizeof group.mean);
    __builtin_memcpy(group.mass, none + i, sizeof group.mass);
    __builtin_memcpy(group.u, u + i, sizeof group.u);
    Counts count[kVectors];
    group.find(count);
    __builtin_memcpy(found + i, count, sizeof count);
  }
  for (int64_t i = 0; i < n; ++i) out[i] = mean[i] < kFew ? double(int32_t(found[i])) : out[i];
}

// Larger means by Hoermann's PTRS ("The transformed rejection method for generating Poisson random
// variables", 1993); smaller ones give 0.
struct ManyLaw {
  using Words = Halves;
  double mean, a, b, room, v, k;

  MP_INLINE ManyLaw(double of, const Words& words, int64_t i)
      : mean(of), b(0.931 + 2.53 * mp_sqrt(of)) {
    a = 0.02483 * b - 0.059;
    const double u = unit(words.first[i]) - 0.5, left = 0.5 - mp_abs(u);
    room = left > 0x1p-60 ? left : 0x1p-60;
    v = positive_unit(words.second[i]);
    k = mp_floor((2 * a / room + b) * u + mean + 0.43);
  }
  MP_INLINE double quick() const {
    const double proved = v <= 0.9277 - 3.6224 / (b - 2) ? k : -1;
    const double count = room >= 0.07 ? proved : -1;
    const double value = mean < kFew ? 0 : count;
    return mean < kInfinity<double> ? value : mean;
  }
  MP_INLINE static double at_once(double mean, const Words& words, int64_t i) {
    return ManyLaw(mean, words, i).quick();
  }
  MP_INLINE static double at_last(double mean, const Words& words, int64_t i) {
    const ManyLaw m(mean, words, i);
    const double count = m.k < 1 ? 1 : m.k, value = m.quick();
    const double weight = m.v * (1.1239 + 1.1328 / (m.b - 3.4)) / (m.a / (m.room * m.room) + m.b);
    // The logarithm of the mass, but for what the count's factorial adds to it, which is 1 for 0.
    const double most = count * mp_log_normal(mean / count) + (count - mean);
    const double bound = m.k < 1 ? 1 - mean : most;
    constexpr double kHalfLog2Pi = 0x1.d67f1c864beb5p-1;
    const double factorial =
        mp_log_normal(weight * mp_sqrt(count)) + kHalfLog2Pi + stirling_rest(count);
    const double proved = factorial <= bound ? m.k : -1;
    const double outside = m.v > m.room ? -1 : proved;
    const double possible = m.room < 0.013 ? outside : proved;
    return value < 0 ? possible : value;  // where k is negative, so is what this returns
  }
};

void poisson_chunk(const double* mean, int64_t n, const Philox& at, double* out) {
  int64_t low = 0;
  for (int64_t i = 0; i < n; ++i) low += mean[i] < kFew ? 1 : 0;
  if (low < n) by_attempts<ManyLaw>(mean, n, at, out);
  if (low == 0) return;
  Halves words;
  words.make(at, Pending(mean, n, at), 0);
  few_chunk(mean, words.first, n, out);
}

// The parameters of a chunk's elements.
struct ChunkParams {
  alignas(64) double a[kChunk], b[kChunk];

  ChunkParams(const ElementParams& of, int64_t begin, int64_t n) {
    int64_t index = begin / of.repeat, next = (index + 1) * of.repeat - begin;
    for (int64_t i = 0; i < n; ++i) {
      if (i == next) ++index, next += of.repeat;
      a[i] = of.a[index], b[i] = of.b[index];
    }
  }
};

template <class T>
struct GammaDraw {
  static void chunk(ChunkParams& p, int64_t n, const Philox& at, double* out) {
    gamma_chunk<T>(p.a, n, at, out);
    for (int64_t i = 0; i < n; ++i) out[i] *= p.b[i];
  }
};

struct PoissonDraw {
  static void chunk(ChunkParams& p, int64_t n, const Philox& at, double* out) {
    poisson_chunk(p.a, n, at, out);
  }
};

// Poisson counts whose means are gamma numbers.
template <bool kGeneralized>
struct MixedDraw {
  static void chunk(ChunkParams& p, int64_t n, const Philox& at, double* out) {
    alignas(64) double mean[kChunk], scale[kChunk];
    for (int64_t i = 0; i < n; ++i) {
      scale[i] = kGeneralized ? p.a[i] * p.b[i] : (1 - p.b[i]) / p.b[i];
      if (kGeneralized) p.b[i] = 1 / p.b[i];
    }
    gamma_chunk<double>(kGeneralized ? p.b : p.a, n, at, mean);
    for (int64_t i = 0; i < n; ++i)
      mean[i] = kGeneralized && !(p.b[i] < kInfinity<double>) ? p.a[i] : mean[i] * scale[i];
    poisson_chunk(mean, n, moved(at, 0, kCounts), out);
  }
};

template <class Draw, class T>
void fill(char* to, int64_t begin, int64_t end, Philox at, ElementParams params) {
  const FpFlags flags = fp_flags();
  T* out = reinterpret_cast<T*>(to);
  for (; begin < end; begin += kChunk) {
    const int64_t n = smaller(end - begin, kChunk);
    alignas(64) double values[kChunk];
    ChunkParams of_chunk(params, begin, n);
    Draw::chunk(of_chunk, n, moved(at, begin), values);
    for (int64_t i = 0; i < n; ++i) out[begin + i] = T(values[i]);
  }
  restore_fp_flags(flags);
}

}  // namespace

extern const RejectionLoops rejection_loops;
const RejectionLoops rejection_loops = {
    {{fill<GammaDraw<float>, float>, fill<GammaDraw<double>, double>},
     {fill<PoissonDraw, float>, fill<PoissonDraw, double>},
     {fill<MixedDraw<false>, float>, fill<MixedDraw<false>, double>},
     {fill<MixedDraw<true>, float>, fill<MixedDraw<true>, double>}}};

}  // namespace mp::cpu::MP_ISA
