#include "engine/executor.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>

#include "cpu/program_loops.h"
#include "engine/fp_state.h"
#include "engine/jit/jit.h"
#include "engine/pool.h"

namespace mp {
namespace {

constexpr int64_t kBlockBytes = 8192;       // of one operand
constexpr int64_t kShortRow = 64;           // below, rows that are not dense are packed before use
constexpr int64_t kTaskElements = 1 << 15;  // of a part of the pairwise tree
// Programs that touch more write past the caches.
constexpr int64_t kStreamedBytes = int64_t{1} << 24;

// An operand over the segment's rows and columns.
struct Arg {
  char* base = nullptr;
  int scratch = -1;  // the buffer that holds the block; -1: memory
  int packed = -1;   // the buffer for packing short rows; -1: none
  int item = 0;
  bool dense = false, constant = false;
  int64_t inner = 0;
  int64_t outer[kProgramDims] = {};
};

struct Op {
  const Instruction* code;
  int index;             // of the instruction in the program
  bool whole = true;     // one call does a block of several rows
  bool per_row = false;  // has one element for each row
  int run = -1;          // the emitted code that stands for this operator and those after it
  Arg args[kProgramArgs];
};

// Rows [row, row + rows) of columns [col, col + cols); several rows only when they are whole ones.
struct Block {
  int64_t row, rows, col, cols;
};

class Kernel {
 public:
  Kernel(const Program& program, const FusedProgram& fused, const Segment& segment, int ignored)
      : p_(program), fused_(fused), s_(segment), reported_(kFpReported & ~ignored) {
    merge_axes();
    for (int i : s_.code) add_op(i);
    if (jit::enabled() && (ops_.size() > 1 || jit::worthwhile(*ops_[0].code))) find_runs();
    assign_scratch();
    block_ = std::max<int64_t>(kBlockBytes / widest_, 128);
    grain_ = 8 * block_;
    if (s_.pass == Pass::Flat && runs_.size() == 1 && runs_[0].count == std::ssize(ops_))
      block_ *= 4;  // nothing goes through scratch
  }

  void run(int* raised) {
    switch (s_.pass) {
      case Pass::Tree:
        return run_tree(raised);
      case Pass::Columns:
        return run_columns(raised);
      default:
        return run_rows(raised);
    }
  }

 private:
  class Worker;

  // Neighbouring axes become one where every operand runs through them in one step; a row pass and
  // a column pass keep their two sides apart.
  void merge_axes() {
    const int cut = s_.pass == Pass::Rows || s_.pass == Pass::Columns ? s_.reduced_from : -1;
    int from[kProgramDims], count = 0;
    for (int d = 0; d < s_.ndim; ++d) {
      if (count && d != cut && mergeable(d)) {
        shape_[count - 1] *= s_.shape[d];
        from[count - 1] = d;
        continue;
      }
      shape_[count] = s_.shape[d];
      from[count++] = d;
    }
    // The innermost axis are the columns, the others the rows.
    const bool no_columns = count == 0 || (cut >= 0 && cut == s_.ndim);
    nouter_ = no_columns ? count : count - 1;
    cols_ = no_columns ? 1 : shape_[count - 1];
    inner_axis_ = no_columns ? -1 : from[count - 1];
    rows_ = 1;
    for (int d = 0; d < nouter_; ++d) {
      rows_ *= shape_[d];
      axis_[d] = from[d];
    }
  }

  bool mergeable(int d) const {
    for (int i : s_.code) {
      const Instruction& op = p_.code[i];
      for (int k = 0; k < op.nargs(); ++k) {
        const Operand& a = op.args[k];
        if (a.slot >= 0 && !in_scratch(a) && a.strides[d - 1] != a.strides[d] * s_.shape[d])
          return false;
      }
    }
    return true;
  }

  bool in_scratch(const Operand& a) const { return fused_.homes[a.slot].kind == Home::Scratch; }

