#include "cpu/random.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "engine/pool.h"

namespace mp::cpu {
namespace {

const RandomLoops& loops = MP_BEST_ISA(random_loops);

constexpr int64_t kChunk = 256;  // blocks; the least that a thread takes, too
// Estimates for the thread pool: the time for a block of words, of either uniform, normal and
// exponential distribution, of integers.
constexpr int64_t kBlockNs[kDraws] = {2, 2, 3, 3, 8, 10, 6, 7}, kIntegersNs = 5;

int64_t blocks_of(int64_t n, int per_block) { return (n + per_block - 1) / per_block; }

// One block, as Salmon et al. define it ("Parallel random numbers: as easy as 1, 2, 3", SC 2011).
void one_block(const Philox& at, uint32_t* x) {
  x[0] = uint32_t(at.block), x[1] = uint32_t(at.block >> 32);
  x[2] = uint32_t(at.stream), x[3] = uint32_t(at.stream >> 32);
  for (uint32_t r = 0; r < 10; ++r) {
    const uint64_t a = uint64_t{0xd2511f53} * x[0], b = uint64_t{0xcd9e8d57} * x[2];
    x[0] = uint32_t(b >> 32) ^ x[1] ^ (at.key[0] + r * 0x9e3779b9u);
    x[1] = uint32_t(b);
    x[2] = uint32_t(a >> 32) ^ x[3] ^ (at.key[1] + r * 0xbb67ae85u);
    x[3] = uint32_t(a);
  }
}

// The word of `size` bytes at a place of a block, in the attempt of that number: attempts count in
// the top word of the counter.
uint64_t redraw(Philox at, int place, int size, uint32_t attempt) {
  at.stream += uint64_t{attempt} << 32;
  uint32_t words[4];
  one_block(at, words);
  if (size == 4) return words[place];
  return words[2 * place] | uint64_t{words[2 * place + 1]} << 32;
}

template <int kSize>
struct WordOf;
template <>
struct WordOf<4> {
  using Word = uint32_t;
  using Wide = uint64_t;
};
template <>
struct WordOf<8> {
  using Word = uint64_t;
  using Wide = unsigned __int128;
};

// Lemire's method ("Fast random integer generation in an interval", 2019): the high half of
// word * span, unless the low half shows one of the 2^bits mod span words that are too many; span 0
// stands for 2^bits. `place` counts words from the block of `at`.
template <int kSize, class Word = typename WordOf<kSize>::Word>
uint64_t scaled(Word word, Word span, const Philox& at, int64_t place) {
  using Wide = typename WordOf<kSize>::Wide;
  if (span == 0) return word;
  Wide product = Wide{word} * span;
  if (Word(product) < span) [[unlikely]] {
    constexpr int kPerBlock = kBlockBytes / kSize;
    const Word threshold = Word(-span) % span;
    Philox from = at;
    from.block += place / kPerBlock;
    for (uint32_t attempt = 1; Word(product) < threshold; ++attempt)
      product = Wide{redraw(from, int(place % kPerBlock), kSize, attempt)} * span;
  }
  return uint64_t(product >> (8 * kSize));
}

void put(char* to, int size, uint64_t value) {
  switch (size) {
    case 1:
      *reinterpret_cast<uint8_t*>(to) = uint8_t(value);
      break;
    case 2:
      *reinterpret_cast<uint16_t*>(to) = uint16_t(value);
      break;
    case 4:
      *reinterpret_cast<uint32_t*>(to) = uint32_t(value);
      break;
    default:
      *reinterpret_cast<uint64_t*>(to) = value;
  }
}

// Elements [begin, end) of a call's integers, whose words begin at place `at_place` of a block.
struct Piece {
  char* out;
  int size;
  int64_t begin, end;
  Philox at;
  int at_place;
};

void fill_from_halves(const Piece& p, const IntegerRange& range) {
  alignas(64) uint32_t words[4 * kChunk];
  loops.fill[static_cast<int>(Draw::Word32)](reinterpret_cast<char*>(words),
                                             blocks_of(p.at_place + p.end - p.begin, 4), p.at, {});
  const uint32_t span = uint32_t(*range.last) + 1, threshold = span ? -span % span : 0;
  char* to = p.out + p.begin * p.size;
  const int64_t n = p.end - p.begin;
  const int log_size = p.size == 1 ? 0 : p.size == 2 ? 1 : p.size == 4 ? 2 : 3;
  if (span && !loops.bounded[log_size](to, words + p.at_place, n, span, threshold, *range.low))
    return;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t k = p.at_place + i;
    if (!span || words[k] * span < threshold)
      put(to + i * p.size, p.size, *range.low + scaled<4>(words[k], span, p.at, k));
  }
}

void fill_from_words(const Piece& p, const IntegerRange& range) {
  alignas(64) uint64_t words[2 * kChunk];
  loops.fill[static_cast<int>(Draw::Word64)](reinterpret_cast<char*>(words),
                                             blocks_of(p.at_place + p.end - p.begin, 2), p.at, {});
  for (int64_t i = p.begin; i < p.end; ++i) {
    const int64_t k = p.at_place + i - p.begin;
    const int64_t r = i * range.step;
    const uint64_t span = range.last[r] + 1;
    put(p.out + i * p.size, p.size, range.low[r] + scaled<8>(words[k], span, p.at, k));
  }
}

}  // namespace

