// The inner loops of the convolutions, compiled per instruction set: tiles of products over panels,
// and rows between arrays and work buffers.
// - A panel operand is read in place: element k of vector v is at b[vector[v] + offset[k]], so a
//   panel may be a packed buffer or the padded data itself.
// - Vectors have `lanes` elements; loads may run past what counts, within the buffer's slack.
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "cpu/isa.h"

namespace mp::cpu::conv {

inline constexpr int kTileRows = 6, kTileVectors = 4, kDotRows = 4, kDotColumns = 9;
inline constexpr int kTileVectorsFor[kTileRows + 1] = {0, 4, 4, 4, 3, 2, 2};  // by most rows
inline constexpr int kDotColumnsFor[kDotRows + 1] = {0, 9, 5, 4, 3};          // by rows

// c[row][vector] = (first ? bias[row] : c) + sum over k of a[k][row] * b[vector][k].
template <class T>
struct TileJob {
  int64_t depth;
  const T* a;  // depth by rows
  const T* b;
  const int64_t* vector;  // offsets into b of the tile's vectors
  const int32_t* offset;  // of each k
  T* c;
  const int64_t* c_vector;  // offsets into c
  int64_t stored;           // vectors of the tile that are part of the result
  int64_t c_row;
  const T* bias;  // null: zeros
  bool first, relu;
};

// c[row][column] += sum over vectors and lanes of a[row][vector] * b[column][vector].
template <class T>
struct DotJob {
  int64_t vectors;
  const T* a;  // rows a_row apart, vectors one after the other
  int64_t a_row;
  const T* b;
  const int64_t* vector;
  const int32_t* offset;  // of each column
  T* c;
  int64_t c_row;
};

template <class T>
struct Loops {
  using Tile = void (*)(const TileJob<T>&);
  using Dot = void (*)(const DotJob<T>&);
  int lanes;
  Tile tile[kTileRows + 1][kTileVectors + 1];
  Dot dot[kDotRows + 1][kDotColumns + 1];
  // Rows of a panel from places in `source`: runs of `run` elements at source[start[i]], of which
  // the first is entered at `skip`; `count` elements in all.
  void (*pack)(const T* source, const int64_t* start, int64_t run, int64_t skip, int64_t count,
               T* panel);
};

template <class T>
struct Rows {
  // n elements, source ones `step` apart, and back.
  void (*load)(DType type, const void* source, int64_t step, T* out, int64_t n);
  void (*store)(DType type, const T* source, void* out, int64_t step, int64_t n);
};

}  // namespace mp::cpu::conv

namespace mp::cpu {

MP_DECLARE_PER_ISA(conv::Loops<float>, conv_wide32)
MP_DECLARE_PER_ISA(conv::Loops<float>, conv_narrow32)
MP_DECLARE_PER_ISA(conv::Loops<double>, conv_wide64)
MP_DECLARE_PER_ISA(conv::Loops<double>, conv_narrow64)
MP_DECLARE_PER_ISA(conv::Rows<float>, conv_rows32)
MP_DECLARE_PER_ISA(conv::Rows<double>, conv_rows64)

}  // namespace mp::cpu

namespace mp::cpu::conv {

// The set of the machine. narrow is wide's half where that is a vector too, else the same.
template <class T>
const Loops<T>& wide_loops();
template <class T>
const Loops<T>& narrow_loops();
template <class T>
const Rows<T>& rows();

// How many lanes rows of `width` results take when each begins a vector of its own.
inline int64_t lanes_taken(int64_t width, int lanes) { return (width + lanes - 1) / lanes * lanes; }
// The loops that waste least on such rows; narrow ones do half the work at a time.
template <class T>
const Loops<T>& loops_for_rows(int64_t width) {
  const Loops<T>&wide = wide_loops<T>(), &narrow = narrow_loops<T>();
  return 4 * lanes_taken(width, wide.lanes) > 7 * lanes_taken(width, narrow.lanes) ? narrow : wide;
}

}  // namespace mp::cpu::conv
