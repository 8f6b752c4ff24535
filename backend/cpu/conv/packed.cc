#include "cpu/conv/packed.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace mp::cpu::conv {
namespace {

using Signature = PackedBytes::Signature;
using Bytes = std::shared_ptr<AlignedBytes>;

constexpr int64_t kLongAgo = 4096;  // lookups

struct Entry {
  Signature signature;
  uint64_t stamp;
  int64_t used;  // the number of the last lookup that found it
  Bytes bytes;
};

class Store {
 public:
  // The entry's bytes; or null and, if there are stale ones that fit, those to write into.
  Bytes find(const Signature& signature, uint64_t stamp, size_t bytes, Bytes& reuse) {
    const std::unique_lock lock = locked();
    if (!lock) return nullptr;
    ++clock_;
    const auto owner = entries_.find(stamp >> 32);
    if (owner != entries_.end())
      for (Entry& e : owner->second) {
        if (e.signature != signature) continue;
        if (e.stamp == stamp) {
          e.used = clock_;
          ++found_;
          return e.bytes;
        }
        if (e.bytes.use_count() == 1 && e.bytes->size() == bytes) reuse = e.bytes;
        remove(owner->second, e);
        break;
      }
    ++made_;
    return nullptr;
  }

  void keep(const Signature& signature, uint64_t stamp, Bytes bytes) {
    const std::unique_lock lock = locked();
    if (!lock || !make_room(bytes->size())) return;
    std::vector<Entry>& of_owner = entries_[stamp >> 32];
    for (Entry& e : of_owner)
      if (e.signature == signature) return;
    total_ += int64_t(bytes->size());
    of_owner.push_back({signature, stamp, clock_, std::move(bytes)});
  }

  void forget(uint64_t owner) {
    const std::unique_lock lock = locked();
    if (!lock) return;
    const auto it = entries_.find(owner);
    if (it == entries_.end()) return;
    for (const Entry& e : it->second) total_ -= int64_t(e.bytes->size());
    entries_.erase(it);
  }

  size_t forget_all() {
    const std::unique_lock lock = locked();
    if (!lock) return 0;
    const size_t bytes = size_t(total_);
    entries_.clear();
    total_ = 0;
    return bytes;
  }

  PackedStatistics statistics() {
    const std::unique_lock lock = locked();
    int64_t entries = 0;
    for (const auto& [owner, all] : entries_) entries += int64_t(all.size());
    return {entries, total_, found_, made_};
  }

 private:
  // Without the lock after a while: a child that was forked while another thread had it never gets
  // it, and goes on without a store. Stamps keep what is found right in any case.
  std::unique_lock<std::mutex> locked() {
    std::unique_lock lock(mutex_, std::defer_lock);
    for (int i = 0; i < 1000 && !lock.try_lock(); ++i) continue;
    return lock;
  }

  void remove(std::vector<Entry>& all, Entry& e) {
    total_ -= int64_t(e.bytes->size());
    std::swap(e, all.back());
    all.pop_back();
  }

  bool make_room(size_t bytes) {
    const int64_t most = int64_t(PackedBytes::kKept - std::min(bytes, PackedBytes::kKept));
    if (total_ > most)
      for (auto& [owner, all] : entries_)
        for (size_t i = all.size(); i-- > 0;)
          if (clock_ - all[i].used > kLongAgo) remove(all, all[i]);
    std::erase_if(entries_, [](const auto& owner) { return owner.second.empty(); });
    return total_ <= most && bytes <= PackedBytes::kKept;
  }

  std::mutex mutex_;
  std::unordered_map<uint64_t, std::vector<Entry>> entries_;
  int64_t total_ = 0, clock_ = 0, found_ = 0, made_ = 0;
};

Store& store() {
  static Store& all = *new Store;  // storages are freed until the very end of the process
  return all;
}

Signature signature_of(char kind, const Gather& g, const Weights& w) {
  Signature s{kind, g.groups, g.m, g.c, int64_t(w.type), w.group, w.row, w.channel};
  auto to = s.begin() + 8;
  *to++ = reinterpret_cast<int64_t>(w.data);
  for (int i = 0; i < 3; ++i)
    for (const int64_t value : {w.step[i], g.axis[i].taps, g.axis[i].weight_first,
                                g.axis[i].weight_step, int64_t(g.axis[i].tap_step > 0)})
      *to++ = value;
  return s;
}

}  // namespace

PackedBytes::PackedBytes(char kind, const Gather& g, const Weights& w, size_t bytes)
    : stamp_(w.stamp) {
  if (!stamp_) {
    data_ = own_.emplace(bytes).as<void>();
    return;
  }
  signature_ = signature_of(kind, g, w);
  Bytes reuse;
  kept_ = store().find(signature_, stamp_, bytes, reuse);
  ready_ = bool(kept_);
  if (!kept_) kept_ = reuse ? std::move(reuse) : std::make_shared<AlignedBytes>(bytes);
  data_ = kept_->data();
}

void PackedBytes::filled() {
  if (stamp_) store().keep(signature_, stamp_, kept_);
}

PackedStatistics packed_statistics() { return store().statistics(); }
void forget_packed(uint64_t owner) { store().forget(owner); }
size_t forget_all_packed() { return store().forget_all(); }

}  // namespace mp::cpu::conv
