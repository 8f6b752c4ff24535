// NativeFunction: the callable of minpy.numpy that stands for one natively implemented NumPy
// function, or method of ndarray. It counts its calls, obeys the dispatch policy, and presents
// itself (name, doc, signature) as NumPy's function does. See Note [Policies].
#pragma once
#include <Python.h>

namespace mp {

extern PyTypeObject NativeFunctionType;
extern PyTypeObject NativeBuiltinType;  // the same for a ufunc or built-in function of NumPy
bool native_function_init();
PyObject* native_counts();  // a dict from name to the number of calls
void reset_native_counts();
// def->ml_meth takes vectorcall arguments (METH_FASTCALL | METH_KEYWORDS).
PyObject* native_function_new(const PyMethodDef* def, bool is_method);

// Gives the methods of a table, up to its empty row, the signature and documentation of NumPy's.
void adopt_documentation(PyMethodDef* table, PyTypeObject* numpys);

// Which implementation a call may use; set by minpy.set_global_policy.
enum class Policy { PreferNative, OnlyNumPy, OnlyNative };
void set_policy(Policy policy);
Policy current_policy();

}  // namespace mp
