// Spans for the profiler around calls on Python objects. Use as
//   if (profiler::on()) return traced(kind, name, args, n, [&] { return call(...); });
// so that nothing but the test costs anything while nobody listens.
#pragma once
#include <Python.h>

#include "engine/profiler.h"

namespace mp {

// Names the arrays among the arguments and in the result, and counts their bytes. `flops` is per
// element of the result.
void describe_call(profiler::Span& span, PyObject* const* args, Py_ssize_t n, PyObject* result,
                   int64_t flops);

template <class F>
PyObject* traced(profiler::Category category, const char* name, PyObject* const* args, Py_ssize_t n,
                 F&& call, int64_t flops = 0) {
  profiler::Span span(category, name);
  PyObject* result = call();
  span.stop();
  if (span) describe_call(span, args, n, result, flops);
  return result;
}

}  // namespace mp
