#include "engine/window.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cpu/program_loops.h"
#include "engine/devices.h"
#include "engine/errstate.h"
#include "engine/profiler.h"
#include "engine/program_text.h"
#include "engine/recompute.h"
#include "engine/segment_trace.h"
#include "ops/ufunc.h"

namespace mp::window {
namespace {

constexpr size_t kMaxInstructions = 256;
// The window runs before it alone keeps more bytes alive than this; looked at from time to time.
constexpr size_t kMostKept = size_t{64} << 20;
constexpr size_t kKeptInterval = 16;
// Smaller results get their bytes at once: a header without bytes would not save anything.
constexpr int64_t kSmallestDeferred = 4096;
// Larger ones too, so that NumPy's MemoryError comes where NumPy raises it.
constexpr int64_t kLargestDeferred = int64_t{1} << 30;

int64_t initial_threshold() {
  const char* eager = std::getenv("MINPY_EAGER");
  if (eager && *eager && std::strcmp(eager, "0")) return INT64_MAX;
  const char* least = std::getenv("MINPY_DEFER_MIN");
  return least && *least ? std::max<int64_t>(std::atoll(least), 1) : 16384;
}

Program pending;

struct PendingError {
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  void take() { PyErr_Fetch(&type, &value, &traceback); }
  void give_back() {
    PyErr_Restore(type, value, traceback);
    *this = {};
  }
};
// A warning that a filter turned into an exception while somebody merely looked at bytes: raised by
// the next flush that can raise.
PendingError kept_error;

void keep_error() {
  if (kept_error.type)
    PyErr_Clear();  // the first one is enough
  else
    kept_error.take();
}

int32_t slot_of(Storage* s, uint16_t mark) {
  const bool known = s->flags & kStoragePending;
  s->flags |= mark;
  if (known)
    for (size_t i = pending.slots.size(); i-- > 0;)
      if (pending.slots[i].storage == s) return static_cast<int32_t>(i);
  pending.slots.push_back({incref(s)});
  return static_cast<int32_t>(pending.slots.size() - 1);
}

// The axes that an instruction iterates over, slowest first as `like` lies in memory (null: in
// order).
struct Axes {
  int count = 0, axis[kProgramDims];

