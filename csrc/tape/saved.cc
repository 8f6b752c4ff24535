#include "tape/saved.h"

#include <cstring>

namespace mp {
namespace {

// `like` again, at the same distance from the start of `bytes`' storage.
Array* alias_in(Array* like, Array* bytes) {
  Array* a = array_view(bytes, like->dtype, like->ndim, like->shape, like->strides, like->offset);
  if (a) Py_CLEAR(a->base);
  return a;
}

int move_record(Saved& s, Array* replacement) {
  if (!replacement) return -1;
  Array* old = saved_unlink(s);
  saved_link(s, replacement);
  Py_DECREF(reinterpret_cast<PyObject*>(old));
  return 0;
}

// Also the target itself when it is empty: it is about to get a history that may include the
// record's node.
bool affected(const Saved* s, const Array* target) {
  return s->array == target || array_may_overlap(s->array, target);
}

}  // namespace

int saved_snapshot(Array* target) {
  Storage* storage = target->storage;
  int64_t wanted = 0;
  bool any = false;
  for (Saved* s = storage->saved; s; s = s->next) {
    if (!affected(s, target)) continue;
    wanted += s->array->nbytes();
    any = true;
  }
  if (!any) return 0;
  incref(storage);  // a record may hold the last array over it
  ArrayRef copy;    // of the whole storage, when that is cheaper than one copy a record
  int64_t total = static_cast<int64_t>(storage->nbytes);
  if (wanted > total) {
    copy = ArrayRef::steal(array_new(DType::U8, 1, &total));
    if (copy) std::memcpy(copy->bytes(), target->at(0), storage->nbytes);
  }
  int status = (wanted > total && !copy) ? -1 : 0;
  for (Saved *s = storage->saved, *next; s && status == 0; s = next) {
    next = s->next;
    if (!affected(s, target)) continue;
    status = move_record(*s, copy ? alias_in(s->array, copy.get()) : array_copy(s->array, 'K'));
  }
  decref(storage);
  return status;
}

Array* array_alias(Array* a) { return alias_in(a, a); }

}  // namespace mp
