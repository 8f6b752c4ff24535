// Sorting of contiguous rows of real keys, and of their positions, on the thread pool. See Note
// [What sorts]. Plain C++ over aligned memory: no Python, callable without the GIL.
// - NaNs come last. What sort_rows leaves is a function of the keys' bits alone, whatever the
//   threads: zeros in the order -0, +0, NaNs in one order of their bits.
// - argsort is stable, and treats both zeros as equal and all NaNs as equal.
// - A long row is shared by the threads only with scratch of the size that is asked for; without,
//   it is sorted on one thread.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace mp::cpu {

// A sort of n keys in place that may be borrowed: NumPy's PyArray_SortFunc.
using SortKernel = int (*)(void* keys, intptr_t n, void* unused);
// For integers of four and eight bytes, without which longer rows cannot be sorted, and floats.
void set_sort_kernel(DType dtype, SortKernel kernel);

// Whether rows of n keys can be sorted.
bool can_sort(DType dtype, int64_t n);
// Bytes with which sort_rows and argsort_rows are fastest; 0 when they need none.
size_t sort_scratch(DType dtype, int64_t rows, int64_t n);
size_t argsort_scratch(DType dtype, int64_t rows, int64_t n);
void sort_rows(DType dtype, char* keys, int64_t rows, int64_t n, char* scratch);
// False, having done nothing, for complex keys and for rows of 2^32 keys.
bool argsort_rows(DType dtype, const char* keys, int64_t* positions, int64_t rows, int64_t n,
                  char* scratch);

}  // namespace mp::cpu
