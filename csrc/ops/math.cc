// Gradients of the mathematical functions. Rows are attached to the ufuncs of their names. With x =
// in(0) and y = out(), each rule is g times the derivative; complex operands use the same
// holomorphic formulas.
#include <numbers>

#include "ops/expr.h"
#include "tape/vjp.h"

namespace mp {
namespace {

using namespace expr;

constexpr uint8_t kIn01 = kSaveIn0 | kSaveIn1;
constexpr double kLn2 = std::numbers::ln2, kLn10 = std::numbers::ln10;
constexpr double kDegree = std::numbers::pi / 180;

// sqrt(x*x - 1) with the branch that NumPy's complex arccosh has.
ArrayRef arccosh_slope(const ArrayRef& x) {
  return is_complex(x->dtype) ? sqrt(x - 1.0) * sqrt(x + 1.0) : sqrt(square(x) - 1.0);
}
template <class T>
Number<T> arccosh_slope(Number<T> x) {
  return sqrt(square(x) - 1.0);
}

// sqrt(1 - x*x); for complex x with NumPy's side of the branch cuts, which the sign of a zero
// decides.
ArrayRef arcsin_slope(const ArrayRef& x) {
  return is_complex(x->dtype) ? sqrt(-(x - 1.0)) * sqrt(x + 1.0) : sqrt(1.0 - square(x));
}
template <class T>
Number<T> arcsin_slope(Number<T> x) {
  return sqrt(1.0 - square(x));
}

constexpr auto arctan2_rule = [](auto& v) {
  auto y = v.in(0), x = v.in(1);
  auto g = v.g() / (square(x) + square(y));
  if (v.needs(0)) v.grad(0, g * x);
  if (v.needs(1)) v.grad(1, -(g * y));
};

constexpr auto hypot_rule = [](auto& v) {
  auto h = v.out();
  auto g = v.g() / where(h != 0.0, h, 1.0);
  if (v.needs(0)) v.grad(0, g * v.in(0));
  if (v.needs(1)) v.grad(1, g * v.in(1));
};

// The operand that equals the result has weight 1, also where both are infinite.
template <ArrayRef (*Exp)(const ArrayRef&)>
void logaddexp_rule(Vjp& v) {
  ArrayRef y = v.out();
  for (int i = 0; i < 2; ++i) {
    if (!v.needs(i)) continue;
    ArrayRef x = v.in(i), differs = x != y;
    v.grad(i, v.g() * Exp(api::where(differs, x, 0.0) - api::where(differs, y, 0.0)));
  }
}

const OpDef kRows[] = {
    {.name = "exp", .vjp = [](auto& v) { v.grad(0, v.g() * v.out()); }, .saves = kSaveOut0},
    {.name = "exp2",
     .vjp = [](auto& v) { v.grad(0, v.g() * (v.out() * kLn2)); },
     .saves = kSaveOut0},
    {.name = "expm1",
     .vjp = [](auto& v) { v.grad(0, v.g() * (v.out() + 1.0)); },
     .saves = kSaveOut0},
    {.name = "log", .vjp = [](auto& v) { v.grad(0, v.g() / v.in(0)); }, .saves = kSaveIn0},
    {.name = "log2",
     .vjp = [](auto& v) { v.grad(0, v.g() / (v.in(0) * kLn2)); },
     .saves = kSaveIn0},
    {.name = "log10",
     .vjp = [](auto& v) { v.grad(0, v.g() / (v.in(0) * kLn10)); },
     .saves = kSaveIn0},
    {.name = "log1p",
     .vjp = [](auto& v) { v.grad(0, v.g() / (v.in(0) + 1.0)); },
     .saves = kSaveIn0},
    {.name = "sqrt", .vjp = [](auto& v) { v.grad(0, v.g() * 0.5 / v.out()); }, .saves = kSaveOut0},
    {.name = "cbrt",
     .vjp = [](auto& v) { v.grad(0, v.g() / (3.0 * square(v.out()))); },
     .saves = kSaveOut0},
    {.name = "sin", .vjp = [](auto& v) { v.grad(0, v.g() * cos(v.in(0))); }, .saves = kSaveIn0},
    {.name = "cos", .vjp = [](auto& v) { v.grad(0, -(v.g() * sin(v.in(0)))); }, .saves = kSaveIn0},
    {.name = "tan",
     .vjp = [](auto& v) { v.grad(0, v.g() * (square(v.out()) + 1.0)); },
     .saves = kSaveOut0},
    {.name = "arcsin",
     .vjp = [](auto& v) { v.grad(0, v.g() / arcsin_slope(v.in(0))); },
     .saves = kSaveIn0},
    {.name = "arccos",
     .vjp = [](auto& v) { v.grad(0, -(v.g() / arcsin_slope(v.in(0)))); },
     .saves = kSaveIn0},
    {.name = "arctan",
     .vjp = [](auto& v) { v.grad(0, v.g() / (square(v.in(0)) + 1.0)); },
     .saves = kSaveIn0},
    {.name = "sinh", .vjp = [](auto& v) { v.grad(0, v.g() * cosh(v.in(0))); }, .saves = kSaveIn0},
    {.name = "cosh", .vjp = [](auto& v) { v.grad(0, v.g() * sinh(v.in(0))); }, .saves = kSaveIn0},
    {.name = "tanh",
     .vjp = [](auto& v) { v.grad(0, v.g() * (1.0 - square(v.out()))); },
     .saves = kSaveOut0},
    {.name = "arcsinh",
     .vjp = [](auto& v) { v.grad(0, v.g() / sqrt(square(v.in(0)) + 1.0)); },
     .saves = kSaveIn0},
    {.name = "arccosh",
     .vjp = [](auto& v) { v.grad(0, v.g() / arccosh_slope(v.in(0))); },
     .saves = kSaveIn0},
    {.name = "arctanh",
     .vjp = [](auto& v) { v.grad(0, v.g() / (1.0 - square(v.in(0)))); },
     .saves = kSaveIn0},
    {.name = "sigmoid",
     .vjp = [](auto& v) { v.grad(0, v.g() * (v.out() * (1.0 - v.out()))); },
     .saves = kSaveOut0},
    {.name = "deg2rad", .vjp = [](auto& v) { v.grad(0, v.g() * kDegree); }},
    {.name = "radians", .vjp = [](auto& v) { v.grad(0, v.g() * kDegree); }},
    {.name = "rad2deg", .vjp = [](auto& v) { v.grad(0, v.g() / kDegree); }},
    {.name = "degrees", .vjp = [](auto& v) { v.grad(0, v.g() / kDegree); }},
    {.name = "arctan2", .vjp = arctan2_rule, .saves = kIn01},
    {.name = "hypot", .vjp = hypot_rule, .saves = kIn01 | kSaveOut0},
    {.name = "logaddexp", .vjp = logaddexp_rule<exp>, .saves = kIn01 | kSaveOut0},
    {.name = "logaddexp2", .vjp = logaddexp_rule<exp2>, .saves = kIn01 | kSaveOut0},
};

}  // namespace

std::pair<const OpDef*, size_t> math_gradients() { return {kRows, std::size(kRows)}; }

}  // namespace mp
