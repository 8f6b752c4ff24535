// Storage: the bytes of one allocation on one device. It is the unit of aliasing, versioning and
// scheduling. Invariants: the reference count changes only under the GIL; `data` is fixed for life,
// once it is set: a deferred result has none until the window runs; `version` grows with each
// write. Small storages keep their bytes right behind this header.
#pragma once
#include <Python.h>

#include <cstddef>
#include <cstdint>

namespace mp {

struct Saved;  // tape/saved.h

struct Storage {
  int64_t refs;
  char* data;
  size_t nbytes;
  uint64_t version;
  Saved* saved;      // head of the list of tape references into this storage
  PyObject* owner;   // keeps foreign memory alive; null when the allocator owns the bytes
  uint16_t bin;      // allocator's size class
  uint16_t exports;  // live views of foreign code, which make it kStorageExported; stays at the top
  uint16_t device;   // 0 = cpu(0)
  uint16_t flags;    // StorageFlags
  Storage* block;    // where the bytes of a deferred result are, once they exist
};

enum StorageFlags : uint16_t {
  kStorageExported = 1,  // foreign code may see the bytes: never touched by a deferred instruction
  // Touched by instructions of the window that have not run yet (engine/window.h).
  kStorageRead = 2,
  kStorageWritten = 4,
  kStoragePending = kStorageRead | kStorageWritten,
};

inline constexpr uint16_t kExportedForEver = 0xffff;

// Runs what the window holds, so that the bytes of every storage are there and current.
void storage_settle();

// The free lists of small storages: class c serves up to 64*c bytes right behind the header.
// Everything here runs under the GIL. A free block links to the next one through `data`.
inline constexpr size_t kSmallClasses = 65;
struct SmallCache {
  Storage* free[kSmallClasses];
  size_t live;  // bytes of all storages that the allocator serves, small or not
  size_t peak;
};
extern SmallCache small_cache;
// The version of a new storage. Tracing (python/call_trace.h) raises its upper bits, by which it
// knows what was made since.
extern uint64_t storage_birth;
Storage* storage_new_slow(size_t nbytes);
void storage_free_slow(Storage*);

// Uninitialised bytes, aligned to 64; null with MemoryError set when there are none.
inline Storage* storage_new(size_t nbytes) {
  const size_t c = (nbytes + 63) >> 6;
  if (c >= kSmallClasses || !small_cache.free[c]) return storage_new_slow(nbytes);
  Storage* s = small_cache.free[c];
  small_cache.free[c] = reinterpret_cast<Storage*>(s->data);
  small_cache.live += nbytes;
  if (small_cache.live > small_cache.peak) small_cache.peak = small_cache.live;
  s->refs = 1;
  s->data = reinterpret_cast<char*>(s) + 64;
  s->nbytes = nbytes;
  s->version = storage_birth;
  return s;
}

Storage* storage_new_zeroed_slow(size_t nbytes);
inline Storage* storage_new_zeroed(size_t nbytes) {
  const size_t c = (nbytes + 63) >> 6;
  if (c >= kSmallClasses || !small_cache.free[c]) return storage_new_zeroed_slow(nbytes);
  Storage* s = storage_new(nbytes);
  __builtin_memset(s->data, 0, nbytes);
  return s;
}

inline void storage_free(Storage* s) {
  if (s->bin >= kSmallClasses || s->owner || s->block) return storage_free_slow(s);
  small_cache.live -= s->nbytes;
  s->flags = s->exports = 0;
  s->data = reinterpret_cast<char*>(small_cache.free[s->bin]);
  small_cache.free[s->bin] = s;
}

// A storage that gets its bytes later, from storage_materialise (which ends the process with a
// message when there is no memory: nobody is there any more to take a MemoryError).
Storage* storage_new_deferred(size_t nbytes);
void storage_materialise(Storage*);

Storage* storage_foreign(char* data, size_t nbytes,
                         PyObject* owner);  // takes a new reference to owner

inline Storage* incref(Storage* s) {
  ++s->refs;
  return s;
}
inline void decref(Storage* s) {
  if (--s->refs == 0) storage_free(s);
}

}  // namespace mp
