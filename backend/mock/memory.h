// The mock's device memory: reserved address space that cannot be touched, and the bytes behind it
// at a fixed distance. Thread-safe.
#pragma once
#include <cstddef>

namespace mp::mock {

inline constexpr int kMostDevices = 16;

void* memory_new(int device, size_t bytes);  // a device pointer, or null when memory is out
bool memory_free(int device, void* p);       // false if p is not an allocation of that device
size_t memory_live(int device);
bool memory_owns(const void* p);
// The bytes behind [p, p + bytes), or null if that is not inside one live allocation.
void* memory_behind(const void* p, size_t bytes);

}  // namespace mp::mock
