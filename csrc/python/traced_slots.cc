// The operators of the array types while a thread traces: each slot that computes or reads values
// is replaced by one that records, and otherwise does what the slot did. They are taken out again
// with the last trace, so that nobody else pays for them.
#include "core/array.h"
#include "python/array_type.h"
#include "python/call_trace.h"
#include "python/nd_array.h"

namespace mp::calls {
namespace {

struct Slots {
  PyNumberMethods* number;
  PyMappingMethods* mapping;
  PySequenceMethods* sequence;
  richcmpfunc compare;
  getiterfunc iter;
};

Slots plain, nd;  // as they are outside of traces

const Slots& of(PyObject* a, PyObject* b = nullptr) {
  return is_nd_array(a) || (b && is_nd_array(b)) ? nd : plain;
}

template <auto kSlot, const char* kName>
PyObject* binary(PyObject* a, PyObject* b) {
  auto call = [&] { return (of(a, b).number->*kSlot)(a, b); };
  if (!listening()) return call();
  PyObject* args[2] = {a, b};
  return record(operator_function(kName), args, 2, nullptr, call);
}

template <auto kSlot, const char* kName>
PyObject* unary(PyObject* a) {
  auto call = [&] { return (of(a).number->*kSlot)(a); };
  if (!listening()) return call();
  return record(operator_function(kName), &a, 1, nullptr, call);
}

template <auto kSlot, const char* kName>
PyObject* power(PyObject* a, PyObject* b, PyObject* modulo) {
  auto call = [&] { return (of(a, b).number->*kSlot)(a, b, modulo); };
  if (!listening()) return call();
  PyObject* args[2] = {a, b};
  return record(operator_function(kName), args, 2, nullptr, call);
}

template <auto kSlot>
PyObject* number(PyObject* a) {
  if (listening() && value_read("an array as a number")) return nullptr;
  return (of(a).number->*kSlot)(a);
}

int truth(PyObject* a) {
  if (listening() && value_read("the truth of an array")) return -1;
  return of(a).number->nb_bool(a);
}

PyObject* compare(PyObject* a, PyObject* b, int op) {
  constexpr const char* names[] = {"lt", "le", "eq", "ne", "gt", "ge"};
  auto call = [&] { return of(a, b).compare(a, b, op); };
  if (!listening()) return call();
  PyObject* args[2] = {a, b};
  return record(operator_function(names[op]), args, 2, nullptr, call);
}

PyObject* subscript(PyObject* a, PyObject* key) {
  auto call = [&] { return of(a).mapping->mp_subscript(a, key); };
  if (!listening()) return call();
  PyObject* args[2] = {a, key};
  return record(operator_function("getitem"), args, 2, nullptr, call);
}

int assign_subscript(PyObject* a, PyObject* key, PyObject* value) {
  auto call = [&]() -> PyObject* {
    return of(a).mapping->mp_ass_subscript(a, key, value) < 0 ? nullptr : Py_NewRef(Py_None);
  };
  if (!listening() || !value) return of(a).mapping->mp_ass_subscript(a, key, value);
  PyObject* args[3] = {a, key, value};
  PyObject* done = record(operator_function("setitem"), args, 3, nullptr, call);
  Py_XDECREF(done);
  return done ? 0 : -1;
}

PyObject* item(PyObject* a, Py_ssize_t i) {
  if (!listening()) return of(a).sequence->sq_item(a, i);
  PyObject* key = PyLong_FromSsize_t(i);
  PyObject* args[2] = {a, key};
  PyObject* result = record(operator_function("getitem"), args, 2, nullptr,
                            [&] { return of(a).sequence->sq_item(a, i); });
  Py_DECREF(key);
  return result;
}

int assign_item(PyObject* a, Py_ssize_t i, PyObject* value) {
  if (!listening()) return of(a).sequence->sq_ass_item(a, i, value);
  PyObject* key = PyLong_FromSsize_t(i);
  const int status = assign_subscript(a, key, value);
  Py_DECREF(key);
  return status;
}

int contains(PyObject* a, PyObject* value) {
  if (listening() && value_read("whether an array contains a value")) return -1;
  return of(a).sequence->sq_contains(a, value);
}

// Iteration by positions, whose elements are recorded as items.
PyObject* iterate(PyObject* a) {
  if (!listening() || reinterpret_cast<Array*>(a)->ndim == 0) return of(a).iter(a);
  return PySeqIter_New(a);
}

// Installs f when the type has the slot.
template <class Slot>
void put(Slot& slot, Slot f) {
  if (slot) slot = f;
}

using N = PyNumberMethods;

#define MP_BINARY(slot, name)                      \
  {                                                \
    static constexpr char text[] = #name;          \
    put(n.nb_##slot, binary<&N::nb_##slot, text>); \
  }
#define MP_UNARY(slot, name)                      \
  {                                               \
    static constexpr char text[] = #name;         \
    put(n.nb_##slot, unary<&N::nb_##slot, text>); \
  }
#define MP_POWER(slot, name)                      \
  {                                               \
    static constexpr char text[] = #name;         \
    put(n.nb_##slot, power<&N::nb_##slot, text>); \
  }

void record_arithmetic(PyNumberMethods& n) {
  MP_BINARY(add, add)
  MP_BINARY(subtract, sub)
  MP_BINARY(multiply, mul)
  MP_BINARY(true_divide, truediv)
  MP_BINARY(floor_divide, floordiv)
  MP_BINARY(remainder, mod)
  MP_BINARY(divmod, divmod)
  MP_BINARY(lshift, lshift)
  MP_BINARY(rshift, rshift)
  MP_BINARY(and, and_)
  MP_BINARY(or, or_)
  MP_BINARY(xor, xor)
  MP_BINARY(matrix_multiply, matmul)
  MP_UNARY(negative, neg)
  MP_UNARY(positive, pos)
  MP_UNARY(absolute, abs)
  MP_UNARY(invert, invert)
  MP_POWER(power, pow)
}

void record_in_place(PyNumberMethods& n) {
  MP_BINARY(inplace_add, iadd)
  MP_BINARY(inplace_subtract, isub)
  MP_BINARY(inplace_multiply, imul)
  MP_BINARY(inplace_true_divide, itruediv)
  MP_BINARY(inplace_floor_divide, ifloordiv)
  MP_BINARY(inplace_remainder, imod)
  MP_BINARY(inplace_lshift, ilshift)
  MP_BINARY(inplace_rshift, irshift)
  MP_BINARY(inplace_and, iand)
  MP_BINARY(inplace_or, ior)
  MP_BINARY(inplace_xor, ixor)
  MP_BINARY(inplace_matrix_multiply, imatmul)
  MP_POWER(inplace_power, ipow)
}

void record_reads(PyNumberMethods& n) {
  put(n.nb_bool, truth);
  put(n.nb_int, number<&N::nb_int>);
  put(n.nb_float, number<&N::nb_float>);
  put(n.nb_index, number<&N::nb_index>);
}

// The tables of a type that record, filled from those it has.
struct Recording {
  PyNumberMethods number;
  PyMappingMethods mapping;
  PySequenceMethods sequence;
};

Recording plain_recording, nd_recording;

// The type's pointers change, not its tables: the slots of NDArray call those of ndarray through
// them.
void install(PyTypeObject* type, const Slots& slots, Recording& r) {
  r = {*slots.number, *slots.mapping, *slots.sequence};
  record_arithmetic(r.number);
  record_in_place(r.number);
  record_reads(r.number);
  r.mapping.mp_subscript = subscript;
  r.mapping.mp_ass_subscript = assign_subscript;
  put(r.sequence.sq_item, item);
  put(r.sequence.sq_ass_item, assign_item);
  put(r.sequence.sq_contains, contains);
  type->tp_as_number = &r.number;
  type->tp_as_mapping = &r.mapping;
  type->tp_as_sequence = &r.sequence;
  type->tp_richcompare = compare;
  type->tp_iter = iterate;
}

Slots slots_of(const PyTypeObject* type) {
  return {type->tp_as_number, type->tp_as_mapping, type->tp_as_sequence, type->tp_richcompare,
          type->tp_iter};
}

void restore(PyTypeObject* type, const Slots& slots) {
  type->tp_as_number = slots.number;
  type->tp_as_mapping = slots.mapping;
  type->tp_as_sequence = slots.sequence;
  type->tp_richcompare = slots.compare;
  type->tp_iter = slots.iter;
}

bool nd_installed = false;

}  // namespace

void install_traced_slots() {
  plain = slots_of(&ArrayType);
  nd_installed = nd_array_type != nullptr;
  if (nd_installed) {
    nd = slots_of(nd_array_type);
    install(nd_array_type, nd, nd_recording);
  }
  install(&ArrayType, plain, plain_recording);
}

void remove_traced_slots() {
  restore(&ArrayType, plain);
  if (nd_installed) restore(nd_array_type, nd);
}

}  // namespace mp::calls
