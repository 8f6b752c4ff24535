#include "core/storage.h"

namespace mp {

void storage_settle() {}  // nothing is deferred yet: no storage is ever pending

}  // namespace mp