  Axes(int ndim, const int64_t* shape, const int64_t* like) {
    for (int i = 0; i < ndim; ++i)
      if (shape[i] != 1) axis[count++] = i;
    for (int i = 1; like && i < count; ++i)
      for (int k = i; k > 0 && std::abs(like[axis[k - 1]]) < std::abs(like[axis[k]]); --k)
        std::swap(axis[k - 1], axis[k]);
  }
};

void set_shape(Instruction& op, const Axes& axes, const int64_t* shape) {
  op.ndim = static_cast<uint8_t>(axes.count);
  for (int i = 0; i < axes.count; ++i) op.shape[i] = shape[axes.axis[i]];
}

void set_operand(Operand& to, const Array* a, const int64_t* strides, const Axes& axes,
                 uint16_t mark) {
  to.slot = slot_of(a->storage, mark);
  if (const int device = devices::device_of(a))
    pending.slots[to.slot].device = static_cast<uint8_t>(device);
  to.dtype = a->dtype;
  to.offset = a->offset;
  for (int i = 0; i < axes.count; ++i) to.strides[i] = strides[axes.axis[i]];
}

// What flush_sparing left: the first `count` instructions, needed only if the storage of that slot
// is looked at after all.
struct Spared {
  size_t count = 0;
  int32_t slot = 0;
};
Spared spared_work;

void forget_spared_work() {
  if (!spared_work.count || pending.code.size() != spared_work.count ||
      pending.slots[spared_work.slot].storage->refs > 1)
    return;
  Program program;
  std::swap(program, pending);
  spared_work = {};
  for (Slot& slot : program.slots) {
    slot.storage->flags &= ~kStoragePending;
    decref(slot.storage);
  }
}

// Bytes that nobody but the window holds any more.
size_t kept_bytes() {
  size_t bytes = 0;
  for (const Slot& slot : pending.slots)
    if (slot.storage->refs == 1 && slot.storage->data) bytes += slot.storage->nbytes;
  return bytes;
}

bool full() {
  const size_t n = pending.code.size();
  return n >= kMaxInstructions || (n && n % kKeptInterval == 0 && kept_bytes() > kMostKept);
}

void run_quietly();

Instruction& append(const char* name) {
  forget_spared_work();
  if (full()) run_quietly();
  pending.code.emplace_back();
  pending.code.back().name = name;
  return pending.code.back();
}

void report(const Program& done, const std::vector<int>& raised) {
  for (size_t i = 0; i < done.code.size(); ++i)
    if (raised[i] && warn_fp(done.code[i].name, raised[i]) < 0) return;
}

// The instructions that compute a slot's value, in order, when they can run later just as well:
// each writes a fresh value of its own, and nothing else that they read changes after they read it.
// Empty when they cannot.
std::vector<int> postponable(const Program& p, int32_t wanted) {
  std::vector<int> writer(p.slots.size(), -1), found;
  std::vector<bool> once(p.slots.size(), true);
  for (size_t i = 0; i < p.code.size(); ++i)
    for (int k = p.code[i].nin; k < p.code[i].nargs(); ++k) {
      const int32_t s = p.code[i].args[k].slot;
      once[s] = writer[s] < 0;
      writer[s] = static_cast<int>(i);
    }
  std::vector<int32_t> todo{wanted};
  while (!todo.empty()) {
    const int32_t s = todo.back();
    todo.pop_back();
    const int i = writer[s];
    if (std::find(found.begin(), found.end(), i) != found.end()) continue;
    const Instruction& op = p.code[i];
    if (!once[s] || op.reduces() || op.nout != 1 || p.slots[s].storage->data) return {};
    found.push_back(i);
    for (int k = 0; k < op.nin; ++k) {
      const int32_t in = op.args[k].slot;
      if (in < 0 || writer[in] < 0) continue;
      if (!once[in] || writer[in] >= i) return {};
      if (!p.slots[in].live && !p.slots[in].storage->data) todo.push_back(in);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

// Writes instructions of a program that ran down again.
void write_down_again(const Program& done, const std::vector<int>& code, int32_t wanted) {
  for (int i : code) {
    Instruction op = done.code[i];
    for (int k = 0; k < op.nargs(); ++k)
      if (op.args[k].slot >= 0)
        op.args[k].slot = slot_of(done.slots[op.args[k].slot].storage,
                                  k < op.nin ? kStorageRead : kStorageWritten);
    pending.code.push_back(op);
  }
  spared_work = {code.size(), slot_of(done.slots[wanted].storage, kStorageWritten)};
}

// Leaves the Python error indicator as it finds it, but for a warning that became an exception.
void run(const Storage* spared = nullptr) {
  if (pending.code.empty()) return;
  Program program;
  std::swap(program, pending);
  spared_work = {};
  for (Slot& slot : program.slots)
    slot.live = slot.storage->refs > 1 + devices::is_away(slot.storage);
  devices::push_parts(program, ignored_fp());
  devices::bring_home(program);
  std::vector<int> later;
  int32_t spared_slot = -1;
  for (size_t i = 0; spared && i < program.slots.size(); ++i)
    if (program.slots[i].storage == spared && !program.slots[i].device)
      spared_slot = static_cast<int32_t>(i);
  if (spared_slot >= 0) later = postponable(program, spared_slot);
  if (!later.empty()) program.slots[spared_slot].live = false;
  FusedProgram fused = fuse(program);
  recompute(program, fused);
  if (const int level = profiler::debug_level(); level >= 2)
    std::fputs(program_text(program, fused, level >= 3).c_str(), stderr);
  for (size_t i = 0; i < program.slots.size(); ++i)
    if (Slot& slot = program.slots[i]; fused.homes[i].kind == Home::Memory) {
      if (!slot.storage->data) storage_materialise(slot.storage);
      slot.data = slot.storage->data;
    }
  std::vector<int> raised(program.code.size(), 0);
  for (const Segment& segment : fused.segments)
    run_segment_traced(program, fused, segment, raised.data(), ignored_fp());
  for (Slot& slot : program.slots)
    slot.storage->flags = devices::is_away(slot.storage) ? slot.storage->flags | kStoragePending
                                                         : slot.storage->flags & ~kStoragePending;
  if (!later.empty()) write_down_again(program, later, spared_slot);
  for (Slot& slot : program.slots) decref(slot.storage);
  report(program, raised);
  if (pending.code.empty() && pending.slots.empty()) {  // its memory serves again
    program.code.clear();
    program.slots.clear();
    std::swap(program, pending);
  }
}

// The same when an error may be set: another is kept for the next flush.
void run_quietly() {
  PendingError before;
  before.take();
  run();
  if (PyErr_Occurred()) keep_error();
  before.give_back();
}

}  // namespace

int64_t threshold = initial_threshold();

bool defers_slow(int64_t size, std::span<const Array* const> arrays) {
  if (threshold == INT64_MAX || size == 0 || current_errstate() == Errstate::Special) return false;
  for (const Array* a : arrays)
    if (a && a->storage->flags & kStorageExported) return false;
  return true;
}

bool fits(int ndim, const int64_t* shape) {
  return std::count_if(shape, shape + ndim, [](int64_t n) { return n != 1; }) <= kProgramDims;
}

Array* new_array(DType dtype, int ndim, const int64_t* shape, const int64_t* strides) {
  int64_t nbytes = itemsize(dtype);
  for (int i = 0; i < ndim; ++i) nbytes *= shape[i];  // it fits: an operand has that many elements
  const int64_t smallest = threshold > 1 ? kSmallestDeferred : 0;  // tests defer everything
  if (nbytes > smallest && nbytes <= kLargestDeferred)
    return array_new_deferred(dtype, ndim, shape, strides);
  return strides ? array_new_strided(dtype, ndim, shape, strides) : array_new(dtype, ndim, shape);
}

void append_loop(const char* name, cpu::LoopFn fn, void* data, bool raises, int nin,
                 std::span<const Argument> args, int ndim, const int64_t* shape) {
  Instruction& op = append(name);
  op.fn = fn;
  op.data = data;
  op.raises = raises;
  op.nin = static_cast<uint8_t>(nin);
  op.nout = static_cast<uint8_t>(args.size() - nin);
  const Axes axes(ndim, shape, args[nin].strides);
  set_shape(op, axes, shape);
  for (size_t i = 0; i < args.size(); ++i) {
    const Argument& arg = args[i];
    if (arg.array) {
      set_operand(op.args[i], arg.array, arg.strides, axes,
                  static_cast<int>(i) < nin ? kStorageRead : kStorageWritten);
    } else {
      op.args[i].dtype = arg.dtype;
      std::memcpy(op.args[i].number, arg.number, itemsize(arg.dtype));
    }
  }
}

namespace {

Instruction& append_reducing(const char* name, cpu::Reduce reduction, const Array* in,
                             const Array* out, const int64_t* out_strides) {
  Instruction& op = append(name);
  op.reduction = reduction;
  op.nin = 1;
  const Axes axes(in->ndim, in->shape, nullptr);
  set_shape(op, axes, in->shape);
  set_operand(op.args[0], in, in->strides, axes, kStorageRead);
  set_operand(op.args[1], out, out_strides, axes, kStorageWritten);
  return op;
}

}  // namespace

void append_reduction(const char* name, cpu::Reduce reduction, const Array* in, const Array* out,
                      const int64_t* out_strides) {
  Instruction& op = append_reducing(name, reduction, in, out, out_strides);
  op.reduce = cpu::reduce_loops(reduction, in->dtype, out->dtype);
  op.raises = is_inexact(in->dtype);
}

void append_search(const char* name, bool largest, const Array* in, const Array* out,
                   const int64_t* out_strides) {
  const cpu::Reduce what = largest ? cpu::Reduce::Max : cpu::Reduce::Min;
  append_reducing(name, what, in, out, out_strides).place = cpu::search_loops(largest, in->dtype);
}

void append_copy(const Array* dst, const Array* src, const int64_t* src_strides) {
  const cpu::BoundLoop loop = cpu::copy_loop(src->dtype, dst->dtype);
  const Argument args[] = {{src, nullptr, src->dtype, src_strides},
                           {dst, nullptr, dst->dtype, dst->strides}};
  append_loop("cast", loop.fn, loop.data, src->dtype != dst->dtype, 1, args, dst->ndim, dst->shape);
}

void append_fill(const Array* dst, const char* value) {
  const cpu::BoundLoop loop = cpu::copy_loop(dst->dtype, dst->dtype);
  const Argument args[] = {{nullptr, value, dst->dtype, nullptr},
                           {dst, nullptr, dst->dtype, dst->strides}};
  append_loop("fill", loop.fn, loop.data, false, 1, args, dst->ndim, dst->shape);
}

void append_select(const Array* out, std::span<const Argument> sources) {
  const cpu::BoundLoop loop = cpu::select_loop(itemsize(out->dtype));
  const Argument args[] = {
      sources[0], sources[1], sources[2], {out, nullptr, out->dtype, out->strides}};
  append_loop("where", loop.fn, loop.data, false, 3, args, out->ndim, out->shape);
}

void flush_sparing(const Array* a) {
  const bool temporary = Py_REFCNT(reinterpret_cast<const PyObject*>(a)) == 1 && !a->base &&
                         !a->tape && a->storage->refs == 2 && (a->storage->flags & kStorageWritten);
  if (temporary && !PyErr_Occurred()) run(a->storage);
  if (PyErr_Occurred()) keep_error();
}

int flush() {
  run_quietly();
  devices::wait();
  if (PyErr_Occurred()) keep_error();
  if (!kept_error.type) return 0;
  kept_error.give_back();
  return -1;
}

}  // namespace mp::window

namespace mp {

void storage_settle() {
  const PyGILState_STATE gil = PyGILState_Ensure();  // a kernel may have let it go
  window::PendingError before;
  before.take();
  window::run_quietly();
  devices::bring_all_home();
  if (PyErr_Occurred()) window::keep_error();
  before.give_back();
  PyGILState_Release(gil);
}

}  // namespace mp
