#include "ops/manip.h"

#include <algorithm>
#include <initializer_list>

namespace mp {
namespace {

inline constexpr int kCapacity = 64;

// Copies the chapters into one table; the entry behind the last stays zero, which ends it.
bool collect(PyMethodDef* to, std::initializer_list<std::span<const PyMethodDef>> chapters) {
  for (std::span<const PyMethodDef> chapter : chapters)
    to = std::copy(chapter.begin(), chapter.end(), to);
  return true;
}

}  // namespace

PyMethodDef manip_functions[kCapacity];
PyMethodDef manip_methods[kCapacity];

namespace {

const bool collected =
    collect(manip_functions,
            {reshape_functions(), axes_functions(), join_functions(), split_functions(),
             select_functions(), repeat_functions(), einsum_functions(), product_functions(),
             pad_functions(), choose_functions(), unique_functions()}) &&
    collect(manip_methods, {reshape_methods(), axes_methods(), select_methods(), repeat_methods(),
                            item_methods(), choose_methods()});

}  // namespace
}  // namespace mp