  void add_op(int index) {
    Op op{&p_.code[index], index};
    op.per_row = op.code->ndim < s_.ndim;
    for (int k = 0; k < op.code->nargs(); ++k) {
      const Operand& from = op.code->args[k];
      Arg& a = op.args[k];
      a.item = itemsize(from.dtype);
      widest_ = std::max(widest_, a.item);
      if (from.slot < 0) {
        a.base = const_cast<char*>(from.number);
        a.constant = true;
        continue;
      }
      if (in_scratch(from)) {
        a.dense = true;
        a.scratch = from.slot;  // assign_scratch makes it a buffer
        continue;
      }
      a.base = p_.slots[from.slot].data + from.offset;
      a.inner = inner_axis_ < 0 ? 0 : from.strides[inner_axis_];
      bytes_ += a.item;
      a.constant = a.inner == 0;
      a.dense = inner_axis_ < 0 || a.inner == a.item;
      int64_t expect = cols_ * a.item;
      for (int d = nouter_ - 1; d >= 0; --d) {
        a.outer[d] = from.strides[axis_[d]];
        a.constant &= a.outer[d] == 0;
        a.dense &= a.outer[d] == expect;
        expect *= shape_[d];
      }
      if (a.constant && k >= op.code->nin && !op.code->reduces()) {  // a single element
        a.constant = false;
        a.dense = true;
      }
      op.whole &= a.dense || a.constant || op.per_row;
    }
    ops_.push_back(op);
  }

  // Emitted code for neighbouring operators.
  void find_runs() {
    std::vector<jit::Candidate> candidates;
    candidates.reserve(ops_.size());
    for (const Op& op : ops_) {
      jit::Candidate c{op.code, {}};
      for (int k = 0; k < op.code->nargs(); ++k) c.args[k] = reach(op, op.args[k]);
      candidates.push_back(c);
    }
    jit::plan(candidates, rows_ * cols_, runs_);
    for (size_t r = 0; r < runs_.size(); ++r) ops_[runs_[r].first].run = static_cast<int>(r);
  }
  jit::Argument reach(const Op& op, const Arg& a) const {
    jit::Argument to;
    to.scratch = a.scratch >= 0;
    if (op.per_row)
      to.reach = jit::Reach::Unfit;
    else if (a.constant)
      to.reach = jit::Reach::Repeated;
    else if (a.dense)
      to.reach = jit::Reach::Vector;
    else if (!op.whole && cols_ < kShortRow && rows_ > 1)
      to.reach = jit::Reach::Unfit;
    else
      to.reach = a.inner == a.item ? jit::Reach::Vector
                 : a.inner == 0    ? jit::Reach::Repeated
                                   : jit::Reach::Unfit;
    to.streams = !to.scratch && a.dense && rows_ == 1 && cols_ * bytes_ > kStreamedBytes &&
                 reinterpret_cast<uintptr_t>(a.base) % 32 == 0;
    return to;
  }

