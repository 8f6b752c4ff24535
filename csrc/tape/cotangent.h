// Cotangent: what has flowed into one output of a node so far in a backward pass: nothing, an
// array, or, where the output is a single real number and the pass is not recorded, that number.
// Numbers are of the output's dtype.
#pragma once
#include <cstring>
#include <utility>

#include "core/array.h"
#include "core/error.h"
#include "ops/api.h"

namespace mp::tape {

template <class T>
inline constexpr DType kNumberDType = sizeof(T) == 4 ? DType::F32 : DType::F64;

class Cotangent {
 public:
  explicit operator bool() const { return array_ || is_number(); }
  bool is_number() const { return number_ != DType::Invalid; }
  template <class T>
  T number() const {
    T v;
    std::memcpy(&v, bits_, sizeof v);
    return v;
  }
  template <class T>
  void set_number(T v) {
    std::memcpy(bits_, &v, sizeof v);
    number_ = kNumberDType<T>;
  }

  // As an array; a number becomes one without dimensions.
  ArrayRef& array() {
    if (is_number()) {
      array_ = check(array_new_number(number_));
      std::memcpy(array_->bytes(), bits_, static_cast<size_t>(itemsize(number_)));
      number_ = DType::Invalid;
    }
    return array_;
  }
  void set(ArrayRef value) {
    number_ = DType::Invalid;
    array_ = std::move(value);
  }
  void add(ArrayRef value) {
    if (ArrayRef& sum = array())
      sum = api::add_to(std::move(sum), value);
    else
      sum = std::move(value);
  }
  void clear() {
    number_ = DType::Invalid;
    array_ = {};
    private_buffer = false;
  }

  bool private_buffer = false;  // the array was made by the pass, which may add to it in place

 private:
  DType number_ = DType::Invalid;
  ArrayRef array_;
  char bits_[8];
};

}  // namespace mp::tape
