#include "cpu/conv/scratch.h"

#include <algorithm>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace mp::cpu::conv {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

void* take(size_t bytes) {
  const size_t align = bytes >= kHugePage ? kHugePage : 64;
  void* p = ::operator new(bytes, std::align_val_t{align});
#if defined(__linux__)
  if (align == kHugePage) madvise(p, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return p;
}
void give(void* p, size_t bytes) {
  ::operator delete(p, std::align_val_t{bytes >= kHugePage ? kHugePage : 64});
}

struct Block {
  char* data = nullptr;
  size_t size = 0, used = 0, wanted = 0;  // wanted: the most in use at once, inside or outside
  size_t outside = 0;
  ~Block() {
    if (data) give(data, size);
  }
};
thread_local Block block;

}  // namespace

AlignedBytes::AlignedBytes(size_t size) : data_(take(size)), size_(size) {}
AlignedBytes::~AlignedBytes() { give(data_, size_); }

Scratch::Scratch(size_t bytes) : bytes_((bytes + 63) / 64 * 64 + 64), own_(false) {
  Block& b = block;
  if (b.used == 0 && b.outside == 0 && b.wanted > b.size && b.size < kKept) {
    if (b.data) give(b.data, b.size);
    b.data = nullptr;
    b.size = 0;
    const size_t size = std::min(b.wanted, kKept);
    b.data = static_cast<char*>(take(size));
    b.size = size;
  }
  if (b.used + bytes_ <= b.size) {
    data_ = b.data + b.used;
    b.used += bytes_;
  } else {
    data_ = take(bytes_);
    own_ = true;
    b.outside += bytes_;
  }
  b.wanted = std::max(b.wanted, b.used + b.outside);
}

Scratch::~Scratch() {
  if (own_) {
    give(data_, bytes_);
    block.outside -= bytes_;
  } else {
    block.used -= bytes_;
  }
}

}  // namespace mp::cpu::conv
