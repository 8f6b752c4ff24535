// Arena: the memory of the short-lived lists of one call. They live in a stack buffer until it
// overflows.
#pragma once
#include <cstddef>
#include <memory_resource>
#include <vector>

namespace mp {

template <size_t kBytes>
class Arena {
 public:
  Arena() : resource_(buffer_, kBytes) {}
  Arena(const Arena&) = delete;
  std::pmr::memory_resource* get() { return &resource_; }

 private:
  alignas(16) std::byte buffer_[kBytes];
  std::pmr::monotonic_buffer_resource resource_;
};

template <class T>
using ArenaVector = std::pmr::vector<T>;

}  // namespace mp
