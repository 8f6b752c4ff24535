// A pretend accelerator on host memory, for tests without one. Device pointers lie in address space
// that nobody may touch: a host access faults at once, while kernels and copies get the address of
// the bytes behind it. Each stream is a thread, and every operation on it takes the configured
// latency, so overlap and missing synchronisation show.
#pragma once
#include "backend.h"

namespace mp::mock {

const mp_backend* backend();

void set_latency_us(int us);          // of every copy and launch; 0 unless set
size_t live_bytes(int device);        // allocated and not freed
int live_streams();                   // made and not freed
bool owns(const void* p);             // whether p is a device pointer
void fail_next(const char* message);  // the next copy or launch fails when its stream gets there

// What kernels are here: functions registered under a name. Device pointers among the arguments
// arrive as addresses that may be followed.
using Kernel = void (*)(const mp_launch& how, void* const* args);
void register_kernel(const char* name, Kernel kernel);

}  // namespace mp::mock
