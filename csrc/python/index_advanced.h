// Advanced indexing: integer and boolean arrays, alone or mixed with basic parts.
// An advanced index becomes a FancyIndex: a basic view of the array without the fancy axes
// ("subspace"), and for each point of the broadcast index arrays the byte offset of its subspace.
// Reading and writing are then the same walk. Results have NumPy's layout: index dimensions first,
// the subspace in its own memory order, and the index dimensions moved into place by a
// transposition when the index arrays are adjacent.
#pragma once
#include <Python.h>

#include <memory>
#include <vector>

#include "core/array.h"

namespace mp {

PyObject* advanced_get(Array* a, PyObject* key);
int advanced_set(Array* a, PyObject* key, PyObject* value);  // `a` is known to be writeable

struct FancyIndex {
  int64_t offset;  // of the subspace, from the start of the storage
  int sub_ndim = 0;
  int64_t sub_shape[kMaxDims], sub_strides[kMaxDims];
  int ndim = 0;  // of the broadcast index arrays
  int64_t shape[kMaxDims], size = 1;
  int64_t
      result_strides[kMaxDims];  // layout of the index dimensions in a fresh result, in elements
  int position = 0;              // where the index dimensions stand in the result
  const int64_t* offsets = nullptr;  // `size` offsets, each to be multiplied by `unit`
  int64_t unit = 1;
  bool may_check_later =
      false;  // set by readers, who try again without it when move_items() finds an offset outside
  int64_t unchecked = -1;  // offsets are still to be checked against this length, unless it is -1
  std::unique_ptr<int64_t[]> owned_offsets;
  std::vector<ArrayRef> keep;  // index arrays that `offsets` may point into
};

enum class Resolved { Fancy, View, Element, NumPy, Error };

// What a key that is no plain basic index selects. View and Element (with a 0-d integer array
// somewhere, when `copies`) leave `offset`, `sub_shape` and `sub_strides` as the selected view.
// NumPy: let NumPy handle or refuse it.
Resolved resolve_index(Array* a, PyObject* key, FancyIndex& out, bool* copies);

// Moves items between the array and `other`, whose strides are given for the index dimensions and
// the subspace. False when an unchecked offset is outside (or negative): then `other` is only
// partly written.
bool move_items(Array* a, const FancyIndex& f, char* other, const int64_t* other_index_strides,
                const int64_t* other_sub_strides, bool to_array);

}  // namespace mp
