#include "engine/jit/jit.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <unordered_map>

#include "cpu/isa.h"
#include "engine/jit/code_memory.h"
#include "engine/jit/lower.h"
#include "engine/jit/lower_math.h"
#include "engine/jit/rules.h"

namespace mp::jit {
namespace {

// What the operators' own loops do in about a millisecond or less.
constexpr int64_t kHot = 500'000;
constexpr size_t kMostRecipes = 4096;    // remembered
constexpr int64_t kMostCompiled = 4096;  // in the life of the process

struct Entry {
  int64_t work = 0;
  Code code = nullptr;
  bool refused = false;
};

std::mutex mutex;  // guards everything here, rule_of() included
std::unordered_map<std::string, Entry> entries;
int64_t hot = kHot;
Counters totals;

bool can_run() {
#if defined(__x86_64__)
  // A v3 instruction set has AVX2 and FMA. An empty function shows what the system allows.
  static const bool answer = [] {
    const uint8_t ret = 0xc3;
    return cpu::isa_level() >= 3 && make_executable({&ret, 1});
  }();
  return answer;
#else
  return false;
#endif
}

bool initially() {
  const char* wish = std::getenv("MINPY_JIT");
  return !(wish && wish[0] == '0' && !wish[1]) && can_run();
}
std::atomic<bool>& state() {
  static std::atomic<bool> on = initially();
  return on;
}

Code compile(const Recipe& recipe) {
  const auto start = std::chrono::steady_clock::now();
  const std::vector<uint8_t> code = emit(lower(recipe));
  const void* p = code.empty() ? nullptr : make_executable(code);
  if (!p) return nullptr;
  ++totals.compiled;
  totals.bytes += static_cast<int64_t>(code.size());
  totals.nanoseconds += (std::chrono::steady_clock::now() - start).count();
  return reinterpret_cast<Code>(const_cast<void*>(p));
}

void make_room() {
  if (entries.size() < kMostRecipes) return;
  std::erase_if(entries, [](const auto& e) { return !e.second.code; });
}

// The code for a recipe, null while it is not hot.
Code find_code(const Recipe& recipe, int64_t work) {
  static std::string key;
  recipe.write_key(key);
  make_room();
  Entry& e = entries[key];
  if (e.code || e.refused) return e.code;
  e.work += work;
  if (e.work < hot || totals.compiled >= kMostCompiled) return nullptr;
  e.code = compile(recipe);
  e.refused = !e.code;
  return e.code;
}

bool same_place(const Operand& a, const Operand& b, int ndim) {
  if (a.dtype != b.dtype) return false;
  if (a.slot < 0) return std::memcmp(a.number, b.number, itemsize(a.dtype)) == 0;
  return a.offset == b.offset && std::equal(a.strides, a.strides + ndim, b.strides);
}

// Kept for the next plan, so that planning allocates little.
class Planner {
 public:
  void run(std::span<const Candidate> ops, int64_t elements, std::vector<Run>& runs) {
    ops_ = ops;
    elements_ = elements;
    runs_ = &runs;
    rules_.clear();
    const int n = static_cast<int>(ops_.size());
    for (const Candidate& c : ops_) rules_.push_back(fit(c) ? rule_of(*c.code) : Rule::None);
    find_last_reads();
    for (int i = 0; i < n;) {
      int end = i;
      while (end < n && rules_[end] != Rule::None) ++end;
      if (pays(i, end)) take(i, end);
      i = std::max(end, i + 1);
    }
  }

 private:
  static bool fit(const Candidate& c) {
    const int nargs = c.code->nargs();
    for (int k = 0; k < nargs; ++k)
      if (c.args[k].reach == Reach::Unfit) return false;
    return c.args[nargs - 1].reach == Reach::Vector;
  }

  bool pays(int first, int end) const {
    return end - first >= 2 || (end > first && is_math(rules_[first]));
  }

  // The operators [first, end) as one run, or as two when they need too many pointers.
  void take(int first, int end) {
    Recipe& recipe = recipe_;
    recipe.places.clear();
    recipe.steps.clear();
    last_place_.assign(last_read_.size() + 1, -1);
    Run run;
    run.first = first;
    run.count = end - first;
    owners_.clear();
    bool has_bools = false;
    for (int i = first; i < end; ++i) {
      const Instruction& op = *ops_[i].code;
      Step step{rules_[i], op.nin};
      for (int k = 0; k < op.nargs(); ++k) {
        step.places[k] = place(recipe, i, k);
        has_bools |= op.args[k].dtype == DType::Bool;
      }
      recipe.steps.push_back(step);
      run.raises |= op.raises;
    }
    const int pointers = finish(recipe, run, end);
    if (pointers > most_pointers(has_bools) || std::ssize(run.pointers) > kMostPointers) {
      const int half = first + (end - first) / 2;
      if (pays(first, half)) take(first, half);
      if (pays(half, end)) take(half, end);
      return;
    }
    run.code = find_code(recipe, elements_ * run.count);
    if (run.code) runs_->push_back(std::move(run));
  }

