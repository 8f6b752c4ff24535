// Array: the Python object `minpy.numpy.ndarray` and, at once, the handle that C++ code passes
// around. One allocation serves both (see Note [The array is the Python object]). An Array is a
// strided view of a Storage; shape, strides and dtype never change after construction except by the
// in-place attribute setters. Invariants: base is null or the owner of the memory as in NumPy;
// `kCContig`/`kFContig` are always up to date. Whoever reads or writes elements asks for bytes(),
// which first runs the deferred instructions that touch them. All functions here need the GIL.
#pragma once
#include <Python.h>

#include <cstdint>
#include <span>
#include <utility>

#include "core/dtype.h"
#include "core/storage.h"

namespace mp {

struct TapeInfo;  // tape/tape.h

enum ArrayFlags : uint16_t {
  kCContig = 1,
  kFContig = 2,
  kWriteable = 4,
  kAligned = 8,
  kScalar = 16,    // a 0-d array that stands for a NumPy scalar under recording: immutable like one
  kDetached = 32,  // a view that does not share its base's gradient history
  kMask = 64,      // an nd.NDArray of ones and zeros that a comparison made
};

inline constexpr int kInlineDims = 4;
inline constexpr int kMaxDims = 64;

struct Array {
  PyObject_HEAD Storage* storage;
  int64_t offset;  // of the first element, in bytes from the start of the storage
  DType dtype;
  uint8_t ndim;
  uint16_t flags;
  uint32_t context;  // nd.NDArray only: its device (python/nd_array.h)
  int64_t size;      // number of elements
  int64_t* shape;    // ndim entries
  int64_t* strides;  // ndim entries, in bytes
  int64_t dims[2 * kInlineDims];
  PyObject*
      base;  // owned: NumPy's .base (an Array, or whatever owns foreign memory); null for an owner
  TapeInfo* tape;  // tape_room, or null unless this array was ever part of a gradient computation
  PyObject* weakrefs;
  PyObject* extra;       // attribute dict, only for front-end state; normally null
  int64_t tape_room[4];  // the bytes of a TapeInfo

  bool c_contiguous() const { return flags & kCContig; }
  bool f_contiguous() const { return flags & kFContig; }
  bool writeable() const { return flags & kWriteable; }
  int64_t nbytes() const { return size * itemsize(dtype); }
  std::span<const int64_t> shape_span() const { return {shape, ndim}; }
  char* bytes() const {
    if (storage->flags & kStoragePending) [[unlikely]]
      storage_settle();
    return storage->data + offset;
  }
  // The byte at a distance from the start of the storage.
  char* at(int64_t distance) const { return bytes() + (distance - offset); }
};

extern PyTypeObject ArrayType;  // minpy.numpy.ndarray
inline bool array_check_exact(PyObject* o) { return Py_TYPE(o) == &ArrayType; }
inline bool array_check(PyObject* o) {
  return array_check_exact(o) || PyObject_TypeCheck(o, &ArrayType);
}

// Owning handle. A null handle means "no array" (or, from functions that say so, a Python error is
// set).
class ArrayRef {
 public:
  ArrayRef() = default;
  static ArrayRef steal(Array* p) {
    ArrayRef r;
    r.p_ = p;
    return r;
  }
  static ArrayRef steal(PyObject* p) { return steal(reinterpret_cast<Array*>(p)); }
  static ArrayRef borrow(Array* p) {
    Py_XINCREF(reinterpret_cast<PyObject*>(p));
    return steal(p);
  }
  ArrayRef(const ArrayRef& o) : p_(o.p_) { Py_XINCREF(reinterpret_cast<PyObject*>(p_)); }
  ArrayRef(ArrayRef&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  ArrayRef& operator=(ArrayRef o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~ArrayRef() { Py_XDECREF(reinterpret_cast<PyObject*>(p_)); }
  Array* get() const { return p_; }
  Array* operator->() const { return p_; }
  Array& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }
  Array* release() { return std::exchange(p_, nullptr); }
  PyObject* release_object() { return reinterpret_cast<PyObject*>(release()); }
  PyObject* object() const { return reinterpret_cast<PyObject*>(p_); }

 private:
  Array* p_ = nullptr;
};

// --- Construction. All return a new reference, or null with a Python error set. ---

// Fresh storage, C order (or with the given strides, which must tile exactly the bytes of the
// shape).
Array* array_new(DType dtype, int ndim, const int64_t* shape);
Array* array_zeros(DType dtype, int ndim, const int64_t* shape);
Array* array_new_number(DType dtype);  // without dimensions
Array* array_new_strided(DType dtype, int ndim, const int64_t* shape, const int64_t* strides);
// The same over bytes that do not exist yet (engine/window.h); null strides: C order.
Array* array_new_deferred(DType dtype, int ndim, const int64_t* shape, const int64_t* strides);
// Fresh storage in the layout of `like` (NumPy's order='K').
Array* array_new_like(const Array* like, DType dtype);
// A view of `owner`'s storage. The view's base is owner's owner, as NumPy collapses it (not past
// kDetached).
Array* array_view(Array* owner, DType dtype, int ndim, const int64_t* shape, const int64_t* strides,
                  int64_t offset);
// Memory of somebody else; `base` is kept alive and becomes .base.
Array* array_foreign(DType dtype, int ndim, const int64_t* shape, const int64_t* strides,
                     char* data, PyObject* base, bool writeable);
// The array that holds the gradient history of a view: itself, or its Array base when it has one.
inline Array* tape_root(Array* a) {
  return (a->base && !(a->flags & kDetached) && array_check(a->base))
             ? reinterpret_cast<Array*>(a->base)
             : a;
}

void array_update_flags(
    Array* a);  // recomputes kCContig, kFContig, kAligned from shape, strides and data
Array* array_copy(Array* a, char order);   // 'C', 'F' or 'K'; plain bytes, not recorded
Array* array_cast(Array* a, DType dtype);  // contiguous copy in another dtype; not recorded
int array_assign(Array* dst, Array* src);  // dst[...] = src, broadcasting, casting (unsafe),
                                           // overlap-safe; plain bytes, not recorded; 0 or -1
bool array_may_overlap(const Array* a, const Array* b);
bool array_same_view(const Array* a, const Array* b);  // same memory, same layout
bool array_may_repeat(
    const Array* a);  // whether two elements may share bytes (broadcast and window views)
// Lowest and one-past-highest byte the view touches, from the start of its storage.
std::pair<int64_t, int64_t> array_extent(const Array* a);

}  // namespace mp
