// Stamps: numbers that name the bytes of one storage between two writes, by which something made of
// them may be kept (packed weights) and found again while they are the same.
// - The upper half of a storage's version is zero, or has the top bit set when it was made during a
//   trace (storage_birth), until it is first stamped; then it is a number that no other storage has
//   or had. The lower half goes on counting writes.
// - A stamp of zero: the bytes can change unseen, so nothing made of them may be kept.
// - Storages of more than 4 KiB, and deferred ones, tell `stamp_forget` when they are freed.
#pragma once
#include "core/storage.h"

namespace mp {

uint64_t storage_stamp(Storage* s);
// The same for all stamps of one storage.
inline uint64_t stamp_owner(uint64_t stamp) { return stamp >> 63 ? 0 : stamp >> 32; }

// Called with the owner's number; set by whoever keeps something, once.
extern void (*stamp_forget)(uint64_t owner);

inline void stamp_freed(const Storage* s) {
  if (stamp_owner(s->version) && stamp_forget) stamp_forget(stamp_owner(s->version));
}

}  // namespace mp
