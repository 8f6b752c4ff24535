// Memory for emitted code. A page is never writable and executable at once: code is written to
// fresh pages, which then become executable and stay so for the life of the process. The kernel may
// refuse; then there is no emitted code.
#pragma once
#include <cstdint>
#include <span>

namespace mp::jit {

// The code as an executable copy, aligned to a page; null when that is not allowed.
const void* make_executable(std::span<const uint8_t> code);

}  // namespace mp::jit