void random_fill(Draw draw, char* out, int64_t n, Philox at, int skip, Affine affine) {
  const RandomLoops::Fill fill = loops.fill[static_cast<int>(draw)];
  const int size = draw_size(draw), per_block = kBlockBytes / size;
  auto part_of_block = [&](int from, int64_t count) {
    alignas(16) char block[kBlockBytes];
    fill(block, 1, at, affine);
    std::memcpy(out, block + from * size, count * size);
    out += count * size;
    n -= count;
    ++at.block;
  };
  if (skip > 0 && n > 0) part_of_block(skip, std::min<int64_t>(per_block - skip, n));
  const int64_t blocks = n / per_block;
  pool::parallel_for(blocks, kChunk, blocks * kBlockNs[static_cast<int>(draw)],
                     [=](int64_t begin, int64_t end) {
                       Philox from = at;
                       from.block += begin;
                       fill(out + begin * kBlockBytes, end - begin, from, affine);
                     });
  out += blocks * kBlockBytes;
  n -= blocks * per_block;
  at.block += blocks;
  if (n > 0) part_of_block(0, n);
}

void random_integers(char* out, int size, int64_t n, Philox at, int skip, IntegerRange range) {
  const int per_block = range.one_word() ? 4 : 2;
  const int64_t blocks = n ? blocks_of(n + skip, per_block) : 0;
  auto piece = range.one_word() ? fill_from_halves : fill_from_words;
  auto chunk = [=](int64_t first, int64_t last) {
    Philox from = at;
    from.block += first;
    const int64_t begin = std::max<int64_t>(first * per_block - skip, 0);
    const int64_t end = std::min(last * per_block - skip, n);
    piece({out, size, begin, end, from, first == 0 ? skip : 0}, range);
  };
  pool::parallel_for(blocks, kChunk, blocks * kIntegersNs, [=](int64_t begin, int64_t end) {
    for (; begin < end; begin += kChunk) chunk(begin, std::min(begin + kChunk, end));
  });
}

void random_order(int64_t* order, int64_t n, Philox at, int skip) {
  std::iota(order, order + n, int64_t{0});
  alignas(64) uint32_t words[4 * kChunk];
  for (int64_t from = skip, left = n; left > 1; from = 0, at.block += kChunk) {
    const int64_t end = std::min(4 * kChunk, from + left - 1);
    loops.fill[static_cast<int>(Draw::Word32)](reinterpret_cast<char*>(words), blocks_of(end, 4),
                                               at, {});
    for (int64_t k = from; k < end; ++k, --left)
      std::swap(order[left - 1], order[scaled<4>(words[k], uint32_t(left), at, k)]);
  }
}

}  // namespace mp::cpu
