// Promotion as NumPy before 2 does it: a number, NumPy scalar or 0-d array beside arrays counts as
// the smallest dtype that holds its value, unless its kind is above theirs. See Note [Promotion is
// asked of NumPy]. All of it needs the GIL.
#pragma once
#include <cstdint>
#include <span>

#include "core/array.h"

namespace mp {

// Whether the NumPy that is installed promotes so. False for every NumPy 2 with its defaults.
bool promotes_by_value();

// One operand of an operator: an array, or a Python number as int64, double or complex128.
struct PromotionOperand {
  const Array* array;  // null for a number
  DType dtype;
  const char* bytes;  // of the number
};
// The dtypes by which a call with these operands chooses its loop. False when only NumPy knows: an
// operator's own rule decides whether uint8 beside the number 300 is int16 or uint16.
bool dtypes_by_value(std::span<const PromotionOperand> operands, DType* dtypes);

// numpy.result_type of these arrays, of which some may be 0-d; Invalid when it is none of ours.
DType result_type(std::span<const ArrayRef> arrays);

}  // namespace mp
