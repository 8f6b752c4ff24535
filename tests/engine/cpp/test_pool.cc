// The thread pool: every element once, aligned cuts, status flags, nesting, concurrent callers,
// fork, processors that the process may not use. With the argument "one-cpu" all of it on one.
#include <dirent.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cfenv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "check.h"
#include "engine/patience.h"
#include "engine/pool.h"

namespace pool = mp::pool;

namespace {

constexpr int64_t kLong = 1'000'000'000;  // an estimate that always goes parallel

void divide_by_zero() {  // at run time, although nobody reads the result
  volatile double one = 1, zero = 0, quotient = one / zero;
  (void)quotient;
}

void busy_wait(int us) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(us);
  while (std::chrono::steady_clock::now() < end) {
  }
}

void covers_each_index_once() {
  for (int64_t n : {0, 1, 2, 7, 64, 1000, 4097, 100'000})
    for (int64_t grain : {1, 3, 64, 5000}) {
      std::vector<std::atomic<int>> seen(n);
      std::atomic<int> bad{0};
      pool::parallel_for(n, grain, kLong, [&](int64_t begin, int64_t end) {
        if (begin % grain || begin >= end || (end - begin < grain && end != n)) ++bad;
        for (int64_t i = begin; i < end; ++i) seen[i].fetch_add(1, std::memory_order_relaxed);
      });
      CHECK(bad == 0);
      for (auto& count : seen) CHECK(count == 1);
    }
}

void uses_several_threads() {
  std::vector<std::thread::id> ids(64);
  pool::parallel_for(64, 1, kLong, [&](int64_t begin, int64_t end) {
    busy_wait(2000);
    for (int64_t i = begin; i < end; ++i) ids[i] = std::this_thread::get_id();
  });
  CHECK(std::set(ids.begin(), ids.end()).size() > 1);
}

void respects_the_limit() {
  const int before = pool::threads();
  for (int limit : {1, 2, 3}) {
    pool::set_threads(limit);
    CHECK(pool::threads() == limit);
    std::vector<std::thread::id> ids(64);
    pool::parallel_for(64, 1, kLong, [&](int64_t begin, int64_t end) {
      busy_wait(200);
      for (int64_t i = begin; i < end; ++i) ids[i] = std::this_thread::get_id();
    });
    CHECK(static_cast<int>(std::set(ids.begin(), ids.end()).size()) <= limit);
  }
  pool::set_threads(before);
}

void short_loops_stay_serial() {
  const uint64_t before = pool::counters().parallel_loops;
  const auto self = std::this_thread::get_id();
  int calls = 0;
  pool::parallel_for(1000, 1, 100, [&](int64_t begin, int64_t end) {
    CHECK(begin == 0 && end == 1000 && std::this_thread::get_id() == self);
    ++calls;
  });
  CHECK(calls == 1 && pool::counters().parallel_loops == before);
}

void nested_loops_are_serial() {
  std::atomic<int64_t> total{0};
  CHECK(!pool::inside());
  pool::parallel_for(64, 1, kLong, [&](int64_t begin, int64_t end) {
    CHECK(pool::inside());
    for (int64_t i = begin; i < end; ++i) {
      const auto self = std::this_thread::get_id();
      pool::parallel_for(100, 1, kLong, [&](int64_t b, int64_t e) {
        CHECK(std::this_thread::get_id() == self);
        total += e - b;
      });
    }
  });
  CHECK(!pool::inside() && total == 6400);
}

void status_flags_come_back() {
  for (int round = 0; round < 200; ++round) {
    std::feclearexcept(FE_ALL_EXCEPT);
    pool::parallel_for(64, 1, kLong, [&](int64_t begin, int64_t end) {
      if (round % 10 == 0) busy_wait(100);
      if (begin <= 37 && 37 < end) divide_by_zero();
    });
    CHECK(std::fetestexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW) == FE_DIVBYZERO);
    std::feclearexcept(FE_ALL_EXCEPT);
    pool::parallel_for(64, 1, kLong, [&](int64_t, int64_t) {
      if (round % 10 == 0) busy_wait(100);
    });
    CHECK(std::fetestexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW) == 0);
  }
}

void rounding_mode_goes_along() {
  std::fesetround(FE_UPWARD);
  std::atomic<int> wrong{0};
  pool::parallel_for(64, 1, kLong, [&](int64_t, int64_t) {
    busy_wait(100);
    if (std::fegetround() != FE_UPWARD) ++wrong;
  });
  std::fesetround(FE_TONEAREST);
  CHECK(wrong == 0);
}

void callers_on_several_threads() {
  std::vector<std::thread> callers;
  std::atomic<int64_t> total{0};
  for (int t = 0; t < 4; ++t)
    callers.emplace_back([&] {
      for (int round = 0; round < 500; ++round)
        pool::parallel_for(1000, 8, kLong, [&](int64_t begin, int64_t end) {
          total.fetch_add(end - begin, std::memory_order_relaxed);
        });
    });
  for (auto& caller : callers) caller.join();
  CHECK(total == 4 * 500 * 1000);
}

// Pauses of all lengths between loops, so that workers are met spinning, falling asleep and asleep.
void sleeping_and_waking() {
  for (int round = 0; round < 300; ++round) {
    int64_t sum[64] = {};
    pool::parallel_for(64, 1, round % 3 ? kLong : 20'000, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) sum[i] = i;
    });
    for (int64_t i = 0; i < 64; ++i) CHECK(sum[i] == i);
    busy_wait(round % 60 * (round % 7 ? 1 : 20));  // up to beyond the longest patience
  }
}

