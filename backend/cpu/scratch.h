// Scratch: work memory of a convolution or a matrix product on one thread, 64-byte aligned, given
// back in reverse order. The thread keeps a block as large as its calls needed so far, up to kKept
// bytes.
#pragma once
#include <cstddef>

namespace mp::cpu {

// Bytes for as long as one likes, 64-byte aligned, in huge pages where they fill some.
class AlignedBytes {
 public:
  explicit AlignedBytes(size_t size);
  ~AlignedBytes();
  AlignedBytes(const AlignedBytes&) = delete;
  AlignedBytes& operator=(const AlignedBytes&) = delete;
  void* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  void* data_;
  size_t size_;
};

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

// Bytes taken from the system here: work memory, in use or kept by threads, and packed weights.
struct WorkMemory {
  size_t live, peak;  // peak: since the start or the last reset
};
WorkMemory work_memory();
void reset_work_memory_peak();
// Gives back what this thread keeps (the bytes), and has the others do so when they next take some.
size_t drop_work_memory();

}  // namespace mp::cpu
