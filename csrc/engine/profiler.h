// What ran when: spans of operators, fallbacks, products, fused segments and tasks, for
// minpy.profiler (a trace and a table) and for MINPY_DEBUG (a line on stderr each). Off, a span
// costs the test of one byte. Spans may be made on any thread and nest. No Python.
//
//   profiler::Span span(profiler::kOperator, "add");
//   if (span) span.describe("float32(3,4) -> float32(3,4)", bytes, flops);
#pragma once
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mp::profiler {

enum Category : uint8_t { kOperator, kFunction, kFallback, kMatmul, kSegment, kTask, kUser };
inline constexpr const char* kCategoryNames[] = {"operator", "function", "fallback", "matmul",
                                                 "segment",  "task",     "user"};

// Who wants spans now: bits of `wishes`.
enum Wish : uint8_t { kTrace = 1, kPrint = 2 };
extern std::atomic<uint8_t> wishes;
inline bool on() { return __builtin_expect(wishes.load(std::memory_order_relaxed) != 0, 0); }
void set_wish(Wish wish, bool on);
int debug_level();  // MINPY_DEBUG, 0 when unset; from 1 on kPrint is set when the module loads

struct Event {
  enum Kind : uint8_t { kSpan, kCounter, kMarker } kind = kSpan;
  Category category = kUser;
  uint32_t thread = 0;  // small numbers in order of appearance
  int64_t start_ns = 0, duration_ns = 0;
  int64_t bytes = 0, flops = 0;  // moved and computed, 0 if unknown
  int64_t value = -1;            // of a counter; of a span, live bytes at its end or -1
  std::string name, operands;
};

int64_t now_ns();  // CLOCK_MONOTONIC, as time.perf_counter_ns()
void add(Event event);
// The events so far, in order of their ends; beyond a few million they are only counted.
struct Recorded {
  std::vector<Event> events;
  uint64_t lost;
};
Recorded recorded(bool clear);
// Called at the end of spans other than tasks, on the thread that has them; null: no memory
// figures.
extern std::atomic<int64_t (*)()> live_bytes;
void forget_lock();  // in the child of a fork

class Span {
 public:
  Span(Category category, std::string_view name) {
    if (on()) event_ = begin(category, name);
  }
  ~Span() {
    if (event_) end(event_);
  }
  Span(const Span&) = delete;
  explicit operator bool() const { return event_; }
  // Ends the time before the end of the object.
  void stop() {
    if (event_) event_->duration_ns = now_ns() - event_->start_ns;
  }
  void describe(std::string operands, int64_t bytes, int64_t flops) {
    event_->operands = std::move(operands);
    event_->bytes = bytes;
    event_->flops = flops;
  }

 private:
  static Event* begin(Category category, std::string_view name);
  static void end(Event* event);
  Event* event_ = nullptr;
};

}  // namespace mp::profiler
