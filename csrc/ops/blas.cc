#include "ops/blas.h"

#include <Python.h>
#include <dlfcn.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/error.h"
#include "cpu/matmul.h"

namespace mp::blas {
namespace {

enum Order { kRowMajor = 101 };
enum Transpose { kNoTrans = 111, kTrans = 112 };

// Products with fewer multiplications than this are faster without BLAS's packing and dispatch.
constexpr int64_t kSmallProduct = 8 * 8 * 8;

void* library() {
  static void* handle = [] {
    void* h = nullptr;
    PyObject* module = PyImport_ImportModule("scipy_openblas32");
    PyObject* dir = module ? PyObject_CallMethod(module, "get_lib_dir", nullptr) : nullptr;
    PyObject* name = module ? PyObject_CallMethod(module, "get_library", nullptr) : nullptr;
    if (dir && name) {
      std::string path =
          std::string(PyUnicode_AsUTF8(dir)) + "/lib" + PyUnicode_AsUTF8(name) + ".so";
      h = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (!h)
        PyErr_Format(PyExc_ImportError, "minpy could not open the BLAS library: %s", dlerror());
    }
    Py_XDECREF(module);
    Py_XDECREF(dir);
    Py_XDECREF(name);
    return h;
  }();
  return handle;
}

template <class F>
F symbol(const char* name) {
  void* h = library();
  return h ? reinterpret_cast<F>(dlsym(h, name)) : nullptr;
}

// What BLAS can read directly: one unit step, the other a non-negative multiple of the item at
// least as long as a row.
bool direct(const Matrix& x, int64_t rows, int64_t cols, int64_t item, int* trans, int64_t* ld) {
  auto fits = [&](int64_t step, int64_t run) {
    return step % item == 0 && step / item >= std::max<int64_t>(run, 1) && step / item < INT32_MAX;
  };
  if ((x.col_step == item || cols == 1) && (fits(x.row_step, cols) || rows == 1)) {
    *trans = kNoTrans;
    *ld = rows == 1 ? std::max<int64_t>(cols, 1) : x.row_step / item;
    return true;
  }
  if ((x.row_step == item || rows == 1) && (fits(x.col_step, rows) || cols == 1)) {
    *trans = kTrans;
    *ld = cols == 1 ? std::max<int64_t>(rows, 1) : x.col_step / item;
    return true;
  }
  return false;
}

// A row-major copy of a matrix that BLAS cannot read.
Matrix packed(const Matrix& x, int64_t rows, int64_t cols, int64_t item,
              std::vector<char>& buffer) {
  buffer.resize(rows * cols * item);
  char* to = buffer.data();
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j, to += item)
      std::memcpy(to, x.data + i * x.row_step + j * x.col_step, item);
  return {buffer.data(), cols * item, item};
}

// Threads pay only for long products: shorter ones finish before a second thread is awake, and on a
// busy machine wait milliseconds for it.
void choose_threads(int64_t multiplications) {
  using Get = int (*)();
  using Set = void (*)(int);
  static Get get = symbol<Get>("scipy_openblas_get_num_threads");
  static Set set = symbol<Set>("scipy_openblas_set_num_threads");
  static int most = get ? get() : 1, current = most;
  constexpr int64_t kWorthThreads = int64_t{1} << 25;
  int wanted = multiplications >= kWorthThreads ? most : 1;
  if (set && wanted != current) set(current = wanted);
}

template <class T>
struct Names;
template <>
struct Names<float> {
  static constexpr char kGemm[] = "scipy_cblas_sgemm", kGemv[] = "scipy_cblas_sgemv",
                        kDot[] = "scipy_cblas_sdot";
};
template <>
struct Names<double> {
  static constexpr char kGemm[] = "scipy_cblas_dgemm", kGemv[] = "scipy_cblas_dgemv",
                        kDot[] = "scipy_cblas_ddot";
};
template <>
struct Names<complex64> {
  static constexpr char kGemm[] = "scipy_cblas_cgemm";
};
template <>
struct Names<complex128> {
  static constexpr char kGemm[] = "scipy_cblas_zgemm";
};

template <class T>
constexpr bool kIsComplex = !std::is_floating_point_v<T>;

template <class T>
bool gemm_typed(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, Matrix c) {
  constexpr int64_t item = sizeof(T);
  std::vector<char> a_buffer, b_buffer;
  int ta, tb;
  int64_t lda, ldb;
  if (!direct(a, m, k, item, &ta, &lda)) {
    a = packed(a, m, k, item, a_buffer);
    ta = kNoTrans;
    lda = std::max<int64_t>(k, 1);
  }
  if (!direct(b, k, n, item, &tb, &ldb)) {
    b = packed(b, k, n, item, b_buffer);
    tb = kNoTrans;
    ldb = std::max<int64_t>(n, 1);
  }
  int64_t ldc = std::max<int64_t>(c.row_step / item, n);
  if constexpr (kIsComplex<T>) {
    using Gemm = void (*)(int, int, int, int, int, int, const void*, const void*, int, const void*,
                          int, const void*, void*, int);
    static Gemm f = symbol<Gemm>(Names<T>::kGemm);
    if (!f) return false;
    T one = 1, zero = 0;
    f(kRowMajor, ta, tb, m, n, k, &one, a.data, lda, b.data, ldb, &zero, c.data, ldc);
  } else {
    using Gemm =
        void (*)(int, int, int, int, int, int, T, const T*, int, const T*, int, T, T*, int);
    using Gemv = void (*)(int, int, int, int, T, const T*, int, const T*, int, T, T*, int);
    static Gemm f = symbol<Gemm>(Names<T>::kGemm);
    static Gemv v = symbol<Gemv>(Names<T>::kGemv);
    if (!f || !v) return false;
    const T *pa = reinterpret_cast<T*>(a.data), *pb = reinterpret_cast<T*>(b.data);
    T* pc = reinterpret_cast<T*>(c.data);
    if (n == 1) {  // c = A b
      int inc = tb == kNoTrans ? ldb : 1;
      if (k == 1) inc = 1;
      v(kRowMajor, ta, ta == kNoTrans ? m : k, ta == kNoTrans ? k : m, 1, pa, lda, pb, inc, 0, pc,
        ldc);
    } else if (m == 1) {  // c' = B' a'
      int inc = ta == kNoTrans ? 1 : lda;
      v(kRowMajor, tb == kNoTrans ? kTrans : kNoTrans, tb == kNoTrans ? k : n,
        tb == kNoTrans ? n : k, 1, pb, ldb, pa, inc, 0, pc, 1);
    } else {
      f(kRowMajor, ta, tb, m, n, k, 1, pa, lda, pb, ldb, 0, pc, ldc);
    }
  }
  return true;
}

template <class T>
bool dot_typed(int64_t n, const char* a, int64_t a_step, const char* b, int64_t b_step, char* out) {
  constexpr int64_t item = sizeof(T);
  T total = 0;
  if constexpr (!kIsComplex<T>) {
    using Dot = T (*)(int, const T*, int, const T*, int);
    bool usable = n >= 32 && n < INT32_MAX && a_step > 0 && b_step > 0 && a_step % item == 0 &&
                  b_step % item == 0;
    if (usable) {
      static Dot f = symbol<Dot>(Names<T>::kDot);
      if (!f) return false;
      total = f(static_cast<int>(n), reinterpret_cast<const T*>(a), a_step / item,
                reinterpret_cast<const T*>(b), b_step / item);
      std::memcpy(out, &total, item);
      return true;
    }
  }
  for (int64_t i = 0; i < n; ++i, a += a_step, b += b_step) {
    T x, y;
    std::memcpy(&x, a, item);
    std::memcpy(&y, b, item);
    total += x * y;
  }
  std::memcpy(out, &total, item);
  return true;
}

}  // namespace

