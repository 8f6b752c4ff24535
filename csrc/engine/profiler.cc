#include "engine/profiler.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>
#include <new>

namespace mp::profiler {

std::atomic<uint8_t> wishes{0};
std::atomic<int64_t (*)()> live_bytes{nullptr};

namespace {

constexpr size_t kMostEvents = size_t{1} << 22;

struct Store {
  std::mutex lock;
  std::vector<Event> events;
  uint64_t lost = 0;
};
Store& store() {
  static Store* s = new Store;  // never destroyed: workers may outlive main()
  return *s;
}

uint32_t thread_number() {
  static std::atomic<uint32_t> next{0};
  thread_local const uint32_t number = next.fetch_add(1);
  return number;
}

void print(const Event& e) {
  char rates[64] = "";
  const double ns = static_cast<double>(e.duration_ns > 0 ? e.duration_ns : 1);
  int used = 0;
  if (e.bytes) used = std::snprintf(rates, sizeof rates, "  %.1f GB/s", e.bytes / ns);
  if (e.flops) std::snprintf(rates + used, sizeof rates - used, "  %.1f GFLOP/s", e.flops / ns);
  std::fprintf(stderr, "minpy: %s %s%s%s  %.1f us%s\n", kCategoryNames[e.category], e.name.c_str(),
               e.operands.empty() ? "" : "  ", e.operands.c_str(), ns / 1000, rates);
}

const int level = [] {
  const char* text = std::getenv("MINPY_DEBUG");
  const int n = text ? std::atoi(text) : 0;
  if (n > 0) set_wish(kPrint, true);
  return n;
}();

}  // namespace

int debug_level() { return level; }

void set_wish(Wish wish, bool on) {
  if (on)
    wishes.fetch_or(wish);
  else
    wishes.fetch_and(static_cast<uint8_t>(~wish));
}

int64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * int64_t{1'000'000'000} + t.tv_nsec;
}

void add(Event event) {
  Store& s = store();
  event.thread = thread_number();
  std::lock_guard guard(s.lock);
  if (s.events.size() < kMostEvents)
    s.events.push_back(std::move(event));
  else
    ++s.lost;
}

Recorded recorded(bool clear) {
  Store& s = store();
  std::lock_guard guard(s.lock);
  Recorded r{{}, s.lost};
  if (!clear) {
    r.events = s.events;
    return r;
  }
  r.events.swap(s.events);
  s.lost = 0;
  return r;
}

void forget_lock() { new (&store().lock) std::mutex; }

Event* Span::begin(Category category, std::string_view name) {
  Event* e = new Event;
  e->category = category;
  e->name = name;
  e->start_ns = now_ns();
  return e;
}

void Span::end(Event* event) {
  std::unique_ptr<Event> e(event);
  if (!e->duration_ns) e->duration_ns = now_ns() - e->start_ns;
  const uint8_t wanted = wishes.load(std::memory_order_relaxed);
  if (wanted & kPrint) print(*e);
  if (!(wanted & kTrace)) return;
  auto probe = live_bytes.load(std::memory_order_relaxed);
  if (probe && e->category != kTask) e->value = probe();
  add(std::move(*e));
}

}  // namespace mp::profiler
