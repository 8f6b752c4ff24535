// csrc/engine/devices.cc on two mock devices, without Python and the executor: a program is
// instructions `out = in * 2 + 1` on whole storages of doubles, each a segment for itself.
#include <atomic>
#include <chrono>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "engine/deps.h"
#include "engine/devices.h"
#include "engine/errstate.h"
#include "engine/executor.h"
#include "engine/program_text.h"
#include "engine/recompute.h"
#include "mock/mock.h"
#include "tape/errors.h"

namespace devices = mp::devices;
namespace mock = mp::mock;
using mp::Storage;

// --- What devices.cc takes from the rest of the engine and from Python ---

namespace {
std::string python_error;
std::vector<std::string> warnings;
constexpr int64_t kLength = 100;
constexpr int kFlag = 4;
}  // namespace

PyObject* PyErr_Occurred() {
  static PyObject some{};
  return python_error.empty() ? nullptr : &some;
}
void PyErr_SetString(PyObject*, const char* text) { python_error = text; }

namespace mp {

SmallCache small_cache;

void storage_free_slow(Storage* s) {
  delete[] s->data;
  delete s;
}
void storage_materialise(Storage* s) { s->data = new char[s->nbytes]; }

FusedProgram fuse(const Program& p) {
  FusedProgram fused;
  fused.homes.resize(p.slots.size());
  for (size_t i = 0; i < p.code.size(); ++i) {
    Segment s;
    s.code = {static_cast<int>(i)};
    fused.segments.push_back(s);
    for (int k = 0; k < p.code[i].nargs(); ++k)
      fused.homes[p.code[i].args[k].slot].kind = Home::Memory;
  }
  return fused;
}
void recompute(const Program&, FusedProgram&) {}
std::string program_text(const Program&, const FusedProgram&, bool) { return ""; }

void run_segment(const Program& p, const FusedProgram&, const Segment& s, int* raised, int) {
  for (int i : s.code) {
    const Instruction& op = p.code[i];
    const auto* in = reinterpret_cast<const double*>(p.slots[op.args[0].slot].data);
    auto* out = reinterpret_cast<double*>(p.slots[op.args[1].slot].data);
    for (int64_t j = 0; j < kLength; ++j) out[j] = in[j] * 2 + 1;
    if (op.raises) raised[i] |= kFlag;
  }
}

int warn_fp(const char* name, int raised) {
  CHECK(raised == kFlag);
  warnings.push_back(name);
  return 0;
}

PyObject* tape::mxnet_error() { return nullptr; }

}  // namespace mp

namespace {

// --- A window as engine/window.cc has it ---

Storage* new_storage(double value, bool deferred = false) {
  auto* s = new Storage{};
  s->refs = 1;
  s->nbytes = kLength * sizeof(double);
  s->bin = mp::kSmallClasses;
  if (deferred) return s;
  mp::storage_materialise(s);
  std::fill_n(reinterpret_cast<double*>(s->data), kLength, value);
  return s;
}

class Window {
 public:
  // out = in * 2 + 1 where the storages are: on a device, or on the host, which is 0.
  void append(int device, Storage* in, Storage* out, const char* name = "step",
              bool raises = false) {
    append({in, device}, {out, device}, name, raises);
  }
  struct Place {
    Storage* storage;
    int device;
  };
  void append(Place in, Place out, const char* name, bool raises) {
    mp::Instruction op{};
    op.name = name;
    op.raises = raises;
    op.nin = 1;
    op.args[0].slot = slot_of(in.storage, in.device);
    op.args[1].slot = slot_of(out.storage, out.device);
    program_.code.push_back(op);
  }
  void flush() {
    mp::Program p;
    std::swap(p, program_);
    for (mp::Slot& s : p.slots) s.live = s.storage->refs > 1 + devices::is_away(s.storage);
    const std::vector<mp::Slot> all = p.slots;
    devices::push_parts(p, 0);
    devices::bring_home(p);
    const mp::FusedProgram fused = mp::fuse(p);
    for (mp::Slot& s : p.slots) {
      if (fused.homes[&s - p.slots.data()].kind != mp::Home::Memory) continue;
      if (!s.storage->data) mp::storage_materialise(s.storage);
      s.data = s.storage->data;
    }
    std::vector<int> raised(p.code.size());
    for (const mp::Segment& s : fused.segments) mp::run_segment(p, fused, s, raised.data(), 0);
    for (const mp::Slot& s : all) {
      if (devices::is_away(s.storage)) s.storage->flags |= mp::kStoragePending;
      mp::decref(s.storage);
    }
  }

