// The task scheduler: random task graphs against a serial model, overlap, order, failures.
#include <atomic>
#include <chrono>
#include <latch>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "check.h"
#include "engine/deps.h"
#include "engine/profiler.h"

namespace deps = mp::deps;
using deps::Var;
using Vars = std::vector<Var>;

namespace {

struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void sleep_us(int us) { std::this_thread::sleep_for(std::chrono::microseconds(us)); }

// What a wait throws, or "".
template <class Wait>
std::string thrown_by(Wait&& wait) {
  try {
    wait();
  } catch (std::exception& e) {
    return e.what();
  }
  return "";
}

// Values are plain integers, so ThreadSanitizer sees every access that the order does not protect.
struct Model {
  static constexpr int kVars = 8, kDevices = 3;
  std::mt19937 random;
  std::vector<Var> vars;
  std::vector<int64_t> values, expected;
  std::vector<std::string> failed;  // expected failure of each variable, "" when good

  explicit Model(unsigned seed) : random(seed), values(kVars), expected(kVars), failed(kVars) {
    for (int i = 0; i < kVars; ++i) vars.push_back(deps::new_variable());
  }
  int pick(int n) { return static_cast<int>(random() % n); }
  std::vector<int> subset(int most) {
    std::set<int> chosen;
    for (int i = pick(most + 1); i > 0; --i) chosen.insert(pick(kVars));
    return {chosen.begin(), chosen.end()};
  }
  std::vector<Var> refs(const std::vector<int>& indices) {
    std::vector<Var> r;
    for (int i : indices) r.push_back(vars[i]);
    return r;
  }
  // What every variable in `writes` becomes.
  static int64_t combine(const std::vector<int64_t>& from, const std::vector<int>& reads, int tag) {
    int64_t x = tag;
    for (int r : reads) x = x * 31 + from[r];
    return x;
  }
  void step(int tag) {
    const std::vector<int> reads = subset(3), writes = subset(2);
    const bool fails = pick(12) == 0;
    const int pause = pick(20) == 0 ? pick(200) : 0;
    std::string failure;
    for (int r : reads)
      if (failure.empty()) failure = failed[r];
    // Which of two failed inputs is reported depends on the order in the scheduler: any will do.
    if (failure.empty() && fails) failure = "any";
    for (int w : writes) failed[w] = failure;
    if (failure.empty()) {
      const int64_t x = combine(expected, reads, tag);
      for (int w : writes) expected[w] = x;
    }
    deps::push(
        [=, this] {
          if (pause) sleep_us(pause);
          if (fails) throw Broken("any");
          const int64_t x = combine(values, reads, tag);
          for (int w : writes) values[w] = x;
        },
        refs(reads), refs(writes), pick(kDevices), "step");
  }
  void check_variable(int i) {
    CHECK(thrown_by([&] { deps::wait_to_read(vars[i]); }) == failed[i]);
    if (failed[i].empty()) CHECK(values[i] == expected[i]);
  }
};

void random_graphs_match_the_serial_model(int graphs) {
  for (int seed = 0; seed < graphs; ++seed) {
    Model m(seed);
    for (int i = 0; i < 60; ++i) {
      m.step(i);
      if (m.pick(25) == 0) m.check_variable(m.pick(Model::kVars));
    }
    thrown_by([] { deps::wait_all(); });
    CHECK(thrown_by([] { deps::wait_all(); }) == "");  // each failure once
    for (int i = 0; i < Model::kVars; ++i) m.check_variable(i);
    for (int i = 0; i < Model::kVars; ++i) m.check_variable(i);  // reads raise every time
  }
}

void several_threads_push() {
  std::vector<Var> vars(4);
  for (Var& v : vars) v = deps::new_variable();
  int64_t counts[4] = {};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        const int v = (i + t) % 4;
        deps::push([&counts, v] { ++counts[v]; }, {}, {&vars[v], 1}, i % 3, "count");
        if (i % 100 == 0) deps::wait_to_read(vars[v]);
      }
    });
  for (auto& t : threads) t.join();
  deps::wait_all();
  for (int64_t c : counts) CHECK(c == 500);
}

