// OpDef: the one description of an operator. Rows live in csrc/ops/*.cc, one file per chapter, and
// everything that an operator has (name, gradient, and for elementwise operators the inner loops,
// see ops/ufunc.h) hangs off its row.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
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
using VjpFn = void (*)(Vjp&);

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
  VjpFn vjp = nullptr;  // null with zero_grad false: backward raises, naming the operator
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
