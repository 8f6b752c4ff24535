#include "python/user_frame.h"

#include <Python.h>

#include "core/pyref.h"

namespace mp {
namespace {

std::string package_directory() {
  PyRef module(PyImport_ImportModule("minpy"));
  PyRef file(PyObject_GetAttrString(module.get(), "__file__"));
  std::string path = PyUnicode_AsUTF8(file.get());
  return path.substr(0, path.rfind('/') + 1);
}

std::string source_line(PyObject* file, int line) {
  PyRef linecache(PyImport_ImportModule("linecache"));
  PyRef text(PyObject_CallMethod(linecache.get(), "getline", "Oi", file, line));
  PyRef stripped(PyObject_CallMethod(text.get(), "strip", nullptr));
  return PyUnicode_AsUTF8(stripped.get());
}

}  // namespace

std::string user_frame() {
  static const std::string package = package_directory();
  PyFrameObject* frame = PyEval_GetFrame();
  Py_XINCREF(reinterpret_cast<PyObject*>(frame));
  std::string found;
  while (frame && found.empty()) {
    PyRef code(reinterpret_cast<PyObject*>(PyFrame_GetCode(frame)));
    PyRef file(PyObject_GetAttrString(code.get(), "co_filename"));
    const std::string path = PyUnicode_AsUTF8(file.get());
    if (path.compare(0, package.size(), package) != 0) {
      const int line = PyFrame_GetLineNumber(frame);
      found = path + ":" + std::to_string(line) + ": `" + source_line(file.get(), line) + "`";
    }
    PyFrameObject* back = PyFrame_GetBack(frame);
    Py_DECREF(reinterpret_cast<PyObject*>(frame));
    frame = back;
  }
  Py_XDECREF(reinterpret_cast<PyObject*>(frame));
  return found;
}

}  // namespace mp
