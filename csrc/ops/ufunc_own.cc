// Elementwise operators that NumPy lacks, made into NumPy ufuncs over our inner loops: NumPy then
// does for them what it does for its own (promotion, keyword arguments, reduce, outer), see Note
// [Borrowed loops].
#include <algorithm>
#include <cstring>
#include <vector>

#include "ops/ufunc.h"
#include "python/numpy_api.h"

namespace mp {
namespace {

constexpr OwnUfunc kOwn[] = {
    {"sigmoid", 1, "sigmoid(x): 1 / (1 + exp(-x)), element-wise."},
    {"relu", 1, "relu(x): x where it is positive, else 0, element-wise."},
    {"softsign", 1, "softsign(x): x / (1 + abs(x)), element-wise."},
    {"softrelu", 1, "softrelu(x): log(1 + exp(x)), element-wise."},
    {"log_sigmoid", 1, "log_sigmoid(x): log(sigmoid(x)), element-wise."},
    {"silu", 1, "silu(x): x * sigmoid(x), element-wise."},
    {"mish", 1, "mish(x): x * tanh(log(1 + exp(x))), element-wise."},
    {"selu", 1,
     "selu(x): 1.0507 * (x where it is positive, else 1.6733 * (exp(x) - 1)), element-wise."},
    {"gelu", 1, "gelu(x): x times the standard normal distribution function at x, element-wise."},
    {"gelu_tanh", 1,
     "gelu_tanh(x): x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2, element-wise."},
    {"erf", 1, "erf(x): the error function, element-wise."},
    {"erfinv", 1, "erfinv(x): the inverse of the error function, element-wise."},
};

constexpr int kTypeNum[kDTypeCount] = {NPY_BOOL,   NPY_INT8,   NPY_UINT8,  NPY_INT16,  NPY_UINT16,
                                       NPY_INT32,  NPY_UINT32, NPY_INT64,  NPY_UINT64, NPY_HALF,
                                       NPY_NOTYPE, NPY_FLOAT,  NPY_DOUBLE, NPY_CFLOAT, NPY_CDOUBLE};

// What PyUFunc_FromFuncAndData keeps pointers to.
struct Table {
  std::vector<PyUFuncGenericFunction> functions;
  std::vector<void*> data;
  std::vector<char> types;
};

}  // namespace

std::span<const OwnUfunc> own_ufuncs() { return kOwn; }

PyObject* make_numpy_ufunc(const OwnUfunc& own) {
  std::vector<const cpu::LoopEntry*> loops;
  for (const cpu::LoopEntry& entry : cpu::best_loops())
    if (std::string_view(entry.op) == own.name && !std::strchr(entry.types, 'E'))
      loops.push_back(&entry);
  // NumPy takes the first loop that the operands can be cast to, so the narrow types come first.
  std::ranges::stable_sort(loops, {}, [](auto* entry) { return dtype_of_char(entry->types[0]); });
  auto* table = new Table;  // lives as long as the ufunc: for ever
  for (const cpu::LoopEntry* entry : loops) {
    table->functions.push_back(reinterpret_cast<PyUFuncGenericFunction>(entry->fn));
    table->data.push_back(nullptr);
    for (int i = 0; i <= own.nin; ++i)
      table->types.push_back(static_cast<char>(kTypeNum[index(dtype_of_char(entry->types[i]))]));
  }
  return PyUFunc_FromFuncAndData(table->functions.data(), table->data.data(), table->types.data(),
                                 static_cast<int>(loops.size()), own.nin, 1, PyUFunc_None, own.name,
                                 own.doc, 0);
}

}  // namespace mp
