#include "engine/recompute.h"

#include <algorithm>

#include "engine/jit/rules.h"

namespace mp {
namespace {

// What a pass over one operand in memory costs in cheap operators, and a function in them.
constexpr int kPassCost = 3, kFunctionCost = 4;
// Values that do not fit the second-level cache are twice as dear to keep.
constexpr int64_t kLargeBytes = int64_t{1} << 20;

int cost_of(const Instruction& op) {
  const jit::Rule rule = jit::rule_of(op);
  if (rule == jit::Rule::None) return 4 * kFunctionCost;
  return jit::is_math(rule) ? kFunctionCost : 1;
}

bool same_view(const Operand& a, const Operand& b, int ndim) {
  return a.slot == b.slot && a.offset == b.offset && a.dtype == b.dtype &&
         std::equal(a.strides, a.strides + ndim, b.strides);
}

class Recomputation {
 public:
  Recomputation(const Program& p, FusedProgram& f)
      : p_(p), f_(f), writes_(p.slots.size()), home_(p.code.size(), -1) {
    for (size_t s = 0; s < f_.segments.size(); ++s)
      for (int i : f_.segments[s].code) home_[i] = static_cast<int>(s);
    for (size_t i = 0; i < p_.code.size(); ++i)
      if (home_[i] >= 0)
        for (int k = p_.code[i].nin; k < p_.code[i].nargs(); ++k)
          writes_[p_.code[i].args[k].slot].push_back(static_cast<int>(i));
  }

  void run() {
    bool changed = false;
    for (size_t i = 0; i < p_.code.size(); ++i)
      if (home_[i] >= 0) changed |= spread(static_cast<int>(i));
    if (!changed) return;
    for (Segment& s : f_.segments) drop_unused(s);
    std::erase_if(f_.segments, [](const Segment& s) { return s.code.empty(); });
  }

 private:
  // Whether the instruction alone makes a value, elementwise, that nobody sees afterwards.
  bool makes_temporary(int i) const {
    const Instruction& op = p_.code[i];
    if (op.reduces() || op.nout != 1 || op.ndim != f_.segments[home_[i]].ndim) return false;
    const int32_t slot = op.args[op.nin].slot;
    return writes_[slot].size() == 1 && !p_.slots[slot].live && !p_.slots[slot].storage->data;
  }

  // Makes the value of instruction i in every segment that reads it. False: it stays in memory.
  bool spread(int i) {
    const Instruction& op = p_.code[i];
    const Operand& value = op.args[op.nin];
    if (value.slot < 0 || f_.homes[value.slot].kind != Home::Memory || !makes_temporary(i))
      return false;
    std::vector<int> users;
    for (size_t s = 0; s < f_.segments.size(); ++s)
      for (int j : f_.segments[s].code) {
        const Instruction& reader = p_.code[j];
        for (int k = 0; k < reader.nin; ++k) {
          if (reader.args[k].slot != value.slot) continue;
          if (!same_view(reader.args[k], value, f_.segments[s].ndim)) return false;
          if (users.empty() || users.back() != static_cast<int>(s)) users.push_back(s);
        }
      }
    std::vector<int> chain;
    if (!gather(i, chain)) return false;
    std::sort(chain.begin(), chain.end());
    for (int s : users)
      if (s != home_[i] && !fits(chain, f_.segments[s], f_.segments[home_[i]])) return false;
    if (!pays(i, chain, users)) return false;
    for (int s : users) add(chain, f_.segments[s]);
    f_.homes[value.slot].kind = Home::Scratch;
    return true;
  }

  // The instructions behind the value of instruction i, as far as it comes from temporaries that
  // have no memory. False when something else they read changes later.
  bool gather(int i, std::vector<int>& chain) const {
    if (std::find(chain.begin(), chain.end(), i) != chain.end()) return true;
    if (!makes_temporary(i)) return false;
    chain.push_back(i);
    const Instruction& op = p_.code[i];
    for (int k = 0; k < op.nin; ++k) {
      const int32_t slot = op.args[k].slot;
      if (slot < 0) continue;
      if (f_.homes[slot].kind == Home::Scratch) {
        if (!gather(writes_[slot].front(), chain)) return false;
      } else if (!writes_[slot].empty() && writes_[slot].back() >= i) {
        return false;
      }
    }
    return true;
  }

