#include "ops/blas.h"

#include <Python.h>
#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/error.h"
#include "cpu/gemm.h"
#include "cpu/matmul.h"
#include "engine/pool.h"

namespace mp::blas {
namespace {

struct Matrix {  // element (i, j) is at data + i * row_step + j * col_step bytes
  char* data;
  int64_t row_step, col_step;
};

enum Order { kRowMajor = 101 };
enum Transpose { kNoTrans = 111, kTrans = 112 };

// Products with fewer multiplications than this are faster without BLAS's packing and dispatch.
constexpr int64_t kSmallProduct = 8 * 8 * 8;

// Its own threads would wait for one another by spinning; ours take whole panels.
void use_one_thread(void* handle) {
  auto set = reinterpret_cast<void (*)(int)>(dlsym(handle, "scipy_openblas_set_num_threads"));
  if (set) set(1);
}

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
      else
        use_one_thread(h);
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

template <class T>
struct Names;
template <>
struct Names<float> {
  static constexpr char kGemv[] = "scipy_cblas_sgemv", kDot[] = "scipy_cblas_sdot";
};
template <>
struct Names<double> {
  static constexpr char kGemv[] = "scipy_cblas_dgemv", kDot[] = "scipy_cblas_ddot";
};
template <>
struct Names<complex64> {
  static constexpr char kGemm[] = "scipy_cblas_cgemm", kGemv[] = "scipy_cblas_cgemv",
                        kDot[] = "scipy_cblas_cdotu_sub";
};
template <>
struct Names<complex128> {
  static constexpr char kGemm[] = "scipy_cblas_zgemm", kGemv[] = "scipy_cblas_zgemv",
                        kDot[] = "scipy_cblas_zdotu_sub";
};

template <class T>
constexpr bool kIsComplex = !std::is_floating_point_v<T>;

// BLAS takes real numbers by value and complex ones by address.
template <class T>
using Scalar = std::conditional_t<kIsComplex<T>, const T*, T>;
template <class T>
Scalar<T> scalar(const T& x) {
  if constexpr (kIsComplex<T>)
    return &x;
  else
    return x;
}

// Complex matrices, and real or complex ones of which one is a vector.
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
  const T one = 1, zero = 0;
  const T *pa = reinterpret_cast<T*>(a.data), *pb = reinterpret_cast<T*>(b.data);
  T* pc = reinterpret_cast<T*>(c.data);
  if constexpr (kIsComplex<T>) {
    if (m > 1 && n > 1) {
      using Gemm = void (*)(int, int, int, int, int, int, const T*, const T*, int, const T*, int,
                            const T*, T*, int);
      static Gemm f = symbol<Gemm>(Names<T>::kGemm);
      if (f) f(kRowMajor, ta, tb, m, n, k, &one, pa, lda, pb, ldb, &zero, pc, ldc);
      return f != nullptr;
    }
  }
  using Gemv =
      void (*)(int, int, int, int, Scalar<T>, const T*, int, const T*, int, Scalar<T>, T*, int);
  static Gemv v = symbol<Gemv>(Names<T>::kGemv);
  if (!v) return false;
  if (n == 1) {  // c = A b
    int inc = tb == kNoTrans ? ldb : 1;
    if (k == 1) inc = 1;
    v(kRowMajor, ta, ta == kNoTrans ? m : k, ta == kNoTrans ? k : m, scalar(one), pa, lda, pb, inc,
      scalar(zero), pc, ldc);
  } else {  // c' = B' a'
    int inc = ta == kNoTrans ? 1 : lda;
    v(kRowMajor, tb == kNoTrans ? kTrans : kNoTrans, tb == kNoTrans ? k : n, tb == kNoTrans ? n : k,
      scalar(one), pb, ldb, pa, inc, scalar(zero), pc, 1);
  }
  return true;
}

// The sum of products by BLAS.
template <class T>
bool blas_dot(int n, const T* a, int a_step, const T* b, int b_step, T* out) {
  if constexpr (kIsComplex<T>) {
    using Dot = void (*)(int, const T*, int, const T*, int, T*);
    static Dot f = symbol<Dot>(Names<T>::kDot);
    if (f) f(n, a, a_step, b, b_step, out);
    return f != nullptr;
  } else {
    using Dot = T (*)(int, const T*, int, const T*, int);
    static Dot f = symbol<Dot>(Names<T>::kDot);
    if (f) *out = f(n, a, a_step, b, b_step);
    return f != nullptr;
  }
}

template <class T>
T product(T x, T y) {
  if constexpr (kIsComplex<T>)  // as BLAS has it, without the C library's care for infinities
    return {x.real() * y.real() - x.imag() * y.imag(), x.real() * y.imag() + x.imag() * y.real()};
  else
    return x * y;
}

template <class T>
bool dot_typed(int64_t n, const char* a, int64_t a_step, const char* b, int64_t b_step, char* out) {
  constexpr int64_t item = sizeof(T);
  T total = 0;
  const bool usable = n >= 32 && n < INT32_MAX && a_step > 0 && b_step > 0 && a_step % item == 0 &&
                      b_step % item == 0;
  if (usable) {
    if (!blas_dot(static_cast<int>(n), reinterpret_cast<const T*>(a), a_step / item,
                  reinterpret_cast<const T*>(b), b_step / item, &total))
      return false;
  } else {
    for (int64_t i = 0; i < n; ++i, a += a_step, b += b_step) {
      T x, y;
      std::memcpy(&x, a, item);
      std::memcpy(&y, b, item);
      total += product(x, y);
    }
  }
  std::memcpy(out, &total, item);
  return true;
}

// f(T{}) for the C++ type T of one of the four dtypes that BLAS knows.
template <class F>
bool with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::F32:
      return f(float{});
    case DType::F64:
      return f(double{});
    case DType::C64:
      return f(complex64{});
    default:
      return f(complex128{});
  }
}

