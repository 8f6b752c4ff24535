"""Executor: a graph on arrays, run forward and backward. `Symbol.bind` and `Symbol.simple_bind` make them."""

import numpy

from minpy import _core, autograd, nd
from minpy._compiled import Compiled
from minpy._nested import as_list
from minpy.base import MXNetError
from minpy.symbol.program import Program

__all__ = ["Executor"]


class _Watcher:
    """Shows a monitor's callback what a pass computes, and the gradients that come back.

    While recording, an operator gets its inputs by a branch of their history for it alone. The gradient of a branch is
    what MXNet's backward operator of that operator returns.
    """

    def __init__(self, callback, inputs_too):
        self._callback, self._inputs_too = callback, inputs_too
        self._branches = []  # (name, array)

    def run(self, step, values):
        """Run a step, and show its outputs, or its inputs as well."""
        before = {slot: values[slot] for slot in step.sources if slot is not None}
        if autograd.is_recording():
            self._branch(step, values)
        step.run(values)
        with autograd.pause():
            if self._inputs_too:
                names = step.node.op.input_names(step.node.attrs, len(step.node.inputs))
                for name, (source, _, _), slot in zip(names, step.node.inputs, step.sources):
                    known = source.name if source.is_variable else f"{step.node.name}_{name}"
                    self._callback(known, before[slot].detach())
            for name, slot in zip(step.node.output_names(), step.targets):
                self._callback(name, values[slot].detach())
        for slot, value in before.items():
            values[slot] = value

    def _branch(self, step, values):
        count = len(step.node.inputs) - len(step.node.op.auxiliary)
        found = {}
        for i, slot in enumerate(step.sources):
            if slot is not None and slot not in found and _core.is_taped(values[slot]):
                found[slot] = (
                    f"{step.node.name}_backward_output{i if count > 1 else ''}",
                    nd.identity(values[slot]),
                )
                values[slot] = found[slot][1]
        self._branches += reversed(found.values())  # from here they are shown from the last to the first

    def show_gradients(self, heads, head_grads):
        """Show the gradients that operators return, from the last to the first."""
        branches = [branch for _, branch in self._branches]
        try:
            gradients = autograd.grad(list(heads), branches, list(head_grads), retain_graph=True)
        except MXNetError:  # no output depends on some of them
            gradients = [_gradient_or_none(heads, branch, head_grads) for branch in branches]
        for (name, _), gradient in reversed(list(zip(self._branches, gradients))):
            if gradient is not None:
                self._callback(name, gradient)


def _gradient_or_none(heads, branch, head_grads):
    try:
        return autograd.grad(list(heads), [branch], list(head_grads), retain_graph=True)[0]
    except MXNetError:
        return None


