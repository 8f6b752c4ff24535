// A plan as text, for debug_str.
#include <cstdio>

#include "core/dtype.h"
#include "python/call_plan.h"

namespace mp::calls {

namespace {

std::string constant_text(PyObject* o) {
  PyObject* repr = PyObject_Repr(o);
  const char* text = repr ? PyUnicode_AsUTF8(repr) : nullptr;
  std::string result = text ? text : "?";
  PyErr_Clear();
  Py_XDECREF(repr);
  if (result.size() > 40) result = result.substr(0, 37) + "...";
  return result;
}

std::string operand_text(const Operand& o) {
  if (o.kind == Operand::Slot) return "%" + std::to_string(o.slot);
  if (o.kind == Operand::Constant) return constant_text(o.constant.get());
  std::string text(1, o.kind == Operand::Tuple ? '(' : '[');
  for (size_t i = 0; i < o.items.size(); ++i) text += (i ? ", " : "") + operand_text(o.items[i]);
  return text + (o.kind == Operand::Tuple ? ')' : ']');
}

std::string slot_text(const SlotMeta& s) {
  std::string text = std::string(kDTypeName[index(s.dtype)]) + "(";
  for (size_t i = 0; i < s.shape.size(); ++i) text += (i ? ", " : "") + std::to_string(s.shape[i]);
  return text + ")";
}

std::string call_text(const Plan& plan, const Call& c, int number) {
  std::string text;
  for (int s : c.results.slots) text += (text.empty() ? "%" : ", %") + std::to_string(s);
  if (!text.empty()) text += " = ";
  text += name_of(c.callable.get()) + "(";
  const size_t plain = c.args.size() - c.keywords();
  for (size_t i = 0; i < c.args.size(); ++i) {
    if (i) text += ", ";
    if (i >= plain)
      text += std::string(PyUnicode_AsUTF8(PyTuple_GET_ITEM(c.kwnames.get(), i - plain))) + "=";
    text += operand_text(c.args[i]);
  }
  text += ")";
  for (int s : c.results.slots) {
    if (s < 0) continue;
    const SlotMeta& meta = plan.slots[static_cast<size_t>(s)];
    const Memory& m = plan.memories[static_cast<size_t>(meta.memory)];
    text += "  " + slot_text(meta);
    if (c.in_place)
      text += " in place";
    else if (m.first != number)
      text += m.first < 0 ? " in memory of the caller" : " view";
    else
      text += " in buffer " + std::to_string(m.buffer) + (m.kept ? ", kept" : "");
  }
  return c.label.empty() ? text : text + "  # " + c.label;
}

}  // namespace

std::string name_of(PyObject* callable) {
  PyObject* name = PyObject_GetAttrString(callable, "__name__");
  const char* text = name && PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : nullptr;
  std::string result = text ? text : Py_TYPE(callable)->tp_name;
  PyErr_Clear();
  Py_XDECREF(name);
  return result;
}

std::string Plan::text() const {
  std::string text;
  for (size_t i = 0; i < calls.size(); ++i)
    text += call_text(*this, calls[i], static_cast<int>(i)) + "\n";
  char summary[160];
  std::snprintf(summary, sizeof summary, "Total %.3f MB allocated, %.3f MB without reuse\n",
                static_cast<double>(planned_bytes()) / 1048576.0,
                static_cast<double>(unplanned) / 1048576.0);
  return text + summary;
}

}  // namespace mp::calls
