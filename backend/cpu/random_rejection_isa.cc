// Without fused operations, so that all instruction sets compute the same bits.
#define MP_PLAIN_MATH
#include "cpu/philox_vec.h"
#include "cpu/random_floats.h"
#include "cpu/random_rejection.h"

namespace mp::cpu::MP_ISA {
namespace {

constexpr int64_t kLeast = kGroups * kLanes;  // blocks that are made at a time at least
constexpr uint64_t kOneAttempt = uint64_t{1} << 32;
constexpr uint64_t kCounts = uint64_t{1} << 63;  // attempts of a count whose mean was drawn

MP_FN Philox moved(Philox at, int64_t blocks, uint64_t attempts = 0) {
  at.block += blocks, at.stream += attempts;
  return at;
}

// The halves of blocks: words 0 and 1, words 2 and 3.
void halves(uint64_t* first, uint64_t* second, Philox at, int64_t blocks) {
  philox(at, blocks,
         [=](int64_t i, Words x0, Words x1, Words x2, Words x3) __attribute__((always_inline)) {
           put(first + i, joined(x0, x1));
           put(second + i, joined(x2, x3));
         });
}

// The words of an attempt for some elements, each in the low bits: for floats from one block, for
// doubles from two.
template <class T, int64_t kRoom>
struct GammaWords {
  alignas(64) uint64_t radius[kRoom], angle[kRoom], accept[kRoom], boost[kRoom];

  void make(const Philox& at, int64_t n, uint64_t attempt) {
    if constexpr (sizeof(T) == 8) {
      halves(radius, angle, moved(at, 0, 2 * attempt * kOneAttempt), n);
      halves(accept, boost, moved(at, 0, (2 * attempt + 1) * kOneAttempt), n);
    } else {
      philox(moved(at, 0, attempt * kOneAttempt), n,
             [this](int64_t i, Words x0, Words x1, Words x2, Words x3)
                 __attribute__((always_inline)) {
                   put(radius + i, x0), put(angle + i, x1), put(accept + i, x2), put(boost + i, x3);
                 });
    }
  }
};

// Marsaglia and Tsang's method ("A simple method for generating gamma variables", 2000). A shape
// below 1 is raised by 1, and the result multiplied by a uniform number to the power 1 / shape.
struct Gamma {
  double d, c;

  MP_INLINE explicit Gamma(double shape)
      : d(shape < 1 ? shape + 2.0 / 3 : shape - 1.0 / 3), c(1 / mp_sqrt(9 * d)) {}
  bool varies() const { return d < kInfinity<double>; }
};

template <class T>
struct GammaTrial {
  double z, x, u;  // normal, 1 + c z, uniform in (0, 1]

  MP_INLINE GammaTrial(const Gamma& g, uint64_t radius, uint64_t angle, uint64_t accept) {
    using Word = UInt<sizeof(T)>;
    T pair[2];
    normal_pair(Word(radius), Word(angle), pair);
    z = pair[0], x = 1 + g.c * z, u = positive_unit(Word(accept));
  }
  // What needs no logarithm, for most attempts; else -1.
  MP_INLINE double at_once(const Gamma& g) const {
    const double square = z * z;
    return (x > 0) & (u < 1 - 0.0331 * (square * square)) ? g.d * (x * x * x) : -1;
  }
  double at_last(const Gamma& g) const {
    const double value = at_once(g);
    if (value >= 0 || x <= 0) return value;
    const double v = x * x * x;
    return mp_log_normal(u) < 0.5 * (z * z) + g.d * (1 - v + mp_log_normal(v)) ? g.d * v : -1;
  }
};

template <class T>
double gamma_by_attempts(const Gamma& g, const Philox& at, double value) {
  if (!g.varies()) return g.d;
  GammaWords<T, kLeast> words;
  for (uint64_t attempt = 1; value < 0; ++attempt) {
    words.make(at, 1, attempt);
    value = GammaTrial<T>(g, words.radius[0], words.angle[0], words.accept[0]).at_last(g);
  }
  return value;
}

// A chunk of elements, the first of them at the place `at`, of scale 1.
template <class T>
void gamma_chunk(const double* shape, int64_t n, const Philox& at, double* out) {
  using Word = UInt<sizeof(T)>;
  GammaWords<T, kChunk> words;
  words.make(at, n, 0);
  const auto trial = [&words](const Gamma& g, int64_t i) __attribute__((always_inline)) {
    return GammaTrial<T>(g, words.radius[i], words.angle[i], words.accept[i]);
  };
  int64_t low = 0;
  for (int64_t i = 0; i < n; ++i) {
    const Gamma g(shape[i]);
    out[i] = trial(g, i).at_once(g);
    low += shape[i] < 1 ? 1 : 0;
  }
  for (int64_t i = 0; i < n; ++i) {
    if (out[i] >= 0) [[likely]]
      continue;
    const Gamma g(shape[i]);
    out[i] = gamma_by_attempts<T>(g, moved(at, i), trial(g, i).at_last(g));
  }
  if (!low) return;
  for (int64_t i = 0; i < n; ++i) {
    const double power = mp_fmin(1 / shape[i], 1e300);
    const double factor =
        Exp::f(power * mp_log_normal(double(positive_unit(Word(words.boost[i])))));
    out[i] *= shape[i] < 1 ? factor : 1;
  }
}

// log k! - ((k + 1/2) log k - k + log(2 pi) / 2), for k above 0.
double stirling_rest(double k) {
  static constexpr double kRest[] = {
      0x1.4c071bcda0a5bp-4, 0x1.52a9b923ea649p-5, 0x1.c579a268d80b3p-6, 0x1.54a2662fd78a9p-6,
      0x1.10b4e513fcbedp-6, 0x1.c6b167bebdf36p-7, 0x1.85d4d612e4a86p-7, 0x1.552805e7b3076p-7};
  if (k <= 8) return kRest[int(k) - 1];
  const double r = 1 / k, s = r * r;
  return r * (1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s * (1.0 / 1680))));
}

