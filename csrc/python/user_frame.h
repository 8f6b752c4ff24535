// Where in the user's program we are, for messages.
#pragma once
#include <string>

namespace mp {

// "file.py:12: `if x.sum() > 0:`" of the innermost Python frame outside of this package; empty when
// there is none. Throws PythonError.
std::string user_frame();

}  // namespace mp
