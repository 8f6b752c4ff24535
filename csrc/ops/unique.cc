// unique of all elements, by sorting: with the positions of first occurrences, the inverse and the
// counts.
#include <algorithm>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/view.h"
#include "cpu/kernels.h"
#include "ops/manip.h"
#include "ops/statistics.h"
#include "python/numpy_api.h"
#include "python/signature.h"
#include "tape/tape.h"

namespace mp {
namespace {

struct Request {
  bool index = false, inverse = false, counts = false, equal_nan = true;
};

// Elements by their bits; kInfinity is 0 for integers.
template <class U, U kInfinity>
struct Same {
  static constexpr U kSign = static_cast<U>(U{1} << (sizeof(U) * 8 - 1));
  static bool is_nan(U u) { return kInfinity && static_cast<U>(u & ~kSign) > kInfinity; }
  static U plain(U u) { return kInfinity && u == kSign ? U{0} : u; }
  // Of sorted elements, the numbers; NaNs follow them.
  static int64_t numbers(const U* sorted, int64_t n) {
    if (!kInfinity || !is_nan(sorted[n - 1])) return n;
    return std::partition_point(sorted, sorted + n, [](U u) { return !is_nan(u); }) - sorted;
  }
};

template <class S, class U>
int64_t count_runs(const U* sorted, int64_t n, bool equal_nan) {
  const int64_t numbers = S::numbers(sorted, n), nans = n - numbers;
  int64_t count = (numbers > 0) + (equal_nan ? nans > 0 : nans);
  U last = S::plain(sorted[0]);
  for (int64_t i = 1; i < numbers; ++i) {
    const U element = S::plain(sorted[i]);
    count += element != last;
    last = element;
  }
  return count;
}

// The first element of each of `count` runs of equal ones, and where it stands if kPlaces. Without
// branches: what is written for an element that starts no run is overwritten.
template <class S, bool kPlaces, class U>
void find_runs(const U* sorted, int64_t n, int64_t count, bool equal_nan, U* values,
               int64_t* starts) {
  const int64_t first_nan = S::numbers(sorted, n);
  int64_t k = count - (equal_nan ? first_nan < n : n - first_nan);
  for (int64_t i = first_nan; k < count; ++i, ++k) {
    values[k] = sorted[i];
    if (kPlaces) starts[k] = i;
  }
  if (first_nan == 0) return;
  values[0] = sorted[0];
  if (kPlaces) starts[0] = 0;
  const int64_t runs = count - (equal_nan ? first_nan < n : n - first_nan);
  U last = S::plain(sorted[0]);
  for (int64_t i = k = 1; k < runs; ++i) {
    const U element = S::plain(sorted[i]);
    values[k] = sorted[i];
    if (kPlaces) starts[k] = i;
    k += element != last;
    last = element;
  }
}

ArrayRef positions_array(std::span<const int64_t> shape) {
  return ArrayRef::steal(array_new(DType::I64, static_cast<int>(shape.size()), shape.data()));
}
int64_t* numbers_of(const ArrayRef& a) { return reinterpret_cast<int64_t*>(a->bytes()); }

struct Runs {
  ArrayRef values, starts;  // the latter only where it was wanted
};

template <class U, U kInfinity = 0>
Runs typed_runs(const Array* sorted, bool equal_nan, bool places) {
  using S = Same<U, kInfinity>;
  const U* elements = reinterpret_cast<const U*>(sorted->bytes());
  int64_t count;
  {
    ReleaseGil gil(sorted->size);
    count = count_runs<S>(elements, sorted->size, equal_nan);
  }
  Runs runs{ArrayRef::steal(array_new(sorted->dtype, 1, &count)),
            places ? positions_array({&count, 1}) : ArrayRef{}};
  if (!runs.values || (places && !runs.starts)) return {};
  U* values = reinterpret_cast<U*>(runs.values->bytes());
  int64_t* starts = places ? numbers_of(runs.starts) : nullptr;
  ReleaseGil gil(sorted->size);
  if (places)
    find_runs<S, true>(elements, sorted->size, count, equal_nan, values, starts);
  else
    find_runs<S, false>(elements, sorted->size, count, equal_nan, values, starts);
  return runs;
}

// Empty with an error set.
Runs runs_of(const Array* sorted, bool equal_nan, bool places) {
  switch (sorted->dtype) {
    case DType::F16:
      return typed_runs<uint16_t, 0x7c00>(sorted, equal_nan, places);
    case DType::BF16:
      return typed_runs<uint16_t, 0x7f80>(sorted, equal_nan, places);
    case DType::F32:
      return typed_runs<uint32_t, 0x7f800000>(sorted, equal_nan, places);
    case DType::F64:
      return typed_runs<uint64_t, 0x7ff0000000000000>(sorted, equal_nan, places);
    default:
      break;
  }
  switch (itemsize(sorted->dtype)) {
    case 1:
      return typed_runs<uint8_t>(sorted, equal_nan, places);
    case 2:
      return typed_runs<uint16_t>(sorted, equal_nan, places);
    case 4:
      return typed_runs<uint32_t>(sorted, equal_nan, places);
    default:
      return typed_runs<uint64_t>(sorted, equal_nan, places);
  }
}

// Calls f(k, start, end) for each run of n elements.
template <class F>
void for_runs(const Runs& runs, int64_t n, F&& f) {
  const int64_t *starts = numbers_of(runs.starts), count = runs.starts->size;
  for (int64_t k = 0; k < count; ++k) f(k, starts[k], k + 1 < count ? starts[k + 1] : n);
}

ArrayRef first_positions(const Runs& runs, const int64_t* order, int64_t n) {
  ArrayRef first = positions_array({&runs.starts->size, 1});
  if (first)
    for_runs(runs, n, [to = numbers_of(first), order](int64_t k, int64_t start, int64_t) {
      to[k] = order[start];
    });
  return first;
}

ArrayRef inverse_of(const Runs& runs, const int64_t* order, int64_t n,
                    std::span<const int64_t> shape) {
  ArrayRef inverse = positions_array(shape);
  if (inverse)
    for_runs(runs, n, [to = numbers_of(inverse), order](int64_t k, int64_t start, int64_t end) {
      for (int64_t i = start; i < end; ++i) to[order[i]] = k;
    });
  return inverse;
}

ArrayRef counts_of(const Runs& runs, int64_t n) {
  ArrayRef counts = positions_array({&runs.starts->size, 1});
  if (counts)
    for_runs(runs, n, [to = numbers_of(counts)](int64_t k, int64_t start, int64_t end) {
      to[k] = end - start;
    });
  return counts;
}

PyObject* packed(const std::vector<ArrayRef>& parts) {
  for (const ArrayRef& part : parts)
    if (!part) return nullptr;
  if (parts.size() == 1) return ArrayRef(parts[0]).release_object();
  PyObject* tuple = PyTuple_New(static_cast<Py_ssize_t>(parts.size()));
  for (size_t i = 0; tuple && i < parts.size(); ++i)
    PyTuple_SET_ITEM(tuple, i, ArrayRef(parts[i]).release_object());
  return tuple;
}

// The elements in order, in one row; with their positions where they are asked for.
ArrayRef sorted_elements(Array* a, ArrayRef* order) {
  ArrayRef flat = ArrayRef::steal(array_copy(a, 'C'));
  flat = flat ? reshaped(flat.get(), {&a->size, 1}) : ArrayRef{};
  if (!flat) return {};
  if (!order) return sort_rows(flat.get()) ? flat : ArrayRef{};
  *order = positions_array({&a->size, 1});
  ArrayRef sorted = ArrayRef::steal(array_new(a->dtype, 1, &a->size));
  if (!*order || !sorted) return {};
  if (!argsort_rows(flat.get(), order->get())) return {};
  const char* keys = flat->bytes();
  char* to = sorted->bytes();
  const int64_t *positions = numbers_of(*order), item = itemsize(a->dtype);
  ReleaseGil gil(a->size);
  cpu::gather(to, keys, item, item, positions, a->size);
  return sorted;
}

PyObject* unique_elements(Array* a, const Request& request) {
  ArrayRef order;
  ArrayRef sorted = sorted_elements(a, request.index || request.inverse ? &order : nullptr);
  const bool places = request.index || request.inverse || request.counts;
  const Runs runs = sorted ? runs_of(sorted.get(), request.equal_nan, places) : Runs{};
  if (!runs.values) return nullptr;
  const int64_t n = a->size, *positions = order ? numbers_of(order) : nullptr;
  std::vector<ArrayRef> parts{runs.values};
  if (request.index) parts.push_back(first_positions(runs, positions, n));
  // NumPy 1 leaves the inverse flat.
  if (request.inverse)
    parts.push_back(inverse_of(runs, positions, n,
                               numpy2() ? a->shape_span() : std::span<const int64_t>(&n, 1)));
  if (request.counts) parts.push_back(counts_of(runs, n));
  return packed(parts);
}

// v: ar, return_index, return_inverse, return_counts, axis, equal_nan, sorted
PyObject* unique(PyObject* const* v) {
  ArrayRef a = operand(v[0]);
  int axis;
  if (!a || a->size == 0 || is_complex(a->dtype) || tape::should_record(a.get()) ||
      (!absent(v[4]) && (a->ndim != 1 || !read_axis(v[4], 1, &axis))) || (v[6] && v[6] != Py_True))
    return nullptr;
  Request request;
  bool* flags[] = {&request.index, &request.inverse, &request.counts};
  for (int i = 0; i < 3; ++i) {
    if (v[i + 1] && !PyBool_Check(v[i + 1])) return nullptr;
    *flags[i] = v[i + 1] == Py_True;
  }
  if (v[5] && !PyBool_Check(v[5])) return nullptr;
  request.equal_nan = v[5] != Py_False;
  return unique_elements(a.get(), request);
}

constexpr Signature kUnique{
    "unique",
    {"ar", "return_index", "return_inverse", "return_counts", "axis", "equal_nan", "sorted"},
    7,
    1,
    0,
    5};

}  // namespace

std::span<const PyMethodDef> unique_functions() {
  static const PyMethodDef defs[] = {function_def<kUnique, unique>()};
  return defs;
}

}  // namespace mp
