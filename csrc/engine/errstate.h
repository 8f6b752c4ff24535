// NumPy's errstate as the deferred window needs it: what is to happen to floating-point errors of
// instructions that run later. Needs the GIL.
#pragma once
#include <cstdint>

namespace mp {

enum class Errstate : uint8_t {
  Plain,   // errors warn or are ignored: operators may run later
  Special  // they raise, call, print or log: operators run at once
};
// The state of this context. When it differs from that of the instructions in the window, those run
// first.
Errstate current_errstate();
// The flags (FE_*) that the state of the instructions in the window ignores.
int ignored_fp();
// Warns for the flags (FE_*) of an instruction that ran, unless its errstate ignored them. -1: the
// warning became an exception.
int warn_fp(const char* name, int raised);

}  // namespace mp
