#include "core/allocator.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/stamp.h"
#include "core/storage.h"

namespace mp {

SmallCache small_cache;
uint64_t storage_birth = 0;

namespace {

constexpr size_t kHeader = 64;
constexpr size_t kArena = size_t{2} << 20;
constexpr size_t kMaxSmall = (kSmallClasses - 1) * 64;
constexpr size_t kMaxBinned = size_t{1} << 20;
constexpr uint16_t kFirstBin = kSmallClasses;
constexpr uint16_t kBins = 32;  // four per power of two from 4 KiB to 1 MiB
constexpr uint16_t kMapped = 0xfffe, kSystem = 0xffff;
static_assert(sizeof(Storage) <= kHeader);

enum class Mode : uint8_t { Unknown, Caching, System };

struct Mapping {  // a cached large block: its header sits `colour` bytes before the data
  Storage* storage;
  char* base;
  size_t length;
};

struct Arena {
  char* base;
  size_t
      carved;  // bytes handed out as blocks, free or live; not counted for the arena being carved
  size_t unused;  // scratch of release_arenas: carved bytes not found in a free list
};

struct Allocator {
  Mode mode = Mode::Unknown;
  Storage* bins[kBins] = {};
  std::vector<Arena> arenas;
  char* cursor = nullptr;  // the free rest of the arena being carved
  char* end = nullptr;
  std::vector<Mapping> mappings;  // cached, least recently freed first
  size_t mapped_cached = 0, mapped_total = 0, limit = 0;
  uint32_t next_colour = 0;
};
Allocator& state() {
  static Allocator* a = new Allocator;  // never destroyed: storages may die during interpreter exit
  return *a;
}

void start() {
  Allocator& a = state();
  const char* malloc_wish = std::getenv("MINPY_MALLOC");
  a.mode = malloc_wish && !std::strcmp(malloc_wish, "system") ? Mode::System : Mode::Caching;
  const size_t ram = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  a.limit = std::clamp(ram / 4, size_t{64} << 20, size_t{8} << 30);
  if (const char* limit_wish = std::getenv("MINPY_CACHE_LIMIT"))
    a.limit = std::strtoull(limit_wish, nullptr, 10);
}

// The bin of a size above kMaxSmall, and the largest size that the bin holds.
uint16_t bin_of(size_t n) {
  const int log2 = std::bit_width(n - 1) - 1;    // 2^log2 < n <= 2^(log2+1)
  const size_t quarter = (n - 1) >> (log2 - 2);  // 4..7
  return static_cast<uint16_t>((log2 - 12) * 4 + (quarter - 4));
}
size_t bin_size(uint16_t bin) { return size_t{5 + bin % 4} << (10 + bin / 4); }

// Distance between neighbours of one class: never near a multiple of 4 KiB, which would make loads
// of one array wait for stores to another.
size_t block_stride(uint16_t bin) {
  if (bin < kSmallClasses) return kHeader + 64 * size_t{bin};
  const size_t size = bin_size(static_cast<uint16_t>(bin - kFirstBin));
  return size + kHeader + (size >= 8192 ? 704 : 0);
}

char* map_pages(size_t length, bool align) {
  const size_t room = align ? length + kArena : length;
  void* p = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  char* start = static_cast<char*>(p);
  if (align) {
    char* first =
        reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(start) + kArena - 1) & ~(kArena - 1));
    if (first > start) munmap(start, first - start);
    if (first < start + kArena) munmap(first + length, start + kArena - first);
    start = first;
  }
#ifdef MADV_HUGEPAGE
  madvise(start, length, MADV_HUGEPAGE);
#endif
  return start;
}

void push_free(Storage* s, Storage*& list) {
  s->data = reinterpret_cast<char*>(list);
  list = s;
}

void set_header(Storage* s, char* data, size_t nbytes, uint16_t bin) {
  *s = Storage{1, data, nbytes, storage_birth, nullptr, nullptr, bin, 0, 0, 0, nullptr};
}

// The arena being carved is full enough: remember how much of it became blocks.
void close_arena() {
  Allocator& a = state();
  if (!a.cursor) return;
  for (Arena& arena : a.arenas)
    if (arena.base + kArena == a.end) arena.unused = arena.carved = a.cursor - arena.base;
  a.cursor = a.end = nullptr;
}

