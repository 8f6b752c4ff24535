#include "python/convert.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "python/call_trace.h"
#include "python/fallback.h"
#include "python/import.h"
#include "python/numpy_api.h"
#include "tape/tape.h"

namespace mp {
namespace {

constexpr int kTypeNum[kDTypeCount] = {NPY_BOOL,  NPY_INT8,   NPY_UINT8,  NPY_INT16,  NPY_UINT16,
                                       NPY_INT32, NPY_UINT32, NPY_INT64,  NPY_UINT64, NPY_HALF,
                                       -1,        NPY_FLOAT,  NPY_DOUBLE, NPY_CFLOAT, NPY_CDOUBLE};

int bfloat16_num = -2;  // -2: not asked yet

bool module_is_loaded(const char* name) {
  PyObject* modules = PyImport_GetModuleDict();
  return PyDict_GetItemString(modules, name) != nullptr;
}

bool import_bfloat16() {
  if (bfloat16_num >= 0) return true;
  PyObject* type = imported("ml_dtypes", "bfloat16");
  PyArray_Descr* descr = nullptr;
  if (type && PyArray_DescrConverter(type, &descr)) bfloat16_num = descr->type_num;
  Py_XDECREF(reinterpret_cast<PyObject*>(descr));
  Py_XDECREF(type);
  return bfloat16_num >= 0;
}

DType dtype_of_num(int num) {
  switch (num) {
    case NPY_BOOL:
      return DType::Bool;
    case NPY_INT8:
      return DType::I8;
    case NPY_UINT8:
      return DType::U8;
    case NPY_INT16:
      return DType::I16;
    case NPY_UINT16:
      return DType::U16;
    case NPY_INT32:
      return DType::I32;
    case NPY_UINT32:
      return DType::U32;
    case NPY_INT64:
      return DType::I64;
    case NPY_UINT64:
      return DType::U64;
    case NPY_HALF:
      return DType::F16;
    case NPY_FLOAT:
      return DType::F32;
    case NPY_DOUBLE:
      return DType::F64;
    case NPY_CFLOAT:
      return DType::C64;
    case NPY_CDOUBLE:
      return DType::C128;
    default:
      break;
  }
  // User dtypes: bfloat16 is the only one that is ours, and it exists only once ml_dtypes is
  // imported.
  if (num >= NPY_USERDEF && (bfloat16_num >= 0 || module_is_loaded("ml_dtypes")) &&
      import_bfloat16() && num == bfloat16_num)
    return DType::BF16;
  PyErr_Clear();
  return DType::Invalid;
}

// What keeps an array alive for the NumPy arrays over its memory. While it lives foreign code may
// read and write the bytes: Note [Exported storages are eager].
struct Export {
  PyObject_HEAD Array* array;
};

void export_dealloc(PyObject* self) {
  Array* a = reinterpret_cast<Export*>(self)->array;
  Storage* s = a->storage;
  if (s->exports != kExportedForEver && --s->exports == 0) {
    s->flags &= ~kStorageExported;
    ++s->version;  // foreign code may have written
    if (calls::traces) calls::note_release(s);
  }
  PyObject_Free(self);
  Py_DECREF(reinterpret_cast<PyObject*>(a));
}

PyTypeObject ExportType = {
    .ob_base = PyVarObject_HEAD_INIT(nullptr, 0).tp_name = "minpy.ExportedMemory",
    .tp_basicsize = sizeof(Export),
    .tp_dealloc = export_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "Keeps the memory of a minpy array alive for NumPy.",
};

PyObject* export_new(Array* a) {
  static const bool ready = PyType_Ready(&ExportType) == 0;
  Export* e = ready ? PyObject_New(Export, &ExportType) : nullptr;
  if (!e) return nullptr;
  Py_INCREF(reinterpret_cast<PyObject*>(a));
  e->array = a;
  if (a->storage->exports < kExportedForEver) ++a->storage->exports;
  a->storage->flags |= kStorageExported;
  return reinterpret_cast<PyObject*>(e);
}

// One step down the chain of owners (borrowed), through what NumPy puts between: memoryviews of our
// buffer and the holder of as_strided. Null at the end.
PyObject* next_owner(PyObject* owner) {
  if (PyArray_Check(owner)) return PyArray_BASE(reinterpret_cast<PyArrayObject*>(owner));
  if (Py_TYPE(owner) == &ExportType)
    return reinterpret_cast<PyObject*>(reinterpret_cast<Export*>(owner)->array);
  if (PyMemoryView_Check(owner)) return PyMemoryView_GET_BUFFER(owner)->obj;
  if (std::strcmp(Py_TYPE(owner)->tp_name, "DummyArray") != 0) return nullptr;
  PyObject* base = PyObject_GetAttrString(owner, "base");
  PyErr_Clear();
  Py_XDECREF(base);  // the holder keeps it
  return base;
}

}  // namespace

_PyArray_Descr* descr_of(DType dtype) {
  if (dtype == DType::BF16)
    return import_bfloat16() ? PyArray_DescrFromType(bfloat16_num) : nullptr;
  return PyArray_DescrFromType(kTypeNum[index(dtype)]);
}

DType dtype_of_descr(_PyArray_Descr* descr) {
  return PyArray_ISNBO(descr->byteorder) ? dtype_of_num(descr->type_num) : DType::Invalid;
}

bool parse_dtype(PyObject* arg, DType* out) {
  PyArray_Descr* descr = nullptr;
  if (!PyArray_DescrConverter(arg, &descr)) return false;
  *out = dtype_of_descr(descr);
  Py_DECREF(reinterpret_cast<PyObject*>(descr));
  return true;
}

bool is_numpy_array(PyObject* o) { return PyArray_Check(o); }
bool is_numpy_scalar(PyObject* o) { return PyArray_CheckScalar(o) && !PyArray_Check(o); }

void mark_shared(Storage* s) {
  s->flags |= kStorageExported;
  s->exports = kExportedForEver;
}

PyObject* to_numpy(Array* a) {
  if (calls::listening() && calls::value_read("the elements of an array")) return nullptr;
  PyArray_Descr* descr = descr_of(a->dtype);
  if (!descr) return nullptr;
  int flags = a->writeable() ? NPY_ARRAY_WRITEABLE : 0;
  PyObject* out =
      PyArray_NewFromDescr(&PyArray_Type, descr, a->ndim, reinterpret_cast<npy_intp*>(a->shape),
                           reinterpret_cast<npy_intp*>(a->strides), a->bytes(), flags, nullptr);
  if (!out) return nullptr;
  PyObject* owner = export_new(a);
  if (!owner || PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(out), owner) < 0) {
    Py_DECREF(out);
    return nullptr;
  }
  return out;
}

