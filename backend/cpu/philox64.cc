#include "cpu/philox64.h"

#include <cstring>

#include "engine/pool.h"

namespace mp::cpu {
namespace {

const Philox64Loops& loops = MP_BEST_ISA(philox64_loops);

constexpr int64_t kGrain = 128,
                  kBlockNs = 7;  // blocks that a thread takes at least; a block's time

Philox64 moved(Philox64 at, uint64_t blocks) {
  for (uint64_t& word : at.counter) {
    word += blocks;
    blocks = word < blocks ? 1 : 0;
  }
  return at;
}

}  // namespace

void philox64_fill(Draw64 draw, char* out, int64_t n, const Philox64& at) {
  const Philox64Loops::Fill fill = loops.fill[static_cast<int>(draw)];
  const int64_t blocks = n * draw_size(draw) / kBlockBytes64;
  pool::parallel_for(blocks, kGrain, blocks * kBlockNs, [=](int64_t begin, int64_t end) {
    fill(out + begin * kBlockBytes64, end - begin, moved(at, begin));
  });
  const int64_t rest = n * draw_size(draw) - blocks * kBlockBytes64;
  if (rest == 0) return;
  alignas(kBlockBytes64) char block[kBlockBytes64];
  fill(block, 1, moved(at, blocks));
  std::memcpy(out + blocks * kBlockBytes64, block, rest);
}

}  // namespace mp::cpu