  // Buffers for the values in scratch: one is free again after the last use of its value, and an
  // elementwise result may take the buffer of an operand of its size that dies with it. Emitted
  // code reads and writes as one operator does, but for taking such buffers.
  void assign_scratch() {
    std::vector<int> buffer(p_.slots.size(), -1), last(p_.slots.size(), -1), free;
    std::vector<int> end(ops_.size(), -1);  // of the run that the operator is in
    for (const jit::Run& run : runs_)
      std::fill_n(end.begin() + run.first, run.count, run.first + run.count - 1);
    for (size_t i = 0; i < ops_.size(); ++i)
      for (int k = 0; k < ops_[i].code->nargs(); ++k)
        if (ops_[i].args[k].scratch >= 0)
          last[ops_[i].args[k].scratch] = std::max(static_cast<int>(i), end[i]);
    auto take = [&] {
      if (free.empty()) return buffers_++;
      const int b = free.back();
      free.pop_back();
      return b;
    };
    for (const jit::Run& run : runs_) {
      const auto saves = std::count_if(run.pointers.begin(), run.pointers.end(),
                                       [](const jit::Run::Pointer& p) { return p.save; });
      while (std::ssize(saved_) < saves) saved_.push_back(buffers_++);
    }
    for (size_t i = 0; i < ops_.size(); ++i) {
      Op& op = ops_[i];
      const int nin = op.code->nin, nargs = op.code->nargs();
      std::vector<int> dying, packed;
      if (!op.code->reduces() && !op.whole && cols_ < kShortRow && rows_ > 1) {
        for (int k = 0; k < nargs; ++k) {
          Arg& a = op.args[k];
          if (a.scratch < 0 && !a.dense && !a.constant) packed.push_back(a.packed = take());
        }
        op.whole = true;
      }
      for (int k = 0; k < nin; ++k) {
        const int slot = op.args[k].scratch;
        if (slot < 0) continue;
        op.args[k].scratch = buffer[slot];
        if (last[slot] == static_cast<int>(i) && buffer[slot] >= 0 && end[i] < 0) {
          dying.push_back(buffer[slot]);
          last[slot] = -1;  // once, also when it stands twice among the operands
        }
      }
      const bool same_size = std::all_of(op.args, op.args + nargs,
                                         [&](auto& a) { return a.item == op.args[nin].item; });
      if (same_size && op.code->nout == 1) {
        free.insert(free.end(), dying.begin(), dying.end());
        dying.clear();
      }
      for (int k = nin; k < nargs; ++k) {
        const int slot = op.args[k].scratch;
        if (slot < 0) continue;
        if (buffer[slot] < 0) buffer[slot] = take();
        op.args[k].scratch = buffer[slot];
        if (last[slot] == static_cast<int>(i) && end[i] < 0) dying.push_back(buffer[slot]);
      }
      if (end[i] == static_cast<int>(i))
        for (size_t slot = 0; slot < last.size(); ++slot)
          if (last[slot] == end[i] && buffer[slot] >= 0) dying.push_back(buffer[slot]);
      free.insert(free.end(), packed.begin(), packed.end());
      free.insert(free.end(), dying.begin(), dying.end());
    }
  }

  int64_t estimate() const {
    return rows_ * cols_ * (static_cast<int64_t>(ops_.size()) * 2 + bytes_ / 2) / 10;
  }

  // Flat and row passes: blocks of any order, on any thread.
  void run_rows(int* raised);
  void run_columns(int* raised);
  void run_tree(int* raised);

  const Program& p_;
  const FusedProgram& fused_;
  const Segment& s_;
  int reported_;
  std::vector<Op> ops_;
  std::vector<jit::Run> runs_;
  std::vector<int> saved_;  // buffers for what a run saves, in order
  int nouter_ = 0, axis_[kProgramDims], inner_axis_ = -1;
  int64_t shape_[kProgramDims], rows_ = 1, cols_ = 1;
  int buffers_ = 0, widest_ = 1;
  int64_t bytes_ = 0, block_ = 0, grain_ = 0;
};

// The result of a reduction over a part.
struct Partial {
  alignas(16) char value[16];
  int64_t position;  // of a search: where the value is
};

// One thread's share: its scratch and the flags that it saw.
class Kernel::Worker {
 public:
  Worker(const Kernel& k, int64_t capacity, int* raised)
      : k_(k),
        stride_((capacity * k.widest_ + 127) & ~int64_t{63}),
        raised_(raised),
        flags_(k.ops_.size(), 0) {
    const size_t wanted = static_cast<size_t>(stride_) * k.buffers_ + 64;
    if (room_.size() < wanted) room_.resize(wanted);
    scratch_ = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(room_.data()) + 63) & ~63ul);
    clear_flags();
  }
  ~Worker() {
    if (recoveries_) jit::count_recoveries(recoveries_);
    for (size_t i = 0; i < flags_.size(); ++i)
      if (flags_[i])
        std::atomic_ref<int>(raised_[k_.ops_[i].index])
            .fetch_or(flags_[i], std::memory_order_relaxed);
  }

  // Runs all operators over the block; reductions go to their outputs, or to partial[] in a tree.
  void run(const Block& b, Partial* partial = nullptr) {
    for (size_t i = 0; i < k_.ops_.size(); ++i) {
      const Op& op = k_.ops_[i];
      if (op.run >= 0 && run_emitted(k_.runs_[op.run], b)) {
        i += k_.runs_[op.run].count - 1;
        continue;
      }
      if (op.per_row)
        run_per_row(op, b);
      else if (!op.code->reduces())
        run_loop(op, b);
      else if (partial)
        reduce_part(op, b, partial[i]);
      else if (op.code->place)
        run_search(i, b);
      else
        run_reduction(op, b);
      if (op.code->raises) note_flags(i);
    }
  }