PyObject* from_numpy(PyObject* o) {
  PyArrayObject* np = reinterpret_cast<PyArrayObject*>(o);
  DType dtype = dtype_of_descr(PyArray_DESCR(np));
  if (dtype == DType::Invalid || !PyArray_CheckExact(o)) {
    Py_INCREF(o);
    return o;
  }
  int ndim = PyArray_NDIM(np);
  const int64_t* shape = reinterpret_cast<const int64_t*>(PyArray_DIMS(np));
  const int64_t* strides = reinterpret_cast<const int64_t*>(PyArray_STRIDES(np));
  char* data = static_cast<char*>(PyArray_DATA(np));
  for (PyObject* owner = PyArray_BASE(np); owner;) {
    if (array_check(owner)) {
      Array* ours = reinterpret_cast<Array*>(owner);
      bool same = next_owner(o) && next_owner(next_owner(o)) == owner && ours->dtype == dtype &&
                  ours->ndim == ndim && ours->bytes() == data &&
                  std::equal(shape, shape + ndim, ours->shape) &&
                  std::equal(strides, strides + ndim, ours->strides) &&
                  ours->writeable() == bool(PyArray_FLAGS(np) & NPY_ARRAY_WRITEABLE);
      if (same) {
        Py_INCREF(owner);
        return owner;
      }
      Array* view = array_view(ours, dtype, ndim, shape, strides, data - ours->at(0));
      if (view && !PyArray_ISWRITEABLE(np)) view->flags &= ~kWriteable;
      return reinterpret_cast<PyObject*>(view);
    }
    owner = next_owner(owner);
  }
  Array* a = array_foreign(dtype, ndim, shape, strides, data, o, PyArray_ISWRITEABLE(np));
  if (!a) return nullptr;
  // Nobody else has seen a result that only the caller and the storage hold: what it is a view of
  // is ours to name.
  bool fresh = Py_REFCNT(o) <= 2;
  if (!fresh || PyArray_BASE(np)) mark_shared(a->storage);
  if (!fresh) {
    a->base = Py_NewRef(o);
  } else if (PyObject* owner = PyArray_BASE(np)) {
    a->base = PyArray_CheckExact(owner) ? from_numpy(owner) : Py_NewRef(owner);
    if (!a->base) Py_CLEAR(*reinterpret_cast<PyObject**>(&a));
  }
  return reinterpret_cast<PyObject*>(a);
}

