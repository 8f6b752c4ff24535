// Shape: a short list of int64 (a shape, or strides) kept inline up to 4 entries, for records that
// outlive the array they describe. Immutable once built.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>

namespace mp {

class Shape {
 public:
  Shape() = default;
  Shape(const int64_t* values, int count) : count_(static_cast<uint8_t>(count)) {
    if (count > kInline) heap_ = static_cast<int64_t*>(std::malloc(sizeof(int64_t) * count));
    std::copy(values, values + count, const_cast<int64_t*>(data()));
  }
  explicit Shape(std::span<const int64_t> v) : Shape(v.data(), static_cast<int>(v.size())) {}
  Shape(const Shape& o) : Shape(o.data(), o.count_) {}
  Shape(Shape&& o) noexcept : count_(std::exchange(o.count_, 0)) {
    std::copy(o.inline_, o.inline_ + kInline, inline_);
  }
  Shape& operator=(Shape o) noexcept {
    std::swap(count_, o.count_);
    std::swap(inline_, o.inline_);
    return *this;
  }
  ~Shape() {
    if (count_ > kInline) std::free(heap_);
  }

  void assign(const int64_t* values, int count) {
    if (count > kInline || count_ > kInline)
      *this = Shape(values, count);
    else
      std::copy(values, values + (count_ = static_cast<uint8_t>(count)), inline_);
  }

  int size() const { return count_; }
  const int64_t* data() const { return count_ > kInline ? heap_ : inline_; }
  const int64_t* begin() const { return data(); }
  const int64_t* end() const { return data() + count_; }
  int64_t operator[](int i) const { return data()[i]; }
  std::span<const int64_t> span() const { return {data(), count_}; }
  bool equals(const int64_t* values, int count) const {
    return count == count_ && std::equal(begin(), end(), values);
  }
  int64_t product() const {
    int64_t n = 1;
    for (int64_t d : *this) n *= d;
    return n;
  }

 private:
  static constexpr int kInline = 4;
  uint8_t count_ = 0;
  union {
    int64_t inline_[kInline] = {};
    int64_t* heap_;
  };
};

}  // namespace mp
