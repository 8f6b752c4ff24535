// Gradients of arithmetic, comparison and rounding operators. Rows are attached to the ufuncs of
// their names.
#include "ops/expr.h"
#include "tape/vjp.h"

namespace mp {
namespace {

using namespace expr;

constexpr uint8_t kIn01 = kSaveIn0 | kSaveIn1;

constexpr auto add_rule = [](auto& v) {
  v.grad(0, v.g());
  v.grad(1, v.g());
};

constexpr auto subtract_rule = [](auto& v) {
  v.grad(0, v.g());
  if (v.needs(1)) v.grad(1, -v.g());
};

constexpr auto multiply_rule = [](auto& v) {
  if (v.needs(0)) v.grad(0, v.g() * v.in(1));
  if (v.needs(1)) v.grad(1, v.g() * v.in(0));
};

constexpr auto divide_rule = [](auto& v) {
  auto g = v.g() / v.in(1);
  v.grad(0, g);
  if (v.needs(1)) v.grad(1, -(g * v.out()));
};

// d(a**b)/da is written so that b == 0 gives 0 and not 0 * inf; d/db so that a == 0 gives 0 and not
// -inf * 0.
constexpr auto power_rule = [](auto& v) {
  auto a = v.in(0), b = v.in(1);
  if (v.needs(0)) {
    auto exponent = where(b != 0.0, like(b, b - 1.0), 1.0);
    v.grad(0, v.g() * (b * power(a, exponent)));
  }
  if (v.needs(1)) v.grad(1, v.g() * (v.out() * log(where(a != 0.0, a, 1.0))));
};

// NumPy's remainder has the sign of the divisor, fmod's that of the dividend: a - b * floor(a / b)
// and a - b * trunc(a / b).
constexpr auto remainder_rule = [](auto& v) {
  v.grad(0, v.g());
  if (v.needs(1)) v.grad(1, -(v.g() * floor(v.in(0) / v.in(1))));
};

constexpr auto fmod_rule = [](auto& v) {
  v.grad(0, v.g());
  if (v.needs(1)) v.grad(1, -(v.g() * trunc(v.in(0) / v.in(1))));
};

void divmod_rule(Vjp& v) {
  if (!v.has_g(1)) return;
  v.grad(0, v.g(1));
  if (v.needs(1)) v.grad(1, -(v.g(1) * floor(v.in(0) / v.in(1))));
}

void modf_rule(Vjp& v) {
  if (v.has_g(0)) v.grad(0, v.g(0));
}

// x = m * 2**e
void frexp_rule(Vjp& v) {
  if (v.has_g(0)) v.grad(0, ldexp(v.g(0), -v.out(1)));
}

void ldexp_rule(Vjp& v) { v.grad(0, ldexp(v.g(), v.in(1))); }

void absolute_rule(Vjp& v) {
  ArrayRef z = v.in(0);
  if (!is_complex(z->dtype)) {
    v.grad(0, v.g() * sign(z));
    return;
  }
  ArrayRef length = v.out();
  v.grad(0, v.g() * conj(z) / api::where(length != 0.0, length, 1.0));
}

// Where `first` holds the gradient is the first operand's, elsewhere the second's.
constexpr auto choose = [](auto& v, const auto& first) {
  if (v.needs(0)) v.grad(0, where(first, v.g(), 0.0));
  if (v.needs(1)) v.grad(1, where(first, 0.0, v.g()));
};

// A tie goes to the first operand, as in MXNet; a NaN gets the gradient because it is the result.
constexpr auto maximum_rule = [](auto& v) { choose(v, (v.in(0) >= v.in(1)) | isnan(v.in(0))); };
constexpr auto minimum_rule = [](auto& v) { choose(v, (v.in(1) >= v.in(0)) | isnan(v.in(0))); };
constexpr auto fmax_rule = [](auto& v) { choose(v, (v.in(0) >= v.in(1)) | isnan(v.in(1))); };
constexpr auto fmin_rule = [](auto& v) { choose(v, (v.in(1) >= v.in(0)) | isnan(v.in(1))); };

constexpr auto copysign_rule = [](auto& v) {
  if (v.needs(0)) v.grad(0, v.g() * copysign(1.0, v.in(0)) * copysign(1.0, v.in(1)));
};

constexpr auto heaviside_rule = [](auto& v) {
  if (v.needs(1)) v.grad(1, where(v.in(0) == 0.0, v.g(), 0.0));
};

const OpDef kRows[] = {
    {.name = "add", .vjp = add_rule},
    {.name = "subtract", .vjp = subtract_rule},
    {.name = "multiply", .vjp = multiply_rule, .saves = kIn01, .crosswise = true},
    {.name = "divide", .vjp = divide_rule, .saves = kSaveIn1 | kSaveOut0},
    {.name = "power", .vjp = power_rule, .saves = kIn01 | kSaveOut0},
    {.name = "float_power", .vjp = power_rule, .saves = kIn01 | kSaveOut0},
    {.name = "remainder", .vjp = remainder_rule, .saves = kIn01},
    {.name = "fmod", .vjp = fmod_rule, .saves = kIn01},
    {.name = "divmod", .vjp = divmod_rule, .saves = kIn01},
    {.name = "modf", .vjp = modf_rule},
    {.name = "frexp", .vjp = frexp_rule, .saves = kSaveOut1},
    {.name = "ldexp", .vjp = ldexp_rule, .saves = kSaveIn1},
    {.name = "negative", .vjp = [](auto& v) { v.grad(0, -v.g()); }},
    {.name = "positive", .vjp = [](auto& v) { v.grad(0, v.g()); }},
    {.name = "absolute", .vjp = absolute_rule, .saves = kSaveIn0 | kSaveOut0},
    {.name = "fabs", .vjp = [](auto& v) { v.grad(0, v.g() * sign(v.in(0))); }, .saves = kSaveIn0},
    {.name = "conjugate", .vjp = [](auto& v) { v.grad(0, conj(v.g())); }},
    {.name = "square",
     .vjp = [](auto& v) { v.grad(0, v.g() * (2.0 * v.in(0))); },
     .saves = kSaveIn0},
    {.name = "reciprocal",
     .vjp = [](auto& v) { v.grad(0, -(v.g() * square(v.out()))); },
     .saves = kSaveOut0},
    {.name = "maximum", .vjp = maximum_rule, .saves = kIn01},
    {.name = "minimum", .vjp = minimum_rule, .saves = kIn01},
    {.name = "fmax", .vjp = fmax_rule, .saves = kIn01},
    {.name = "fmin", .vjp = fmin_rule, .saves = kIn01},
    {.name = "copysign", .vjp = copysign_rule, .saves = kIn01},
    {.name = "heaviside", .vjp = heaviside_rule, .saves = kSaveIn0},
    {.name = "nextafter", .vjp = [](auto& v) { v.grad(0, v.g()); }},
    {.name = "floor", .zero_grad = true},
    {.name = "ceil", .zero_grad = true},
    {.name = "trunc", .zero_grad = true},
    {.name = "rint", .zero_grad = true},
    {.name = "sign", .zero_grad = true},
    {.name = "floor_divide", .zero_grad = true},
    {.name = "spacing", .zero_grad = true},
    {.name = "signbit", .zero_grad = true},
    {.name = "isfinite", .zero_grad = true},
    {.name = "isinf", .zero_grad = true},
    {.name = "isnan", .zero_grad = true},
    {.name = "equal", .zero_grad = true},
    {.name = "not_equal", .zero_grad = true},
    {.name = "less", .zero_grad = true},
    {.name = "less_equal", .zero_grad = true},
    {.name = "greater", .zero_grad = true},
    {.name = "greater_equal", .zero_grad = true},
    {.name = "logical_and", .zero_grad = true},
    {.name = "logical_or", .zero_grad = true},
    {.name = "logical_xor", .zero_grad = true},
    {.name = "logical_not", .zero_grad = true},
    {.name = "bitwise_and", .zero_grad = true},
    {.name = "bitwise_or", .zero_grad = true},
    {.name = "bitwise_xor", .zero_grad = true},
    {.name = "invert", .zero_grad = true},
    {.name = "left_shift", .zero_grad = true},
    {.name = "right_shift", .zero_grad = true},
    {.name = "gcd", .zero_grad = true},
    {.name = "lcm", .zero_grad = true},
    {.name = "bitwise_count", .zero_grad = true},
};

}  // namespace

std::pair<const OpDef*, size_t> elementwise_gradients() { return {kRows, std::size(kRows)}; }

}  // namespace mp