  void note_flags(size_t i) {
    const int raised = fp_raised() & kFpReported;
    if (!raised) return;
    flags_[i] |= raised;
    clear_flags();
  }

 private:
  static void clear_flags() {
    if (fp_raised() & kFpReported) std::feclearexcept(FE_ALL_EXCEPT);
  }

  char* buffer(int i) const { return scratch_ + i * stride_; }

  // Where the operand's element at a row and a column is in memory.
  char* address(const Arg& a, int64_t row, int64_t col) const {
    if (a.dense) return a.base + (row * k_.cols_ + col) * a.item;
    char* p = a.base + col * a.inner;
    for (int d = k_.nouter_ - 1; d > 0; --d) {
      p += row % k_.shape_[d] * a.outer[d];
      row /= k_.shape_[d];
    }
    return p + row * a.outer[0];
  }

  void run_loop(const Op& op, const Block& b) {
    const Instruction& code = *op.code;
    char* data[kProgramArgs];
    intptr_t steps[kProgramArgs], n = op.whole || b.rows == 1 ? b.rows * b.cols : b.cols;
    const int nargs = code.nargs();
    if (op.whole || b.rows == 1) {
      for (int k = 0; k < nargs; ++k) {
        const Arg& a = op.args[k];
        steps[k] = a.constant ? 0 : a.item;
        if (a.scratch >= 0) {
          data[k] = buffer(a.scratch);
        } else if (a.packed >= 0) {
          data[k] = buffer(a.packed);
          if (k < code.nin) pack(a, b);
        } else {
          data[k] = a.constant ? a.base : address(a, b.row, b.col);
          if (!op.whole) steps[k] = a.inner;
        }
      }
      code.fn(data, &n, steps, code.data);
      for (int k = code.nin; k < nargs; ++k)
        if (op.args[k].packed >= 0) unpack(op.args[k], b);
      return;
    }
    for (int64_t r = 0; r < b.rows; ++r) {
      for (int k = 0; k < nargs; ++k) {
        const Arg& a = op.args[k];
        if (a.scratch >= 0) {
          data[k] = buffer(a.scratch) + r * b.cols * a.item;
          steps[k] = a.item;
        } else {
          data[k] = a.constant ? a.base : address(a, b.row + r, b.col);
          steps[k] = a.constant ? 0 : a.inner;
        }
      }
      code.fn(data, &n, steps, code.data);
    }
  }

  void run_per_row(const Op& op, const Block& b) {
    for_row_runs(op.args[0], b, [&](char*, int64_t r, int64_t run) {
      char* data[kProgramArgs];
      intptr_t steps[kProgramArgs], n = run;
      for (int k = 0; k < op.code->nargs(); ++k) {
        const Arg& a = op.args[k];
        data[k] = a.constant ? a.base : address(a, b.row + r, 0);
        steps[k] = a.constant ? 0 : row_step(a);
      }
      op.code->fn(data, &n, steps, op.code->data);
    });
  }

  // Runs emitted code over the block. False when the operators are to run instead: the code is not
  // for so few elements, or it met some that it cannot do, or it raised a flag and whose it is
  // must be found out; then memory is as it was before.
  bool run_emitted(const jit::Run& run, const Block& b) {
    if (recoveries_ > 1 + blocks_++ / 16) return false;  // seldom again where it seldom succeeds
    bool whole = b.rows == 1;
    if (!whole)
      whole = std::all_of(&k_.ops_[run.first], &k_.ops_[run.first] + run.count,
                          [](const Op& op) { return op.whole; });
    const int64_t n = whole ? b.rows * b.cols : b.cols;
    if (n < jit::kFewest) return false;
    auto each_row = [&](auto&& f) {
      for (int64_t r = 0; r < (whole ? 1 : b.rows); ++r) {
        int saves = 0;
        for (size_t i = 0; i < run.pointers.size(); ++i) {
          const jit::Run::Pointer& p = run.pointers[i];
          const Arg& a = k_.ops_[p.op].args[p.arg];
          const int scratch = p.save ? k_.saved_[saves++] : a.scratch;
          pointers_[i] = scratch >= 0 ? buffer(scratch) + r * b.cols * a.item
                         : a.constant ? a.base
                                      : address(a, b.row + r, b.col);
        }
        f();
      }
    };
    int suspect = 0;
    each_row([&] { suspect |= run.code(pointers_, n); });
    if (!suspect && !(run.raises && fp_raised() & k_.reported_)) return true;
    clear_flags();
    ++recoveries_;
    each_row([&] {
      for (size_t i = 0; i < run.pointers.size(); ++i) {
        if (!run.pointers[i].save) continue;
        size_t to = 0;
        while (run.pointers[to].op != run.pointers[i].op ||
               run.pointers[to].arg != run.pointers[i].arg)
          ++to;
        std::memcpy(pointers_[to], pointers_[i],
                    n * k_.ops_[run.pointers[i].op].args[run.pointers[i].arg].item);
      }
    });
    return false;
  }