  bool fits(const std::vector<int>& chain, const Segment& to, const Segment& from) const {
    if (to.pass == Pass::Alone || to.ndim != from.ndim ||
        !std::equal(to.shape, to.shape + to.ndim, from.shape))
      return false;
    return std::all_of(chain.begin(), chain.end(), [&](int i) {
      return to.pass == Pass::Flat || walks(p_.code[i], to.pass, to.reduced_from);
    });
  }

  // Against writing the value once and reading it in every other segment stand its operators, in
  // every segment but one, and what they read that the segment does not read anyway.
  bool pays(int i, const std::vector<int>& chain, const std::vector<int>& users) const {
    const Instruction& op = p_.code[i];
    const bool used_at_home = std::find(users.begin(), users.end(), home_[i]) != users.end();
    const int64_t again = static_cast<int64_t>(users.size()) - 1;
    const int64_t others = again + !used_at_home;
    int64_t work = 0, passes = 0;
    for (int j : chain) work += cost_of(p_.code[j]);
    for (int s : users)
      if (s != home_[i]) passes += new_passes(chain, f_.segments[s]);
    int64_t pass = kPassCost;
    if (op.size() * itemsize(op.args[op.nin].dtype) > kLargeBytes) pass *= 2;
    return work * again + passes * pass <= (2 + others) * pass;
  }
  int64_t new_passes(const std::vector<int>& chain, const Segment& s) const {
    std::vector<int32_t> read;
    for (int i : s.code)
      for (int k = 0; k < p_.code[i].nin; ++k) read.push_back(p_.code[i].args[k].slot);
    int64_t count = 0;
    for (int i : chain)
      for (int k = 0; k < p_.code[i].nin; ++k) {
        const Operand& a = p_.code[i].args[k];
        if (a.slot < 0 || f_.homes[a.slot].kind == Home::Scratch ||
            std::find(read.begin(), read.end(), a.slot) != read.end())
          continue;
        read.push_back(a.slot);
        ++count;
      }
    return count;
  }

  static void add(const std::vector<int>& chain, Segment& to) {
    std::vector<int> both;
    std::set_union(to.code.begin(), to.code.end(), chain.begin(), chain.end(),
                   std::back_inserter(both));
    to.code = std::move(both);
  }

  // Instructions that now serve other segments only.
  void drop_unused(Segment& s) const {
    std::vector<int> kept;
    std::vector<int32_t> wanted;
    for (size_t at = s.code.size(); at-- > 0;) {
      const Instruction& op = p_.code[s.code[at]];
      bool needed = false;
      for (int k = op.nin; k < op.nargs(); ++k)
        needed |= f_.homes[op.args[k].slot].kind == Home::Memory ||
                  std::find(wanted.begin(), wanted.end(), op.args[k].slot) != wanted.end();
      if (!needed) continue;
      kept.push_back(s.code[at]);
      for (int k = 0; k < op.nin; ++k) wanted.push_back(op.args[k].slot);
    }
    s.code.assign(kept.rbegin(), kept.rend());
  }

  const Program& p_;
  FusedProgram& f_;
  std::vector<std::vector<int>> writes_;  // per slot, the instructions in order
  std::vector<int> home_;                 // per instruction, the segment that the fuser chose
};

}  // namespace

void recompute(const Program& program, FusedProgram& fused) {
  if (fused.segments.size() < 2) return;
  for (size_t i = 0; i < program.slots.size(); ++i) {
    const Slot& s = program.slots[i];
    if (fused.homes[i].kind == Home::Memory && !s.live && !s.storage->data)
      return Recomputation(program, fused).run();
  }
}

}  // namespace mp
