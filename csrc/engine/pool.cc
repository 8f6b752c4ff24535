#include "engine/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "engine/cpu_count.h"
#include "engine/fp_state.h"
#include "engine/futex.h"
#include "engine/patience.h"

namespace mp::pool {

std::atomic<int64_t> detail::asleep_ns{100'000};
std::atomic<int> detail::awake{0};

namespace {

constexpr int kMostThreads = 1024;
// The caller for the last range: a thread that sleeps so shortly is often put on the processor of
// the one that wakes it, and both stay there for milliseconds.
constexpr int64_t kWaitSpinNs = 20'000, kWaitYieldNs = 2'000'000;
constexpr int64_t kPerThreadNs = 5'000;  // a further thread for each so much work
constexpr int64_t kWakeMargin = 4;       // sleepers are woken for loops so many times the wake cost
constexpr int64_t kLeastAsleepNs = 40'000;  // bounds of what that calibrates to
constexpr int64_t kMostAsleepNs = 300'000;

// The gate: workers inside, seats left, and two flags. A worker enters by one compare-and-swap
// while the gate is open; the loop is over when it is closed and nobody is inside.
constexpr uint32_t kOneInside = 1, kInside = 0xfff, kOneSeat = 1 << 12, kSeats = 0xfff << 12;
constexpr uint32_t kOpen = 1u << 31, kCallerSleeps = 1u << 30;

struct Loop {
  Body body = nullptr;
  void* context = nullptr;
  int64_t n = 0, range = 0;
  FpControl fp{};
  bool wake_more = false;  // woken workers wake two more each
};

// Never destroyed: workers outlive main().
struct State {
  alignas(64) std::atomic<uint32_t> epoch{0};  // changes with every loop; sleepers wait on it
  std::atomic<uint32_t> sleepers{0};
  alignas(64) std::atomic<uint32_t> gate{0};
  Loop loop;
  std::atomic<int> fp_flags{0};
  alignas(64) std::atomic<int64_t> next{0};
  alignas(64) std::atomic<bool> busy{false};
  std::atomic<int> caller_cpu{-1};  // where the caller of the last loop was
  std::atomic<int> started{0};      // changed by the holder of busy only
  std::atomic<uint64_t> parallel_loops{0}, wakes{0};
  std::atomic<int64_t> wake_ns{0};
};
State state;
constinit std::atomic<int> limit{0};  // 0: not determined yet
constinit thread_local bool in_loop = false;

int64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * int64_t{1'000'000'000} + t.tv_nsec;
}

// Spins until done() or for `ns`; whether it ended by done().
template <class Done>
bool spin_until(int64_t ns, Done&& done) {
  const int64_t end = now_ns() + ns;
  do {
    for (int i = 0; i < 64; ++i) {
      if (done()) return true;
      spin_pause();
    }
  } while (now_ns() < end);
  return false;
}

// The same, but other threads come first.
template <class Done>
bool yield_until(int64_t ns, Done&& done) {
  for (const int64_t end = now_ns() + ns; now_ns() < end;) {
    sched_yield();
    if (done()) return true;
  }
  return false;
}

int default_threads() {
  for (const char* name : {"MINPY_NUM_THREADS", "OMP_NUM_THREADS"}) {
    const char* text = std::getenv(name);
    if (!text || !*text) continue;
    char* end;
    const long n = std::strtol(text, &end, 10);
    // OpenMP allows a list, one number a nesting level.
    if (n > 0 && (*end == 0 || *end == ','))
      return static_cast<int>(std::min<long>(n, kMostThreads));
    std::fprintf(stderr, "minpy: %s='%s' is not a positive number and is ignored\n", name, text);
  }
  return std::min(usable_cpus(), kMostThreads);
}

void take_ranges() {
  const Loop& loop = state.loop;
  for (;;) {
    const int64_t begin = state.next.fetch_add(loop.range, std::memory_order_relaxed);
    if (begin >= loop.n) return;
    loop.body(loop.context, begin, std::min(begin + loop.range, loop.n));
  }
}

bool enter() {
  uint32_t gate = state.gate.load(std::memory_order_relaxed);
  while ((gate & kOpen) && (gate & kSeats))
    if (state.gate.compare_exchange_weak(gate, gate + kOneInside - kOneSeat,
                                         std::memory_order_acquire, std::memory_order_relaxed))
      return true;
  return false;
}

void leave() {
  const uint32_t before = state.gate.fetch_sub(kOneInside, std::memory_order_release);
  if ((before & kInside) == kOneInside && (before & kCallerSleeps)) futex_wake(state.gate, 1);
}

void wake(int most) {
  if (most > 0 && state.sleepers.load() > 0) futex_wake(state.epoch, most);
}

// Whether there was anything left to do.
bool serve_loop(bool woken) {
  if (!enter()) return false;
  if (woken && state.loop.wake_more && (state.gate.load(std::memory_order_relaxed) & kSeats))
    wake(2);
  state.loop.fp.apply();
  take_ranges();
  state.fp_flags.fetch_or(fp_raised(), std::memory_order_relaxed);
  leave();
  return true;
}

// Returns when there is a new loop; true when that took sleeping. Beyond the first moments of
// looking, other threads come first.
bool wait_for_loop(uint32_t seen, int64_t patience_ns) {
  auto changed = [&] { return state.epoch.load(std::memory_order_acquire) != seen; };
  if (spin_until(Patience::kLeastNs, changed)) return false;
  if (yield_until(patience_ns - Patience::kLeastNs, changed)) return false;
  detail::awake.fetch_sub(1);
  state.sleepers.fetch_add(1);  // before the kernel compares the epoch: no wake is lost
  while (!changed()) futex_wait(state.epoch, seen);
  state.sleepers.fetch_sub(1);
  detail::awake.fetch_add(1);
  return true;
}

// Linux likes to wake a thread where it ran last and thinks little of virtual processors that are
// halted: a worker that has come to the caller's processor would stay there loop after loop.
void leave_callers_cpu() {
  const int here = sched_getcpu();
  cpu_set_t allowed;
  if (here < 0 || here != state.caller_cpu.load(std::memory_order_relaxed) ||
      sched_getaffinity(0, sizeof allowed, &allowed) || CPU_COUNT(&allowed) < 2)
    return;
  cpu_set_t others = allowed;
  CPU_CLR(here, &others);
  cpu_set_t now;
  if (sched_setaffinity(0, sizeof others, &others)) return;  // moves it at once
  // Moving takes a while, in which somebody may have bound this thread: that holds.
  if (!sched_getaffinity(0, sizeof now, &now) && CPU_EQUAL(&now, &others))
    sched_setaffinity(0, sizeof allowed, &allowed);
}

void* worker(void*) {
  in_loop = true;
  bool woken = true;
  Patience patience;
  for (int64_t pause_ns = Patience::kMostNs;;) {
    const uint32_t seen = state.epoch.load(std::memory_order_acquire);
    patience.learn(pause_ns, serve_loop(woken));
    leave_callers_cpu();
    const int64_t begin = now_ns();
    woken = wait_for_loop(seen, patience.ns());
    pause_ns = now_ns() - begin;
  }
  return nullptr;
}

// In the child of a fork there is one thread, and the state is whatever it was in the parent.
void reset_after_fork() {
  state.sleepers = 0;
  state.gate = 0;
  state.busy = false;
  state.started = 0;
  detail::awake = 0;
}

void start_workers(int wanted) {
  static const bool fork_handled = !pthread_atfork(nullptr, nullptr, reset_after_fork);
  if (!fork_handled) return;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the program's own threads
  pthread_attr_t detached;
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  while (state.started < wanted) {
    detail::awake.fetch_add(1);
    pthread_t thread;
    if (pthread_create(&thread, &detached, worker, nullptr)) {  // as many as the system gives
      detail::awake.fetch_sub(1);
      break;
    }
    pthread_setname_np(thread, "minpy-pool");
    state.started.fetch_add(1);
  }
  pthread_attr_destroy(&detached);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// What waking costs the caller: a running median, since on a busy machine a few calls take
// milliseconds.
void note_wake_cost(int64_t cost) {
  const int64_t known = state.wake_ns.load(std::memory_order_relaxed), step = known / 8;
  const int64_t now =
      known ? known + (cost > known ? step : -step) : std::min<int64_t>(cost, 30'000);
  state.wake_ns.store(std::max<int64_t>(now, 1000), std::memory_order_relaxed);
  detail::asleep_ns.store(std::clamp(kWakeMargin * now, kLeastAsleepNs, kMostAsleepNs),
                          std::memory_order_relaxed);
}

void wake_sleepers(int missing) {
  const int64_t begin = now_ns();
  wake(std::min(missing, 2));
  note_wake_cost(now_ns() - begin);
  state.wakes.fetch_add(1, std::memory_order_relaxed);
}

void wait_for_workers() {
  state.gate.fetch_and(~(kOpen | kSeats), std::memory_order_relaxed);
  auto done = [] { return !(state.gate.load(std::memory_order_acquire) & kInside); };
  if (spin_until(kWaitSpinNs, done)) return;
  if (yield_until(kWaitYieldNs, done)) return;
  while (!done()) {
    const uint32_t gate = state.gate.fetch_or(kCallerSleeps) | kCallerSleeps;
    if (gate & kInside) futex_wait(state.gate, gate);
  }
}

void run_with(int helpers, bool may_wake) {
  state.caller_cpu.store(sched_getcpu(), std::memory_order_relaxed);
  state.fp_flags.store(0, std::memory_order_relaxed);
  state.next.store(0, std::memory_order_relaxed);
  state.gate.store(kOpen | static_cast<uint32_t>(helpers) * kOneSeat, std::memory_order_release);
  state.epoch.fetch_add(1);
  if (may_wake) {
    if (state.started < helpers) start_workers(helpers);
    const int missing = helpers - detail::awake.load();
    if (missing > 0) wake_sleepers(missing);
  }
  take_ranges();
  wait_for_workers();
  fp_raise(state.fp_flags.load(std::memory_order_relaxed));
  state.parallel_loops.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

int threads() {
  int n = limit.load(std::memory_order_relaxed);
  if (n == 0) limit.store(n = default_threads(), std::memory_order_relaxed);
  return n;
}

void set_threads(int n) {
  limit.store(n < 1 ? default_threads() : std::min(n, kMostThreads), std::memory_order_relaxed);
}

bool inside() { return in_loop; }

Counters counters() {
  return {state.started, state.parallel_loops.load(), state.wakes.load(), state.wake_ns.load()};
}

void detail::run(int64_t n, int64_t grain, int64_t serial_ns, Body body, void* context) {
  grain = std::max<int64_t>(grain, 1);
  const int64_t grains = (n + grain - 1) / grain;
  const int64_t wanted = std::max<int64_t>(serial_ns / kPerThreadNs, 2);
  const int team = static_cast<int>(std::min<int64_t>({threads(), wanted, grains}));
  if (in_loop || team < 2 || state.busy.exchange(true, std::memory_order_acquire))
    return body(context, 0, n);
  const int64_t parts = int64_t{8} * team;
  const int64_t range = std::max<int64_t>((grains + parts - 1) / parts, 1) * grain;
  state.loop = {body, context, n, range, FpControl{}, false};
  in_loop = true;
  const bool may_wake = serial_ns >= asleep_ns.load(std::memory_order_relaxed);
  state.loop.wake_more = may_wake;
  run_with(team - 1, may_wake);
  in_loop = false;
  state.busy.store(false, std::memory_order_release);
}

}  // namespace mp::pool
