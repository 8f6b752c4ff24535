// Scratch: work memory of a convolution on one thread, 64-byte aligned, given back in reverse
// order. The thread keeps a block as large as its calls needed so far, up to kKept bytes.
#pragma once
#include <cstddef>

namespace mp::cpu::conv {

class Scratch {
 public:
  static constexpr size_t kKept = size_t{32} << 20;
  explicit Scratch(size_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  void* data_;
  size_t bytes_;
  bool own_;
};

}  // namespace mp::cpu::conv
