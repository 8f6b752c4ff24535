#include "engine/jit/assembler.h"

#include <algorithm>
#include <cstring>

namespace mp::jit {

void Assembler::word32(int32_t v) {
  const size_t at = code_.size();
  code_.resize(at + 4);
  std::memcpy(&code_[at], &v, 4);
}

// ModRM, SIB and displacement; `bytes_after` of the instruction follow.
void Assembler::operand(int reg, const Rm& rm, int bytes_after) {
  const int r = (reg & 7) << 3;
  if (rm.kind == Rm::Register) return byte(0xc0 | r | (rm.reg & 7));
  if (rm.kind == Rm::Constant) {
    byte(r | 5);
    const int at = static_cast<int>(code_.size());
    loads_.push_back({at, at + 4 + bytes_after, rm.disp});
    return word32(0);
  }
  const bool indexed = rm.index != kNoIndex, sib = indexed || (rm.reg & 7) == rsp;
  const bool none = rm.disp == 0 && (rm.reg & 7) != rbp;
  const bool small = rm.disp >= -128 && rm.disp <= 127;
  byte((none ? 0 : small ? 0x40 : 0x80) | r | (sib ? 4 : rm.reg & 7));
  if (sib) byte(rm.scale << 6 | ((indexed ? rm.index : uint8_t{rsp}) & 7) << 3 | (rm.reg & 7));
  if (none) return;
  if (small)
    byte(rm.disp);
  else
    word32(rm.disp);
}

void Assembler::vex(Opcode op, bool wide, int reg, int first, const Rm& rm, int imm) {
  const bool memory = rm.kind == Rm::Memory;
  const int r = reg >> 3 & 1, x = memory && rm.index != kNoIndex ? rm.index >> 3 & 1 : 0,
            b = rm.kind != Rm::Constant ? rm.reg >> 3 & 1 : 0;
  const int tail = (~first & 15) << 3 | wide << 2 | op.prefix;
  if (op.map == k0F && !op.w && !x && !b) {
    byte(0xc5);
    byte(!r << 7 | tail);
  } else {
    byte(0xc4);
    byte(!r << 7 | !x << 6 | !b << 5 | op.map);
    byte(op.w << 7 | tail);
  }
  byte(op.byte);
  operand(reg, rm, imm >= 0);
  if (imm >= 0) byte(imm);
}

void Assembler::op64(uint8_t opcode, int reg, const Rm& rm) {
  const bool memory = rm.kind == Rm::Memory;
  byte(0x48 | (reg >> 3 & 1) << 2 | (memory && rm.index != kNoIndex ? rm.index >> 3 & 1 : 0) << 1 |
       (rm.kind != Rm::Constant ? rm.reg >> 3 & 1 : 0));
  byte(opcode);
  operand(reg, rm, opcode == 0x81 ? 4 : opcode == 0xc1);
}

void Assembler::arith(int extension, Gpr reg, int32_t imm) {
  op64(0x81, extension, in_reg(reg));
  word32(imm);
}

void Assembler::zero(Gpr reg) { op64(0x33, reg, in_reg(reg)); }
void Assembler::one(Gpr reg) {
  zero(reg);
  add(reg, 1);
}

void Assembler::single(uint8_t opcode, Gpr reg) {
  if (reg >= r8) byte(0x41);
  byte(opcode | (reg & 7));
}

void Assembler::vzeroupper() {
  for (int b : {0xc5, 0xf8, 0x77}) byte(b);
}
void Assembler::sfence() {
  for (int b : {0x0f, 0xae, 0xf8}) byte(b);
}

void Assembler::jump(Condition condition, int label) {
  byte(0x0f);
  byte(condition);
  const int at = static_cast<int>(code_.size());
  jumps_.push_back({at, at + 4, label});
  word32(0);
}

void Assembler::align_loop() {
  static constexpr uint8_t kNop[] = {0x66, 0x0f, 0x1f, 0x44, 0, 0};  // in steps that fit
  size_t left = -code_.size() & 31;
  for (; left >= 6; left -= 6) code_.insert(code_.end(), kNop, kNop + 6);
  code_.insert(code_.end(), left, 0x90);
}

int Assembler::add_constant(const Vector& v) {
  const auto found = std::find(constants_.begin(), constants_.end(), v);
  if (found == constants_.end()) {
    constants_.push_back(v);
    return static_cast<int>(constants_.size() - 1);
  }
  return static_cast<int>(found - constants_.begin());
}

std::vector<uint8_t> Assembler::finish() {
  code_.resize((code_.size() + 31) & ~size_t{31}, 0xcc);
  const int base = static_cast<int>(code_.size());
  auto patch = [&](const Fixup& f, int target) {
    const int32_t distance = target - f.from;
    std::memcpy(&code_[f.at], &distance, 4);
  };
  for (const Fixup& f : jumps_) patch(f, targets_[f.target]);
  for (const Fixup& f : loads_) patch(f, base + 32 * f.target);
  code_.resize(base + 32 * constants_.size());
  if (!constants_.empty()) std::memcpy(&code_[base], constants_.data(), 32 * constants_.size());
  return std::move(code_);
}

}  // namespace mp::jit
