// minpy._core.random_fill and random_integers: what minpy.numpy.random.CounterGenerator draws with.
// The generator's state is kept in Python; these take a place in the stream and fill an array.
#pragma once
#include <Python.h>

namespace mp {

struct Array;
extern PyMethodDef random_functions[];
extern PyMethodDef stream_functions[];  // MXNet's streams, see cpu/streams.h

// The array to fill, told to the tape; null with an error set when it will not do.
Array* random_target(PyObject* o);
// None, once the array is filled.
PyObject* random_finished(Array* a);

}  // namespace mp
