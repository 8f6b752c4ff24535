// Which value of a straight-line body is in which vector register. Values are taken in order; when
// registers run out, the one whose next use is furthest away leaves: to a slot of the frame, or to
// nowhere when it can be had again. Invariant: only registers below `count` are given out.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/jit/ir.h"

namespace mp::jit {

class Registers {
 public:
  static constexpr int kMost = 15, kNever = 1 << 30;

  Registers(const Body& body, int count) : body_(body), count_(count), uses_(body.nodes.size()) {
    std::vector<bool> overwritten(body.pointers.size(), false);
    for (size_t i = 0; i < body.nodes.size(); ++i) {
      const Node& n = body.nodes[i];
      for (int v : n.in)
        if (v >= 0) uses_[v].push_back(static_cast<int>(i));
      if (n.op == Op::Store || n.op == Op::StoreBool) overwritten[n.place] = true;
    }
    returns_.resize(body.nodes.size());
    for (size_t i = 0; i < body.nodes.size(); ++i) {
      const Node& n = body.nodes[i];
      returns_[i] = n.op == Op::Constant || n.op == Op::Repeat || n.op == Op::RepeatBool ||
                    ((n.op == Op::Load || n.op == Op::LoadBool) && !overwritten[n.place]);
    }
    pinned_.assign(body.nodes.size(), -1);
    restart();
  }

  // Before the first node of another copy of the body.
  void restart() {
    reg_ = pinned_;
    slot_.assign(body_.nodes.size(), -1);
    cursor_.assign(body_.nodes.size(), 0);
    std::fill(holder_, holder_ + kMost, -1);
    for (size_t v = 0; v < reg_.size(); ++v)
      if (reg_[v] >= 0) holder_[reg_[v]] = static_cast<int>(v);
    slots_ = 0;
    locked_ = 0;
  }
  void pin(int v, int reg) { pinned_[v] = reg; }

  int of(int v) const { return reg_[v]; }
  int slot(int v) const { return slot_[v]; }
  int most_slots() const { return most_slots_; }
  int most_used() const { return most_used_; }
  int use_count(int v) const { return static_cast<int>(uses_[v].size()); }
  bool needed(int v) const { return cursor_[v] < uses_[v].size(); }
  // Whether v can be had again once it has left its register.
  bool returns(int v) const { return returns_[v]; }
  bool crowded() const {
    return std::none_of(holder_, holder_ + count_, [](int v) { return v < 0; });
  }
  bool last_use(int v) const { return cursor_[v] + 1 >= uses_[v].size(); }

  void lock(int reg) { locked_ |= 1u << reg; }
  void unlock_all() { locked_ = 0; }

  // A register for v; spill(reg, slot) is called first for a value that must leave it.
  template <class Spill>
  int take(int v, Spill&& spill) {
    int best = -1, furthest = -1, used = 0;
    for (int r = 0; r < count_; ++r) {
      if (holder_[r] < 0) {
        if (furthest < kNever) best = r, furthest = kNever;
        continue;
      }
      ++used;
      if (locked_ >> r & 1 || pinned_[holder_[r]] >= 0) continue;
      const int next = next_use(holder_[r]);
      if (next > furthest) best = r, furthest = next;
    }
    if (holder_[best] >= 0)
      leave(best, spill);
    else
      ++used;
    most_used_ = std::max(most_used_, used);
    holder_[best] = v;
    reg_[v] = best;
    lock(best);
    return best;
  }

  // v lives where a value that just died was.
  void take_over(int v, int reg) {
    holder_[reg] = v;
    reg_[v] = reg;
  }
  int count() const { return count_; }
  // Whether v, in a register, leaves it with the node that uses it now.
  bool dies(int v) const { return last_use(v) && pinned_[v] < 0; }

  // One use of v is over.
  void used(int v) {
    ++cursor_[v];
    drop_if_dead(v);
  }
  void drop_if_dead(int v) {
    if (cursor_[v] < uses_[v].size() || reg_[v] < 0 || pinned_[v] >= 0) return;
    holder_[reg_[v]] = -1;
    reg_[v] = -1;
  }

 private:
  int next_use(int v) const {
    return cursor_[v] < uses_[v].size() ? uses_[v][cursor_[v]] : kNever - 1;
  }
  template <class Spill>
  void leave(int reg, Spill&& spill) {
    const int v = holder_[reg];
    if (!returns_[v] && slot_[v] < 0) {
      slot_[v] = slots_++;
      most_slots_ = std::max(most_slots_, slots_);
      spill(reg, slot_[v]);
    }
    reg_[v] = -1;
  }

  const Body& body_;
  int count_;
  std::vector<std::vector<int>> uses_;
  std::vector<bool> returns_;
  std::vector<int> reg_, pinned_, slot_;
  std::vector<size_t> cursor_;
  int holder_[kMost];
  uint32_t locked_ = 0;
  int slots_ = 0, most_slots_ = 0, most_used_ = 0;
};

}  // namespace mp::jit