Storage* carve(uint16_t bin) {
  Allocator& a = state();
  const size_t stride = block_stride(bin);
  if (static_cast<size_t>(a.end - a.cursor) < stride) {
    char* arena = map_pages(kArena, true);
    if (!arena) return nullptr;
    close_arena();
    a.arenas.push_back({arena, 0, 0});
    a.cursor = arena;
    a.end = arena + kArena;
  }
  Storage* s = reinterpret_cast<Storage*>(a.cursor);
  a.cursor += stride;
  return s;
}

// Mappings remember their length and start in the unused space before the header.
struct MappedHeader {
  char* base;
  size_t length;
};
MappedHeader* mapped_header(Storage* s) { return reinterpret_cast<MappedHeader*>(s) - 1; }

Storage* take_cached_mapping(size_t nbytes) {
  Allocator& a = state();
  const size_t needed = nbytes + 2 * kHeader + 4096,
               most = needed + needed / 4 + (size_t{256} << 10);
  auto best = a.mappings.end();
  for (auto it = a.mappings.begin(); it != a.mappings.end(); ++it)
    if (it->length >= needed && it->length <= most &&
        (best == a.mappings.end() || it->length <= best->length))
      best = it;
  if (best == a.mappings.end()) return nullptr;
  Storage* s = best->storage;
  a.mapped_cached -= best->length;
  a.mappings.erase(best);
  return s;
}

Storage* new_mapping(size_t nbytes) {
  Allocator& a = state();
  if (nbytes > SIZE_MAX / 4) return nullptr;
  const size_t needed = nbytes + 2 * kHeader + 4096;
  const size_t step = std::max<size_t>(size_t{256} << 10, std::bit_floor(needed) / 16);
  const size_t length = (needed + step - 1) / step * step;
  char* base = map_pages(length, true);
  if (!base) return nullptr;
  a.mapped_total += length;
  const size_t colour = (a.next_colour++ * 11 % 16) * 256;
  Storage* s = reinterpret_cast<Storage*>(base + kHeader + colour);
  *mapped_header(s) = {base, length};
  return s;
}

void unmap(const Mapping& m) {
  Allocator& a = state();
  a.mapped_total -= m.length;
  munmap(m.base, m.length);
}

void cache_mapping(Storage* s) {
  Allocator& a = state();
  const Mapping m{s, mapped_header(s)->base, mapped_header(s)->length};
  a.mappings.push_back(m);
  a.mapped_cached += m.length;
  size_t dropped = 0;
  while (a.mapped_cached > a.limit || a.mappings.size() - dropped > 256) {
    a.mapped_cached -= a.mappings[dropped].length;
    unmap(a.mappings[dropped++]);
  }
  a.mappings.erase(a.mappings.begin(), a.mappings.begin() + dropped);
}

Storage* new_system(size_t nbytes) {
  void* p = nullptr;
  if (nbytes > SIZE_MAX - kHeader || posix_memalign(&p, 64, kHeader + nbytes)) return nullptr;
  return static_cast<Storage*>(p);
}

// A block for nbytes and its class. Null when the system has no memory.
Storage* find_block(size_t nbytes, uint16_t& bin) {
  Allocator& a = state();
  if (a.mode == Mode::System) {
    bin = kSystem;
    return new_system(nbytes);
  }
  if (nbytes > kMaxBinned) {
    bin = kMapped;
    Storage* s = take_cached_mapping(nbytes);
    return s ? s : new_mapping(nbytes);
  }
  bin = nbytes <= kMaxSmall ? static_cast<uint16_t>((nbytes + 63) / 64)
                            : static_cast<uint16_t>(kFirstBin + bin_of(nbytes));
  Storage*& list = bin < kSmallClasses ? small_cache.free[bin] : a.bins[bin - kFirstBin];
  if (!list) return carve(bin);
  Storage* s = list;
  list = reinterpret_cast<Storage*>(s->data);
  return s;
}

template <class F>
void for_each_list(F&& f) {
  for (Storage*& list : small_cache.free) f(list);
  for (Storage*& list : state().bins) f(list);
}

char* arena_of(const void* p) {
  return reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(p) & ~(kArena - 1));
}

void drop_dead_blocks(Storage*& list, const std::vector<char*>& dead) {
  Storage* kept = nullptr;
  for (Storage *s = list, *next; s; s = next) {
    next = reinterpret_cast<Storage*>(s->data);
    if (!std::binary_search(dead.begin(), dead.end(), arena_of(s))) push_free(s, kept);
  }
  list = kept;
}

