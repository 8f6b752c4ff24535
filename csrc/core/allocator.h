// The caching allocator behind storage_new: 64-byte-aligned bytes on the host.
// Up to 4 KiB: header and data in one block, free lists by 64-byte class (inline in storage.h). Up
// to 1 MiB: quarter-power-of-two bins, carved like the small ones from 2 MiB huge-page arenas with
// staggered starts, so that arrays of one size do not alias in the cache. Above: page mappings of
// their own, kept for reuse (best fit) up to a limit. Everything runs under the GIL, hence holds
// after fork. MINPY_MALLOC=system bypasses all caches (for AddressSanitizer);
// MINPY_CACHE_LIMIT=bytes sets the limit.
#pragma once
#include <cstddef>

namespace mp {

struct MemoryStats {
  size_t live;      // bytes in storages that exist
  size_t peak;      // highest value of live since the start or reset_peak_memory
  size_t cached;    // bytes kept for reuse, in arenas and mappings
  size_t reserved;  // bytes taken from the system
};
MemoryStats memory_stats();
void reset_peak_memory();
// Gives every arena and mapping without live storages back to the system; returns the bytes
// released.
size_t empty_cache();

}  // namespace mp