  // The number of the place that operand k of operator i is in.
  uint16_t place(Recipe& recipe, int i, int k) {
    const Instruction& op = *ops_[i].code;
    const Argument& arg = ops_[i].args[k];
    const Operand& a = op.args[k];
    const bool written = k >= op.nin;
    int p = last_place_[a.slot + 1];
    while (p >= 0 && !same_place(a, operand(owners_[p].at), op.ndim)) p = owners_[p].before;
    if (p < 0) {
      p = static_cast<int>(recipe.places.size());
      recipe.places.push_back(
          {arg.reach == Reach::Repeated ? Place::Repeated : Place::Vector, a.dtype});
      recipe.places.back().loaded = !written;
      owners_.push_back({{i, k}, last_place_[a.slot + 1]});
      last_place_[a.slot + 1] = p;
    }
    if (written && !arg.scratch) {
      recipe.places[p].stored = true;
      recipe.places[p].streamed = arg.streams && !recipe.places[p].loaded;
    }
    return static_cast<uint16_t>(p);
  }

  // What the places need once the run's end is known; the number of pointers to walk.
  int finish(Recipe& recipe, Run& run, int end) {
    int walked = 0;
    for (size_t p = 0; p < recipe.places.size(); ++p) {
      Place& place = recipe.places[p];
      const Run::Pointer& owner = owners_[p].at;
      const Operand& a = operand(owner);
      if (ops_[owner.op].args[owner.arg].scratch && !place.stored)
        place.stored = written_within(recipe, static_cast<int>(p)) && read_after(end, a.slot);
      if (place.streamed && read_after(end, a.slot)) place.streamed = false;
      place.saved = place.loaded && place.stored && run.raises;
      if (!place.loaded && !place.stored) continue;
      run.pointers.push_back(owner);
      walked += place.kind == Place::Vector;
    }
    for (size_t p = 0; p < recipe.places.size(); ++p)
      if (recipe.places[p].saved) {
        run.pointers.push_back({owners_[p].at.op, owners_[p].at.arg, true});
        ++walked;
      }
    return walked;
  }
  static bool written_within(const Recipe& recipe, int place) {
    return std::any_of(recipe.steps.begin(), recipe.steps.end(),
                       [&](const Step& s) { return s.places[s.nin] == place; });
  }
  const Operand& operand(const Run::Pointer& p) const { return ops_[p.op].code->args[p.arg]; }

  void find_last_reads() {
    last_read_.clear();
    for (size_t i = 0; i < ops_.size(); ++i)
      for (int k = 0; k < ops_[i].code->nargs(); ++k) {
        const int slot = ops_[i].code->args[k].slot;
        if (slot < 0) continue;
        if (slot >= std::ssize(last_read_)) last_read_.resize(slot + 1, -1);
        if (k < ops_[i].code->nin) last_read_[slot] = static_cast<int>(i);
      }
  }
  bool read_after(int end, int slot) const { return last_read_[slot] >= end; }

  std::span<const Candidate> ops_;
  int64_t elements_ = 0;
  std::vector<Run>* runs_ = nullptr;
  Recipe recipe_;
  std::vector<Rule> rules_;
  struct Owner {
    Run::Pointer at;  // one operand that is there
    int before;       // the place before it in the same storage, or of another number
  };
  std::vector<Owner> owners_;    // of the places
  std::vector<int> last_place_;  // per slot, numbers first
  std::vector<int> last_read_;   // per slot, the last operator that reads it
};

}  // namespace

void plan(std::span<const Candidate> ops, int64_t elements, std::vector<Run>& runs) {
  if (!enabled()) return;
  static Planner planner;
  const std::lock_guard lock(mutex);
  planner.run(ops, elements, runs);
}

bool worthwhile(const Instruction& op) {
  const std::lock_guard lock(mutex);
  return is_math(rule_of(op));
}

bool available() { return can_run(); }
bool enabled() { return state().load(std::memory_order_relaxed); }
void enable(bool wish) { state() = wish && can_run(); }

void set_hot(int64_t work) {
  const std::lock_guard lock(mutex);
  hot = work;
}

Counters counters() {
  const std::lock_guard lock(mutex);
  totals.recipes = static_cast<int64_t>(entries.size());
  return totals;
}

void count_recoveries(int64_t blocks) {
  const std::lock_guard lock(mutex);
  totals.recoveries += blocks;
}

void forget() {
  const std::lock_guard lock(mutex);
  entries.clear();
}

}  // namespace mp::jit