class Executor:
    """A graph bound to arrays, which it shares with who gave them.

    Attributes
    ----------
    arg_arrays, grad_arrays, aux_arrays, outputs : list of NDArray
        Arguments, their gradients (None where there is none), auxiliary states, and the outputs of the last
        forward pass, which the next one overwrites.
    arg_dict, grad_dict, aux_dict, output_dict : dict of NDArray
        The same by name.
    """

    def __init__(self, symbol, ctx, args, grads, requests, aux, program=None):
        self._symbol = symbol
        self._ctx = ctx
        self._program = program or Program(symbol)
        self._compiled = Compiled(lambda *arrays: self._program.run(arrays), "executor", bound=True)
        self.arg_arrays, self.aux_arrays = args, aux
        self.grad_arrays = grads
        self._requests = requests
        self._monitor = None
        self._watcher = None  # of the last pass
        self._outputs = None
        self._results = None  # of the last pass, with their history when it was recorded
        self._training = False
        self._grads_written = False
        self._attach()

    def _attach(self):
        """Variables over the arguments' memory, so that the callers' arrays keep their own gradients."""
        self._inputs = [array.detach() for array in self.arg_arrays]
        chosen = [
            i
            for i, (grad, request) in enumerate(zip(self.grad_arrays or (), self._requests))
            if grad is not None and request != "null" and numpy.dtype(self.arg_arrays[i].dtype).kind in "fV"
        ]
        self._watched = chosen
        if chosen:
            autograd.mark_variables(
                [self._inputs[i] for i in chosen],
                [self.grad_arrays[i] for i in chosen],
                [self._requests[i] for i in chosen],
            )

    # --- Arrays by name ---

    @property
    def arg_dict(self):
        """The arguments by name."""
        return _by_name(self._program.arguments, self.arg_arrays, "arguments")

    @property
    def grad_dict(self):
        """The gradients by the names of the arguments; None where there is none."""
        return _by_name(self._program.arguments, self.grad_arrays, "arguments")

    @property
    def aux_dict(self):
        """The auxiliary states by name."""
        return _by_name(self._program.auxiliary, self.aux_arrays, "auxiliary states")

    @property
    def output_dict(self):
        """The outputs by name."""
        return _by_name(self._symbol.list_outputs(), self.outputs, "outputs")

    @property
    def outputs(self):
        """The outputs of the last forward pass; zeros before the first."""
        if self._outputs is None:
            shapes = self._symbol.infer_shape(**{n: a.shape for n, a in self.arg_dict.items()})[1]
            self._outputs = [nd.zeros(shape, ctx=self._ctx) for shape in shapes]
        return self._outputs

    # --- Running ---

    def forward(self, is_train=False, **kwargs):
        """Compute the outputs.

        Parameters
        ----------
        is_train : bool
            Whether operators such as Dropout act as in training, and auxiliary states are updated.
        **kwargs : array
            New values of arguments by name, which are copied.

        Returns
        -------
        list of NDArray
            `outputs`.
        """
        if kwargs:
            self._set_arguments(kwargs)
        self._training = bool(is_train)
        self._run(record=self._training and bool(self._watched))
        self._show()
        return self._outputs

    def _set_arguments(self, values):
        known = self.arg_dict
        for name, value in values.items():
            if not isinstance(value, (_core.ndarray, numpy.ndarray)):
                raise ValueError("only accept keyword argument of NDArrays and numpy.ndarray")
            if name not in known:
                raise TypeError(f"Unknown argument {name}")
            if tuple(known[name].shape) != tuple(value.shape):
                raise ValueError(
                    f"Shape not match! Argument {name}, need: {tuple(known[name].shape)}, received: {tuple(value.shape)}"
                )
            known[name][:] = value

    def _run(self, record):
        self._results = None
        scope = autograd.record if record else autograd.pause
        with scope(train_mode=self._training):
            arrays = (*self._inputs, *self.aux_arrays)
            if self._monitor is not None or _core.is_tracing():
                self._results = self._program.run(arrays, self._watch())
            else:
                self._results = self._run_compiled(arrays)
        self._recorded = record

    def _run_compiled(self, arrays):
        try:
            return self._compiled(*arrays)
        except MXNetError:
            raise
        except (TypeError, ValueError) as error:
            raise MXNetError(f"Error in operator {self._compiled.failed_label}: {error}") from error

    def _show(self):
        """Puts the results into the arrays that `outputs` has."""
        with autograd.pause():
            if self._outputs is None or any(
                out.shape != new.shape or out.dtype != new.dtype
                for out, new in zip(self._outputs, self._results)
            ):
                self._outputs = [_shown(result) for result in self._results]
            else:
                for out, result in zip(self._outputs, self._results):
                    out[...] = result.detach()

    def backward(self, out_grads=None, is_train=True):
        """Compute the gradients of the arguments into their arrays.

        Parameters
        ----------
        out_grads : NDArray or list or dict of NDArray
            Gradients of the outputs; None: ones. Loss outputs such as SoftmaxOutput do not look at them.
        is_train : bool
            Accepted as in MXNet; the pass is the one that `forward` ran.
        """
        if not self._watched:
            return
        if self._results is None or not self._recorded:
            self._run(record=True)
        if isinstance(out_grads, dict):
            out_grads = [out_grads[name] for name in self._symbol.list_outputs()]
        if out_grads is not None:
            out_grads = as_list(out_grads)
        for grad in out_grads or ():
            if grad is not None and not isinstance(grad, _core.ndarray):
                raise TypeError("out_grads must be NDArrays")
        if not self._grads_written:
            self._grads_written = True
            for i in self._watched:
                if self._requests[i] == "write":
                    self.grad_arrays[i][...] = 0  # arguments that no gradient reaches keep this
        heads = [(r, g) for r, g in zip(self._results, out_grads or [None] * len(self._results))]
        heads = [(r, g) for r, g in heads if numpy.dtype(r.dtype).kind in "fV" and _core.is_taped(r)]
        if heads:
            if self._watcher is not None:
                self._watcher.show_gradients(*zip(*heads))
            autograd.backward([r for r, _ in heads], [g for _, g in heads], retain_graph=True)

    # --- Watching ---

    def set_monitor_callback(self, callback, monitor_all=False):
        """Have callback(name, array) called for each output that is computed.

        Parameters
        ----------
        callback : callable
            None: none any more.
        monitor_all : bool
            Also for the inputs of each operator.
        """
        self._monitor = None if callback is None else (callback, monitor_all)

    def _watch(self):
        self._watcher = None if self._monitor is None else _Watcher(*self._monitor)
        return self._watcher

    # --- Other arrays ---

    def copy_params_from(self, arg_params, aux_params=None, allow_extra_params=False):
        """Copy values into the arguments and auxiliary states.

        Parameters
        ----------
        arg_params, aux_params : dict of NDArray
            By name; they are converted to the dtypes here.
        allow_extra_params : bool
            Ignore names that the graph does not have.
        """
        for params, known, what in (
            (arg_params, self.arg_dict, "arguments"),
            (aux_params or {}, self.aux_dict, "auxiliary states"),
        ):
            for name, array in params.items():
                if name in known:
                    known[name][...] = array.astype(known[name].dtype)
                elif not allow_extra_params:
                    raise ValueError(f'Find name "{name}" that is not in the {what}')

    def reshape(self, partial_shaping=False, allow_up_sizing=False, **kwargs):
        """An executor for other shapes, which shares the arrays whose shapes stay.

        Parameters
        ----------
        partial_shaping : bool
            Whether arguments that are not named may change their shape.
        allow_up_sizing : bool
            Whether arrays may become larger.
        **kwargs : tuple of int
            New shapes by the names of arguments.
        """
        shapes, _, aux_shapes = self._symbol.infer_shape(**kwargs)
        if shapes is None:
            raise ValueError("Insufficient argument shapes provided.")
        grads = self.grad_arrays or [None] * len(self.arg_arrays)
        args, new_grads = [], []
        for name, shape, array, grad in zip(self._program.arguments, shapes, self.arg_arrays, grads):
            same = tuple(shape) == tuple(array.shape)
            if not same:
                self._require_reshapable(
                    name, shape, array, partial_shaping or name in kwargs, allow_up_sizing
                )
            args.append(array if same else _resized(array, shape, self._ctx))
            new_grads.append(grad if same or grad is None else _resized(grad, shape, self._ctx))
        aux = []
        for name, shape, array in zip(self._program.auxiliary, aux_shapes, self.aux_arrays):
            same = tuple(shape) == tuple(array.shape)
            if not same:
                self._require_reshapable(name, shape, array, partial_shaping, allow_up_sizing)
            aux.append(array if same else _resized(array, shape, self._ctx))
        return Executor(self._symbol, self._ctx, args, new_grads if self.grad_arrays else None, self._requests, aux,
                        self._program)  # fmt: skip

    def _require_reshapable(self, name, shape, array, may_change, may_grow):
        if not may_change:
            raise AssertionError(
                f"Shape of unspecified array arg:{name} changed. This can cause the new executor to not share parameters"
                " with the old one. Please check for error in network. If this is intended, set partial_shaping=True to"
                " suppress this warning."
            )
        if numpy.prod(shape) > array.size and not may_grow:
            raise AssertionError(
                f"New shape of arg:{name} larger than original. First making a big executor and then down sizing it is"
                " more efficient than the reverse. If you really want to up size, set allow_up_sizing=True to enable"
                " allocation of new arrays."
            )

    def debug_str(self):
        """The graph, and the plans of the passes so far with the memory that they reuse, for people to read."""
        return "\n".join([self._symbol.debug_str(), *(plan.text for plan in self._compiled.plans)])


def _resized(array, shape, ctx):
    """Memory of the array in a smaller shape, or new memory for a larger."""
    count = int(numpy.prod(shape))
    if count <= array.size:
        return array.reshape((-1,))[:count].reshape(shape)
    return nd.zeros(shape, ctx=ctx, dtype=array.dtype)


def _shown(result):
    array = result.detach()
    array = array if isinstance(array, nd.NDArray) else nd.from_numpy(array)
    return array.copy()


def _by_name(names, arrays, what):
    if arrays is None:
        raise TypeError("'NoneType' object is not iterable")
    if len(set(names)) != len(names):
        raise ValueError(f"Duplicate names detected, {names}, among the {what}")
    return dict(zip(names, arrays))
