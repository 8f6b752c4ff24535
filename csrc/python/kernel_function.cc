#include "python/kernel_function.h"

#include <structmember.h>

#include <cstddef>

#include "core/pyref.h"
#include "python/call_trace.h"
#include "python/convert.h"
#include "python/nd_array.h"
#include "python/trace.h"

namespace mp {
namespace {

struct KernelFunction {
  PyObject_HEAD vectorcallfunc vectorcall;
  const KernelOp* op;
};

KernelFunction* as_function(PyObject* o) { return reinterpret_cast<KernelFunction*>(o); }

// --- Attributes to and from Python ---

std::vector<int64_t> read_int_list(const KernelOp& op, const KernelAttr& attr, PyObject* o) {
  int64_t values[kMaxDims];
  int count = 1;
  if (PyIndex_Check(o)) {
    values[0] = PyLong_AsLongLong(PyRef(PyNumber_Index(o)).get());
    if (PyErr_Occurred()) throw PythonError{};
  } else {
    count = parse_ints(o, values, kMaxDims);
    if (count < 0) {
      PyErr_Clear();
      kernel_error(PyExc_TypeError, "%s: %s must be an integer or a tuple of integers, got %R",
                   op.name, attr.name, o);
    }
  }
  return {values, values + count};
}

AttrValue read_attr(const KernelOp& op, const KernelAttr& attr, PyObject* o) {
  switch (attr.kind) {
    case KernelAttr::Int:
      if (PyIndex_Check(o)) {
        const int64_t value = PyLong_AsLongLong(PyRef(PyNumber_Index(o)).get());
        if (PyErr_Occurred()) throw PythonError{};
        return value;
      }
      kernel_error(PyExc_TypeError, "%s: %s must be an integer, got %R", op.name, attr.name, o);
    case KernelAttr::Real: {
      const double value = PyFloat_AsDouble(o);
      if (value == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        kernel_error(PyExc_TypeError, "%s: %s must be a number, got %R", op.name, attr.name, o);
      }
      return value;
    }
    case KernelAttr::Bool: {
      const int truth = PyObject_IsTrue(o);
      check(truth);
      return truth != 0;
    }
    case KernelAttr::Text:
      if (PyUnicode_Check(o)) return std::string(PyUnicode_AsUTF8(o));
      kernel_error(PyExc_TypeError, "%s: %s must be a string, got %R", op.name, attr.name, o);
    case KernelAttr::Ints:
      return read_int_list(op, attr, o);
  }
  __builtin_unreachable();
}

PyObject* attr_object(const AttrValue& value) {
  if (auto* v = std::get_if<int64_t>(&value)) return PyLong_FromLongLong(*v);
  if (auto* v = std::get_if<double>(&value)) return PyFloat_FromDouble(*v);
  if (auto* v = std::get_if<bool>(&value)) return PyBool_FromLong(*v);
  if (auto* v = std::get_if<std::string>(&value))
    return PyUnicode_FromStringAndSize(v->data(), static_cast<Py_ssize_t>(v->size()));
  const auto& ints = std::get<std::vector<int64_t>>(value);
  return shape_tuple(ints.data(), static_cast<int>(ints.size()));
}

// --- The call ---

ArrayRef read_input(const KernelOp& op, size_t i, PyObject* o) {
  if (o == Py_None) return {};
  ArrayRef a = as_array(o);
  if (!a && !PyErr_Occurred())
    kernel_error(PyExc_TypeError, "%s: %s must be an array of numbers, got a %s", op.name,
                 op.inputs[i].name, Py_TYPE(o)->tp_name);
  if (!a) throw PythonError{};
  return a;
}

size_t attr_place(const KernelOp& op, PyObject* name) {
  for (size_t i = 0; i < op.attrs.size(); ++i)
    if (PyUnicode_CompareWithASCIIString(name, op.attrs[i].name) == 0) return i;
  kernel_error(PyExc_TypeError, "%s got an unexpected keyword argument %R", op.name, name);
}

std::vector<ArrayRef> call_kernel(const KernelOp& op, PyObject* const* args, size_t nargs,
                                  PyObject* kwnames) {
  const size_t arrays = op.inputs.size();
  if (nargs > arrays + op.attrs.size())
    kernel_error(PyExc_TypeError, "%s takes at most %zu arguments, %zu were given", op.name,
                 arrays + op.attrs.size(), nargs);
  std::vector<ArrayRef> inputs;
  for (size_t i = 0; i < nargs && i < arrays; ++i) inputs.push_back(read_input(op, i, args[i]));
  std::vector<PyObject*> given(op.attrs.size());
  for (size_t i = arrays; i < nargs; ++i) given[i - arrays] = args[i];
  const Py_ssize_t keywords = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  for (Py_ssize_t k = 0; k < keywords; ++k)
    given[attr_place(op, PyTuple_GET_ITEM(kwnames, k))] = args[nargs + static_cast<size_t>(k)];
  Attrs attrs;
  for (size_t i = 0; i < given.size(); ++i) {
    const KernelAttr& attr = op.attrs[i];
    if (!given[i] && attr.required)
      kernel_error(PyExc_TypeError, "%s: %s is required", op.name, attr.name);
    attrs.set(attr.name, given[i] ? read_attr(op, attr, given[i]) : attr.fallback);
  }
  return apply(op, std::move(inputs), std::move(attrs));
}

PyObject* result_object(std::vector<ArrayRef> outputs) {
  if (outputs.size() == 1) return outputs[0].release_object();
  PyRef tuple(PyTuple_New(static_cast<Py_ssize_t>(outputs.size())));
  for (size_t i = 0; i < outputs.size(); ++i)
    PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), outputs[i].release_object());
  return tuple.release();
}