  // Calls f(address, rows) for runs of rows of the block that lie at one distance.
  template <class F>
  void for_row_runs(const Arg& a, const Block& b, F&& f) const {
    const int64_t last = k_.nouter_ ? k_.shape_[k_.nouter_ - 1] : 1;
    for (int64_t r = 0; r < b.rows;) {
      const int64_t run = std::min(b.rows - r, last - (b.row + r) % last);
      f(address(a, b.row + r, b.col), r, run);
      r += run;
    }
  }
  int64_t row_step(const Arg& a) const { return k_.nouter_ ? a.outer[k_.nouter_ - 1] : 0; }

  void pack(const Arg& a, const Block& b) const {
    for_row_runs(a, b, [&](char* p, int64_t r, int64_t run) {
      cpu::copy_block(buffer(a.packed) + r * b.cols * a.item, b.cols * a.item, a.item, p,
                      row_step(a), a.inner, run, b.cols, a.item);
    });
  }
  void unpack(const Arg& a, const Block& b) const {
    for_row_runs(a, b, [&](char* p, int64_t r, int64_t run) {
      cpu::copy_block(p, row_step(a), a.inner, buffer(a.packed) + r * b.cols * a.item,
                      b.cols * a.item, a.item, run, b.cols, a.item);
    });
  }

  // The reduced operand's block: in scratch, or dense in memory.
  const char* input(const Op& op, const Block& b) const {
    const Arg& a = op.args[0];
    return a.scratch >= 0 ? buffer(a.scratch) : address(a, b.row, b.col);
  }

  int64_t row_bytes(const Arg& in, const Block& b) const {
    return (in.scratch >= 0 ? b.cols : k_.cols_) * in.item;
  }

  void reduce_part(const Op& op, const Block& b, Partial& to) {
    const char* from = input(op, b);
    const int item = op.args[0].item;
    if (!op.code->place) return op.code->reduce->inner(to.value, 0, from, 0, item, 1, b.cols, true);
    const int64_t at = op.code->place->row(from, item, b.cols);
    std::memcpy(to.value, from + at * item, item);
    to.position = b.col + at;
  }

  void run_search(size_t i, const Block& b) {
    const Op& op = k_.ops_[i];
    const Arg &in = op.args[0], &out = op.args[1];
    const char* from = input(op, b);
    const int64_t step = row_bytes(in, b);
    if (k_.s_.pass == Pass::Columns) {
      states_.resize(k_.ops_.size());
      if (states_[i].size() < 2 * static_cast<size_t>(b.cols)) states_[i].resize(2 * b.cols);
      char* state = reinterpret_cast<char*>(states_[i].data());
      op.code->place->part(state, from, step, in.item, b.row, b.rows, b.cols);
      if (b.row + b.rows == k_.rows_)
        op.code->place->end(address(out, 0, b.col), out.inner, state, b.cols);
      return;
    }
    for_row_runs(out, b, [&](char* p, int64_t r, int64_t run) {
      for (int64_t k = 0; k < run; ++k) {
        const int64_t at = op.code->place->row(from + (r + k) * step, in.item, b.cols);
        std::memcpy(p + k * row_step(out), &at, sizeof at);
      }
    });
  }

