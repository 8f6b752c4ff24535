// Shape manipulation, joining and selection under NumPy's names: views exactly where NumPy gives
// views. The C++ functions below are what other operators compose; the tables are the Python
// functions and methods. All follow the convention of core/array.h (null with a Python error set)
// unless noted, and record themselves.
#pragma once
#include <Python.h>

#include <span>

#include "core/array.h"

namespace mp {

extern PyMethodDef manip_functions[];  // numpy.<name>
extern PyMethodDef manip_methods[];    // numpy.ndarray.<name>

// order: 'C' or 'F'. A view where the strides allow it, else a view of a fresh copy. The sizes must
// agree.
ArrayRef reshaped(Array* a, std::span<const int64_t> shape, char order = 'C');
ArrayRef transposed(Array* a, const int* axes);  // ndim axes, a permutation
ArrayRef flattened(Array* a);  // C order: a view of a contiguous array, else a copy
// A read-only view; null without an error when the shapes do not fit.
ArrayRef broadcasted(Array* a, std::span<const int64_t> shape);
ArrayRef at_least(Array* a,
                  int ndim);  // numpy.atleast_<ndim>d: `a` itself when it has the dimensions
// condition ? a : b over one shape; a and b have one dtype, the condition is boolean; null strides
// of the result: C order. Null without an error set when there is no kernel for the dtype.
ArrayRef chosen(std::span<Array* const> arrays, const int64_t* const* strides, int ndim,
                const int64_t* shape, const int64_t* out_strides);

// The dtype of numpy.result_type for two arrays; Invalid when NumPy has none among ours.
DType promoted(DType a, DType b);

// The same for several, which is not that of one pair after the other (int8, uint8, float16).
DType promoted(std::span<const ArrayRef> arrays);

// Python entries of one chapter each, collected in manip.cc.
std::span<const PyMethodDef> reshape_functions();
std::span<const PyMethodDef> reshape_methods();
std::span<const PyMethodDef> axes_functions();
std::span<const PyMethodDef> axes_methods();
std::span<const PyMethodDef> join_functions();
std::span<const PyMethodDef> split_functions();
std::span<const PyMethodDef> select_functions();
std::span<const PyMethodDef> select_methods();
std::span<const PyMethodDef> repeat_functions();
std::span<const PyMethodDef> repeat_methods();
std::span<const PyMethodDef> item_methods();
std::span<const PyMethodDef> einsum_functions();
std::span<const PyMethodDef> product_functions();
std::span<const PyMethodDef> pad_functions();
std::span<const PyMethodDef> choose_functions();
std::span<const PyMethodDef> choose_methods();
std::span<const PyMethodDef> unique_functions();

}  // namespace mp