bool gemm_serial(DType dtype, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, Matrix c) {
  return with_type(dtype, [&](auto of) { return gemm_typed<decltype(of)>(m, n, k, a, b, c); });
}

// Nanoseconds of one product on one thread: a fused multiply-add unit's rate for matrices, memory's
// for vectors.
int64_t cost_ns(DType dtype, int64_t m, int64_t n, int64_t k) {
  const double words = itemsize(dtype) / 4.0 * (is_complex(dtype) ? 2 : 1);
  const double each = m == 1 || n == 1 ? 0.07 : 0.022;
  return static_cast<int64_t>(each * words * static_cast<double>(m * n * k));
}

// Where panel p of `parts` begins in a length, on a multiple of `unit`.
int64_t cut(int64_t length, int64_t parts, int64_t p, int64_t unit) {
  if (p == parts) return length;
  return (length * p / parts + unit / 2) / unit * unit;
}

// How a product with a vector or of complex matrices is cut, see Note [BLAS runs on our threads].
// Cuts between the rows of a matrix leave every bit of the result as it is when the panels begin on
// multiples of the kernels' register tiles and are not so small that BLAS changes the method.
// Others do not, so they depend on the shape alone.
struct Cuts {
  bool rows;
  int64_t parts, unit;
};
Cuts choose_cuts(int64_t m, int64_t n, int64_t k, int64_t serial_ns) {
  constexpr int64_t kRowUnit = 24, kLeastRows = 48, kOtherUnit = 64, kLeastOther = 512;
  constexpr int64_t kLeastPanel = int64_t{1} << 20, kLeastVectorPanel = int64_t{1} << 17;
  constexpr int64_t kMostParts = 64,
                    kLongNs = 2'000'000;  // longer ones get several panels a thread
  const int64_t work = m * n * k;
  if (m == 1 || n == 1)
    return {n == 1, std::min({kMostParts, std::max(m, n) / kLeastOther, work / kLeastVectorPanel}),
            kOtherUnit};
  if (m < 2 * kLeastRows)
    return {false, std::min({kMostParts, n / kLeastOther, work / kLeastPanel}), kOtherUnit};
  const int64_t wanted = (serial_ns > kLongNs ? 4 : 1) * pool::threads();
  return {true, std::min({wanted, m / kLeastRows, work / kLeastPanel}), kRowUnit};
}

bool gemm_panels(DType dtype, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, Matrix c) {
  const int64_t serial_ns = cost_ns(dtype, m, n, k);
  const Cuts cuts = choose_cuts(m, n, k, serial_ns);
  if (cuts.parts < 2) return gemm_serial(dtype, m, n, k, a, b, c);
  const int64_t item = itemsize(dtype);
  std::vector<char> a_buffer, b_buffer;  // packed once for all panels
  int trans;
  int64_t ld;
  if (!direct(a, m, k, item, &trans, &ld)) a = packed(a, m, k, item, a_buffer);
  if (!direct(b, k, n, item, &trans, &ld)) b = packed(b, k, n, item, b_buffer);
  std::atomic<bool> good{true};
  pool::parallel_for(cuts.parts, 1, serial_ns, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t from = cut(cuts.rows ? m : n, cuts.parts, p, cuts.unit),
                    size = cut(cuts.rows ? m : n, cuts.parts, p + 1, cuts.unit) - from;
      Matrix pa = a, pb = b, pc = c;
      (cuts.rows ? pa : pb).data += from * (cuts.rows ? a.row_step : b.col_step);
      pc.data += from * (cuts.rows ? c.row_step : c.col_step);
      if (!gemm_serial(dtype, cuts.rows ? size : m, cuts.rows ? n : size, k, pa, pb, pc))
        good = false;
    }
  });
  return good;
}

