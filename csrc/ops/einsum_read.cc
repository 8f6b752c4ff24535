#include <algorithm>
#include <cctype>
#include <cstring>
#include <map>

#include "core/error.h"
#include "ops/api.h"
#include "ops/einsum.h"
#include "ops/manip.h"
#include "python/signature.h"

namespace mp::einsum {
namespace {

// Before the operands' dimensions are known a label is a letter's code, or kEllipsis. Its axes
// then become kEllipsis + 1, kEllipsis + 2 ... from the last to the first.
constexpr int kEllipsis = 128;

struct Subscripts {
  std::vector<Labels> inputs;
  bool has_output = false;
  Labels output;
};

bool add_ellipsis(Labels& term) {
  if (std::find(term.begin(), term.end(), kEllipsis) != term.end()) return false;
  term.push_back(kEllipsis);
  return true;
}

bool read_text(const char* p, Subscripts* s) {
  s->inputs.emplace_back();
  Labels* term = &s->inputs.back();
  for (; *p; ++p) {
    if (*p == ' ') continue;
    if (std::isalpha(static_cast<unsigned char>(*p))) {
      term->push_back(*p);
    } else if (std::strncmp(p, "...", 3) == 0) {
      if (!add_ellipsis(*term)) return false;
      p += 2;
    } else if (std::strncmp(p, "->", 2) == 0 && !s->has_output) {
      s->has_output = true;
      term = &s->output;
      ++p;
    } else if (*p == ',' && !s->has_output) {
      term = &s->inputs.emplace_back();
    } else {
      return false;
    }
  }
  return true;
}

bool read_list(PyObject* o, Labels* term) {
  if (!PyList_CheckExact(o) && !PyTuple_CheckExact(o)) return false;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(o, i);
    int64_t number;
    if (item == Py_Ellipsis) {
      if (!add_ellipsis(*term)) return false;
    } else if (read_int(item, &number) && number >= 0 && number < 52) {
      term->push_back(static_cast<int>(number < 26 ? 'A' + number : 'a' + number - 26));
    } else {
      return false;
    }
  }
  return true;
}

bool read_subscripts(PyObject* const* operands, Py_ssize_t count, Subscripts* s,
                     std::vector<ArrayRef>* arrays) {
  if (count < 2) return false;
  const bool text = PyUnicode_Check(operands[0]);
  if (text) {
    const char* p = PyUnicode_AsUTF8(operands[0]);
    if (!p || !read_text(p, s) || static_cast<Py_ssize_t>(s->inputs.size()) != count - 1)
      return false;
  }
  for (Py_ssize_t i = text; i + !text < count; i += text ? 1 : 2) {
    arrays->push_back(operand(operands[i]));
    if (!arrays->back()) return false;
    if (!text && !read_list(operands[i + 1], &s->inputs.emplace_back())) return false;
  }
  if (text || count % 2 == 0) return true;
  s->has_output = true;
  return read_list(operands[count - 1], &s->output);
}

// Puts `count` labels in the place of the ellipsis; without one, count has to be 0.
bool expand(Labels& term, int count) {
  auto at = std::find(term.begin(), term.end(), kEllipsis);
  if (at == term.end()) return count == 0;
  if (count < 0) return false;
  at = term.erase(at);
  for (int k = 1; k <= count; ++k) at = term.insert(at, kEllipsis + k);
  return true;
}

// The labels that occur once, behind those of the ellipsis.
Labels implied_output(const std::vector<Labels>& inputs, int broadcast) {
  std::map<int, int> seen;
  for (const Labels& term : inputs)
    for (int label : term)
      if (label < kEllipsis) ++seen[label];
  Labels output;
  for (int k = broadcast; k > 0; --k) output.push_back(kEllipsis + k);
  for (auto [label, times] : seen)
    if (times == 1) output.push_back(label);
  return output;
}

bool expand_all(Subscripts& s, const std::vector<ArrayRef>& arrays) {
  int broadcast = 0;
  for (size_t i = 0; i < arrays.size(); ++i) {
    Labels& term = s.inputs[i];
    const bool has_ellipsis = std::count(term.begin(), term.end(), kEllipsis);
    const int count = arrays[i]->ndim - static_cast<int>(term.size()) + has_ellipsis;
    if (!expand(term, count)) return false;
    broadcast = std::max(broadcast, count);
  }
  if (s.has_output) return expand(s.output, broadcast);
  s.output = implied_output(s.inputs, broadcast);
  return true;
}

// Letters to numbers from 0; false when the output has a label twice or one that no operand has.
bool number_labels(Subscripts& s) {
  std::map<int, int> numbers;
  for (Labels& term : s.inputs)
    for (int& label : term)
      label = numbers.try_emplace(label, static_cast<int>(numbers.size())).first->second;
  uint64_t seen = 0;
  if (numbers.size() > kMaxLabels) return false;
  for (int& label : s.output) {
    auto found = numbers.find(label);
    if (found == numbers.end() || seen >> found->second & 1) return false;
    label = found->second;
    seen |= uint64_t{1} << label;
  }
  return true;
}

// The sizes of the labels; a label may have length 1 in some operands, but not only in some axes
// of one.
bool read_sizes(const Subscripts& s, const std::vector<ArrayRef>& arrays, int64_t* sizes) {
  std::fill(sizes, sizes + kMaxLabels, 1);
  for (size_t i = 0; i < arrays.size(); ++i)
    for (int k = 0; k < arrays[i]->ndim; ++k) {
      int64_t& size = sizes[s.inputs[i][k]];
      const int64_t n = arrays[i]->shape[k];
      if (size != n && size != 1 && n != 1) return false;
      if (n != 1) size = n;
    }
  return true;
}

// The view in which each label is one axis. False when the axes of one label differ.
bool make_term(const ArrayRef& a, const Labels& labels, const int64_t* sizes, Term* term) {
  int64_t shape[kMaxDims], strides[kMaxDims];
  for (int k = 0; k < a->ndim; ++k) {
    auto first = std::find(labels.begin(), labels.begin() + k, labels[k]) - labels.begin();
    if (a->shape[first] != a->shape[k]) return false;
    if (first < k) {
      const auto at = std::find(term->labels.begin(), term->labels.end(), labels[k]);
      if (at != term->labels.end()) strides[at - term->labels.begin()] += a->strides[k];
    } else if (a->shape[k] == sizes[labels[k]]) {
      shape[term->labels.size()] = a->shape[k];
      strides[term->labels.size()] = a->strides[k];
      term->labels.push_back(labels[k]);
    }
  }
  term->array = ArrayRef::steal(array_view(a.get(), a->dtype, static_cast<int>(term->labels.size()),
                                           shape, strides, a->offset));
  return static_cast<bool>(term->array);
}

}  // namespace

bool read_call(PyObject* const* operands, Py_ssize_t count, Call* call) {
  Subscripts s;
  std::vector<ArrayRef> arrays;
  if (!read_subscripts(operands, count, &s, &arrays) || !expand_all(s, arrays) ||
      !number_labels(s) || !read_sizes(s, arrays, call->sizes))
    return false;
  const DType dtype = promoted(arrays);
  if (dtype == DType::Invalid) return false;
  for (size_t i = 0; i < arrays.size(); ++i) {
    Term& term = call->terms.emplace_back();
    if (!make_term(api::astype(arrays[i], dtype), s.inputs[i], call->sizes, &term)) return false;
  }
  call->output = s.output;
  return true;
}

}  // namespace mp::einsum
