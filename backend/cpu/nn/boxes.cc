// Suppression of overlapping boxes and greedy matching, see detection.h.
#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "cpu/nn/detection.h"
#include "engine/pool.h"

namespace mp::cpu {
namespace {

template <class T>
T area(const T* b) {
  return b[2] < b[0] || b[3] < b[1] ? T(0) : (b[2] - b[0]) * (b[3] - b[1]);
}

template <class T>
T overlap(const T* a, const T* b) {
  const T shared[4] = {std::max(a[0], b[0]), std::max(a[1], b[1]), std::min(a[2], b[2]),
                       std::min(a[3], b[3])};
  const T both = area(shared), all = area(a) + area(b) - both;
  return both > 0 && all > 0 ? both / all : T(0);
}

template <class T>
void suppress(const Suppression& s, const T* boxes, const T* scores, const T* classes,
              int32_t* order, uint8_t* keep) {
  int64_t n = 0;
  for (int64_t i = 0; i < s.count; ++i)
    if (scores[i] > -std::numeric_limits<T>::infinity()) order[n++] = static_cast<int32_t>(i);
  std::stable_sort(order, order + n, [&](int32_t a, int32_t b) { return scores[a] > scores[b]; });
  if (s.limit >= 0) n = std::min(n, s.limit);
  std::fill(order + n, order + s.count, -1);
  std::fill(keep, keep + n, uint8_t{1});
  std::fill(keep + n, keep + s.count, uint8_t{0});
  for (int64_t i = 0; i < n; ++i) {
    if (!keep[i]) continue;
    const T* box = boxes + 4 * order[i];
    for (int64_t j = i + 1; j < n; ++j) {
      if (!keep[j] || (classes && classes[order[i]] != classes[order[j]])) continue;
      if (static_cast<double>(overlap(box, boxes + 4 * order[j])) > s.threshold) keep[j] = 0;
    }
  }
}

template <class T>
void match(const Matching& m, const T* scores, T* rows, T* columns) {
  std::fill_n(rows, m.rows, T(-1));
  std::fill_n(columns, m.columns, T(-1));
  std::vector<int64_t> order(static_cast<size_t>(m.rows * m.columns));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::erase_if(order, [&](int64_t i) {
    const double v = static_cast<double>(scores[i]);
    return m.rising ? !(v < m.threshold) : !(v > m.threshold);
  });
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return m.rising ? scores[a] < scores[b] : scores[a] > scores[b];
  });
  int64_t matched = 0;
  for (int64_t i : order) {
    T &row = rows[i / m.columns], &column = columns[i % m.columns];
    if (row >= 0 || column >= 0) continue;
    if (m.limit >= 0 && matched++ == m.limit) return;
    row = static_cast<T>(i % m.columns), column = static_cast<T>(i / m.columns);
  }
}

}  // namespace

void box_suppression(DType dtype, const Suppression& s, const void* boxes, const void* scores,
                     const void* classes, int32_t* order, uint8_t* keep) {
  auto run = [&]<class T>(T) {
    pool::parallel_for(
        s.batch, 1, s.batch * s.count * (20 + s.count / 8), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t at = i * s.count;
            suppress(s, static_cast<const T*>(boxes) + 4 * at, static_cast<const T*>(scores) + at,
                     classes ? static_cast<const T*>(classes) + at : nullptr, order + at,
                     keep + at);
          }
        });
  };
  dtype == DType::F64 ? run(double{}) : run(float{});
}

void bipartite_matching(DType dtype, const Matching& m, const void* scores, void* row_partner,
                        void* column_partner) {
  auto run = [&]<class T>(T) {
    for (int64_t i = 0; i < m.batch; ++i)
      match(m, static_cast<const T*>(scores) + i * m.rows * m.columns,
            static_cast<T*>(row_partner) + i * m.rows,
            static_cast<T*>(column_partner) + i * m.columns);
  };
  dtype == DType::F64 ? run(double{}) : run(float{});
}

}  // namespace mp::cpu
