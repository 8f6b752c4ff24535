#include "engine/devices.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "engine/deps.h"
#include "engine/errstate.h"
#include "engine/executor.h"
#include "engine/profiler.h"
#include "engine/program_text.h"
#include "engine/recompute.h"
#include "engine/window.h"
#include "mock/mock.h"
#include "tape/errors.h"

namespace mp::devices {
namespace {

const mp_backend& backend = *mock::backend();
constexpr int kFirstWorker = 64;  // of the scheduler; below are those for tasks in Python

void check(int code) {
  if (code) throw std::runtime_error(backend.last_error());
}

// One stream per device, for the device's worker alone, and as long as that lives.
mp_stream* stream_of(int device) {
  struct Streams {
    std::map<int, mp_stream*> by_device;
    ~Streams() {
      for (auto [number, s] : by_device)
        if (s) backend.stream_free(s);
    }
  };
  thread_local Streams streams;
  mp_stream*& s = streams.by_device[device];
  if (!s) check(backend.stream_new(device, &s));
  return s;
}

struct DeviceMemory {
  int device;
  void* pointer = nullptr;
  size_t bytes;

  DeviceMemory(int on, size_t size) : device(on), bytes(size) {
    check(backend.alloc(on, std::max<size_t>(size, 1), &pointer));
  }
  ~DeviceMemory() { backend.free(device, pointer); }
  DeviceMemory(const DeviceMemory&) = delete;
};
using Memory = std::shared_ptr<DeviceMemory>;

// A storage that is away, which the table holds a reference to.
struct Away {
  Memory memory;
  deps::Var var = deps::new_variable();
};
std::unordered_map<Storage*, Away>& table() {
  static auto* t = new std::unordered_map<Storage*, Away>;
  return *t;
}

struct Upload {
  Memory to;
  std::vector<char> bytes;
};

// A part of a program, as the task holds it: no storages, which belong to Python's threads.
struct Part {
  int device = 0, ignored = 0;
  Program program;
  FusedProgram fused;
  std::vector<Upload> uploads;
  std::vector<Memory> memory;  // per slot; null: not in memory
  std::vector<int> raised;
  size_t segment = 0;  // the next to run
  deps::Var done = deps::new_variable();
};
// Those whose flags and failures nobody has asked for.
std::vector<std::shared_ptr<Part>>& pushed() {
  static auto* p = new std::vector<std::shared_ptr<Part>>;
  return *p;
}

// The kernel: one segment. Arguments: the part, then the addresses of its slots' memory.
void run_part(const mp_launch&, void* const* args) {
  Part& part = **static_cast<Part**>(args[0]);
  int next = 1;
  for (size_t i = 0; i < part.memory.size(); ++i)
    if (part.memory[i]) part.program.slots[i].data = *static_cast<char**>(args[next++]);
  run_segment(part.program, part.fused, part.fused.segments[part.segment++], part.raised.data(),
              part.ignored);
}

void put_on_stream(const Upload& u, mp_stream* stream) {
  check(backend.copy(stream, u.to->pointer, u.bytes.data(), u.bytes.size(), kHostToDevice));
}

void put_on_stream(Part& part, mp_stream* stream) {
  for (const Upload& u : part.uploads) put_on_stream(u, stream);
  static const bool registered = (mock::register_kernel("program", run_part), true);
  (void)registered;
  mp_kernel* kernel;
  check(backend.kernel_new(part.device, "", "program", &kernel));
  Part* self = &part;
  std::vector<const void*> args{&self};
  for (const Memory& m : part.memory)
    if (m) args.push_back(&m->pointer);
  const std::vector<size_t> sizes(args.size(), sizeof(void*));
  const mp_launch how{1, 1, 0, static_cast<int>(args.size()), args.data(), sizes.data()};
  for (size_t k = 0; k < part.fused.segments.size(); ++k)
    check(backend.launch(stream, kernel, &how));
}

void run_on_device(Part& part) {
  mp_stream* stream = stream_of(part.device);
  try {
    put_on_stream(part, stream);
  } catch (...) {
    backend.stream_sync(stream);  // what is on it uses the part
    throw;
  }
  check(backend.stream_sync(stream));
  part.uploads.clear();
  part.memory.clear();
}

// Storages that only the table knows: their memory goes when the tasks that touch it are done.
void drop_forgotten() {
  for (auto it = table().begin(); it != table().end();) {
    Storage* s = it->first;
    if (s->refs > 1) {
      ++it;
      continue;
    }
    const deps::Var var = it->second.var;
    deps::push([memory = it->second.memory] {}, {}, {&var, 1},
               kFirstWorker + it->second.memory->device, "free");
    it = table().erase(it);
    s->flags &= ~kStoragePending;
    decref(s);
  }
}

// False with a Python error set when a task failed: the storage stays where it is, and fails again.
bool bring_home(Storage* s, const Away& away) {
  if (!s->data) storage_materialise(s);
  const auto copy = [memory = away.memory, to = s->data] {
    mp_stream* stream = stream_of(memory->device);
    check(backend.copy(stream, to, memory->pointer, memory->bytes, kDeviceToHost));
    check(backend.stream_sync(stream));
  };
  try {
    const deps::Var var = away.var;
    deps::push(copy, {&var, 1}, {}, kFirstWorker + away.memory->device, "copy to the host");
    deps::wait_to_write(var);
  } catch (const std::exception& e) {
    PyErr_SetString(tape::mxnet_error(), e.what());
    return false;
  }
  s->flags &= ~kStoragePending;
  return true;
}

// Waits for all parts and warns of their flags. The failure of one whose storages are gone is
// raised here; that of the others was, and will be again.
void report() {
  std::vector<std::shared_ptr<Part>> all;
  all.swap(pushed());
  for (const auto& part : all) {
    try {
      deps::wait_to_read(part->done);
    } catch (const std::exception& e) {
      if (!PyErr_Occurred()) PyErr_SetString(tape::mxnet_error(), e.what());
      continue;
    }
    for (size_t i = 0; i < part->raised.size(); ++i)
      if (part->raised[i] && !PyErr_Occurred())
        warn_fp(part->program.code[i].name, part->raised[i]);
  }
}

// The device of each instruction and slot, which follow each other; false when two devices depend
// on each other.
class Partition {
 public:
  explicit Partition(Program& p) : p_(p), of_(p.code.size(), 0), used_(p.slots.size()) {
    for (size_t i = 0; i < p_.code.size(); ++i) {
      const Instruction& op = p_.code[i];
      for (int k = 0; k < op.nargs(); ++k)
        if (op.args[k].slot >= 0) join(of_[i], p_.slots[op.args[k].slot].device);
      // What it makes is there as well.
      for (int k = op.nin; k < op.nargs(); ++k)
        if (Slot& s = p_.slots[op.args[k].slot]; !s.device) s.device = static_cast<uint8_t>(of_[i]);
    }
    for (size_t i = 0; i < p_.code.size(); ++i) note_use(p_.code[i], of_[i]);
    for (const Use& u : used_) clear_ &= !u.written || u.several == 0;
  }
  bool clear() const { return clear_; }
  bool has(int device) const { return std::find(of_.begin(), of_.end(), device) != of_.end(); }
  int highest() const { return *std::max_element(of_.begin(), of_.end()); }
  Program part(int device) const {
    Program part{p_.slots, {}};
    for (size_t i = 0; i < of_.size(); ++i)
      if (of_[i] == device) part.code.push_back(p_.code[i]);
    return part;
  }

