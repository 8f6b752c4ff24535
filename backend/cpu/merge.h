// Merging two sorted ranges of integers without branches, and cutting a merge into independent
// parts (merge path). Equal keys of the first range come first.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>

namespace mp::cpu {

// How many of the first `count` keys of the merged ranges come from a.
template <class T>
int64_t merge_split(const T* a, int64_t na, const T* b, int64_t nb, int64_t count) {
  int64_t low = std::max<int64_t>(0, count - nb), high = std::min(count, na);
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (b[count - middle - 1] < a[middle])
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

// A merge under way from both ends.
template <class T>
struct Merge {
  const T *a, *a_end, *b, *b_end;
  T *out, *out_end;

  // Steps that can be made without looking whether a range has ended.
  int64_t safe_steps() const { return std::min(a_end - a, b_end - b) / 2; }
  void step() {
    const T x = *a, y = *b;
    const int64_t from_b = y < x;
    *out++ = std::min(x, y);
    b += from_b;
    a += 1 - from_b;
    const T p = a_end[-1], q = b_end[-1];
    const int64_t from_a = q < p;
    *--out_end = std::max(p, q);
    a_end -= from_a;
    b_end -= 1 - from_a;
  }
  void finish() {
    for (int64_t steps; (steps = safe_steps()) > 0;)
      for (; steps > 0; --steps) step();
    while (a < a_end && b < b_end) *out++ = *b < *a ? *b++ : *a++;
    std::memcpy(out, a, (a_end - a) * sizeof(T));
    std::memcpy(out + (a_end - a), b, (b_end - b) * sizeof(T));
  }
};

// Two halves at once from both ends each: four chains of dependent loads side by side.
template <class T>
void merge(const T* a, int64_t na, const T* b, int64_t nb, T* out) {
  const int64_t half = (na + nb) / 2, i = merge_split(a, na, b, nb, half), j = half - i;
  Merge<T> low{a, a + i, b, b + j, out, out + half};
  Merge<T> high{a + i, a + na, b + j, b + nb, out + half, out + na + nb};
  for (int64_t steps; (steps = std::min(low.safe_steps(), high.safe_steps())) > 0;)
    for (; steps > 0; --steps) {
      low.step();
      high.step();
    }
  low.finish();
  high.finish();
}

// The keys [begin, end) of the merged ranges.
template <class T>
void merge_part(const T* a, int64_t na, const T* b, int64_t nb, int64_t begin, int64_t end,
                T* out) {
  const int64_t from = merge_split(a, na, b, nb, begin), to = merge_split(a, na, b, nb, end);
  merge(a + from, to - from, b + (begin - from), (end - to) - (begin - from), out);
}

}  // namespace mp::cpu
