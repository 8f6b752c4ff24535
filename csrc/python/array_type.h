// The slots and tables that make up the Python type minpy.numpy.ndarray.
#pragma once
#include <Python.h>

#include "core/array.h"

namespace mp {

bool array_type_init(PyObject* module);
void array_dealloc(PyObject* self);
extern PyNumberMethods array_as_number;
extern PyMethodDef copying_methods[];
void array_tables_init();  // methods and attributes of every chapter
int array_getbuffer(PyObject* self, Py_buffer* view, int flags);
void array_releasebuffer(PyObject* self, Py_buffer* view);

}  // namespace mp