void gemm_small(DType dtype, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, Matrix c) {
  auto small = dtype == DType::F32 ? cpu::best_small_matmul().f32 : cpu::best_small_matmul().f64;
  small(m, n, k, a.data, a.row_step, a.col_step, b.data, b.row_step, c.data, c.row_step);
}

bool aligned(Steps s, int64_t item) { return s.row % item == 0 && s.col % item == 0; }
bool aligned(std::span<const Operands> products, int64_t item) {
  return std::all_of(products.begin(), products.end(), [item](const Operands& p) {
    return (reinterpret_cast<uintptr_t>(p.a) | reinterpret_cast<uintptr_t>(p.b)) % item == 0;
  });
}

// Real matrices, see cpu/gemm.h.
void own_gemm(DType dtype, int64_t m, int64_t n, int64_t k, Steps a, Steps b, Steps c,
              std::span<const Operands> products, const cpu::GemmFinish& finish) {
  const int64_t item = itemsize(dtype);
  const cpu::Gemm g{m, n, k, a.row / item, a.col / item, b.row / item, b.col / item, c.row / item};
  if (products.size() == 1)
    return cpu::gemm(dtype, g, {products[0].a, products[0].b, products[0].c}, finish);
  std::vector<cpu::GemmData> data;
  data.reserve(products.size());
  for (const Operands& p : products) data.push_back({p.a, p.b, p.c});
  cpu::gemm_stack(dtype, g, data.data(), static_cast<int64_t>(data.size()));
}

// For operands whose elements lie at odd addresses.
bool gemm_copied(DType dtype, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, Matrix c) {
  const int64_t item = itemsize(dtype);
  std::vector<char> a_buffer, b_buffer;
  const Operands one{packed(a, m, k, item, a_buffer).data, packed(b, k, n, item, b_buffer).data,
                     c.data};
  own_gemm(dtype, m, n, k, {k * item, item}, {n * item, item}, {c.row_step, item}, {&one, 1}, {});
  return true;
}

bool usable_library(int64_t m, int64_t n, int64_t k) {
  if (m <= INT32_MAX && n <= INT32_MAX && k <= INT32_MAX) return library();
  PyErr_SetString(PyExc_ValueError,
                  "matrix dimensions above 2**31 - 1 are not supported by the BLAS library");
  return false;
}

// run(i, cut) for each product of a stack: a few long ones are cut one by one, many short ones
// shared out whole.
template <class F>
bool run_stack(int64_t count, int64_t each_ns, F&& run) {
  constexpr int64_t kCutNs = 500'000, kCallNs = 50;
  const int64_t one_ns = each_ns + kCallNs;
  bool good = true;
  if (count == 1 || one_ns > kCutNs) {
    for (int64_t i = 0; i < count; ++i) good = good && run(i, true);
    return good;
  }
  std::atomic<bool> all_good{true};
  pool::parallel_for(count, 2000 / one_ns + 1, one_ns * count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      if (!run(i, false)) all_good = false;
  });
  return all_good;
}

}  // namespace

bool supports(DType dtype) {
  return dtype == DType::F32 || dtype == DType::F64 || dtype == DType::C64 || dtype == DType::C128;
}

bool gemm(DType dtype, int64_t m, int64_t n, int64_t k, Steps a, Steps b, Steps c,
          std::span<const Operands> products, const cpu::GemmFinish& finish) {
  const int64_t item = itemsize(dtype), count = products.size();
  const bool matrices = m > 1 && n > 1 && !is_complex(dtype);
  const bool small =
      m * n * k <= kSmallProduct && !is_complex(dtype) && b.col == item && c.col == item;
  auto each = [&](const Operands& p, auto&& f) {
    return f(dtype, m, n, k, Matrix{p.a, a.row, a.col}, Matrix{p.b, b.row, b.col},
             Matrix{p.c, c.row, c.col});
  };
  if (!small && !matrices && !usable_library(m, n, k)) return false;
  bool good = true;
  if (small && count == 1) {
    each(products[0], gemm_small);
  } else {
    ReleaseGil gil(count * m * n * k);
    if (matrices && !small && aligned(a, item) && aligned(b, item) && aligned(products, item)) {
      own_gemm(dtype, m, n, k, a, b, c, products, finish);
      return true;
    }
    good = run_stack(count, cost_ns(dtype, m, n, k), [&](int64_t i, bool cut) {
      if (small) return each(products[i], gemm_small), true;
      return matrices ? each(products[i], gemm_copied)
                      : each(products[i], cut ? gemm_panels : gemm_serial);
    });
  }
  if (finish.run) finish.run(finish.context, {0, m, 0, n});
  return good;
}

bool dot(DType dtype, int64_t n, const char* a, int64_t a_step, const char* b, int64_t b_step,
         char* out) {
  return with_type(dtype,
                   [&](auto of) { return dot_typed<decltype(of)>(n, a, a_step, b, b_step, out); });
}

}  // namespace mp::blas