[[maybe_unused]] void works_after_fork() {
  uses_several_threads();
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    CHECK(pool::counters().started == 0);
    uses_several_threads();
    covers_each_index_once();
    _exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  uses_several_threads();
}

cpu_set_t cpus_of(pid_t thread) {
  cpu_set_t cpus;
  CHECK(!sched_getaffinity(thread, sizeof cpus, &cpus));
  return cpus;
}
cpu_set_t one_of(const cpu_set_t& cpus, int which) {
  cpu_set_t one;
  CPU_ZERO(&one);
  which %= CPU_COUNT(&cpus);
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &cpus) && which-- == 0) CPU_SET(i, &one);
  return one;
}
std::vector<pid_t> all_threads() {
  std::vector<pid_t> threads;
  DIR* folder = opendir("/proc/self/task");
  CHECK(folder);
  while (const dirent* entry = readdir(folder))
    if (entry->d_name[0] != '.') threads.push_back(std::atoi(entry->d_name));
  closedir(folder);
  return threads;
}
void bind_all_threads(const cpu_set_t& cpus) {
  for (pid_t thread : all_threads()) sched_setaffinity(thread, sizeof cpus, &cpus);
}

void short_and_long_loops() {
  for (int round = 0; round < 100; ++round) {
    std::atomic<int64_t> total{0};
    pool::parallel_for(64, 1, kLong, [&](int64_t begin, int64_t end) {
      if (round % 8 == 0) busy_wait(50);
      for (int64_t i = begin; i < end; ++i) total += i;
    });
    CHECK(total == 63 * 32);
    if (round % 16 == 0) busy_wait(1500);  // workers fall asleep
  }
}

// Whoever binds the threads is obeyed, also by workers that leave the caller's processor.
void affinities_change_meanwhile() {
  const cpu_set_t all = cpus_of(0);
  uses_several_threads();
  std::atomic<bool> stop{false};
  std::thread changing([&] {
    for (int i = 0; !stop; ++i) {
      for (pid_t thread : all_threads()) {
        const cpu_set_t cpus = (i + thread) % 3 ? one_of(all, i + thread) : all;
        sched_setaffinity(thread, sizeof cpus, &cpus);
      }
      busy_wait(200);
    }
  });
  for (int i = 0; i < 10; ++i) short_and_long_loops();
  stop = true;
  changing.join();
  for (int cpu = 0; cpu < CPU_COUNT(&all); ++cpu) {
    busy_wait(2000);  // nobody is on the move
    const cpu_set_t one = one_of(all, cpu);
    bind_all_threads(one);
    short_and_long_loops();
    for (pid_t thread : all_threads()) {
      const cpu_set_t cpus = cpus_of(thread);
      CHECK(CPU_EQUAL(&cpus, &one));
    }
  }
  bind_all_threads(all);
  short_and_long_loops();
  for (pid_t thread : all_threads()) {
    auto free = [&] {
      const cpu_set_t cpus = cpus_of(thread);
      return CPU_EQUAL(&cpus, &all);
    };
    for (int i = 0; i < 5000 && !free(); ++i) usleep(1000);  // one may be on the move
    CHECK(free());
  }
}

// A child that is bound to one processor and let free again, with workers from before and after.
[[maybe_unused]] void bound_after_fork() {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    const cpu_set_t all = cpus_of(0), one = one_of(all, 0);
    CHECK(!sched_setaffinity(0, sizeof one, &one));
    uses_several_threads();
    short_and_long_loops();
    bind_all_threads(all);
    uses_several_threads();
    pool::set_threads(pool::threads() + 2);
    short_and_long_loops();
    _exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// Idle workers look longer in a program of short pauses, and soon no longer in another.
void patience_follows_the_program() {
  using pool::Patience;
  Patience p;
  CHECK(p.ns() == Patience::kLeastNs);
  p.learn(150'000, true);
  CHECK(p.ns() == 300'000);
  for (int i = 0; i < 5; ++i) p.learn(2'000, true);  // a few loops in a row change little
  CHECK(p.ns() > 200'000);
  p.learn(400'000, true);
  CHECK(p.ns() == Patience::kMostNs);
  Patience idle = p;
  for (int i = 0; i < 5; ++i) {
    p.learn(3 * Patience::kMostNs, true);
    idle.learn(1'000, false);
  }
  CHECK(p.ns() == Patience::kLeastNs && idle.ns() == Patience::kLeastNs);
  for (int i = 0; i < 100; ++i) p.learn(1'000, true);
  CHECK(p.ns() == Patience::kLeastNs);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && !std::strcmp(argv[1], "one-cpu")) {
    const cpu_set_t one = one_of(cpus_of(0), 0);
    CHECK(!sched_setaffinity(0, sizeof one, &one));
  }
  if (pool::threads() < 2) pool::set_threads(2);
  short_loops_stay_serial();
  covers_each_index_once();
  uses_several_threads();
  respects_the_limit();
  nested_loops_are_serial();
  status_flags_come_back();
  rounding_mode_goes_along();
  callers_on_several_threads();
  sleeping_and_waking();
  affinities_change_meanwhile();
  patience_follows_the_program();
#if !defined(__SANITIZE_THREAD__)
  works_after_fork();  // ThreadSanitizer does not follow threads started in a forked child
  bound_after_fork();
#endif
  pool::set_threads(7);  // more than this machine has
  covers_each_index_once();
  callers_on_several_threads();
  sleeping_and_waking();
  std::puts("ok");
}