// Counts of means below kFew: how many of the sums of probabilities are at most a uniform number.
constexpr double kFew = 10, kLeastMass = 0x1p-60;
constexpr int kMostSums = 64;  // of masses of such a mean that are larger than that

struct Reciprocals {
  double of[kMostSums + 1] = {};
  constexpr Reciprocals() {
    for (int k = 1; k <= kMostSums; ++k) of[k] = 1.0 / k;
  }
};
constexpr Reciprocals kReciprocals;

// The sums of the probabilities of 0 ... k, one after the other.
struct FewSums {
  double mean, mass, sum;
  int k = 0;

  FewSums(double of, double none) : mean(of), mass(none), sum(none) {}
  bool more() const { return k < mean || mass > kLeastMass; }
  void next() {
    mass *= mean * kReciprocals.of[++k];
    sum += mass;
  }
};

int few(double mean, double none, uint64_t word) {
  const double u = unit(word);
  FewSums at(mean, none);
  while (at.more() && u >= at.sum) at.next();
  return at.k;
}

void few_of_one_mean(double mean, const uint64_t* words, int64_t n, double* out) {
  alignas(64) double u[kChunk];
  for (int64_t i = 0; i < n; ++i) u[i] = unit(words[i]), out[i] = 0;
  for (FewSums at(mean, Exp::f(-mean)); at.more(); at.next())
    for (int64_t i = 0; i < n; ++i) out[i] += u[i] >= at.sum ? 1.0 : 0.0;
}

// Larger means by Hoermann's PTRS ("The transformed rejection method for generating Poisson random
// variables", 1993).
struct Many {
  double mean, a, b;

  MP_INLINE explicit Many(double of)
      : mean(of),
        a(0.02483 * (0.931 + 2.53 * mp_sqrt(of)) - 0.059),
        b(0.931 + 2.53 * mp_sqrt(of)) {}
};

struct ManyTrial {
  double room, v, k;

  MP_INLINE ManyTrial(const Many& m, uint64_t first, uint64_t second) {
    const double u = unit(first) - 0.5, left = 0.5 - mp_abs(u);
    room = left > 0x1p-60 ? left : 0x1p-60;
    v = positive_unit(second);
    k = mp_floor((2 * m.a / room + m.b) * u + m.mean + 0.43);
  }
  // The count that needs no logarithm, for most attempts; else -1.
  MP_INLINE double at_once(const Many& m) const {
    const double count = (room >= 0.07) & (v <= 0.9277 - 3.6224 / (m.b - 2)) ? k : -1;
    return m.mean < kInfinity<double> ? count : m.mean;
  }
  double at_last(const Many& m) const {
    const double value = at_once(m);
    if (value >= 0 || k < 0 || (room < 0.013 && v > room)) return value;
    constexpr double kHalfLog2Pi = 0x1.d67f1c864beb5p-1;
    const double weight = v * (1.1239 + 1.1328 / (m.b - 3.4)) / (m.a / (room * room) + m.b);
    if (k == 0) return mp_log_normal(weight) <= -m.mean ? k : -1;
    const double bound = k * mp_log_normal(m.mean / k) + (k - m.mean);
    const double rest = kHalfLog2Pi + stirling_rest(k);
    return mp_log_normal(weight * mp_sqrt(k)) + rest <= bound ? k : -1;
  }
};

double many_by_attempts(const Many& m, const Philox& at, double value) {
  uint64_t first[kLeast], second[kLeast];
  for (uint64_t attempt = 1; value < 0; ++attempt) {
    halves(first, second, moved(at, 0, attempt * kOneAttempt), 1);
    value = ManyTrial(m, first[0], second[0]).at_last(m);
  }
  return value;
}

// A chunk of elements, the first of them at the place `at`; whether all means are the same one.
void poisson_chunk(const double* mean, bool same, int64_t n, const Philox& at, double* out) {
  alignas(64) uint64_t first[kChunk], second[kChunk];
  halves(first, second, at, n);
  if (same && mean[0] < kFew) return few_of_one_mean(mean[0], first, n, out);
  alignas(64) double none[kChunk];
  int64_t low = 0;
  for (int64_t i = 0; i < n; ++i) low += mean[i] < kFew ? 1 : 0;
  if (low)
    for (int64_t i = 0; i < n; ++i) none[i] = Exp::f(-mean[i]);
  if (low < n)
    for (int64_t i = 0; i < n; ++i) {
      const Many m(mean[i]);
      out[i] = ManyTrial(m, first[i], second[i]).at_once(m);
    }
  for (int64_t i = 0; i < n; ++i) {
    if (mean[i] < kFew) {
      out[i] = few(mean[i], none[i], first[i]);
    } else if (out[i] < 0) {
      const Many m(mean[i]);
      out[i] = many_by_attempts(m, moved(at, i), ManyTrial(m, first[i], second[i]).at_last(m));
    }
  }
}

// The parameters of a chunk's elements.
struct ChunkParams {
  alignas(64) double a[kChunk], b[kChunk];
  bool same;

  ChunkParams(const ElementParams& of, int64_t begin, int64_t n) {
    int64_t index = begin / of.repeat, next = (index + 1) * of.repeat - begin;
    same = next >= n;
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
    poisson_chunk(p.a, p.same, n, at, out);
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
    poisson_chunk(mean, false, n, moved(at, 0, kCounts), out);
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
