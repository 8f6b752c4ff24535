// The two halves of einsum: reading a call, and contracting what it says.
// A label is a number below kMaxLabels; each operand has one for each of its axes, without
// repetition: diagonals are taken and broadcast axes of length 1 dropped when the call is read.
#pragma once
#include <Python.h>

#include <cstdint>
#include <vector>

#include "core/array.h"

namespace mp::einsum {

inline constexpr int kMaxLabels = 64;
using Labels = std::vector<int>;

struct Term {
  ArrayRef array;
  Labels labels;
};

struct Call {
  std::vector<Term> terms;  // in one dtype
  Labels output;
  int64_t sizes[kMaxLabels];
};

// Reads the operands, subscripts as text or as lists. False, perhaps with a Python error set, for
// what NumPy has to judge.
bool read_call(PyObject* const* operands, Py_ssize_t count, Call* call);

// Whether NumPy's single loop over all labels, without intermediate arrays, is to be preferred.
bool better_in_one_loop(const Call& call);

// The axes of the term in the given order; labels that it lacks become axes of length 1.
ArrayRef aligned(const Term& term, const Labels& order);

// The result in the order of the output, contracted pair by pair in the order that takes the fewest
// multiplications: a view for one operand without sums. `summed` tells whether the last step summed
// products. Throws PythonError.
ArrayRef contract(const Call& call, bool* summed);

}  // namespace mp::einsum
