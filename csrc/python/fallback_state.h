// Process-wide settings of the fallback to NumPy (minpy.config, the gradient rules of minpy.numpy).
#pragma once
#include <Python.h>

namespace mp {

enum class FallbackMode { Silent, Warn, Error };
struct FallbackState {
  FallbackMode mode = FallbackMode::Silent;
  PyObject* gradient_hook = nullptr;  // called as hook(fallback, *args, **kwargs) when an argument is taped
};
extern FallbackState fallback_state;
bool fallback_init(PyObject* module);

}  // namespace mp
