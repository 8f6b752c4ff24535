// Packed: weights in the order that an algorithm reads them in. Calls that give the stamp of their
// weights (core/stamp.h) find what an earlier call with the same weights made of them; others make
// it anew, in scratch memory.
// - What is kept is bounded by kKept bytes. Weights that were written to since are replaced in
// their
//   place, those of freed storages dropped by `forget`. When there is no room, what was not used
//   for long goes; if all is in use, nothing is kept of the newcomer: a cycle through more weights
//   than there is room for still finds most of them.
// - Any thread may call; two that pack the same weights at once both do.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "cpu/conv/gather.h"
#include "cpu/scratch.h"

namespace mp::cpu::conv {

class PackedBytes {
 public:
  static constexpr size_t kKept = size_t{256} << 20;
  using Signature = std::array<int64_t, 32>;
  // Of what `kind` names, as a function of the gather and the layout of the weights.
  PackedBytes(char kind, const Gather& gather, const Weights& weights, size_t bytes);
  bool ready() const { return ready_; }
  void* data() const { return data_; }
  void filled();  // the bytes are complete: later calls may have them

 private:
  Signature signature_{};
  uint64_t stamp_;
  bool ready_ = false;
  std::shared_ptr<AlignedBytes> kept_;
  std::optional<Scratch> own_;
  void* data_;
};

// The packed weights, which `pack` makes when they are not there.
template <class T>
class Packed {
 public:
  template <class Pack>
  Packed(char kind, const Gather& gather, const Weights& weights, int64_t elements, Pack pack)
      : bytes_(kind + char(sizeof(T)), gather, weights, sizeof(T) * elements) {
    if (bytes_.ready()) return;
    pack(static_cast<T*>(bytes_.data()));
    bytes_.filled();
  }
  const T* data() const { return static_cast<const T*>(bytes_.data()); }

 private:
  PackedBytes bytes_;
};

struct PackedStatistics {
  int64_t entries, bytes, found, made;  // made: with a stamp, since the start
};
PackedStatistics packed_statistics();
// Drops what was made of the weights of a storage, by its number.
void forget_packed(uint64_t owner);
size_t forget_all_packed();  // the bytes

}  // namespace mp::cpu::conv
