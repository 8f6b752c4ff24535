#include "cpu/nn/embedding.h"

#include <algorithm>
#include <cstring>

#include "engine/pool.h"

namespace mp::cpu {
namespace {

constexpr int64_t kGrainBytes = 32 << 10;
constexpr double kNsPerByte = 0.15;  // of a pass over memory on one thread

int64_t grain(int64_t row_bytes) { return kGrainBytes / std::max<int64_t>(row_bytes, 1) + 1; }
int64_t cost(int64_t bytes) {
  return static_cast<int64_t>(kNsPerByte * static_cast<double>(bytes));
}

// Calls f with a type as wide as an element.
template <class F>
void by_width(int64_t item, F&& f) {
  if (item == 2) return f(uint16_t{});
  if (item == 4) return f(uint32_t{});
  return f(uint64_t{});
}

template <class T>
void add_row(T* to, const T* from, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] += from[i];
}

// The rows [begin, end) of the table. `at` is the first occurrence of any of them.
template <class T>
void fill_rows(int64_t inner, int64_t begin, int64_t end, const Occurrence* at,
               const Occurrence* last, const T* values, T* table) {
  for (int64_t row = begin; row < end;) {
    const int64_t next = at == last ? end : std::min(end, at->row);
    std::memset(table + row * inner, 0, static_cast<size_t>((next - row) * inner) * sizeof(T));
    if (next == end) return;
    T* sum = table + next * inner;
    std::memcpy(sum, values + at->place * inner, static_cast<size_t>(inner) * sizeof(T));
    for (++at; at != last && at->row == next; ++at) add_row(sum, values + at->place * inner, inner);
    row = next + 1;
  }
}

template <class T>
void add_rows_typed(const TableShape& s, const std::vector<Occurrence>& occurrences,
                    const void* values, void* table) {
  const int64_t row_bytes = s.inner * static_cast<int64_t>(sizeof(T));
  const Occurrence *first = occurrences.data(), *last = first + occurrences.size();
  auto run = [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end;) {
      const int64_t o = row / s.n, from = row - o * s.n, to = std::min(s.n, from + end - row);
      const Occurrence* at = std::lower_bound(
          first, last, from, [](const Occurrence& x, int64_t wanted) { return x.row < wanted; });
      fill_rows(s.inner, from, to, at, last, static_cast<const T*>(values) + o * s.count * s.inner,
                static_cast<T*>(table) + o * s.n * s.inner);
      row += to - from;
    }
  };
  pool::parallel_for(s.outer * s.n, 8 * grain(row_bytes),
                     cost(s.outer * (s.n + 2 * s.count) * row_bytes), run);
}

template <class T>
void add_rows_sparse_typed(const TableShape& s, const std::vector<Occurrence>& occurrences,
                           const std::vector<int64_t>& first, const void* values, void* sums) {
  const int64_t row_bytes = s.inner * static_cast<int64_t>(sizeof(T));
  auto run = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* sum = static_cast<T*>(sums) + i * s.inner;
      std::memset(sum, 0, static_cast<size_t>(row_bytes));
      for (int64_t k = first[static_cast<size_t>(i)]; k < first[static_cast<size_t>(i) + 1]; ++k)
        add_row(sum,
                static_cast<const T*>(values) + occurrences[static_cast<size_t>(k)].place * s.inner,
                s.inner);
    }
  };
  pool::parallel_for(static_cast<int64_t>(first.size()) - 1, grain(row_bytes),
                     cost(3 * s.count * row_bytes), run);
}

}  // namespace

// By counting digits of 11 bits, the lowest first: each pass keeps the order of equal digits.
std::vector<Occurrence> sorted_occurrences(const int64_t* rows, int64_t count, int64_t n) {
  std::vector<Occurrence> from(static_cast<size_t>(count)), to;
  bool sorted = true;
  for (int64_t i = 0; i < count; ++i) {
    from[static_cast<size_t>(i)] = {rows[i], i};
    sorted = sorted && (i == 0 || rows[i - 1] <= rows[i]);
  }
  if (sorted) return from;
  to.resize(from.size());
  constexpr int kBits = 11;
  for (int shift = 0; shift < 64 && (n - 1) >> shift > 0; shift += kBits) {
    int64_t start[(1 << kBits) + 1] = {};
    auto digit = [&](const Occurrence& x) { return x.row >> shift & ((1 << kBits) - 1); };
    for (const Occurrence& x : from) ++start[digit(x) + 1];
    for (int d = 1; d <= 1 << kBits; ++d) start[d] += start[d - 1];
    for (const Occurrence& x : from) to[static_cast<size_t>(start[digit(x)]++)] = x;
    std::swap(from, to);
  }
  return from;
}

void take_rows(const TableShape& s, int64_t item, const int64_t* rows, const char* table,
               char* out) {
  const int64_t bytes = s.inner * item;
  if (bytes == 0) return;
  auto run = [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end;) {
      const int64_t o = at / s.count, from = at - o * s.count,
                    to = std::min(s.count, from + end - at);
      const char* source = table + o * s.n * bytes;
      char* target = out + o * s.count * bytes;
      if (s.inner == 1)
        by_width(item, [&]<class T>(T) {
          for (int64_t i = from; i < to; ++i)
            reinterpret_cast<T*>(target)[i] = reinterpret_cast<const T*>(source)[rows[i]];
        });
      else
        for (int64_t i = from; i < to; ++i)
          std::memcpy(target + i * bytes, source + rows[i] * bytes, static_cast<size_t>(bytes));
      at += to - from;
    }
  };
  pool::parallel_for(s.outer * s.count, grain(bytes), cost(2 * s.outer * s.count * (bytes + 8)),
                     run);
}

void add_rows(DType dtype, const TableShape& s, const std::vector<Occurrence>& occurrences,
              const void* values, void* table) {
  const auto run = dtype == DType::F64 ? add_rows_typed<double> : add_rows_typed<float>;
  run(s, occurrences, values, table);
}

void add_rows_sparse(DType dtype, const TableShape& s, const std::vector<Occurrence>& occurrences,
                     const std::vector<int64_t>& first, const void* values, void* sums) {
  const auto run =
      dtype == DType::F64 ? add_rows_sparse_typed<double> : add_rows_sparse_typed<float>;
  run(s, occurrences, first, values, sums);
}

void pick(const TableShape& s, int64_t item, const int64_t* rows, const char* table, char* out) {
  by_width(item, [&]<class T>(T) {
    auto run = [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o)
        for (int64_t i = 0; i < s.inner; ++i)
          reinterpret_cast<T*>(out)[o * s.inner + i] =
              reinterpret_cast<const T*>(table)[(o * s.n + rows[o * s.inner + i]) * s.inner + i];
    };
    pool::parallel_for(s.outer, grain(s.inner * 8), 2 * s.outer * s.inner, run);
  });
}

void unpick(const TableShape& s, int64_t item, const int64_t* rows, const char* values,
            char* table) {
  const int64_t bytes = s.n * s.inner * item;
  by_width(item, [&]<class T>(T) {
    auto run = [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) {
        std::memset(table + o * bytes, 0, static_cast<size_t>(bytes));
        for (int64_t i = 0; i < s.inner; ++i)
          reinterpret_cast<T*>(table)[(o * s.n + rows[o * s.inner + i]) * s.inner + i] =
              reinterpret_cast<const T*>(values)[o * s.inner + i];
      }
    };
    pool::parallel_for(s.outer, grain(bytes), cost(s.outer * bytes), run);
  });
}

}  // namespace mp::cpu
