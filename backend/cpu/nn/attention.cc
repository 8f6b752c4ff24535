#include "cpu/nn/attention.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "engine/pool.h"

namespace mp::cpu {
namespace {

constexpr int64_t kTasks = 16, kMostQueries = 512;  // of a task

const AttentionLoops& loops() {
  static const AttentionLoops& best = MP_BEST_ISA(attention_loops);
  return best;
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Buffers for as many threads as may work at once.
class Workspaces {
 public:
  Workspaces(int64_t count, int64_t bytes) : busy_(static_cast<size_t>(count)) {
    for (int64_t i = 0; i < count; ++i)
      data_.emplace_back(::operator new(static_cast<size_t>(bytes), std::align_val_t{64}));
  }
  size_t take() {
    for (size_t i = 0;; i = (i + 1) % busy_.size())
      if (!busy_[i].exchange(true, std::memory_order_acquire)) return i;
  }
  void give(size_t i) { busy_[i].store(false, std::memory_order_release); }
  void* at(size_t i) const { return data_[i].get(); }

 private:
  struct Free {
    void operator()(void* p) const { ::operator delete(p, std::align_val_t{64}); }
  };
  std::vector<std::unique_ptr<void, Free>> data_;
  std::vector<std::atomic<bool>> busy_;
};

int64_t padded(int64_t columns, int64_t item) {
  return ceil_div(columns * item, kPanelBytes) * kPanelBytes;  // bytes of a row of panels
}

int64_t forward_bytes(const Attention& p, int64_t item) {
  const int64_t keys = std::min(kKeyBlock, p.keys);
  return padded(keys, item) * (p.width + kQueryBlock) + padded(p.value_width, item) * keys +
         2 * padded(kMostQueries, item);
}

int64_t backward_bytes(const Attention& p, int64_t item) {
  const int64_t keys = std::min(kKeyBlock, p.keys);
  return padded(keys, item) * (p.width + p.value_width + 2 * kQueryBlock) +
         padded(p.width, item) * (keys + kQueryBlock) + padded(p.value_width, item) * kQueryBlock +
         padded(p.queries, item);
}

int64_t cost_ns(const Attention& p, int64_t item, int products) {
  return p.heads * p.queries * p.keys * (p.width + p.value_width) * products * item / 4 / 80;
}

// Calls run for parts of `length` rows of each head.
template <class F>
void in_parts(int64_t heads, int64_t length, int64_t part, int64_t bytes, int64_t serial_ns,
              F&& run) {
  const int64_t parts = ceil_div(length, part), tasks = heads * parts;
  Workspaces workspaces(std::clamp<int64_t>(pool::threads(), 1, std::max<int64_t>(tasks, 1)),
                        bytes);
  pool::parallel_for(tasks, 1, serial_ns, [&](int64_t begin, int64_t end) {
    const size_t mine = workspaces.take();
    for (int64_t i = begin; i < end; ++i) {
      const int64_t head = i / parts, from = i % parts * part;
      run({head, from, std::min(length, from + part), workspaces.at(mine), nullptr}, i % parts);
    }
    workspaces.give(mine);
  });
}

template <class T>
void add_parts(T* dq, const T* partial, int64_t parts, int64_t heads, int64_t each) {
  pool::parallel_for(heads * each, 4096, parts * heads * each / 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T sum = dq[i];
      for (int64_t part = 1; part < parts; ++part) sum += partial[(part - 1) * heads * each + i];
      dq[i] = sum;
    }
  });
}

}  // namespace

void attention(DType dtype, const Attention& p) {
  const auto run = dtype == DType::F64 ? loops().forward_f64 : loops().forward_f32;
  const int64_t item = itemsize(dtype);
  const int64_t wanted = ceil_div(p.heads * p.queries, kTasks * kQueryBlock) * kQueryBlock;
  in_parts(p.heads, p.queries, std::clamp(wanted, kQueryBlock, kMostQueries),
           forward_bytes(p, item), cost_ns(p, item, 1),
           [&](const AttentionPart& part, int64_t) { run(p, part); });
}

void attention_grad(DType dtype, const AttentionGrad& g) {
  const auto run = dtype == DType::F64 ? loops().backward_f64 : loops().backward_f32;
  const Attention& p = g.forward;
  const int64_t item = itemsize(dtype), each = p.queries * p.width;
  const size_t dq_bytes = static_cast<size_t>(p.heads * each * item);
  std::memset(g.dq, 0, dq_bytes);
  std::memset(g.dk, 0, static_cast<size_t>(p.heads * p.keys * p.width * item));
  std::memset(g.dv, 0, static_cast<size_t>(p.heads * p.keys * p.value_width * item));
  if (g.dmask) std::memset(g.dmask, 0, static_cast<size_t>(p.heads * p.queries * p.keys * item));
  if (p.heads * p.queries * p.keys == 0) return;
  const int64_t blocks = ceil_div(p.keys, kKeyBlock);
  const int64_t parts = std::min(blocks, ceil_div(kTasks, p.heads));
  const int64_t part = ceil_div(blocks, parts) * kKeyBlock, made = ceil_div(p.keys, part);
  std::vector<char> partial(dq_bytes * static_cast<size_t>(made - 1));
  in_parts(p.heads, p.keys, part, backward_bytes(p, item), cost_ns(p, item, 3),
           [&](AttentionPart a, int64_t i) {
             char* to = i == 0 ? static_cast<char*>(g.dq)
                               : partial.data() + dq_bytes * static_cast<size_t>(i - 1);
             a.dq = to + a.head * each * item;
             run(g, a);
           });
  if (made == 1) return;
  if (dtype == DType::F64)
    add_parts(static_cast<double*>(g.dq), reinterpret_cast<const double*>(partial.data()), made,
              p.heads, each);
  else
    add_parts(static_cast<float*>(g.dq), reinterpret_cast<const float*>(partial.data()), made,
              p.heads, each);
}

}  // namespace mp::cpu
