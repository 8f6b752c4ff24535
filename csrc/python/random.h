// minpy._core.random_fill and random_integers: what minpy.numpy.random.CounterGenerator draws with.
// The generator's state is kept in Python; these take a place in the stream and fill an array.
#pragma once
#include <Python.h>

namespace mp {
extern PyMethodDef random_functions[];
}
