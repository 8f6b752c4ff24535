// OpDef: the one description of an operator. Rows live in csrc/ops/*.cc, one file per chapter, and
// everything that an operator has (name, gradient, and for elementwise operators the inner loops,
// see ops/ufunc.h) hangs off its row.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/array.h"

namespace mp {

// Attribute values of one operator application (axis, keepdims, layout ...). Empty for elementwise
// operators.
using AttrValue = std::variant<int64_t, double, bool, std::string, std::vector<int64_t>, ArrayRef>;
class Attrs {
 public:
  Attrs() = default;
  Attrs(std::initializer_list<std::pair<const char*, AttrValue>> items) : items_(items) {}
  void set(const char* name, AttrValue v) { items_.emplace_back(name, std::move(v)); }
  template <class T>
  const T& get(std::string_view name) const {
    return std::get<T>(*find(name));
  }
  template <class T>
  T get_or(std::string_view name, T fallback) const {
    const AttrValue* v = find(name);
    return v ? std::get<T>(*v) : fallback;
  }
  const AttrValue* find(std::string_view name) const {
    for (auto& [key, value] : items_)
      if (name == key) return &value;
    return nullptr;
  }
  bool empty() const { return items_.empty(); }

 private:
  std::vector<std::pair<const char*, AttrValue>> items_;  // names are string literals
};

class Vjp;  // tape/vjp.h: what a gradient rule sees
template <class T>
class NumberVjp;  // tape/number.h: the same of an operator on numbers

// A gradient rule. One that is written as a generic lambda over operations that numbers have as
// well as arrays also serves NumberNodes directly; the others get arrays without dimensions there.
class VjpRule {
 public:
  constexpr VjpRule() = default;
  template <class F>
  constexpr VjpRule(F rule) : arrays_(rule) {
    if constexpr (!std::is_pointer_v<F> && std::is_invocable_v<F, NumberVjp<float>&>) {
      single_ = rule;
      double_ = rule;
    }
  }
  explicit operator bool() const { return arrays_; }
  void operator()(Vjp& v) const { arrays_(v); }
  template <class T>
  auto* for_numbers() const {
    if constexpr (std::is_same_v<T, float>)
      return single_;
    else
      return double_;
  }

 private:
  void (*arrays_)(Vjp&) = nullptr;
  void (*single_)(NumberVjp<float>&) = nullptr;
  void (*double_)(NumberVjp<double>&) = nullptr;
};

// Which values the tape keeps for the gradient rule.
enum Saves : uint8_t {
  kSaveNone = 0,
  kSaveIn0 = 1,
  kSaveIn1 = 2,
  kSaveIn2 = 4,
  kSaveInputs = 7,
  kSaveOut0 = 8,
  kSaveOut1 = 16
};

struct OpDef {
  const char* name;
  VjpRule vjp = {};  // none with zero_grad false: backward raises, naming the operator
  uint8_t saves = kSaveNone;
  bool crosswise = false;  // of two inputs, each is saved for the gradient of the other alone
  bool zero_grad =
      false;  // piecewise constant (floor, comparisons, argmax): outputs carry no history
};

struct Ufunc;                              // ops/ufunc.h: an elementwise operator
Ufunc* find_ufunc(std::string_view name);  // canonical NumPy names; null when there is none
// Gradient rows of the elementwise operators, attached at start-up to the ufuncs of the same names.
std::pair<const OpDef*, size_t> elementwise_gradients();  // csrc/ops/elementwise.cc
std::pair<const OpDef*, size_t> math_gradients();         // csrc/ops/math.cc

}  // namespace mp
