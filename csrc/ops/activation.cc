// Gradients of the activations of neural networks and of the error functions. Rows are attached to
// the ufuncs of their names. At a kink the derivative is the one from the left, as in MXNet.
#include <numbers>

#include "ops/expr.h"
#include "ops/gradients.h"
#include "tape/vjp.h"

namespace mp {
namespace {

using namespace expr;

ArrayRef call(const char* ufunc, const ArrayRef& x) { return api::unary(find_ufunc(ufunc), x); }
ArrayRef sigmoid(const ArrayRef& x) {
  static Ufunc* f = find_ufunc("sigmoid");
  return api::unary(f, x);
}
ArrayRef tanh(const ArrayRef& x) {
  static Ufunc* f = find_ufunc("tanh");
  return api::unary(f, x);
}
ArrayRef positive(const ArrayRef& x) {
  static Ufunc* f = find_ufunc("greater");
  return api::binary(f, x, 0.0);
}
template <class T>
Truth positive(Number<T> x) {
  return {x.value > 0};
}

void silu_rule(Vjp& v) {
  ArrayRef x = v.in(0), s = sigmoid(x);
  v.grad(0, v.g() * (s * (1.0 + x * (1.0 - s))));
}

void mish_rule(Vjp& v) {
  ArrayRef x = v.in(0), t = tanh(call("softrelu", x));
  v.grad(0, v.g() * (t + x * ((1.0 - square(t)) * sigmoid(x))));
}

constexpr double kSeluScale = 1.0507009873554805, kSeluAlpha = 1.6732632423543772 * kSeluScale;
void selu_rule(Vjp& v) {
  ArrayRef y = v.out();
  v.grad(0, v.g() * api::where(positive(y), kSeluScale, y + kSeluAlpha));
}

constexpr double kInvSqrtPi = std::numbers::inv_sqrtpi, kSqrt2 = std::numbers::sqrt2;
void gelu_rule(Vjp& v) {
  ArrayRef x = v.in(0);
  ArrayRef below = 0.5 * (1.0 + call("erf", x / kSqrt2));
  ArrayRef density = (kInvSqrtPi / kSqrt2) * exp(-0.5 * square(x));
  v.grad(0, v.g() * (below + x * density));
}

constexpr double kTanhSlope = 1.5957691216057308, kCube = 0.044715;  // 2 sqrt(2 / pi)
void gelu_tanh_rule(Vjp& v) {
  ArrayRef x = v.in(0), squared = square(x);
  ArrayRef s = sigmoid(kTanhSlope * (x * (1.0 + kCube * squared)));
  ArrayRef slope = kTanhSlope * (1.0 + (3 * kCube) * squared);
  v.grad(0, v.g() * (s + x * (s * (1.0 - s) * slope)));
}

const OpDef kRows[] = {
    {.name = "relu",
     .vjp = [](auto& v) { v.grad(0, where(positive(v.out()), v.g(), 0.0)); },
     .saves = kSaveOut0},
    {.name = "softsign",
     .vjp = [](Vjp& v) { v.grad(0, v.g() * square(1.0 - abs(v.out()))); },
     .saves = kSaveOut0},
    {.name = "softrelu",
     .vjp = [](Vjp& v) { v.grad(0, v.g() * sigmoid(v.in(0))); },
     .saves = kSaveIn0},
    {.name = "log_sigmoid",
     .vjp = [](Vjp& v) { v.grad(0, v.g() * sigmoid(-v.in(0))); },
     .saves = kSaveIn0},
    {.name = "silu", .vjp = silu_rule, .saves = kSaveIn0},
    {.name = "mish", .vjp = mish_rule, .saves = kSaveIn0},
    {.name = "selu", .vjp = selu_rule, .saves = kSaveOut0},
    {.name = "gelu", .vjp = gelu_rule, .saves = kSaveIn0},
    {.name = "gelu_tanh", .vjp = gelu_tanh_rule, .saves = kSaveIn0},
    {.name = "erf",
     .vjp = [](Vjp& v) { v.grad(0, v.g() * ((2 * kInvSqrtPi) * exp(-square(v.in(0))))); },
     .saves = kSaveIn0},
    {.name = "erfinv",
     .vjp = [](Vjp& v) { v.grad(0, v.g() * ((0.5 / kInvSqrtPi) * exp(square(v.out())))); },
     .saves = kSaveOut0},
};

}  // namespace

std::pair<const OpDef*, size_t> activation_gradients() { return {kRows, std::size(kRows)}; }

}  // namespace mp