  void run_reduction(const Op& op, const Block& b) {
    const Arg &in = op.args[0], &out = op.args[1];
    const char* from = input(op, b);
    const int64_t step = row_bytes(in, b);
    if (k_.s_.pass == Pass::Columns) {
      op.code->reduce->outer(address(out, 0, b.col), out.inner, from, step, in.item, b.rows, b.cols,
                             b.row == 0);
      return;
    }
    for_row_runs(out, b, [&](char* p, int64_t r, int64_t run) {
      op.code->reduce->inner(p, row_step(out), from + r * step, step, in.item, run, b.cols, true);
    });
  }

  static thread_local std::vector<char> room_;
  const Kernel& k_;
  int64_t stride_;
  int* raised_;
  std::vector<int> flags_;
  std::vector<std::vector<int64_t>> states_;  // of searches down columns
  char* scratch_;
  char* pointers_[jit::kMostPointers];
  int64_t recoveries_ = 0, blocks_ = 0;
};
thread_local std::vector<char> Kernel::Worker::room_;

void Kernel::run_rows(int* raised) {
  const bool splits = s_.pass == Pass::Flat && cols_ > block_;
  const int64_t per_row = splits ? (cols_ + block_ - 1) / block_ : 1,
                rows = splits ? 1 : std::max<int64_t>(block_ / cols_, 1),
                units = splits ? rows_ * per_row : (rows_ + rows - 1) / rows,
                grain = std::max<int64_t>(1, grain_ / (splits ? block_ : rows * cols_));
  pool::parallel_for(units, grain, estimate(), [&](int64_t begin, int64_t end) {
    Worker w(*this, splits ? block_ : rows * cols_, raised);
    for (int64_t u = begin; u < end; ++u) {
      if (splits) {
        const int64_t col = u % per_row * block_;
        w.run({u / per_row, 1, col, std::min(block_, cols_ - col)});
      } else {
        w.run({u * rows, std::min(rows, rows_ - u * rows), 0, cols_});
      }
    }
  });
}

// Down the rows in order, for one tile of columns after the other.
void Kernel::run_columns(int* raised) {
  const int64_t tile = std::min(cols_, block_), tiles = (cols_ + tile - 1) / tile,
                rows = tile == cols_ ? std::max<int64_t>(block_ / cols_, 1) : 1;
  pool::parallel_for(tiles, 1, estimate(), [&](int64_t begin, int64_t end) {
    Worker w(*this, rows * tile, raised);
    for (int64_t t = begin; t < end; ++t) {
      const int64_t col = t * tile, cols = std::min(tile, cols_ - col);
      for (int64_t row = 0; row < rows_; row += rows)
        w.run({row, std::min(rows, rows_ - row), col, cols});
    }
  });
}

// The results of the reductions over a range, one per operator.
using Partials = std::unique_ptr<Partial[]>;

int64_t first_half(int64_t n) { return n / 2 - n / 2 % 8; }

// left = left combined with right.
void combine_places(const Instruction& code, Partial& left, const Partial& right) {
  const int item = itemsize(code.args[0].dtype);
  char both[32];
  std::memcpy(both, left.value, item);
  std::memcpy(both + item, right.value, item);
  if (code.place->row(both, item, 2) == 1) left = right;
}
void combine(const Instruction& code, char* left, const char* right) {
  const DType in = code.args[0].dtype, out = code.args[1].dtype;
  if (in == out) {
    code.reduce->inner(left, 0, right, 0, itemsize(out), 1, 1, false);
  } else if (out == DType::Bool) {
    *left = code.reduction == cpu::Reduce::Any ? *left | *right : *left & *right;
  } else {
    uint64_t a, b;
    std::memcpy(&a, left, 8);
    std::memcpy(&b, right, 8);
    a = code.reduction == cpu::Reduce::Sum ? a + b : a * b;
    std::memcpy(left, &a, 8);
  }
}

