// einsum: sums of products as views, broadcast multiplications, sums and matrix products, which
// have gradients of their own.
#include "ops/einsum.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "core/error.h"
#include "ops/blas.h"
#include "ops/expr.h"
#include "ops/manip.h"
#include "python/numpy_api.h"
#include "python/scalar.h"
#include "python/signature.h"
#include "tape/tape.h"

namespace mp::einsum {
namespace {

using namespace expr;
using Mask = uint64_t;

constexpr size_t kMostForBestOrder = 8;  // operands; the search takes 3^n steps
constexpr double kLongDot = 128;
constexpr double kFewProducts = 4096;  // below, what an intermediate array costs does not matter

Mask mask_of(const Labels& labels) {
  Mask mask = 0;
  for (int label : labels) mask |= Mask{1} << label;
  return mask;
}

Labels among(const Labels& labels, Mask mask) {
  Labels chosen;
  for (int label : labels)
    if (mask >> label & 1) chosen.push_back(label);
  return chosen;
}

Labels joined(Labels a, const Labels& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Sums over the labels that are not kept.
Term reduced(Term term, Mask keep) {
  std::vector<int> axes;
  for (size_t i = 0; i < term.labels.size(); ++i)
    if (!(keep >> term.labels[i] & 1)) axes.push_back(static_cast<int>(i));
  if (axes.empty()) return term;
  return {api::sum(term.array, axes, false), among(term.labels, keep)};
}

class Contraction {
 public:
  explicit Contraction(const Call& call) : call_(call), output_(mask_of(call.output)) {}

  // Whether pairs take no fewer multiplications than one loop over all labels, which needs no
  // intermediate arrays.
  bool is_better_in_one_loop() {
    if (call_.terms.size() < 3 || !planned()) return false;
    plan();
    Mask all = 0;
    for (const Term& term : call_.terms) all |= mask_of(term.labels);
    return size(all) > kFewProducts && steps_.back().cost >= 2 * size(all);
  }

  ArrayRef run(bool* summed) {
    if (planned()) plan();
    Term result = planned() ? evaluate(steps_.size() - 1) : greedy_order();
    *summed = call_.terms.size() > 1 && summed_;
    return aligned(reduced(std::move(result), output_), call_.output);
  }

 private:
  double size(Mask labels) const {
    double product = 1;
    for (int i = 0; i < kMaxLabels; ++i)
      if (labels >> i & 1) product *= static_cast<double>(call_.sizes[i]);
    return product;
  }

  // Labels in the order of the output, then the others.
  Labels output_first(const Labels& labels) const {
    const Mask mask = mask_of(labels);
    return joined(among(call_.output, mask), among(labels, ~output_));
  }

  Term multiplied(const Term& x, const Term& y) const {
    Labels order = output_first(joined(x.labels, among(y.labels, ~mask_of(x.labels))));
    return {aligned(x, order) * aligned(y, order), order};
  }

  // The axes of the batch, then those of the rows as one, and those of the columns as one.
  ArrayRef grouped(const Term& term, const Labels& batch, const Labels& rows,
                   const Labels& columns) const {
    std::vector<int64_t> shape;
    for (int label : batch) shape.push_back(call_.sizes[label]);
    for (const Labels* group : {&rows, &columns}) {
      int64_t length = 1;
      for (int label : *group) length *= call_.sizes[label];
      shape.push_back(length);
    }
    return api::reshape(aligned(term, joined(joined(batch, rows), columns)), shape);
  }

  Term matrix_product(const Term& x, const Term& y, Mask keep) const {
    const Mask mx = mask_of(x.labels), my = mask_of(y.labels);
    Labels batch = among(x.labels, my & keep), summed = among(x.labels, my & ~keep),
           rows = among(x.labels, ~my), columns = among(y.labels, ~mx);
    if (batch.empty() && rows.empty() && columns.empty()) {
      const int64_t length = x.array->size;
      return {api::matmul(api::reshape(x.array, {&length, 1}),
                          api::reshape(aligned(y, x.labels), {&length, 1})),
              {}};
    }
    ArrayRef product =
        api::matmul(grouped(x, batch, rows, summed), grouped(y, batch, summed, columns));
    Labels labels = joined(joined(batch, rows), columns);
    std::vector<int64_t> shape;
    for (int label : labels) shape.push_back(call_.sizes[label]);
    return {api::reshape(product, shape), labels};
  }

  // The product of two terms, summed over the labels that are not kept.
  Term pair(Term x, Term y, Mask keep) {
    x = reduced(std::move(x), keep | mask_of(y.labels));
    y = reduced(std::move(y), keep | mask_of(x.labels));
    const Mask mx = mask_of(x.labels), my = mask_of(y.labels);
    const Mask summed = mx & my & ~keep;
    summed_ = size(summed) != 1;  // NumPy does without matrix products for axes of length 1
    if (!summed) return multiplied(x, y);
    // Many short dot products are faster as one multiplication and one sum.
    const bool dots = mx == my && (mx & keep) && size(summed) < kLongDot;
    return dots ? reduced(multiplied(x, y), keep) : matrix_product(x, y, keep);
  }

  // The cheapest tree of pairs, by dynamic programming over sets of operands.
  void plan() {
    const size_t n = call_.terms.size(), all = (size_t{1} << n) - 1;
    steps_.resize(all + 1);
    for (size_t set = 1; set <= all; ++set) {
      Mask inside = 0;
      for (size_t i = 0; i < n; ++i)
        if (set >> i & 1) inside |= mask_of(call_.terms[i].labels);
      steps_[set].labels = inside & needed_outside(set);
      if ((set & (set - 1)) == 0) {
        steps_[set].cost = 0;
        continue;
      }
      for (size_t left = (set - 1) & set; left > (set ^ left); left = (left - 1) & set) {
        const Step &a = steps_[left], &b = steps_[set ^ left];
        const double cost = a.cost + b.cost + size(a.labels | b.labels);
        if (cost < steps_[set].cost) steps_[set].cost = cost, steps_[set].left = left;
      }
    }
  }

  Term evaluate(size_t set) {
    if ((set & (set - 1)) == 0) return call_.terms[std::countr_zero(set)];
    const size_t left = steps_[set].left, right = set ^ left;
    // The operands in the caller's order: the result is laid out by it.
    const size_t first = (left & -left) < (right & -right) ? left : right;
    Term x = evaluate(first), y = evaluate(set ^ first);
    return pair(std::move(x), std::move(y), needed_outside(set));
  }

  Mask needed_outside(size_t set) const {
    Mask needed = output_;
    for (size_t i = 0; i < call_.terms.size(); ++i)
      if (!(set >> i & 1)) needed |= mask_of(call_.terms[i].labels);
    return needed;
  }

  // Pairs whose result saves the most memory first.
  Term greedy_order() {
    std::vector<Term> terms = call_.terms;
    while (terms.size() > 1) {
      size_t best_i = 0, best_j = 1;
      double best = std::numeric_limits<double>::infinity();
      for (size_t i = 0; i < terms.size(); ++i)
        for (size_t j = i + 1; j < terms.size(); ++j) {
          const Mask a = mask_of(terms[i].labels), b = mask_of(terms[j].labels);
          const double growth = size((a | b) & needed_by_others(terms, i, j)) - size(a) - size(b);
          if (growth < best) best = growth, best_i = i, best_j = j;
        }
      const Mask keep = needed_by_others(terms, best_i, best_j);
      Term product = pair(std::move(terms[best_i]), std::move(terms[best_j]), keep);
      terms.erase(terms.begin() + best_j);
      terms[best_i] = std::move(product);
    }
    return terms[0];
  }

  Mask needed_by_others(const std::vector<Term>& terms, size_t i, size_t j) const {
    Mask needed = output_;
    for (size_t k = 0; k < terms.size(); ++k)
      if (k != i && k != j) needed |= mask_of(terms[k].labels);
    return needed;
  }

  bool planned() const { return call_.terms.size() <= kMostForBestOrder; }

  struct Step {  // the best way to contract a set of operands
    Mask labels = 0;
    double cost = std::numeric_limits<double>::infinity();
    size_t left = 0;
  };

  const Call& call_;
  const Mask output_;
  std::vector<Step> steps_;
  bool summed_ = false;
};

// Whether our operations give what NumPy's do: sums of products only where BLAS has the dtype
// (NumPy sums halves in float32, and integers without an intermediate array).
bool handles(const Call& call) {
  const DType dtype = call.terms[0].array->dtype;
  Mask all = 0;
  for (const Term& term : call.terms) {
    all |= mask_of(term.labels);
    for (int label : term.labels)
      if (call.sizes[label] == 0) return false;
  }
  return !(all & ~mask_of(call.output)) || blas::supports(dtype);
}

enum class Optimize { No, Yes, Other };

Optimize read_optimize(PyObject* o) {
  if (!o || o == Py_False) return Optimize::No;
  if (o == Py_True) return Optimize::Yes;
  for (const char* name : {"greedy", "optimal"})
    if (PyUnicode_Check(o) && PyUnicode_CompareWithASCIIString(o, name) == 0) return Optimize::Yes;
  return Optimize::Other;  // None, a path, a memory limit
}

// NumPy gives a scalar for a result without axes, except where its optimized path ends in a matrix
// product; NumPy 1 except on any optimized path.
PyObject* evaluate(PyObject* const* args, Py_ssize_t nargs, Optimize optimize) {
  Call call;
  bool summed;
  if (!read_call(args, nargs, &call) || !handles(call)) return nullptr;
  if (optimize == Optimize::No && !tape::state.recording && better_in_one_loop(call))
    return nullptr;
  ArrayRef result = contract(call, &summed);
  if (result->ndim > 0 || (optimize == Optimize::Yes && (summed || !numpy2())))
    return result.release_object();
  return finish_result(api::copy(result).release());
}

PyObject* einsum(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  Optimize optimize = Optimize::No;
  for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); ++i) {
    PyObject *name = PyTuple_GET_ITEM(kwnames, i), *value = args[nargs + i];
    if (PyUnicode_CompareWithASCIIString(name, "optimize") == 0)
      optimize = read_optimize(value);
    else if (PyUnicode_CompareWithASCIIString(name, "out") != 0 || value != Py_None)
      optimize = Optimize::Other;
    if (optimize == Optimize::Other) break;
  }
  if (optimize != Optimize::Other) {
    PyObject* result = nullptr;
    try {
      result = evaluate(args, nargs, optimize);
    } catch (PythonError&) {
    }
    if (result || PyErr_Occurred()) return result;
  }
  return fallback_call("einsum", args, nargs, kwnames);
}

}  // namespace

ArrayRef aligned(const Term& term, const Labels& order) {
  int64_t shape[kMaxDims], strides[kMaxDims];
  for (size_t i = 0; i < order.size(); ++i) {
    const auto at = std::find(term.labels.begin(), term.labels.end(), order[i]);
    const bool there = at != term.labels.end();
    shape[i] = there ? term.array->shape[at - term.labels.begin()] : 1;
    strides[i] = there ? term.array->strides[at - term.labels.begin()] : 0;
  }
  Array* a = term.array.get();
  if (order == term.labels) return term.array;
  return check(array_view(a, a->dtype, static_cast<int>(order.size()), shape, strides, a->offset));
}

bool better_in_one_loop(const Call& call) { return Contraction(call).is_better_in_one_loop(); }

ArrayRef contract(const Call& call, bool* summed) { return Contraction(call).run(summed); }

}  // namespace mp::einsum

namespace mp {

std::span<const PyMethodDef> einsum_functions() {
  static const PyMethodDef defs[] = {method_def("einsum", einsum::einsum)};
  return defs;
}

}  // namespace mp
