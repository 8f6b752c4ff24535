// Nodes whose gradient rule is a Python function: autograd.Function, defgrad, and NumPy functions
// with a gradient written in Python.
#pragma once
#include <Python.h>

namespace mp::tape {

// record_custom(name, inputs, outputs, vjp, saved=()) -> outputs with a history.
//   inputs   sequence of arrays; anything else in it is a constant
//   outputs  an array or number, or a tuple or list of them
//   vjp      called in the backward pass as vjp(g, *saved), with a tuple of g when outputs is a
//   tuple or list;
//            returns one gradient (array, number or None) per input, or just one for a single input
//            None: the function has no rule, and the backward pass raises, naming it
//   saved    arrays that the rule needs, as they are now. Those that are inputs or outputs come
//   back with
//            their history, so that the rule can be differentiated again. A rule must not hold on
//            to the outputs by other means: the node would keep itself alive.
// Nothing is recorded when no input has a history; then outputs are returned as they are.
PyObject* record_custom(PyObject* module, PyObject* args, PyObject* kwargs);

}  // namespace mp::tape
