// Native creation functions of the numpy namespace.
#pragma once
#include <Python.h>

namespace mp {
extern PyMethodDef creation_functions[];
}
