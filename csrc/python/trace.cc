#include "python/trace.h"

#include "core/array.h"

namespace mp {
namespace {

struct Description {
  std::string text;
  int64_t bytes = 0, elements = 0;
  bool pending = false;  // written down, not computed

  void add(PyObject* o) {
    if (!o || !array_check(o)) return;
    const Array* a = reinterpret_cast<Array*>(o);
    if (!text.empty()) text += ' ';
    text += kDTypeName[index(a->dtype)];
    text += '(';
    for (int i = 0; i < a->ndim; ++i) {
      if (i) text += ',';
      text += std::to_string(a->shape[i]);
    }
    text += ')';
    bytes += a->size * itemsize(a->dtype);
    elements += a->size;
    pending |= a->storage->flags & kStoragePending;
  }
};

}  // namespace

void describe_call(profiler::Span& span, PyObject* const* args, Py_ssize_t n, PyObject* result,
                   int64_t flops) {
  Description in, out;
  for (Py_ssize_t i = 0; i < n; ++i) in.add(args[i]);
  if (result && PyTuple_Check(result))
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(result); ++i) out.add(PyTuple_GET_ITEM(result, i));
  else
    out.add(result);
  std::string text = in.text;
  if (!out.text.empty()) text += (text.empty() ? "-> " : " -> ") + out.text;
  if (out.pending) return span.describe(text + " (deferred)", 0, 0);
  span.describe(std::move(text), in.bytes + out.bytes, flops * out.elements);
}

}  // namespace mp
