// Saved: a value that the tape keeps for a gradient rule. The record keeps the array, not its
// bytes, and is linked from the storage, so that a write can first move it to a copy (Note [A write
// snapshots what the tape saved]). Invariants: a record is linked exactly while `array` is set;
// records never move in memory.
#pragma once
#include "core/array.h"

namespace mp {

struct Saved {
  Array* array = nullptr;  // owned
  Saved* next = nullptr;
  Saved** link = nullptr;  // what points at this record
};

inline void saved_link(Saved& s, Array* a) {  // steals a
  s.array = a;
  s.next = a->storage->saved;
  if (s.next) s.next->link = &s.next;
  s.link = &a->storage->saved;
  a->storage->saved = &s;
}
inline Array* saved_unlink(Saved& s) {  // gives the array back
  if (!s.array) return nullptr;
  *s.link = s.next;
  if (s.next) s.next->link = s.link;
  return std::exchange(s.array, nullptr);
}
inline void saved_release(Saved& s) {
  if (Array* a = saved_unlink(s)) Py_DECREF(reinterpret_cast<PyObject*>(a));
}

// Moves the records whose bytes `target` touches to copies of those bytes. 0, or -1 with
// MemoryError.
int saved_snapshot(Array* target);

// An array over the same bytes in the same layout, without history and without a base.
Array* array_alias(Array* a);

}  // namespace mp
