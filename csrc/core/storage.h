// Storage: the bytes of one allocation on one device. It is the unit of aliasing, versioning and scheduling.
// Invariants: the reference count changes only under the GIL; `data` is fixed for life (except that a write
// under Note [A write snapshots what the tape saved] moves saved references to another Storage);
// `version` grows with each write. Small storages keep their bytes right behind this header.
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
  uint32_t bin;      // allocator's size class
  uint16_t device;   // 0 = cpu(0)
  uint16_t flags;    // StorageFlags
};

enum StorageFlags : uint16_t { kStorageExported = 1 };

Storage* storage_new(size_t nbytes);                                          // uninitialised; null + MemoryError
Storage* storage_foreign(char* data, size_t nbytes, PyObject* owner);         // takes a new reference to owner
void storage_free(Storage*);

inline Storage* incref(Storage* s) { ++s->refs; return s; }
inline void decref(Storage* s) { if (--s->refs == 0) storage_free(s); }

}  // namespace mp
