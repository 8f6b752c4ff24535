#include "mock/mock.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mock/memory.h"

// An event is shared by who records, who waits and who asked for it.
struct mp_event {
  struct State {
    std::mutex lock;
    std::condition_variable signal;
    bool reached = false;
  };
  std::shared_ptr<State> state = std::make_shared<State>();
};

struct mp_kernel {
  mp::mock::Kernel run;
};

struct mp_stream {
  std::mutex lock;
  std::condition_variable changed;
  std::deque<std::function<std::string()>> work;  // each returns its error or ""
  bool busy = false, ending = false;
  std::string failure;  // the first since the last sync; what follows it does not run
  std::thread thread;
};

namespace mp::mock {
namespace {

constexpr int kDevices = 2;
std::atomic<int> latency_us{0}, streams{0};
thread_local std::string error;

struct Registry {
  std::mutex lock;
  std::map<std::string, mp_kernel> kernels;
  std::string fail_next;
};
Registry& registry() {
  static Registry* r = new Registry;
  return *r;
}

int fail(std::string message) {
  error = std::move(message);
  return 1;
}

bool valid(int device) { return device >= 0 && device < kDevices; }

std::string planned_failure() {
  Registry& r = registry();
  std::lock_guard guard(r.lock);
  return std::exchange(r.fail_next, "");
}

void stream_loop(mp_stream* s) {
  std::unique_lock lock(s->lock);
  for (;;) {
    s->changed.wait(lock, [&] { return !s->work.empty() || s->ending; });
    if (s->work.empty()) return;
    auto work = std::move(s->work.front());
    s->work.pop_front();
    s->busy = true;
    const bool skip = !s->failure.empty();
    lock.unlock();
    std::string failure;
    if (!skip) failure = work();
    work = nullptr;
    lock.lock();
    if (!failure.empty()) s->failure = failure;
    s->busy = false;
    s->changed.notify_all();
  }
}

void enqueue(mp_stream* s, std::function<std::string()> work) {
  std::lock_guard guard(s->lock);
  s->work.push_back(std::move(work));
  s->changed.notify_all();
}

// Work that takes the device's time and may be made to fail.
void enqueue_timed(mp_stream* s, std::function<void()> work) {
  enqueue(s, [work = std::move(work)]() -> std::string {
    if (latency_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(latency_us));
    std::string failure = planned_failure();
    if (failure.empty()) work();
    return failure;
  });
}

int device_count() { return kDevices; }

int alloc(int device, size_t bytes, void** out) {
  if (!valid(device)) return fail("mock: no device " + std::to_string(device));
  *out = memory_new(device, bytes);
  return *out ? 0 : fail("mock: out of memory for " + std::to_string(bytes) + " bytes");
}

int free_memory(int device, void* p) {
  if (!valid(device) || !memory_free(device, p))
    return fail("mock: free of what was not allocated on device " + std::to_string(device));
  return 0;
}

int stream_new(int device, mp_stream** out) {
  if (!valid(device)) return fail("mock: no device " + std::to_string(device));
  *out = new mp_stream;
  (*out)->thread = std::thread(stream_loop, *out);
  ++streams;
  return 0;
}

int stream_free(mp_stream* s) {
  {
    std::lock_guard guard(s->lock);
    s->ending = true;
    s->changed.notify_all();
  }
  s->thread.join();
  delete s;
  --streams;
  return 0;
}

int stream_sync(mp_stream* s) {
  std::unique_lock lock(s->lock);
  s->changed.wait(lock, [&] { return s->work.empty() && !s->busy; });
  const std::string failure = std::exchange(s->failure, "");
  return failure.empty() ? 0 : fail(failure);
}

int event_record(mp_stream* s, mp_event** out) {
  *out = new mp_event;
  // Reached when the stream drops the work, hence also when it skips it after a failure.
  auto signal = std::shared_ptr<void>(nullptr, [state = (*out)->state](void*) {
    std::lock_guard guard(state->lock);
    state->reached = true;
    state->signal.notify_all();
  });
  enqueue(s, [signal = std::move(signal)] { return std::string(); });
  return 0;
}

int event_wait(mp_stream* s, mp_event* e) {
  enqueue(s, [state = e->state] {
    std::unique_lock lock(state->lock);
    state->signal.wait(lock, [&] { return state->reached; });
    return std::string();
  });
  return 0;
}

int event_free(mp_event* e) {
  delete e;
  return 0;
}

int copy(mp_stream* s, void* to, const void* from, size_t bytes, mp_copy_kind kind) {
  if (bytes == 0) return 0;
  if ((kind == kDeviceToHost && memory_owns(to)) || (kind == kHostToDevice && memory_owns(from)))
    return fail("mock: a device pointer where the host's was expected");
  void* target = kind == kDeviceToHost ? to : memory_behind(to, bytes);
  const void* source = kind == kHostToDevice ? from : memory_behind(from, bytes);
  if (!target || !source) return fail("mock: copy outside of an allocation");
  if (kind == kHostToDevice) {
    const auto* first = static_cast<const char*>(from);
    enqueue_timed(s, [target, held = std::vector<char>(first, first + bytes)] {
      std::memcpy(target, held.data(), held.size());
    });
  } else {
    enqueue_timed(s, [=] { std::memmove(target, source, bytes); });
  }
  return 0;
}

int kernel_new(int device, const char*, const char* name, mp_kernel** out) {
  Registry& r = registry();
  std::lock_guard guard(r.lock);
  auto it = r.kernels.find(name);
  if (!valid(device) || it == r.kernels.end())
    return fail(std::string("mock: no kernel named ") + name);
  *out = &it->second;
  return 0;
}

// A copy of the arguments, with device pointers turned into addresses.
struct Arguments {
  mp_launch how;
  std::vector<std::vector<char>> values;
  std::vector<void*> pointers;
  std::vector<size_t> sizes;
};

int launch(mp_stream* s, mp_kernel* k, const mp_launch* how) {
  auto a = std::make_shared<Arguments>();
  for (int i = 0; i < how->nargs; ++i) {
    const char* value = static_cast<const char*>(how->args[i]);
    a->values.emplace_back(value, value + how->arg_sizes[i]);
    a->sizes.push_back(how->arg_sizes[i]);
    void* p = nullptr;
    if (how->arg_sizes[i] == sizeof p) std::memcpy(&p, value, sizeof p);
    if (!memory_owns(p)) continue;
    void* behind = memory_behind(p, 0);
    if (!behind) return fail("mock: a kernel's argument points to freed memory");
    std::memcpy(a->values.back().data(), &behind, sizeof behind);
  }
  for (auto& value : a->values) a->pointers.push_back(value.data());
  a->how = {how->grid, how->block, how->shared_bytes, how->nargs, nullptr, a->sizes.data()};
  enqueue_timed(s, [a, run = k->run] { run(a->how, a->pointers.data()); });
  return 0;
}

const char* last_error() { return error.c_str(); }

constexpr mp_backend kBackend = {
    MP_BACKEND_VERSION, "mock",     0,           device_count, alloc,
    free_memory,        stream_new, stream_free, stream_sync,  event_record,
    event_wait,         event_free, copy,        kernel_new,   launch,
    last_error,
};

}  // namespace

const mp_backend* backend() { return &kBackend; }

void set_latency_us(int us) { latency_us = us; }

int live_streams() { return streams; }

size_t live_bytes(int device) { return valid(device) ? memory_live(device) : 0; }

bool owns(const void* p) { return memory_owns(p); }

void fail_next(const char* message) {
  Registry& r = registry();
  std::lock_guard guard(r.lock);
  r.fail_next = message;
}

void register_kernel(const char* name, Kernel kernel) {
  Registry& r = registry();
  std::lock_guard guard(r.lock);
  r.kernels[name] = {kernel};
}

}  // namespace mp::mock
