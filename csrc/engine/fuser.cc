#include "engine/fuser.h"

#include <algorithm>
#include <cstdlib>

namespace mp {
namespace {

// Rows that a row pass holds in scratch, in elements. Shorter ones are left to the kernels for
// short rows.
constexpr int64_t kShortestRow = 32, kLongestRow = 8192;

struct Range {
  int64_t low, high;
};

Range extent(const Operand& a, const Instruction& op) {
  Range r{a.offset, a.offset};
  for (int i = 0; i < op.ndim; ++i) {
    const int64_t reach = (op.shape[i] - 1) * a.strides[i];
    (reach > 0 ? r.high : r.low) += reach;
  }
  r.high += itemsize(a.dtype);
  return r;
}

bool same_shape(const Instruction& a, int ndim, const int64_t* shape) {
  return a.ndim == ndim && std::equal(shape, shape + ndim, a.shape);
}

bool same_view(const Operand& a, const Operand& b, int ndim) {
  return a.offset == b.offset && a.dtype == b.dtype &&
         std::equal(a.strides, a.strides + ndim, b.strides);
}

// Dense in the order of iteration, or one element repeated.
bool is_linear(const Operand& a, const Instruction& op) {
  if (a.slot < 0) return true;
  int64_t expect = itemsize(a.dtype);
  bool dense = true, constant = true;
  for (int i = op.ndim - 1; i >= 0; --i) {
    dense &= a.strides[i] == expect;
    constant &= a.strides[i] == 0;
    expect *= op.shape[i];
  }
  return dense || constant;
}

bool all_linear(const Instruction& op) {
  if (op.reduces()) return is_linear(op.args[0], op);
  return std::all_of(op.args, op.args + op.nargs(), [&](auto& a) { return is_linear(a, op); });
}

// How a reduction can be fused, were its input in the order of iteration.
struct ReductionForm {
  Pass pass = Pass::Alone;
  int reduced_from = 0;
};

// Whether partial results over parts of the pairwise tree combine to the same bits.
bool tree_splits(const Instruction& op) {
  const DType t = op.args[0].dtype;
  if (op.place) return true;
  if (op.reduction == cpu::Reduce::Sum) return t == DType::F32 || t == DType::F64 || !is_inexact(t);
  if (op.reduction == cpu::Reduce::Prod) return !is_inexact(t);
  return !is_complex(t);
}

// Sums of 16-bit floats are kept in a wider type within one call only.
bool rounds_between_calls(const Instruction& op) {
  const DType t = op.args[0].dtype;
  return is_inexact(t) && itemsize(t) == 2 &&
         (op.reduction == cpu::Reduce::Sum || op.reduction == cpu::Reduce::Prod);
}

ReductionForm form_of(const Instruction& op) {
  const int n = op.ndim;
  bool reduced[kProgramDims];
  int count = 0;
  for (int i = 0; i < n; ++i) count += reduced[i] = op.args[1].strides[i] == 0;
  int64_t trailing = 1, leading = 1, total = op.size();
  int from = n, kept_from = 0;
  while (from > 0 && reduced[from - 1]) trailing *= op.shape[--from];
  while (kept_from < n && reduced[kept_from]) leading *= op.shape[kept_from++];
  if (total == 0 || count == 0) return {};
  if (count == n) {
    if (total <= kLongestRow) return {Pass::Rows, 0};
    return tree_splits(op) ? ReductionForm{Pass::Tree, 0} : ReductionForm{};
  }
  if (n - from == count && trailing >= kShortestRow && trailing <= kLongestRow)
    return {Pass::Rows, from};
  if (kept_from == count && total / leading > 1 && !rounds_between_calls(op))
    return {Pass::Columns, kept_from};
  return {};
}

class Fuser {
 public:
  explicit Fuser(const Program& program) : p_(program), needed_(program.code.size(), false) {
    result_.homes.resize(p_.slots.size());
    latest_.assign(p_.slots.size(), -1);
  }

