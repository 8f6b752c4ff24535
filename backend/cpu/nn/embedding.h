// Rows of a table by their numbers, and the sums of gradients that go back to them. Everything is
// dense and in range, no Python, callable without the GIL, parallel on the pool.
// - A table has shape (outer, n, inner), what is taken (outer, count, inner): the same `count`
//   numbers for each of `outer`.
// - Gradients of one row are added in the order of the numbers, whatever the number of threads.
//   The workspace is 32 bytes for each number.
#pragma once
#include <cstdint>
#include <vector>

#include "core/dtype.h"

namespace mp::cpu {

struct TableShape {
  int64_t outer, n, inner, count;
};

// The numbers in ascending order with their places; places of equal ones ascend.
struct Occurrence {
  int64_t row, place;
};
std::vector<Occurrence> sorted_occurrences(const int64_t* rows, int64_t count, int64_t n);

// out[o, i] = table[o, rows[i]]; elements have `item` bytes.
void take_rows(const TableShape& s, int64_t item, const int64_t* rows, const char* table,
               char* out);
// table[o, r] = sum of values[o, i] over the i with rows[i] == r, zero where there are none.
void add_rows(DType dtype, const TableShape& s, const std::vector<Occurrence>& occurrences,
              const void* values, void* table);
// The same for rows that occur, one after the other (outer is 1). `first` are the places in
// `occurrences` where a new row begins, and the end.
void add_rows_sparse(DType dtype, const TableShape& s, const std::vector<Occurrence>& occurrences,
                     const std::vector<int64_t>& first, const void* values, void* sums);
// out[o, i] = table[o, rows[o, i], i], and the reverse, which writes zeros elsewhere.
void pick(const TableShape& s, int64_t item, const int64_t* rows, const char* table, char* out);
void unpick(const TableShape& s, int64_t item, const int64_t* rows, const char* values,
            char* table);

}  // namespace mp::cpu
