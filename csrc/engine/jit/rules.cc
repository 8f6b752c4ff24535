#include "engine/jit/rules.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "engine/jit/lower.h"

namespace mp::jit {
namespace {

const std::unordered_map<std::string_view, Rule> kRules = {
    {"add", Rule::Add},
    {"subtract", Rule::Subtract},
    {"multiply", Rule::Multiply},
    {"divide", Rule::Divide},
    {"sqrt", Rule::Sqrt},
    {"square", Rule::Square},
    {"reciprocal", Rule::Reciprocal},
    {"negative", Rule::Negative},
    {"positive", Rule::Positive},
    {"conjugate", Rule::Positive},
    {"absolute", Rule::Absolute},
    {"fabs", Rule::Absolute},
    {"rint", Rule::Rint},
    {"floor", Rule::Floor},
    {"ceil", Rule::Ceil},
    {"trunc", Rule::Trunc},
    {"copysign", Rule::Copysign},
    {"sign", Rule::Sign},
    {"maximum", Rule::Maximum},
    {"minimum", Rule::Minimum},
    {"fmax", Rule::Fmax},
    {"fmin", Rule::Fmin},
    {"clip", Rule::Clip},
    {"less", Rule::Less},
    {"less_equal", Rule::LessEqual},
    {"greater", Rule::Greater},
    {"greater_equal", Rule::GreaterEqual},
    {"equal", Rule::Equal},
    {"not_equal", Rule::NotEqual},
    {"isnan", Rule::Isnan},
    {"isinf", Rule::Isinf},
    {"isfinite", Rule::Isfinite},
    {"bitwise_and", Rule::BitAnd},
    {"bitwise_or", Rule::BitOr},
    {"bitwise_xor", Rule::BitXor},
    {"logical_and", Rule::LogicalAnd},
    {"logical_or", Rule::LogicalOr},
    {"logical_xor", Rule::LogicalXor},
    {"logical_not", Rule::LogicalNot},
    {"radians", Rule::ToRadians},
    {"deg2rad", Rule::ToRadians},
    {"degrees", Rule::ToDegrees},
    {"rad2deg", Rule::ToDegrees},
    {"exp", Rule::Exp},
    {"expm1", Rule::Expm1},
    {"tanh", Rule::Tanh},
    {"sigmoid", Rule::Sigmoid},
    {"log", Rule::Log},
    {"log2", Rule::Log2},
    {"log10", Rule::Log10},
    {"log1p", Rule::Log1p},
    {"sin", Rule::Sin},
    {"cos", Rule::Cos},
    {"hypot", Rule::Hypot},
    {"power", Rule::Power},
    {"invert", Rule::Invert},
    {"relu", Rule::Relu},
    {"softsign", Rule::Softsign},
    {"softrelu", Rule::Softrelu},
    {"log_sigmoid", Rule::LogSigmoid},
    {"silu", Rule::Silu},
    {"mish", Rule::Mish},
    {"selu", Rule::Selu},
    {"gelu", Rule::Gelu},
    {"gelu_tanh", Rule::GeluTanh},
    {"erf", Rule::Erf},
    {"cast", Rule::Cast},
    {"fill", Rule::Copy},
    {"where", Rule::Where},
};

// NumPy clips by numbers in another way than by arrays; a NaN among them is again another.
bool plain_bounds(const Instruction& op) {
  for (int k = 1; k <= 2; ++k) {
    const Operand& a = op.args[k];
    if (a.slot >= 0) return false;
    double x;
    float y;
    std::memcpy(&x, a.number, 8);
    std::memcpy(&y, a.number, 4);
    if (a.dtype == DType::F64 ? std::isnan(x) : std::isnan(y)) return false;
  }
  return true;
}

// The loop of powers does some exponents by other operators when one serves a whole call.
Rule power_by(const Operand& exponent, int ndim) {
  if (exponent.slot >= 0) return ndim && exponent.strides[ndim - 1] ? Rule::Power : Rule::None;
  double y;
  float single;
  std::memcpy(&y, exponent.number, 8);
  std::memcpy(&single, exponent.number, 4);
  if (exponent.dtype == DType::F32) y = single;
  return y == 2     ? Rule::Square
         : y == 0.5 ? Rule::Sqrt
         : y == -1  ? Rule::Reciprocal
         : y == 1   ? Rule::Positive
         : y == 0   ? Rule::None
                    : Rule::Power;
}

Rule by_name(const char* name) {
  // Names are literals or live as long as their operator: the address usually tells.
  struct Known {
    const char* name;
    Rule rule;
    char text[15];
  };
  thread_local const auto known = std::make_unique<Known[]>(64);  // static TLS is scarce
  Known& k = known[reinterpret_cast<uintptr_t>(name) / 8 % 64];
  if (k.name == name && std::strcmp(k.text, name) == 0) return k.rule;
  const auto found = kRules.find(name);
  const Rule rule = found == kRules.end() ? Rule::None : found->second;
  if (std::strlen(name) < sizeof k.text) {
    k.name = name;
    k.rule = rule;
    std::strcpy(k.text, name);
  }
  return rule;
}

}  // namespace

Rule rule_of(const Instruction& op) {
  if (op.reduces() || op.nout != 1 || op.nin > 3) return Rule::None;
  Rule rule = by_name(op.name);
  if (rule == Rule::None) return rule;
  DType types[kProgramArgs];
  for (int k = 0; k < op.nargs(); ++k) types[k] = op.args[k].dtype;
  if (!can_lower(rule, op.nin, types)) return Rule::None;
  if (rule == Rule::Clip && !plain_bounds(op)) return Rule::None;
  if (rule == Rule::Power) rule = power_by(op.args[1], op.ndim);
  return rule;
}

}  // namespace mp::jit