// Unmaps the arenas all of whose carved bytes are in free lists.
size_t release_arenas() {
  Allocator& a = state();
  close_arena();
  std::sort(a.arenas.begin(), a.arenas.end(), [](auto& x, auto& y) { return x.base < y.base; });
  for_each_list([&](Storage*& list) {
    for (Storage* s = list; s; s = reinterpret_cast<Storage*>(s->data)) {
      auto it = std::partition_point(a.arenas.begin(), a.arenas.end(),
                                     [&](auto& x) { return x.base < arena_of(s); });
      it->unused -= block_stride(s->bin);
    }
  });
  std::vector<char*> dead;
  for (const Arena& arena : a.arenas)
    if (arena.unused == 0) dead.push_back(arena.base);
  for_each_list([&](Storage*& list) { drop_dead_blocks(list, dead); });
  std::erase_if(a.arenas, [](const Arena& arena) { return arena.unused == 0; });
  for (Arena& arena : a.arenas) arena.unused = arena.carved;
  for (char* base : dead) munmap(base, kArena);
  return dead.size() * kArena;
}

size_t release_mappings() {
  Allocator& a = state();
  const size_t bytes = a.mapped_cached;
  for (const Mapping& m : a.mappings) unmap(m);
  a.mappings.clear();
  a.mapped_cached = 0;
  return bytes;
}

}  // namespace

Storage* storage_new_slow(size_t nbytes) {
  if (state().mode == Mode::Unknown) start();
  uint16_t bin;
  Storage* s = find_block(nbytes, bin);
  if (!s && empty_cache()) s = find_block(nbytes, bin);
  if (!s) {
    PyErr_NoMemory();
    return nullptr;
  }
  set_header(s, reinterpret_cast<char*>(s) + kHeader, nbytes, bin);
  small_cache.live += nbytes;
  small_cache.peak = std::max(small_cache.peak, small_cache.live);
  return s;
}

Storage* storage_new_zeroed_slow(size_t nbytes) {
  // Fresh pages are zero already and cost nothing until they are touched.
  constexpr size_t kPreferFresh = size_t{16} << 20;
  if (state().mode == Mode::Unknown) start();
  if (nbytes > kPreferFresh && state().mode == Mode::Caching) {
    if (Storage* s = new_mapping(nbytes)) {
      set_header(s, reinterpret_cast<char*>(s) + kHeader, nbytes, kMapped);
      small_cache.live += nbytes;
      small_cache.peak = std::max(small_cache.peak, small_cache.live);
      return s;
    }
  }
  Storage* s = storage_new(nbytes);
  if (s) std::memset(s->data, 0, nbytes);
  return s;
}

Storage* storage_foreign(char* data, size_t nbytes, PyObject* owner) {
  Storage* s = storage_new(0);
  if (!s) return nullptr;
  s->data = data;
  s->nbytes = nbytes;
  s->owner = Py_NewRef(owner);
  return s;
}

Storage* storage_new_deferred(size_t nbytes) {
  Storage* s = storage_new(0);
  if (!s) return nullptr;
  s->data = nullptr;
  s->nbytes = nbytes;
  s->block = s;  // itself: deferred, without bytes
  return s;
}

void storage_materialise(Storage* s) {
  s->block = storage_new(s->nbytes);
  if (!s->block) Py_FatalError("minpy: no memory for the results of deferred operators");
  s->data = s->block->data;
}

void storage_free_slow(Storage* s) {
  stamp_freed(s);
  if (Storage* block = s->block) {
    s->block = nullptr;
    s->nbytes = 0;
    if (block != s) decref(block);
  }
  PyObject* owner = s->owner;
  if (owner) {
    s->owner = nullptr;
    s->nbytes = 0;
  }
  small_cache.live -= s->nbytes;
  s->flags = 0;
  s->exports = 0;
  if (s->bin == kSystem) {
    std::free(s);
  } else if (s->bin == kMapped) {
    cache_mapping(s);
  } else {
    push_free(s,
              s->bin < kSmallClasses ? small_cache.free[s->bin] : state().bins[s->bin - kFirstBin]);
  }
  Py_XDECREF(owner);  // last: it may run Python code that allocates
}

MemoryStats memory_stats() {
  Allocator& a = state();
  size_t in_lists = 0;
  for_each_list([&](Storage*& list) {
    for (Storage* s = list; s; s = reinterpret_cast<Storage*>(s->data))
      in_lists += block_stride(s->bin);
  });
  return {small_cache.live, small_cache.peak, in_lists + a.mapped_cached,
          a.arenas.size() * kArena + a.mapped_total};
}

void reset_peak_memory() { small_cache.peak = small_cache.live; }

size_t empty_cache() { return release_arenas() + release_mappings(); }

}  // namespace mp
