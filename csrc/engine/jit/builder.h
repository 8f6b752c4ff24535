// Writes the nodes of a body; values are numbers of nodes. `size` is that of an element in bytes.
#pragma once
#include <algorithm>
#include <bit>

#include "engine/jit/ir.h"

namespace mp::jit {

class Builder {
 public:
  int emit(Op op, int size, int a = -1, int b = -1, int c = -1, int imm = 0, int place = -1) {
    body.nodes.push_back(
        {op,
         static_cast<uint8_t>(size),
         static_cast<uint8_t>(imm),
         0,
         {static_cast<int16_t>(a), static_cast<int16_t>(b), static_cast<int16_t>(c)},
         static_cast<int16_t>(place)});
    body.has_suspects |= op == Op::Suspect;
    return static_cast<int>(body.nodes.size() - 1);
  }

  // Constants of one element, in every lane.
  int bits(int size, uint64_t element) {
    Vector v;
    for (int i = 0; i < 8; ++i)
      v[i] = static_cast<uint32_t>(size == 8 && i % 2 ? element >> 32 : element);
    const auto i = std::find(body.constants.begin(), body.constants.end(), v);
    const auto place = static_cast<int>(i - body.constants.begin());
    if (i == body.constants.end()) body.constants.push_back(v);
    return emit(Op::Constant, size, -1, -1, -1, 0, place);
  }
  int number(int size, double x) {
    return size == 4 ? bits(4, std::bit_cast<uint32_t>(static_cast<float>(x)))
                     : bits(8, std::bit_cast<uint64_t>(x));
  }
  int sign_bit(int size) { return bits(size, size == 4 ? 0x80000000u : uint64_t{1} << 63); }
  int magnitude(int size) { return bits(size, size == 4 ? 0x7fffffffu : ~uint64_t{0} >> 1); }
  int ones(int size) { return bits(size, ~uint64_t{0}); }

  int compare(int size, int a, int b, int predicate) {
    return emit(Op::Compare, size, a, b, -1, predicate);
  }
  int blend(int size, int mask, int if_true, int if_false) {
    return emit(Op::Blend, size, if_false, if_true, mask);
  }

  Body body;
};

}  // namespace mp::jit
