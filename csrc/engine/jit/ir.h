// The straight-line body of an emitted loop: one node is one machine instruction or a short fixed
// sequence, over vectors of `lanes` elements. Elements of 8 bytes fill a register of 32 bytes, and
// so do those of 4 bytes where the whole body has no wider ones; beside 8-byte elements those of 4
// bytes fill half. Within a body of the narrower ones an 8-byte value is half a vector: the low
// one (SingleToDouble) or the high one (HighToDouble), until the two are joined. A truth value is a
// mask as wide as the widest elements. Invariant: a node's inputs stand before it.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/jit/assembler.h"

namespace mp::jit {

// clang-format off
enum class Op : uint8_t {
  Load, LoadBool, Repeat, RepeatBool, Constant, Store, StoreBool,
  Add, Sub, Mul, Div, Sqrt, Round, Compare, And, Or, Xor, Blend,
  Max, Min, Fma, Fnma, ShiftLeft, ShiftRight, Suspect,
  AddInt, SubInt, MulInt, EqualInt, GreaterInt, MaxInt, MinInt, MaxUint, MinUint, AbsInt,
  SingleToDouble, DoubleToSingle, IntToSingle, IntToDouble, SingleToInt, DoubleToInt, Extend, Narrow,
  HighToDouble, JoinSingles, JoinLow,
};
// clang-format on

struct Node {
  Op op;
  uint8_t size;  // bytes of an element: 4 or 8; of the wider side in a conversion
  uint8_t imm = 0;
  uint8_t copy = 0;  // for which of several vectors, see emit.cc
  int16_t in[3] = {-1, -1, -1};
  int16_t place = -1;  // Load, Store, Repeat: the pointer; Constant: its index
};

// AVX's predicates that raise no flag but for signalling NaNs, and its roundings.
enum : uint8_t {
  kEQ = 0x00,  // N…: not, or a NaN
  kUnordered = 0x03,
  kNE = 0x04,
  kLT = 0x11,
  kLE = 0x12,
  kGE = 0x1d,
  kGT = 0x1e,
  kNGE = 0x19,
  kNLE = 0x16
};
enum : uint8_t { kRint = 8, kFloor = 9, kCeil = 10, kTrunc = 11 };

// A place that the code gets a pointer for, in the order of the pointers.
struct Pointer {
  uint8_t item;
  bool repeated = false, streamed = false;
};

struct Body {
  int lanes = 8;
  std::vector<Pointer> pointers;
  std::vector<Vector> constants;
  std::vector<Node> nodes;
  bool has_bools = false, has_suspects = false;
};

}  // namespace mp::jit