void Kernel::run_tree(int* raised) {
  const int64_t total = cols_;
  const size_t count = ops_.size();
  auto merge = [&](Worker& w, Partial* left, const Partial* right) {
    for (size_t i = 0; i < count; ++i) {
      const Instruction& code = *ops_[i].code;
      if (!code.reduces()) continue;
      if (code.place)
        combine_places(code, left[i], right[i]);
      else
        combine(code, left[i].value, right[i].value);
      if (code.raises) w.note_flags(i);
    }
  };
  auto leaf_range = [&](auto&& self, Worker& w, int64_t low, int64_t n, Partial* out) -> void {
    if (n <= block_) return w.run({0, 1, low, n}, out);
    const int64_t half = first_half(n);
    Partials right(new Partial[count]);
    self(self, w, low, half, out);
    self(self, w, low + half, n - half, right.get());
    merge(w, out, right.get());
  };
  // The parts that are computed independently, in order, then the tree above them.
  std::vector<std::pair<int64_t, int64_t>> parts;
  auto cut = [&](auto&& self, int64_t low, int64_t n) -> void {
    if (n <= kTaskElements) return void(parts.emplace_back(low, n));
    self(self, low, first_half(n));
    self(self, low + first_half(n), n - first_half(n));
  };
  cut(cut, 0, total);
  Partials partials(new Partial[parts.size() * count]);
  pool::parallel_for(
      static_cast<int64_t>(parts.size()), 1, estimate(), [&](int64_t begin, int64_t end) {
        Worker w(*this, block_, raised);
        for (int64_t i = begin; i < end; ++i)
          leaf_range(leaf_range, w, parts[i].first, parts[i].second, partials.get() + i * count);
      });
  size_t next = 0;
  Worker top(*this, block_, raised);
  auto join = [&](auto&& self, int64_t n) -> Partial* {
    if (n <= kTaskElements) return partials.get() + count * next++;
    Partial* left = self(self, first_half(n));
    merge(top, left, self(self, n - first_half(n)));
    return left;
  };
  const Partial* results = join(join, total);
  for (size_t i = 0; i < count; ++i) {
    const Instruction& code = *ops_[i].code;
    if (!code.reduces()) continue;
    const void* from =
        code.place ? static_cast<const void*>(&results[i].position) : results[i].value;
    std::memcpy(ops_[i].args[1].base, from, itemsize(code.args[1].dtype));
  }
}

// Searches along the one axis, or in everything, which is dense then.
void search_alone(const Program& p, const Instruction& op) {
  auto bytes = [&](const Operand& a) { return p.slots[a.slot].data + a.offset; };
  const bool largest = op.reduction == cpu::Reduce::Max;
  const Operand &in = op.args[0], &out = op.args[1];
  int axis = 0, reduced = 0, kept = 0;
  int64_t shape[kProgramDims], strides[kProgramDims];
  for (int d = 0; d < op.ndim; ++d) {
    if (out.strides[d] == 0) {
      axis = d;
      ++reduced;
    } else {
      shape[kept] = op.shape[d];
      strides[kept++] = out.strides[d];
    }
  }
  const cpu::View to{out.dtype, kept, shape, strides, bytes(out)};
  const int64_t size = op.size(), item = itemsize(in.dtype);
  if (reduced == 1)
    cpu::arg_reduce(largest, axis, to, {in.dtype, op.ndim, op.shape, in.strides, bytes(in)});
  else
    cpu::arg_reduce(largest, 0, to, {in.dtype, 1, &size, &item, bytes(in)});
}

void run_alone(const Program& p, const Segment& s, int* raised) {
  const int index = s.code[0];
  const Instruction& op = p.code[index];
  if (op.place) return search_alone(p, op);
  int64_t shape[kProgramDims];
  for (int d = 0; d < op.ndim; ++d) shape[d] = op.args[1].strides[d] ? op.shape[d] : 1;
  auto view = [&](const Operand& a, const int64_t* dims) {
    return cpu::View{a.dtype, op.ndim, dims, a.strides, p.slots[a.slot].data + a.offset};
  };
  std::feclearexcept(FE_ALL_EXCEPT);
  cpu::reduce(op.reduction, view(op.args[1], shape), view(op.args[0], op.shape));
  if (op.raises) raised[index] |= fp_raised() & kFpReported;
  std::feclearexcept(FE_ALL_EXCEPT);
}

}  // namespace

void run_segment(const Program& program, const FusedProgram& fused, const Segment& segment,
                 int* raised, int ignored) {
  if (segment.pass == Pass::Alone) return run_alone(program, segment, raised);
  Kernel(program, fused, segment, ignored).run(raised);
}

}  // namespace mp
