#include "core/stamp.h"

namespace mp {

void (*stamp_forget)(uint64_t owner) = nullptr;

uint64_t storage_stamp(Storage* s) {
  static uint64_t owners = 0;
  if (s->flags & kStorageExported) return 0;
  if (!(s->version >> 32)) s->version += ++owners << 32;
  return s->version;
}

}  // namespace mp
