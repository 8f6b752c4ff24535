// The mock device behind backend.h, and the scheduler driving two of them.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "check.h"
#include "engine/deps.h"
#include "mock/mock.h"

namespace deps = mp::deps;
namespace mock = mp::mock;
using deps::Var;
using Vars = std::vector<Var>;

namespace {

const mp_backend& device = *mock::backend();

void scale_add(const mp_launch& how, void* const* args) {  // x = x * a + b
  double* x = *static_cast<double**>(args[0]);
  const double a = *static_cast<double*>(args[1]), b = *static_cast<double*>(args[2]);
  for (uint32_t i = 0; i < how.grid; ++i) x[i] = x[i] * a + b;
}

int launch_scale_add(mp_stream* s, void* x, uint32_t n, double a, double b) {
  mp_kernel* kernel;
  CHECK(!device.kernel_new(0, "", "scale_add", &kernel));
  const void* args[] = {&x, &a, &b};
  const size_t sizes[] = {sizeof x, sizeof a, sizeof b};
  const mp_launch how{n, 1, 0, 3, args, sizes};
  return device.launch(s, kernel, &how);
}

double now_ms() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void copies_and_kernels() {
  std::vector<double> host(1000), back(1000);
  std::iota(host.begin(), host.end(), 0.0);
  const size_t bytes = host.size() * sizeof(double);
  void *x, *y;
  mp_stream* s;
  CHECK(!device.alloc(0, bytes, &x) && !device.alloc(0, bytes, &y) && !device.stream_new(0, &s));
  CHECK(mock::owns(x) && !mock::owns(host.data()) && mock::live_bytes(0) == 2 * bytes);
  CHECK(!device.copy(s, x, host.data(), bytes, kHostToDevice));
  std::fill(host.begin(), host.end(), -1.0);  // the source was read when copy returned
  CHECK(!launch_scale_add(s, x, 1000, 2, 1));
  CHECK(!device.copy(s, y, x, bytes, kDeviceToDevice));
  CHECK(!device.copy(s, back.data(), y, bytes, kDeviceToHost));
  CHECK(!device.stream_sync(s));
  for (int i = 0; i < 1000; ++i) CHECK(back[i] == 2.0 * i + 1);
  CHECK(!device.stream_free(s) && !device.free(0, x) && !device.free(0, y));
  CHECK(mock::live_bytes(0) == 0);
}

[[maybe_unused]] void host_access_faults() {
  void* x;
  CHECK(!device.alloc(0, 64, &x));
  const pid_t child = fork();
  if (child == 0) {
    const volatile char read = *static_cast<volatile char*>(x);
    _exit(read == 0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  CHECK(!device.free(0, x));
}

void misuse_is_reported() {
  char host[64] = {};
  void* x;
  mp_stream* s;
  CHECK(!device.alloc(0, 64, &x) && !device.stream_new(0, &s));
  CHECK(device.copy(s, x, host, 65, kHostToDevice) && std::strstr(device.last_error(), "outside"));
  CHECK(device.copy(s, host, host, 64, kDeviceToHost));
  CHECK(device.copy(s, x, x, 64, kHostToDevice) && std::strstr(device.last_error(), "host"));
  CHECK(device.free(1, x) && device.free(0, host) && device.alloc(99, 1, &x) == 1);
  CHECK(!device.free(0, x));
  CHECK(launch_scale_add(s, x, 1, 1, 1) && std::strstr(device.last_error(), "freed"));
  CHECK(!device.stream_sync(s) && !device.stream_free(s));
}

void failures_reach_the_sync() {
  void* x;
  mp_stream* s;
  mp_event* e;
  CHECK(!device.alloc(0, 64, &x) && !device.stream_new(0, &s));
  mock::fail_next("mock: device lost");
  CHECK(!launch_scale_add(s, x, 8, 1, 1) && !device.event_record(s, &e));
  CHECK(device.stream_sync(s) && !std::strcmp(device.last_error(), "mock: device lost"));
  CHECK(!device.event_wait(s, e) && !device.stream_sync(s));
  CHECK(!device.event_free(e) && !device.stream_free(s) && !device.free(0, x));
}

void events_order_streams() {
  mock::set_latency_us(3000);
  void* x;
  mp_stream *first, *second;
  mp_event* done;
  double out = 0, one = 1;
  CHECK(!device.alloc(1, 8, &x) && !device.stream_new(1, &first) && !device.stream_new(1, &second));
  CHECK(!device.copy(first, x, &one, 8, kHostToDevice) && !launch_scale_add(first, x, 1, 4, 3));
  CHECK(!device.event_record(first, &done) && !device.event_wait(second, done));
  CHECK(!device.copy(second, &out, x, 8, kDeviceToHost) && !device.stream_sync(second));
  CHECK(out == 7);
  CHECK(!device.event_free(done) && !device.stream_free(first) && !device.stream_free(second));
  CHECK(!device.free(1, x));
  mock::set_latency_us(0);
}

// A device's memory and stream, and the variable that stands for the memory.
struct Slab {
  int number;
  void* memory;
  mp_stream* stream;
  Var var = deps::new_variable();
  explicit Slab(int d) : number(d) {
    CHECK(!device.alloc(d, 32, &memory) && !device.stream_new(d, &stream));
    const double start[4] = {1, 2, 3, 4};
    CHECK(!device.copy(stream, memory, start, 32, kHostToDevice) && !device.stream_sync(stream));
  }
  ~Slab() { CHECK(!device.stream_free(stream) && !device.free(number, memory)); }
  // A task that changes element i and notes when it ran.
  struct Times {
    double begin = 0, end = 0;
  };
  void push(int i, double a, double b, Times* times) {
    deps::push(
        [=, this] {
          times->begin = now_ms();
          double* element = static_cast<double*>(memory) + i;
          if (launch_scale_add(stream, element, 1, a, b) || device.stream_sync(stream))
            throw std::runtime_error(device.last_error());
          times->end = now_ms();
        },
        Vars{var}, Vars{var}, number, "scale_add");
  }
  double read(int i) {
    double x[4];
    deps::wait_to_read(var);
    CHECK(!device.copy(stream, x, memory, 32, kDeviceToHost) && !device.stream_sync(stream));
    return x[i];
  }
};

// The engine's example: a and b are parts of one storage on the first device, c is on the second.
// a += 1 and c *= 3 run at the same time; b *= 3 waits for a += 1.
void two_devices_overlap() {
  mock::set_latency_us(30'000);
  Slab ab(0), other(1);
  Slab::Times a, b, c;
  ab.push(0, 1, 1, &a);
  ab.push(1, 3, 0, &b);
  other.push(2, 3, 0, &c);
  deps::wait_all();
  CHECK(c.begin < a.end && a.begin < c.end);
  CHECK(b.begin >= a.end);
  mock::set_latency_us(0);
  CHECK(ab.read(0) == 2 && ab.read(1) == 6 && other.read(2) == 9);
}

void device_failures_spread() {
  Slab x(0), y(1);
  Slab::Times t, u;
  mock::fail_next("mock: device lost");
  x.push(0, 1, 1, &t);
  y.push(0, 1, 1, &u);
  int caught = 0;
  for (Slab* slab : {&x, &y}) {
    try {
      deps::wait_to_read(slab->var);
    } catch (std::runtime_error& e) {
      CHECK(!std::strcmp(e.what(), "mock: device lost"));
      ++caught;
    }
  }
  CHECK(caught == 1);
  deps::wait_all();
}

}  // namespace

int main() {
  mock::register_kernel("scale_add", scale_add);
  copies_and_kernels();
#if !defined(__SANITIZE_THREAD__)
  host_access_faults();  // ThreadSanitizer has a handler of its own for the signal
#endif
  misuse_is_reported();
  failures_reach_the_sync();
  events_order_streams();
  two_devices_overlap();
  device_failures_spread();
  deps::stop_workers();
  std::puts("ok");
}
