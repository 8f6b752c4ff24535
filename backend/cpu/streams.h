// The random streams of MXNet's CPU backend: 1024 Mersenne twisters, of which a call for n values
// uses one for every 64 of them, in turn and each for a contiguous part; and one more twister for
// what is drawn one after the other (shuffle, multinomial). See Note [MXNet's random streams].
// Invariant: the values depend on the seed and the sequence of calls alone, not on threads.
#pragma once
#include <cstdint>

namespace mp::cpu {

enum class StreamDraw : uint8_t {
  Uniform,                      // from a to b
  Normal,                       // mean a, standard deviation b
  Exponential,                  // rate a
  Gamma,                        // shape a, scale b
  Poisson,                      // mean a
  NegativeBinomial,             // failures a, probability b
  GeneralizedNegativeBinomial,  // mean a, dispersion b
};
inline constexpr int kStreamDraws = 7;

// Element i is drawn with a[i / repeat] and b[i / repeat], taken as float when `single` is set.
struct StreamParams {
  const double *a, *b;
  int64_t repeat;
  bool single;
};

// Starts all streams anew: twister j from 127 * seed + j, the one in turn from `serial`.
void stream_seed(uint32_t seed, uint32_t serial);

// out[0..n), float or double.
void stream_fill(StreamDraw draw, float* out, int64_t n, StreamParams params);
void stream_fill(StreamDraw draw, double* out, int64_t n, StreamParams params);

// Integers from low to high - 1; high is above low.
void stream_integers(int32_t* out, int64_t n, int64_t low, int64_t high);
void stream_integers(int64_t* out, int64_t n, int64_t low, int64_t high);

// From the one in turn: floats in [0, 1), and the order of n elements after a shuffle that
// exchanges elements from the first on or from the last on.
void serial_uniform(float* out, int64_t n);
void serial_normal(float* out, int64_t n);
void serial_order(int64_t* order, int64_t n, bool from_first);

}  // namespace mp::cpu
