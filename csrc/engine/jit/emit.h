// From the body of a loop to machine code.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/jit/ir.h"

namespace mp::jit {

// Runs the body over n elements; pointers as in Body::pointers. n is at least kFewest. Nonzero when
// elements are suspect: then the results mean nothing.
using Code = int (*)(char* const* pointers, int64_t n);
inline constexpr int64_t kFewest = 8;

// Empty when the body needs more pointers than there are registers.
std::vector<uint8_t> emit(const Body& body);
// How many pointers to memory that the code walks through there may be.
int most_pointers(bool has_bools);

}  // namespace mp::jit