ArrayRef as_array(PyObject* o) {
  if (array_check(o)) return ArrayRef::borrow(reinterpret_cast<Array*>(o));
  PyObject* np = nullptr;
  if (PyArray_CheckExact(o)) {
    np = o;
    Py_INCREF(np);
  } else {
    if (PyArray_Check(o)) return {};
    if (tape::state.recording &&
        holds_taped(o)) {  // a sequence of arrays with a history: recorded as one array
      PyObject* joined = fallback_call("array", &o, 1, nullptr);
      return joined && array_check(joined) ? ArrayRef::steal(joined) : ArrayRef{};
    }
    np = PyArray_FromAny(o, nullptr, 0, 0, NPY_ARRAY_ENSUREARRAY, nullptr);
    if (!np) return {};
  }
  PyObject* ours = from_numpy(np);
  Py_DECREF(np);
  if (!ours) return {};
  if (!array_check(ours)) {
    Py_DECREF(ours);
    return {};
  }
  return ArrayRef::steal(ours);
}

bool raise_no_memory(const Array* a) {
  PyErr_Clear();
  PyObject* type = imported("numpy._core._exceptions", "_ArrayMemoryError");
  if (!type) {
    PyErr_Clear();
    type = imported("numpy.core._exceptions", "_ArrayMemoryError");  // numpy 1
  }
  PyObject* details = Py_BuildValue("NN", shape_tuple(a->shape, a->ndim), descr_of(a->dtype));
  if (type && details) PyErr_SetObject(type, details);
  Py_XDECREF(details);
  Py_XDECREF(type);
  return false;
}

int parse_ints(PyObject* o, int64_t* out, int capacity) {
  if (PyLong_CheckExact(o) || !PySequence_Check(o)) {
    PyObject* number = PyNumber_Index(o);
    if (!number) return -1;
    out[0] = PyLong_AsLongLong(number);
    Py_DECREF(number);
    return (out[0] == -1 && PyErr_Occurred()) ? -1 : 1;
  }
  PyObject* fast = PySequence_Fast(o, "expected a sequence of integers or a single integer");
  if (!fast) return -1;
  Py_ssize_t n = PySequence_Fast_GET_SIZE(fast);
  int count = static_cast<int>(n);
  if (n > capacity) {
    PyErr_Format(PyExc_ValueError,
                 "maximum supported dimension for an ndarray is currently %d, found %zd", capacity,
                 n);
    count = -1;
  }
  for (Py_ssize_t i = 0; count >= 0 && i < n; ++i) {
    PyObject* number = PyNumber_Index(PySequence_Fast_GET_ITEM(fast, i));
    if (number) out[i] = PyLong_AsLongLong(number);
    if (!number || (out[i] == -1 && PyErr_Occurred())) count = -1;
    Py_XDECREF(number);
  }
  Py_DECREF(fast);
  return count;
}

}  // namespace mp
