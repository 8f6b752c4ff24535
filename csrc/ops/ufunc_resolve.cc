// Which inner loop serves which operand types.
#include <algorithm>
#include <cstring>

#include "ops/ufunc.h"
#include "python/convert.h"
#include "python/native_function.h"
#include "python/numpy_api.h"

namespace mp {
namespace {

constexpr uint16_t kNoLoop = 1, kFirstLoop = 2;

// For loops, C's long and long long are the same type.
DType loop_dtype(PyArray_Descr* d) {
  if (d->type_num == NPY_LONGLONG && sizeof(long) == sizeof(long long)) return DType::I64;
  if (d->type_num == NPY_ULONGLONG && sizeof(long) == sizeof(long long)) return DType::U64;
  return dtype_of_descr(d);
}

uint16_t find_loop(const Ufunc* f, const DType* types) {
  for (size_t i = 0; i < f->loops->size(); ++i)
    if (std::memcmp((*f->loops)[i].types, types, f->nargs()) == 0)
      return static_cast<uint16_t>(i + kFirstLoop);
  return kNoLoop;
}

PyObject* operand_type(uint8_t code) {
  switch (code) {
    case kWeakInt:
      return Py_NewRef(reinterpret_cast<PyObject*>(&PyLong_Type));
    case kWeakFloat:
      return Py_NewRef(reinterpret_cast<PyObject*>(&PyFloat_Type));
    case kWeakComplex:
      return Py_NewRef(reinterpret_cast<PyObject*>(&PyComplex_Type));
    default:
      return reinterpret_cast<PyObject*>(descr_of(static_cast<DType>(code)));
  }
}

// Calls numpy.ufunc.resolve_dtypes and finds the loop of the answer.
uint16_t ask_numpy(const Ufunc* f, PyObject* operands, PyObject* kwargs) {
  PyObject* method = PyObject_GetAttrString(f->numpy, "resolve_dtypes");
  PyObject* args = method ? PyTuple_Pack(1, operands) : nullptr;
  PyObject* answer = args ? PyObject_Call(method, args, kwargs) : nullptr;
  Py_XDECREF(method);
  Py_XDECREF(args);
  uint16_t found = kNoLoop;
  if (answer && PyTuple_GET_SIZE(answer) == f->nargs()) {
    DType types[kMaxUfuncArgs];
    for (int i = 0; i < f->nargs(); ++i)
      types[i] = loop_dtype(reinterpret_cast<PyArray_Descr*>(PyTuple_GET_ITEM(answer, i)));
    found = find_loop(f, types);
  }
  Py_XDECREF(answer);
  PyErr_Clear();  // NumPy will raise its own error when the call falls back to it
  return found;
}

PyObject* none_operands(int n) {
  PyObject* t = PyTuple_New(n);
  for (int i = 0; t && i < n; ++i) PyTuple_SET_ITEM(t, i, Py_NewRef(Py_None));
  return t;
}

}  // namespace

void load_loops(Ufunc* f) {
  PyUFuncObject* np = reinterpret_cast<PyUFuncObject*>(f->numpy);
  f->loops = new std::vector<Loop>;
  f->resolved = new std::vector<uint16_t>;
  f->reductions = new std::unordered_map<uint32_t, uint16_t>;
  size_t cells = 1;
  for (int i = 0; i < f->nin; ++i) cells *= kOperandCodes;
  f->resolved->assign(cells, 0);
  // NumPy's own inner loops.
  for (int i = 0; i < np->ntypes && !np->core_enabled; ++i) {
    Loop loop{};
    bool usable = np->functions[i] != nullptr;
    for (int k = 0; usable && k < f->nargs(); ++k) {
      PyArray_Descr* d = PyArray_DescrFromType(np->types[i * f->nargs() + k]);
      loop.types[k] = loop_dtype(d);
      Py_DECREF(reinterpret_cast<PyObject*>(d));
      usable = loop.types[k] != DType::Invalid;
    }
    if (!usable || find_loop(f, loop.types) != kNoLoop) continue;
    loop.fn = reinterpret_cast<cpu::LoopFn>(np->functions[i]);
    loop.data = np->data ? const_cast<void*>(static_cast<const void*>(np->data[i])) : nullptr;
    loop.borrowed = true;
    loop.needs_python = std::strcmp(f->name, "power") == 0 && is_integer(loop.types[0]);
    f->loops->push_back(loop);
  }
  // Ours replace and extend them.
  for (const cpu::LoopEntry& entry : cpu::best_loops()) {
    if (std::strcmp(entry.op, f->name) != 0) continue;
    Loop loop{};
    for (int k = 0; k < f->nargs(); ++k) loop.types[k] = dtype_of_char(entry.types[k]);
    loop.fn = entry.fn;
    uint16_t at = find_loop(f, loop.types);
    // Our bool loops expect 0 and 1; a mask viewed as bool holds other bytes, which NumPy's loops
    // take as true.
    if (at != kNoLoop && loop.types[0] == DType::Bool) continue;
    if (at == kNoLoop)
      f->loops->push_back(loop);
    else
      (*f->loops)[at - kFirstLoop] = loop;
  }
}

const Loop* resolve_loop(Ufunc* f, const uint8_t* codes) {
  size_t cell = 0;
  for (int i = 0; i < f->nin; ++i) cell = cell * kOperandCodes + codes[i];
  uint16_t found = (*f->resolved)[cell];
  if (__builtin_expect(found == 0, 0)) {
    if (current_policy() == Policy::OnlyNumPy) return nullptr;
    PyObject* operands = none_operands(f->nargs());
    for (int i = 0; operands && i < f->nin; ++i) {
      PyObject* type = operand_type(codes[i]);
      if (!type)
        Py_CLEAR(operands);
      else
        PyTuple_SetItem(operands, i, type);
    }
    found = operands ? ask_numpy(f, operands, nullptr) : kNoLoop;
    Py_XDECREF(operands);
    PyErr_Clear();
    (*f->resolved)[cell] = found;
  }
  return found >= kFirstLoop ? &(*f->loops)[found - kFirstLoop] : nullptr;
}

void find_number_loop(Ufunc* f, DType dtype) {
  NumberLoop& found = f->numbers[dtype == DType::F64];
  found = {.known = true};
  if (f->nin > 2 || f->nout != 1) return;
  const uint8_t code = static_cast<uint8_t>(dtype), codes[2] = {code, code};
  const Loop* loop = resolve_loop(f, codes);
  if (!loop || loop->borrowed || loop->types[0] != dtype || loop->types[f->nin - 1] != dtype ||
      loop->types[f->nin] != dtype)
    return;
  constexpr std::pair<std::string_view, char> kArithmetic[] = {
      {"add", '+'}, {"subtract", '-'}, {"multiply", '*'}, {"divide", '/'}};
  for (auto [name, sign] : kArithmetic)
    if (name == f->name) found.arithmetic = sign;
  constexpr std::string_view kShowing[] = {"sin", "cos", "exp", "log", "sqrt"};
  found.shows = found.arithmetic || std::ranges::count(kShowing, std::string_view(f->name)) != 0;
  found.fn = loop->fn;
}

const Loop* resolve_reduction(Ufunc* f, DType in, DType requested) {
  if (current_policy() == Policy::OnlyNumPy) return nullptr;
  uint32_t key = static_cast<uint32_t>(index(in)) << 8 | static_cast<uint8_t>(requested);
  auto [it, fresh] = f->reductions->try_emplace(key, kNoLoop);
  if (fresh) {
    PyObject* operands = none_operands(3);
    PyObject* kwargs = PyDict_New();
    PyDict_SetItemString(kwargs, "reduction", Py_True);
    PyTuple_SetItem(operands, 1, reinterpret_cast<PyObject*>(descr_of(in)));
    if (requested != DType::Invalid) {
      PyObject* d = reinterpret_cast<PyObject*>(descr_of(requested));
      PyObject* signature = PyTuple_Pack(3, d, d, Py_None);
      PyDict_SetItemString(kwargs, "signature", signature);
      Py_XDECREF(signature);
      Py_XDECREF(d);
    }
    it->second = ask_numpy(f, operands, kwargs);
    Py_XDECREF(operands);
    Py_XDECREF(kwargs);
  }
  return it->second >= kFirstLoop ? &(*f->loops)[it->second - kFirstLoop] : nullptr;
}

}  // namespace mp
