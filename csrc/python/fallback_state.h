// Process-wide settings of the fallback to NumPy (minpy.config).
#pragma once
#include <Python.h>

namespace mp {

enum class FallbackMode { Silent, Warn, Error };
struct FallbackState {
  FallbackMode mode = FallbackMode::Silent;
};
extern FallbackState fallback_state;
bool fallback_init(PyObject* module);

}  // namespace mp
