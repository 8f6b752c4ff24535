// Patience: how long an idle worker of the pool looks for the next loop before it sleeps. It
// follows the program's pauses between loops: twice the longest of late, so that in a training
// step, with a few hundred microseconds of small operators between two products, nobody has to be
// woken. A program that makes long pauses, or has no work for this worker, does not pay for
// spinning.
#pragma once
#include <algorithm>
#include <cstdint>

namespace mp::pool {

class Patience {
 public:
  static constexpr int64_t kLeastNs = 30'000, kMostNs = 500'000;

  int64_t ns() const { return ns_; }

  // After a loop that came so long after the one before, in which the worker had a part or not.
  void learn(int64_t pause_ns, bool took_part) {
    const bool pays = took_part && pause_ns < kMostNs;
    ns_ = std::clamp(pays ? 2 * pause_ns : 0, pays ? ns_ - ns_ / 16 : ns_ / 2, kMostNs);
    ns_ = std::max(ns_, kLeastNs);
  }

 private:
  int64_t ns_ = kLeastNs;
};

}  // namespace mp::pool