  FusedProgram run() {
    find_needed();
    for (size_t i = 0; i < p_.code.size(); ++i)
      if (needed_[i]) place(static_cast<int>(i));
    find_homes();
    return std::move(result_);
  }

 private:
  // Backwards: an instruction is needed when it writes what is live or read later.
  void find_needed() {
    std::vector<bool> wanted(p_.slots.size());
    for (size_t s = 0; s < wanted.size(); ++s) wanted[s] = p_.slots[s].live;
    for (size_t i = p_.code.size(); i-- > 0;) {
      const Instruction& op = p_.code[i];
      for (int k = op.nin; k < op.nargs(); ++k)
        if (wanted[op.args[k].slot]) needed_[i] = true;
      if (!needed_[i]) continue;
      for (int k = 0; k < op.nin; ++k)
        if (op.args[k].slot >= 0) wanted[op.args[k].slot] = true;
    }
  }

  struct Access {
    int segment, instruction, arg;
    bool write;
    int before;  // the access before it to the same slot
  };

  // The first segment that the dependencies of instruction i allow.
  int earliest(int i) const {
    const Instruction& op = p_.code[i];
    int first = 0;
    for (int k = 0; k < op.nargs(); ++k) {
      const Operand& mine = op.args[k];
      if (mine.slot < 0) continue;
      const bool write = k >= op.nin;
      for (int at = latest_[mine.slot]; at >= 0; at = accesses_[at].before) {
        const Access& a = accesses_[at];
        const Instruction& other = p_.code[a.instruction];
        const Operand& theirs = other.args[a.arg];
        if (!(write || a.write) || a.segment + 1 <= first) continue;
        const Range x = extent(mine, op), y = extent(theirs, other);
        if (x.high <= y.low || y.high <= x.low) continue;
        first = std::max(first, a.segment + !may_share(op, mine, other, theirs, a));
      }
    }
    return first;
  }

  // Whether two conflicting accesses may be in one segment, in program order.
  bool may_share(const Instruction& op, const Operand& mine, const Instruction& other,
                 const Operand& theirs, const Access& a) const {
    const Segment& s = result_.segments[a.segment];
    if (!same_shape(op, s.ndim, s.shape) && !per_row(op, s)) return false;
    if (!same_view(mine, theirs, s.ndim)) return false;
    // The result of a reduction is complete only after its row.
    if (other.reduces() && a.write) return s.pass == Pass::Rows;
    return true;
  }

  bool joins(const Instruction& op, const Segment& s, const ReductionForm& form) const {
    if (per_row(op, s)) return reads_row_value(op, s);
    if (s.pass == Pass::Alone || !same_shape(op, s.ndim, s.shape)) return false;
    if (!op.reduces()) return s.pass == Pass::Flat || walks(op, s.pass, s.reduced_from);
    if (form.pass == Pass::Alone || !touches(s, op.args[0])) return false;
    if (s.pass != Pass::Flat && (s.pass != form.pass || s.reduced_from != form.reduced_from))
      return false;
    return walks(op, form.pass, form.reduced_from) &&
           std::all_of(s.code.begin(), s.code.end(),
                       [&](int i) { return walks(p_.code[i], form.pass, form.reduced_from); });
  }

  // Whether the instruction has one element for each row of a row pass: it runs between the
  // reductions and what uses them.
  static bool per_row(const Instruction& op, const Segment& s) {
    return s.pass == Pass::Rows && !op.reduces() && op.ndim == s.reduced_from && op.ndim < s.ndim &&
           std::equal(op.shape, op.shape + op.ndim, s.shape);
  }
  // Whether it reads what the segment computes; others of that shape are better off in one call.
  bool reads_row_value(const Instruction& op, const Segment& s) const {
    const int segment = static_cast<int>(&s - result_.segments.data());
    for (int k = 0; k < op.nin; ++k) {
      if (op.args[k].slot < 0) continue;
      for (int at = latest_[op.args[k].slot]; at >= 0; at = accesses_[at].before)
        if (accesses_[at].write && accesses_[at].segment == segment) return true;
    }
    return false;
  }

