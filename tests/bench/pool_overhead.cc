// What the thread pool costs and gains: a loop of so many microseconds of arithmetic, serial and
// forced parallel, with pauses between loops that find the workers spinning or asleep.
//   c++ -std=c++20 -O2 -pthread -I csrc tests/bench/pool_overhead.cc csrc/engine/pool.cc
//       csrc/engine/cpu_count.cc -o /tmp/pool_overhead && /tmp/pool_overhead
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "engine/pool.h"

namespace pool = mp::pool;
using Clock = std::chrono::steady_clock;

namespace {

double microseconds(Clock::duration d) {
  return std::chrono::duration<double, std::micro>(d).count();
}

// About one nanosecond an element, all of it dependent arithmetic in registers.
void arithmetic(int64_t begin, int64_t end) {
  double x = static_cast<double>(begin);
  for (int64_t i = begin; i < end; ++i) x = x * 0.999 + 1.0;
  volatile double kept = x;
  (void)kept;
}

struct Sample {
  double least, median, p90;
};

template <class F>
Sample measure(int rounds, double pause_us, F&& f) {
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    const auto pause_end = Clock::now() + std::chrono::nanoseconds(int64_t(pause_us * 1000));
    if (pause_us >= 200) std::this_thread::sleep_until(pause_end);
    while (Clock::now() < pause_end) {
    }
    const auto begin = Clock::now();
    f();
    times.push_back(microseconds(Clock::now() - begin));
  }
  std::sort(times.begin(), times.end());
  return {times[0], times[rounds / 2], times[rounds * 9 / 10]};
}

}  // namespace

int main() {
  std::printf("threads %d\n%10s %10s | %27s | %27s\n", pool::threads(), "elements", "pause us",
              "serial us: min, median, p90", "parallel us");
  for (int64_t n : {0, 1000, 3000, 6000, 10'000, 30'000, 100'000, 300'000, 1'000'000, 10'000'000})
    for (double pause : {0.0, 10.0, 100.0, 1000.0}) {
      const int rounds = n > 1'000'000 ? 30 : pause < 1000 ? 1000 : 300;
      const Sample serial = measure(rounds, pause, [&] { arithmetic(0, n); });
      const Sample parallel = measure(rounds, pause, [&] {
        pool::parallel_for(std::max<int64_t>(n, 16), 1, int64_t{1} << 40,
                           [&](int64_t begin, int64_t end) { arithmetic(begin, n ? end : begin); });
      });
      std::printf("%10ld %10.0f | %8.2f %8.2f %8.2f  | %8.2f %8.2f %8.2f\n", n, pause, serial.least,
                  serial.median, serial.p90, parallel.least, parallel.median, parallel.p90);
    }
  std::printf("waking costs %.1f us\n", pool::counters().wake_ns / 1000.0);
}
