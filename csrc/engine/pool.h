// The thread pool of the CPU backend: parallel_for(n, grain, serial_ns, f) calls f(begin, end) for
// ranges that cover [0, n) once each, on the caller's thread and, when that pays, on workers.
// - `serial_ns` is the caller's estimate of the whole loop on one thread; the pool decides by it.
//   No range but the last is shorter than `grain`.
// - Ranges are handed out dynamically and the caller works too, waiting only for workers that hold
//   one: a worker that the system does not run delays nobody. Results must not depend on the cut.
// - f needs no Python, may run anywhere without the GIL, and must not throw. Floating-point status
//   flags that it raises on a worker arrive at the caller.
// - A loop inside a loop, or beside another thread's, runs serially. After fork() the child starts
//   workers of its own.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace mp::pool {

using Body = void (*)(void* context, int64_t begin, int64_t end);

// Threads that a loop may use, the caller's included: MINPY_NUM_THREADS, else OMP_NUM_THREADS, else
// the processors that the affinity mask and the cgroup's quota allow.
int threads();
void set_threads(int n);  // n < 1: back to that default
// Whether this thread is inside a parallel_for that went parallel, so that a further one is serial.
bool inside();
// Threads started so far, and loops that went parallel; for tests and the profiler.
struct Counters {
  int started;
  uint64_t parallel_loops, wakes;
  int64_t wake_ns;  // running median of what waking sleepers costs the caller
};
Counters counters();

namespace detail {

// Below the first no fork and join pays, below the second none that has to wake the workers.
inline constexpr int64_t kAwakeNs = 6000;
extern std::atomic<int64_t> asleep_ns;
extern std::atomic<int> awake;  // workers looking for a loop, not sleeping

void run(int64_t n, int64_t grain, int64_t serial_ns, Body body, void* context);

}  // namespace detail

// Whether a loop of that estimate may use more than one thread now.
inline bool worthwhile(int64_t serial_ns) {
  using namespace detail;
  return serial_ns >= kAwakeNs && (awake.load(std::memory_order_relaxed) > 0 ||
                                   serial_ns >= asleep_ns.load(std::memory_order_relaxed));
}

template <class F>
void parallel_for(int64_t n, int64_t grain, int64_t serial_ns, F&& f) {
  if (n <= 0) return;
  if (n <= grain || !worthwhile(serial_ns)) return f(int64_t{0}, n);
  using Callable = std::remove_reference_t<F>;
  detail::run(
      n, grain, serial_ns,
      [](void* context, int64_t begin, int64_t end) {
        (*static_cast<Callable*>(context))(begin, end);
      },
      const_cast<void*>(static_cast<const void*>(std::addressof(f))));
}

}  // namespace mp::pool
