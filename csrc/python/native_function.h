// NativeFunction: the callable of minpy.numpy that stands for one natively implemented NumPy function.
// It counts its calls, obeys the dispatch policy, and presents itself (name, doc, signature) as NumPy's
// function does. See Note [Policies].
#pragma once
#include <Python.h>

namespace mp {

extern PyTypeObject NativeFunctionType;
bool native_function_init();
PyObject* native_counts();  // a dict from name to the number of calls
void reset_native_counts();
PyObject* native_function_new(PyMethodDef* def);  // def->ml_meth takes vectorcall arguments (METH_FASTCALL)

// Which implementation a call may use; set by minpy.set_global_policy.
enum class Policy { PreferNative, OnlyNumPy, OnlyNative };
bool set_policy(Policy policy);
Policy current_policy();

}  // namespace mp
