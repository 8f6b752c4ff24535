#include "engine/program_text.h"

#include <cstdio>
#include <cstring>

namespace mp {
namespace {

constexpr const char* kPassNames[] = {"flat", "rows", "tree", "columns", "alone"};

std::string list_of(const int64_t* values, int count) {
  std::string text = "(";
  for (int i = 0; i < count; ++i) text += (i ? "," : "") + std::to_string(values[i]);
  return text + ")";
}

// One element, where printf can show it.
std::string number_text(const Operand& a) {
  char text[32];
  double wide;
  float narrow;
  int64_t integer = 0;
  switch (a.dtype) {
    case DType::F64:
      std::memcpy(&wide, a.number, 8);
      break;
    case DType::F32:
      std::memcpy(&narrow, a.number, 4);
      wide = narrow;
      break;
    case DType::I64:
      std::memcpy(&integer, a.number, 8);
      return std::to_string(integer);
    case DType::Bool:
      return a.number[0] ? "True" : "False";
    default:
      return kDTypeName[index(a.dtype)];
  }
  std::snprintf(text, sizeof text, "%.9g", wide);
  return text;
}

class Writer {
 public:
  Writer(const Program& program, const FusedProgram& fused, bool layouts)
      : p_(program), fused_(fused), layouts_(layouts) {}

  std::string run() {
    std::string text = "minpy: " + std::to_string(p_.code.size()) + " instructions over " +
                       std::to_string(p_.slots.size()) + " storages in " +
                       std::to_string(fused_.segments.size()) + " segments\n";
    for (size_t k = 0; k < fused_.segments.size(); ++k) {
      const Segment& s = fused_.segments[k];
      text += "  segment " + std::to_string(k) + " " + kPassNames[static_cast<int>(s.pass)] + " " +
              list_of(s.shape, s.ndim) + "\n";
      for (int i : s.code) text += "    " + line(p_.code[i]) + "\n";
    }
    return text;
  }

 private:
  std::string line(const Instruction& op) const {
    std::string text;
    for (int k = op.nin; k < op.nargs(); ++k) text += (k > op.nin ? ", " : "") + operand(op, k);
    text += std::string(" = ") + op.name + "(";
    for (int k = 0; k < op.nin; ++k) text += (k ? ", " : "") + operand(op, k);
    return text + ")";
  }

  // "%3" stays in scratch, "@3" is memory.
  std::string operand(const Instruction& op, int k) const {
    const Operand& a = op.args[k];
    if (a.slot < 0) return number_text(a);
    const bool scratch = fused_.homes[a.slot].kind == Home::Scratch;
    std::string text = (scratch ? "%" : "@") + std::to_string(a.slot);
    if (k >= op.nin) text += std::string(":") + kDTypeName[index(a.dtype)];
    if (layouts_ && !scratch)
      text += "[" + std::to_string(a.offset) + " " + list_of(a.strides, op.ndim) + "]";
    return text;
  }

  const Program& p_;
  const FusedProgram& fused_;
  bool layouts_;
};

}  // namespace

std::string program_text(const Program& program, const FusedProgram& fused, bool layouts) {
  return Writer(program, fused, layouts).run();
}

}  // namespace mp