// a and b lie on one device and share a storage, c on another: `a += 1` and `c *= 3` run at once
// (each waits for the other to have begun), `b *= 3` after `a += 1`.
void independent_devices_overlap() {
  Var ab = deps::new_variable(), c = deps::new_variable();
  std::latch both(2);
  double a_value = 1, b_value = 2, c_value = 5;
  bool a_done = false;
  deps::push([&] { both.arrive_and_wait(), a_value += 1, a_done = true; }, Vars{ab}, Vars{ab}, 0,
             "a");
  deps::push([&] { CHECK(a_done), b_value *= 3; }, Vars{ab}, Vars{ab}, 0, "b");
  deps::push([&] { both.arrive_and_wait(), c_value *= 3; }, Vars{c}, Vars{c}, 1, "c");
  deps::wait_all();
  CHECK(a_value == 2 && b_value == 6 && c_value == 15);
}

void readers_share_and_writers_wait() {
  Var v = deps::new_variable();
  std::latch readers(3);
  int value = 0;
  deps::push([&] { value = 7; }, {}, Vars{v}, 0, "write");
  for (int d = 0; d < 3; ++d)
    deps::push([&] { readers.arrive_and_wait(), CHECK(value == 7); }, Vars{v}, {}, d, "read");
  deps::push([&] { CHECK(readers.try_wait()), value = 8; }, {}, Vars{v}, 1, "write again");
  deps::wait_to_write(v);
  CHECK(value == 8);
}

void failures_spread_to_dependants_only() {
  Var a = deps::new_variable(), b = deps::new_variable(), c = deps::new_variable();
  bool ran = false;
  deps::push([] { throw Broken("first"); }, {}, Vars{a}, 0, "fails");
  deps::push([&] { ran = true; }, Vars{a}, Vars{b}, 1, "depends");
  deps::push([] {}, {}, Vars{c}, 0, "unrelated");
  deps::wait_to_read(c);
  for (int i = 0; i < 3; ++i) {
    CHECK(thrown_by([&] { deps::wait_to_read(b); }) == "first");
    CHECK(thrown_by([&] { deps::wait_to_write(a); }) == "first");
  }
  CHECK(!ran);
  deps::wait_all();  // what was raised is not raised again here
  deps::push([] {}, {}, Vars{a}, 0, "overwrites");
  deps::wait_to_read(a);
  CHECK(thrown_by([&] { deps::wait_to_read(b); }) == "first");
}

[[maybe_unused]] void long_chains_of_failures_do_not_recurse() {
  Var v = deps::new_variable(), gate = deps::new_variable();
  deps::push([] { sleep_us(2000), throw Broken("root"); }, {}, Vars{gate}, 0, "root");
  for (int i = 0; i < 200'000; ++i) deps::push([] {}, Vars{gate, v}, Vars{v}, i % 2, "next");
  CHECK(thrown_by([&] { deps::wait_to_read(v); }) == "root");
}

void misuse_is_an_error() {
  std::string inside;
  Var v = deps::new_variable();
  deps::push([&] { inside = thrown_by([&] { deps::wait_to_read(v); }); }, {}, {}, 0, "waits");
  deps::wait_all();
  CHECK(inside.find("must not wait") != std::string::npos);
  CHECK(thrown_by([] { deps::push([] {}, {}, {}, -1, ""); }).find("device") == 0);
  int pushed_inside = 0;
  deps::push([&] { deps::push([&] { ++pushed_inside; }, {}, {}, 1, "inner"); }, {}, {}, 0, "outer");
  deps::wait_all();
  CHECK(pushed_inside == 1);
}

void tasks_leave_spans() {
  namespace profiler = mp::profiler;
  profiler::recorded(true);
  profiler::set_wish(profiler::kTrace, true);
  for (int d = 0; d < 3; ++d) deps::push([] { sleep_us(100); }, {}, {}, d, "sleep");
  deps::wait_all();
  deps::stop_workers();
  profiler::set_wish(profiler::kTrace, false);
  const auto recorded = profiler::recorded(true);
  CHECK(recorded.events.size() == 3 && recorded.lost == 0);
  std::set<uint32_t> threads;
  for (const auto& e : recorded.events) {
    CHECK(e.name == "sleep" && e.category == profiler::kTask && e.duration_ns >= 100'000);
    threads.insert(e.thread);
  }
  CHECK(threads.size() == 3);
}

}  // namespace

int main() {
#if defined(__SANITIZE_THREAD__)
  random_graphs_match_the_serial_model(150);
#else
  random_graphs_match_the_serial_model(1000);
  long_chains_of_failures_do_not_recurse();
#endif
  several_threads_push();
  independent_devices_overlap();
  readers_share_and_writers_wait();
  failures_spread_to_dependants_only();
  misuse_is_an_error();
  tasks_leave_spans();
  deps::stop_workers();
  independent_devices_overlap();  // starts them again
  deps::stop_workers();
  std::puts("ok");
}