  // Whether an instruction of the segment has that view among its operands.
  bool touches(const Segment& s, const Operand& view) const {
    for (int i : s.code) {
      const Instruction& op = p_.code[i];
      for (int k = 0; k < op.nargs(); ++k)
        if (op.args[k].slot == view.slot && same_view(op.args[k], view, s.ndim)) return true;
    }
    return false;
  }

  void place(int i) {
    const Instruction& op = p_.code[i];
    ReductionForm form;
    if (op.reduces() && is_dense_input(op)) form = form_of(op);
    size_t at = earliest(i);
    while (at < result_.segments.size() && !joins(op, result_.segments[at], form)) ++at;
    if (at == result_.segments.size()) {
      Segment s;
      s.ndim = op.ndim;
      std::copy(op.shape, op.shape + op.ndim, s.shape);
      // What follows may use the row that a row pass has just reduced; the other reductions have
      // faster kernels of their own.
      if (op.reduces() && form.pass != Pass::Rows) s.pass = Pass::Alone;
      result_.segments.push_back(std::move(s));
    }
    Segment& s = result_.segments[at];
    if (op.reduces() && s.pass != Pass::Alone) {
      s.pass = form.pass;
      s.reduced_from = form.reduced_from;
    }
    s.code.push_back(i);
    for (int k = 0; k < op.nargs(); ++k) {
      const int32_t slot = op.args[k].slot;
      if (slot < 0) continue;
      accesses_.push_back({static_cast<int>(at), i, k, k >= op.nin, latest_[slot]});
      latest_[slot] = static_cast<int>(accesses_.size()) - 1;
    }
  }

  static bool is_dense_input(const Instruction& op) {
    int64_t expect = itemsize(op.args[0].dtype);
    for (int i = op.ndim - 1; i >= 0; --i) {
      if (op.args[0].strides[i] != expect) return false;
      expect *= op.shape[i];
    }
    return true;
  }

  // A value stays in scratch when nobody sees it, one segment alone touches it, always as the same
  // view, and its first access writes all of it elementwise.
  void find_homes() {
    std::vector<const Access*> first(p_.slots.size(), nullptr);
    for (const Access& a : accesses_) {
      const Instruction& op = p_.code[a.instruction];
      const Operand& arg = op.args[a.arg];
      Home& home = result_.homes[arg.slot];
      if (home.kind == Home::Unused) {
        const Slot& slot = p_.slots[arg.slot];
        const bool fresh = !slot.live && !slot.storage->data && a.write && !op.reduces() &&
                           op.ndim == result_.segments[a.segment].ndim;
        home = {fresh ? Home::Scratch : Home::Memory, a.segment};
        first[arg.slot] = &a;
        continue;
      }
      if (home.kind != Home::Scratch) continue;
      const Instruction& before = p_.code[first[arg.slot]->instruction];
      if (a.segment != home.segment ||
          !same_view(arg, before.args[first[arg.slot]->arg], before.ndim) ||
          (op.reduces() && a.write))
        home.kind = Home::Memory;
    }
  }

  const Program& p_;
  std::vector<bool> needed_;
  std::vector<Access> accesses_;
  std::vector<int> latest_;  // per slot, the last of its accesses
  FusedProgram result_;
};

}  // namespace

FusedProgram fuse(const Program& program) { return Fuser(program).run(); }

bool walks(const Instruction& op, Pass pass, int columns_from) {
  if (pass == Pass::Tree) return all_linear(op);
  for (int d = columns_from + 1; d < op.ndim; ++d)
    for (int k = 0; k < op.nargs(); ++k)
      if (op.args[k].slot >= 0 && op.args[k].strides[d - 1] != op.args[k].strides[d] * op.shape[d])
        return false;
  return true;
}

}  // namespace mp
