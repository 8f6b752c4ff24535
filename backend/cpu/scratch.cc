#include "cpu/scratch.h"

#include <algorithm>
#include <atomic>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace mp::cpu {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

std::atomic<size_t> in_use{0}, most_in_use{0};

void count(size_t bytes) {
  const size_t now = in_use.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  size_t most = most_in_use.load(std::memory_order_relaxed);
  while (most < now && !most_in_use.compare_exchange_weak(most, now, std::memory_order_relaxed))
    continue;
}

void* take(size_t bytes) {
  const size_t align = bytes >= kHugePage ? kHugePage : 64;
  void* p = ::operator new(bytes, std::align_val_t{align});
  count(bytes);
#if defined(__linux__)
  if (align == kHugePage) madvise(p, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return p;
}
void give(void* p, size_t bytes) {
  in_use.fetch_sub(bytes, std::memory_order_relaxed);
  ::operator delete(p, std::align_val_t{bytes >= kHugePage ? kHugePage : 64});
}

struct Block {
  char* data = nullptr;
  size_t size = 0, used = 0, wanted = 0;  // wanted: the most in use at once, inside or outside
  size_t outside = 0;
  unsigned round = 0;
  ~Block() { drop(); }
  void drop() {
    if (data) give(data, size);
    data = nullptr;
    size = 0;
  }
  bool idle() const { return used == 0 && outside == 0; }
};
thread_local Block block;
std::atomic<unsigned> rounds{0};  // how often all blocks were to be given back

}  // namespace

WorkMemory work_memory() {
  return {in_use.load(std::memory_order_relaxed), most_in_use.load(std::memory_order_relaxed)};
}
void reset_work_memory_peak() { most_in_use = in_use.load(); }

size_t drop_work_memory() {
  ++rounds;
  if (!block.idle()) return 0;
  const size_t bytes = block.size;
  block.drop();
  return bytes;
}

AlignedBytes::AlignedBytes(size_t size) : data_(take(size)), size_(size) {}
AlignedBytes::~AlignedBytes() { give(data_, size_); }

Scratch::Scratch(size_t bytes) : bytes_((bytes + 63) / 64 * 64 + 64), own_(false) {
  Block& b = block;
  if (b.idle() && b.round != rounds.load(std::memory_order_relaxed)) {
    b.drop();
    b.wanted = 0;
    b.round = rounds;
  }
  if (b.idle() && b.wanted > b.size && b.size < kKept) {
    b.drop();
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

}  // namespace mp::cpu