 private:
  struct Use {
    int device = -1, several = 0;
    bool written = false;
  };
  void join(int& device, int other) {
    if (other && device && other != device) clear_ = false;
    device = std::max(device, other);
  }
  void note_use(const Instruction& op, int device) {
    for (int k = 0; k < op.nargs(); ++k) {
      if (op.args[k].slot < 0) continue;
      Use& u = used_[op.args[k].slot];
      u.several += u.device >= 0 && u.device != device;
      u.device = device;
      u.written |= k >= op.nin;
    }
  }

  Program& p_;
  std::vector<int> of_;
  std::vector<Use> used_;
  bool clear_ = true;
};

// A write of its own: the part may but read the storage, and so may others before the part runs.
void push_upload(Upload&& upload, const deps::Var& var) {
  const int device = upload.to->device;
  auto copy = [held = std::make_shared<const Upload>(std::move(upload)), device] {
    put_on_stream(*held, stream_of(device));
    check(backend.stream_sync(stream_of(device)));
  };
  deps::push(copy, {}, {&var, 1}, kFirstWorker + device, "copy to the device");
}

// The device memory of a slot: of its storage, which leaves with it, or for this part alone.
Memory memory_of(const Slot& slot, bool written, Part& part, deps::Var* var) {
  Storage* s = slot.storage;
  const size_t bytes = s->nbytes;
  auto found = table().find(s);
  if (found != table().end()) {
    *var = found->second.var;
    return found->second.memory;
  }
  auto memory = std::make_shared<DeviceMemory>(part.device, bytes);
  Upload upload{memory, {}};
  if (s->data) upload.bytes.assign(s->data, s->data + bytes);
  if (slot.live && (written || slot.device)) {
    *var = table().emplace(incref(s), Away{memory}).first->second.var;
    if (s->data) push_upload(std::move(upload), *var);
  } else if (s->data) {
    part.uploads.push_back(std::move(upload));
  }
  return memory;
}

void push_part(Program&& program, int device, int ignored) {
  auto part = std::make_shared<Part>();
  part->device = device;
  part->ignored = ignored;
  part->program = std::move(program);
  part->fused = fuse(part->program);
  recompute(part->program, part->fused);
  if (const int level = profiler::debug_level(); level >= 2)
    std::fputs(program_text(part->program, part->fused, level >= 3).c_str(), stderr);
  part->raised.assign(part->program.code.size(), 0);
  std::vector<bool> written(part->program.slots.size(), false);
  for (const Instruction& op : part->program.code)
    for (int k = op.nin; k < op.nargs(); ++k) written[op.args[k].slot] = true;
  std::vector<deps::Var> reads, writes{part->done};
  for (size_t i = 0; i < part->program.slots.size(); ++i) {
    deps::Var var;
    Memory memory;
    if (part->fused.homes[i].kind == Home::Memory)
      memory = memory_of(part->program.slots[i], written[i], *part, &var);
    part->memory.push_back(std::move(memory));
    if (!var) continue;
    reads.push_back(var);
    if (written[i]) writes.push_back(var);
  }
  pushed().push_back(part);
  deps::push([part] { run_on_device(*part); }, reads, writes, kFirstWorker + device, "program");
}

}  // namespace

int device_of(const Array* a) {
  if (a->context & window::kElsewhere) return 1 + static_cast<int>(a->context & 0xffff);
  if (table().empty()) return 0;
  const auto found = table().find(a->storage);
  return found == table().end() ? 0 : 1 + found->second.memory->device;
}

bool is_away(const Storage* s) {
  return !table().empty() && table().count(const_cast<Storage*>(s));
}

void push_parts(Program& program, int ignored_flags) {
  if (std::none_of(program.slots.begin(), program.slots.end(),
                   [](const Slot& s) { return s.device; }))
    return;
  drop_forgotten();
  const Partition split(program);
  if (!split.clear()) {
    for (Slot& s : program.slots) s.device = 0;
    return;
  }
  for (int device = 1; device <= split.highest(); ++device)
    if (split.has(device)) push_part(split.part(device), device - 1, ignored_flags);
  program = split.part(0);
}

void bring_home(const Program& program) {
  for (const Instruction& op : program.code)
    for (int k = 0; k < op.nargs() && !table().empty(); ++k) {
      if (op.args[k].slot < 0) continue;
      const auto found = table().find(program.slots[op.args[k].slot].storage);
      if (found == table().end() || !bring_home(found->first, found->second)) continue;
      Storage* s = found->first;
      table().erase(found);
      decref(s);
    }
}

void bring_all_home() {
  drop_forgotten();
  for (auto it = table().begin(); it != table().end();) {
    Storage* s = it->first;
    if (!bring_home(s, it->second)) {
      ++it;
      continue;
    }
    it = table().erase(it);
    decref(s);
  }
  report();
}

void wait() {
  for (auto& [storage, away] : table()) {
    try {
      deps::wait_to_read(away.var);
    } catch (const std::exception& e) {
      PyErr_SetString(tape::mxnet_error(), e.what());
    }
  }
  report();
}

}  // namespace mp::devices
