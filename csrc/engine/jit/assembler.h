// Writes x86-64 machine code into a buffer: the general instructions that a loop needs, and AVX2
// and FMA in VEX encoding. Invariants: a jump's target is bound before finish(); constants are
// whole 32-byte vectors behind the code, reached relative to the instruction pointer, so the code
// runs wherever it is copied to (32-byte aligned).
#pragma once
#include <array>
#include <cstdint>
#include <vector>

namespace mp::jit {

enum Gpr : uint8_t { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15 };
inline constexpr uint8_t kNoIndex = 0xff;

// A register (of either file) or memory: base + (index << scale) + disp, or a constant.
struct Rm {
  enum Kind : uint8_t { Register, Memory, Constant } kind;
  uint8_t reg = 0;  // or the base
  uint8_t index = kNoIndex, scale = 0;
  int32_t disp = 0;  // or the constant's number
};
inline Rm in_reg(int reg) { return {Rm::Register, static_cast<uint8_t>(reg)}; }
inline Rm at(Gpr base, int32_t disp) { return {Rm::Memory, base, kNoIndex, 0, disp}; }
inline Rm at(Gpr base, Gpr index, int scale, int32_t disp) {
  return {Rm::Memory, base, index, static_cast<uint8_t>(scale), disp};
}
inline Rm constant(int number) { return {Rm::Constant, 0, kNoIndex, 0, number}; }

enum Prefix : uint8_t { kNone, k66, kF3, kF2 };
enum Map : uint8_t { k0F = 1, k0F38 = 2, k0F3A = 3 };
struct Opcode {
  Map map;
  Prefix prefix;
  uint8_t byte;
  bool w = false;
};

using Vector = std::array<uint32_t, 8>;

class Assembler {
 public:
  Assembler() { code_.reserve(4096); }

  // op reg, first, rm[, imm]; first 0 where the instruction has none.
  void vex(Opcode op, bool wide, int reg, int first, const Rm& rm, int imm = -1);
  // A 64-bit instruction with one opcode byte: op reg, rm.
  void op64(uint8_t opcode, int reg, const Rm& rm);
  void mov(Gpr to, const Rm& from) { op64(0x8b, to, from); }
  void mov(const Rm& to, Gpr from) { op64(0x89, from, to); }
  void lea(Gpr to, const Rm& from) { op64(0x8d, to, from); }
  void add(Gpr reg, int32_t imm) { arith(0, reg, imm); }
  void bit_and(Gpr reg, int32_t imm) { arith(4, reg, imm); }
  void sub(Gpr reg, int32_t imm) { arith(5, reg, imm); }
  void sub(Gpr a, Gpr b) { op64(0x2b, a, in_reg(b)); }
  void cmp(Gpr a, Gpr b) { op64(0x3b, a, in_reg(b)); }
  void shift_by_cl(bool left, Gpr reg) { op64(0xd3, left ? 4 : 5, in_reg(reg)); }
  void shift_left(Gpr reg, uint8_t count) {
    op64(0xc1, 4, in_reg(reg));
    byte(count);
  }
  void zero(Gpr reg);
  void one(Gpr reg);
  void push(Gpr reg) { single(0x50, reg); }
  void pop(Gpr reg) { single(0x58, reg); }
  void ret() { byte(0xc3); }
  void vzeroupper();
  void sfence();

  // Jumps with 32-bit distances; conditions after cmp a, b: a >= b, a > b, a <= b (signed).
  enum Condition : uint8_t { GreaterEqual = 0x8d, LessEqual = 0x8e, Greater = 0x8f };
  int label() {
    targets_.push_back(-1);
    return static_cast<int>(targets_.size() - 1);
  }
  void bind(int label) { targets_[label] = static_cast<int>(code_.size()); }
  void jump(Condition condition, int label);
  void align_loop();

  int add_constant(const Vector& v);
  // Two constants side by side; the number of the first.
  int add_table(const Vector& first, const Vector& second) {
    constants_.push_back(first);
    constants_.push_back(second);
    return static_cast<int>(constants_.size() - 2);
  }
  // The code with its constants; the assembler is then used up.
  std::vector<uint8_t> finish();

 private:
  void byte(int b) { code_.push_back(static_cast<uint8_t>(b)); }
  void word32(int32_t v);
  void single(uint8_t opcode, Gpr reg);
  void arith(int extension, Gpr reg, int32_t imm);
  void operand(int reg, const Rm& rm, int bytes_after);

  struct Fixup {
    int at, from, target;  // 4 bytes at `at` become target - from
  };
  std::vector<uint8_t> code_;
  std::vector<int> targets_;
  std::vector<Fixup> jumps_, loads_;
  std::vector<Vector> constants_;
};

}  // namespace mp::jit