PyObject* kernel_vectorcall(PyObject* self, PyObject* const* args, size_t nargsf,
                            PyObject* kwnames) {
  if (calls::listening())
    return calls::record_vectorcall(kernel_vectorcall, self, args, nargsf, kwnames);
  const KernelOp& op = *as_function(self)->op;
  const Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
  auto call = [&]() -> PyObject* {
    try {
      return nd_result(args, nargs,
                       result_object(call_kernel(op, args, static_cast<size_t>(nargs), kwnames)));
    } catch (PythonError&) {
      return nullptr;
    }
  };
  if (!profiler::on()) return call();
  return traced(profiler::kFunction, op.name, args, nargs, call);
}

// --- The type ---

PyObject* kernel_set_composite(PyObject* self, PyObject* f) {
  Py_XSETREF(as_function(self)->op->composite, Py_NewRef(f));
  return Py_NewRef(f);
}

PyObject* kernel_name(PyObject* self, void*) {
  return PyUnicode_FromString(as_function(self)->op->name);
}
PyObject* kernel_doc(PyObject* self, void*) {
  return PyUnicode_FromString(as_function(self)->op->doc);
}
PyObject* kernel_composite(PyObject* self, void*) {
  PyObject* f = as_function(self)->op->composite;
  return Py_NewRef(f ? f : Py_None);
}
PyObject* kernel_repr(PyObject* self) {
  return PyUnicode_FromFormat("<kernel %s>", as_function(self)->op->name);
}

PyMethodDef kernel_methods[] = {
    {"set_composite", kernel_set_composite, METH_O,
     "Registers the operator written in Python operations; returns it."},
    {}};
PyGetSetDef kernel_attributes[] = {{"__name__", kernel_name, nullptr, nullptr, nullptr},
                                   {"__doc__", kernel_doc, nullptr, nullptr, nullptr},
                                   {"composite", kernel_composite, nullptr, nullptr, nullptr},
                                   {}};

PyTypeObject KernelFunctionType = {PyVarObject_HEAD_INIT(nullptr, 0)};

}  // namespace

bool kernel_functions_init(PyObject* module) {
  PyTypeObject& type = KernelFunctionType;
  type.tp_name = "minpy._core.kernel";
  type.tp_basicsize = sizeof(KernelFunction);
  type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL;
  type.tp_vectorcall_offset = offsetof(KernelFunction, vectorcall);
  type.tp_call = PyVectorcall_Call;
  type.tp_repr = kernel_repr;
  type.tp_methods = kernel_methods;
  type.tp_getset = kernel_attributes;
  if (PyType_Ready(&type) < 0) return false;
  PyObject* kernels = PyModule_New("minpy._core.kernels");
  if (!kernels || PyModule_AddObjectRef(module, "kernels", kernels) < 0) return false;
  for (KernelChapter chapter : {rnn_kernels(), norm_kernels(), linear_kernels(), softmax_kernels(),
                                pooling_kernels(), convolution_kernels(), embedding_kernels(),
                                attention_kernels(), resampling_kernels(), detection_kernels()})
    for (const KernelOp* op : chapter) {
      KernelFunction* f = PyObject_New(KernelFunction, &type);
      if (!f) return false;
      f->vectorcall = kernel_vectorcall;
      f->op = op;
      if (PyModule_AddObject(kernels, op->name, reinterpret_cast<PyObject*>(f)) < 0) return false;
    }
  Py_DECREF(kernels);
  return true;
}

std::vector<ArrayRef> call_composite(const KernelOp& op, const std::vector<ArrayRef>& inputs,
                                     const Attrs& attrs) {
  PyRef args(PyTuple_New(static_cast<Py_ssize_t>(inputs.size())));
  for (size_t i = 0; i < inputs.size(); ++i)
    PyTuple_SET_ITEM(args.get(), static_cast<Py_ssize_t>(i),
                     Py_NewRef(inputs[i] ? inputs[i].object() : Py_None));
  PyRef keywords(PyDict_New());
  for (const KernelAttr& attr : op.attrs)
    check(PyDict_SetItemString(keywords.get(), attr.name,
                               PyRef(attr_object(*attrs.find(attr.name))).get()));
  PyRef result(PyObject_Call(op.composite, args.get(), keywords.get()));
  std::vector<ArrayRef> outputs;
  const bool several = PyTuple_Check(result.get());
  const Py_ssize_t count = several ? PyTuple_GET_SIZE(result.get()) : 1;
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* out = several ? PyTuple_GET_ITEM(result.get(), i) : result.get();
    outputs.push_back(out == Py_None ? ArrayRef() : as_array(out));
    if (PyErr_Occurred()) throw PythonError{};
  }
  return outputs;
}

}  // namespace mp
