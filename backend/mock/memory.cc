#include "mock/memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <map>
#include <mutex>

namespace mp::mock {
namespace {

constexpr size_t kSpace = size_t{1} << 36;  // address space only, pages come when touched
constexpr size_t kPage = 4096;

struct Block {
  size_t bytes, pages;
  int device;
};

struct Memory {
  std::mutex lock;
  char* front = nullptr;  // what device pointers point into; not accessible
  char* back = nullptr;
  size_t used = 0;
  std::map<char*, Block> live;
  std::multimap<size_t, char*> free;  // by whole pages
  size_t live_bytes[kMostDevices] = {};
};

char* reserve(int protection) {
  void* p = mmap(nullptr, kSpace, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<char*>(p);
}

Memory& memory() {
  static Memory* m = [] {
    auto* made = new Memory;
    made->front = reserve(PROT_NONE);
    made->back = reserve(PROT_READ | PROT_WRITE);
    return made;
  }();
  return *m;
}

}  // namespace

void* memory_new(int device, size_t bytes) {
  Memory& m = memory();
  if (!m.front || !m.back || bytes > kSpace / 2) return nullptr;
  // One page more than needed stays between allocations, so that overruns are not inside another.
  const size_t pages = (bytes + kPage - 1) / kPage * kPage + kPage;
  std::lock_guard guard(m.lock);
  char* p;
  if (auto it = m.free.find(pages); it != m.free.end()) {
    p = it->second;
    m.free.erase(it);
  } else {
    if (m.used + pages > kSpace) return nullptr;
    p = m.front + m.used;
    m.used += pages;
  }
  m.live[p] = {bytes, pages, device};
  m.live_bytes[device] += bytes;
  return p;
}

bool memory_free(int device, void* p) {
  Memory& m = memory();
  std::lock_guard guard(m.lock);
  auto it = m.live.find(static_cast<char*>(p));
  if (it == m.live.end() || it->second.device != device) return false;
  madvise(m.back + (it->first - m.front), it->second.pages, MADV_DONTNEED);
  m.live_bytes[device] -= it->second.bytes;
  m.free.emplace(it->second.pages, it->first);
  m.live.erase(it);
  return true;
}

size_t memory_live(int device) {
  Memory& m = memory();
  std::lock_guard guard(m.lock);
  return m.live_bytes[device];
}

bool memory_owns(const void* p) {
  const Memory& m = memory();
  const auto at = reinterpret_cast<uintptr_t>(p), front = reinterpret_cast<uintptr_t>(m.front);
  return m.front && at >= front && at - front < kSpace;
}

void* memory_behind(const void* p, size_t bytes) {
  Memory& m = memory();
  if (!memory_owns(p)) return nullptr;
  std::lock_guard guard(m.lock);
  char* at = const_cast<char*>(static_cast<const char*>(p));
  auto it = m.live.upper_bound(at);
  if (it == m.live.begin()) return nullptr;
  --it;
  if (at + bytes > it->first + it->second.bytes) return nullptr;
  return m.back + (at - m.front);
}

}  // namespace mp::mock
