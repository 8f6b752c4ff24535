#include "core/stamp.h"

namespace mp {

void (*stamp_forget)(uint64_t owner) = nullptr;

uint64_t storage_stamp(Storage* s) {
  static uint64_t owners = 0;
  if (s->flags & kStorageExported) return 0;
  if (!stamp_owner(s->version)) s->version = ++owners << 32 | static_cast<uint32_t>(s->version);
  return s->version;
}

}  // namespace mp
