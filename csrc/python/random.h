// minpy._core.random_fill, random_integers and random_rejection: what
// minpy.numpy.random.CounterGenerator draws with. The generator's state is kept in Python; these
// take a place in the stream and fill an array.
#pragma once
#include <Python.h>

#include <cstdint>

namespace mp {

struct Array;
extern PyMethodDef random_functions[];
extern PyMethodDef stream_functions[];  // MXNet's streams, see cpu/streams.h

// The array to fill, told to the tape; null with an error set when it will not do.
Array* random_target(PyObject* o);
// A parameter of a distribution: a number, which goes to *one, or contiguous doubles. Null with an
// error set when it is neither.
const double* random_parameter(PyObject* o, double* one, int64_t* size);
// None, once the array is filled.
PyObject* random_finished(Array* a);

}  // namespace mp