 private:
  int slot_of(Storage* s, int device) {
    for (size_t i = 0; i < program_.slots.size(); ++i)
      if (program_.slots[i].storage == s) {
        if (device) program_.slots[i].device = static_cast<uint8_t>(device);
        return static_cast<int>(i);
      }
    program_.slots.push_back({mp::incref(s), true, static_cast<uint8_t>(device), nullptr});
    return static_cast<int>(program_.slots.size()) - 1;
  }
  mp::Program program_;
};

Window window;

double value_of(const Storage* s) {
  CHECK(!devices::is_away(s) && s->data);
  double x[kLength];
  std::memcpy(x, s->data, sizeof x);
  for (double each : x) CHECK(each == x[0]);
  return x[0];
}

void expect_no_error() {
  CHECK(python_error.empty());
  CHECK(warnings.empty());
}

// Random programs over storages of two devices and the host, against plain numbers.
void random_programs(int rounds) {
  constexpr int kStorages = 9;  // three for each device
  for (int round = 0; round < rounds; ++round) {
    std::mt19937 random(round);
    std::vector<Storage*> storages;
    std::vector<double> values;
    for (int i = 0; i < kStorages; ++i) {
      storages.push_back(new_storage(i));
      values.push_back(i);
    }
    for (int step = 0; step < 40; ++step) {
      const int device = random() % 3, from = 3 * device + random() % 3,
                to = 3 * device + random() % 3;
      window.append(device, storages[from], storages[to]);
      values[to] = values[from] * 2 + 1;
      if (values[to] > 1e12) break;
      if (random() % 4 == 0) window.flush();
      if (random() % 16 == 0) {  // a result that nobody holds any more, perhaps still computed
        window.flush();
        mp::decref(storages[to]);
        storages[to] = new_storage(values[to] = step);
      }
      if (random() % 12 == 0) {
        window.flush();
        random() % 2 ? devices::wait() : devices::bring_all_home();
        expect_no_error();
      }
    }
    window.flush();
    devices::bring_all_home();
    for (int i = 0; i < kStorages; ++i) {
      CHECK(value_of(storages[i]) == values[i]);
      mp::decref(storages[i]);
    }
    expect_no_error();
  }
  mp::deps::stop_workers();  // which may hold what their last task left
  CHECK(mock::live_bytes(0) == 0 && mock::live_bytes(1) == 0);
}

// A wait is for everything, although nobody holds one of the results: its warning comes too.
void forgotten_results_are_waited_for() {
  Storage *slow = new_storage(1), *other = new_storage(1);
  mock::set_latency_us(20'000);
  window.append(1, slow, slow, "forgotten", true);
  window.flush();
  mp::decref(slow);
  mock::set_latency_us(0);
  window.append(2, other, other);
  window.flush();
  devices::wait();
  CHECK(python_error.empty());
  CHECK(warnings == std::vector<std::string>{"forgotten"});
  warnings.clear();
  devices::bring_all_home();
  CHECK(value_of(other) == 3);
  mp::decref(other);
  expect_no_error();
}

void failures_stay_with_their_storage() {
  Storage *bad = new_storage(1), *good = new_storage(1);
  mock::fail_next("mock: device lost");
  window.append(1, bad, bad);
  window.flush();
  devices::wait();
  CHECK(std::exchange(python_error, "") == "mock: device lost");
  window.append(2, good, good);
  window.flush();
  for (int i = 0; i < 2; ++i) {
    devices::bring_all_home();
    CHECK(std::exchange(python_error, "") == "mock: device lost");
    CHECK(devices::is_away(bad));
  }
  CHECK(value_of(good) == 3);
  mp::decref(good);
  mp::decref(bad);
  devices::bring_all_home();
  expect_no_error();
}

// That of a result that nobody holds is raised once.
void failures_of_forgotten_results() {
  Storage* bad = new_storage(1);
  mock::fail_next("mock: device lost");
  window.append(1, bad, bad);
  window.flush();
  mp::decref(bad);
  devices::bring_all_home();
  CHECK(std::exchange(python_error, "") == "mock: device lost");
  devices::bring_all_home();
  devices::wait();
  mp::deps::wait_all();
  expect_no_error();
}

void devices_that_depend_on_each_other_run_here() {
  Storage *a = new_storage(1), *b = new_storage(0, true);
  window.append(1, a, a);
  window.append({a, 1}, {b, 2}, "between", false);
  window.flush();
  CHECK(value_of(a) == 3 && value_of(b) == 7);
  mp::decref(a);
  mp::decref(b);
  expect_no_error();
}

// Streams belong to the workers' threads and end with them.
void workers_may_come_and_go() {
  for (int round = 0; round < 20; ++round) {
    Storage* a = new_storage(round);
    window.append(1 + round % 2, a, a);
    window.flush();
    devices::bring_all_home();
    CHECK(value_of(a) == 2 * round + 1);
    mp::decref(a);
    mp::deps::stop_workers();
  }
  expect_no_error();
  CHECK(mock::live_streams() == 0);
}

}  // namespace

int main() {
  random_programs(200);
  mock::set_latency_us(300);
  random_programs(10);
  mock::set_latency_us(0);
  forgotten_results_are_waited_for();
  failures_stay_with_their_storage();
  failures_of_forgotten_results();
  devices_that_depend_on_each_other_run_here();
  workers_may_come_and_go();
  std::puts("ok");
}