bool supports(DType dtype) {
  return dtype == DType::F32 || dtype == DType::F64 || dtype == DType::C64 || dtype == DType::C128;
}

bool gemm(DType dtype, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, Matrix c) {
  if (m * n * k <= kSmallProduct && !is_complex(dtype) && b.col_step == itemsize(dtype) &&
      c.col_step == itemsize(dtype)) {
    auto small = dtype == DType::F32 ? cpu::best_small_matmul().f32 : cpu::best_small_matmul().f64;
    small(m, n, k, a.data, a.row_step, a.col_step, b.data, b.row_step, c.data, c.row_step);
    return true;
  }
  if (m > INT32_MAX || n > INT32_MAX || k > INT32_MAX) {
    PyErr_SetString(PyExc_ValueError,
                    "matrix dimensions above 2**31 - 1 are not supported by the BLAS library");
    return false;
  }
  if (!library()) return false;
  choose_threads(m * n * k);
  ReleaseGil gil(m * n * k);
  switch (dtype) {
    case DType::F32:
      return gemm_typed<float>(m, n, k, a, b, c);
    case DType::F64:
      return gemm_typed<double>(m, n, k, a, b, c);
    case DType::C64:
      return gemm_typed<complex64>(m, n, k, a, b, c);
    default:
      return gemm_typed<complex128>(m, n, k, a, b, c);
  }
}

bool dot(DType dtype, int64_t n, const char* a, int64_t a_step, const char* b, int64_t b_step,
         char* out) {
  switch (dtype) {
    case DType::F32:
      return dot_typed<float>(n, a, a_step, b, b_step, out);
    case DType::F64:
      return dot_typed<double>(n, a, a_step, b, b_step, out);
    case DType::C64:
      return dot_typed<complex64>(n, a, a_step, b, b_step, out);
    default:
      return dot_typed<complex128>(n, a, a_step, b, b_step, out);
  }
}

}  // namespace mp::blas
