"""Automatic differentiation in MXNet's style: record a computation, then call ``backward``.

    x = np.array([1.0, 2.0])
    x.attach_grad()
    with autograd.record():
        y = (x * x).sum()
    y.backward()
    x.grad                      # [2. 4.]

Recording is per thread. Views and in-place writes are differentiated like everything else; only writing to a
variable (an array with ``attach_grad``) while recording is refused.
"""

from minpy import _core
from minpy._core import is_recording, is_training, set_recording, set_training
from minpy._nested import as_list
from minpy.base import is_nd_array

__all__ = [
    "Function",
    "backward",
    "get_symbol",
    "grad",
    "is_recording",
    "is_training",
    "mark_variables",
    "pause",
    "predict_mode",
    "record",
    "set_recording",
    "set_training",
    "train_mode",
]


class _StateScope:
    """Sets the recording and training flags for a ``with`` block; None leaves a flag as it is."""

    __slots__ = ("_recording", "_training", "_before")

    def __init__(self, recording, training):
        self._recording = recording
        self._training = training

    def __enter__(self):
        recording, training = self._recording, self._training
        self._before = (
            None if recording is None else set_recording(recording),
            None if training is None else set_training(training),
        )

    def __exit__(self, *exc_info):
        recording, training = self._before
        if recording is not None:
            set_recording(recording)
        if training is not None:
            set_training(training)


def record(train_mode=True):
    """A scope in which operations on variables are recorded for ``backward``.

    Parameters
    ----------
    train_mode : bool
        Whether layers like dropout act as in training.
    """
    return _StateScope(True, train_mode)


def pause(train_mode=False):
    """A scope without recording, for use inside ``record()``."""
    return _StateScope(False, train_mode)


def train_mode():
    """A scope in which layers act as in training; recording stays as it is."""
    return _StateScope(None, True)


def predict_mode():
    """A scope in which layers act as in inference; recording stays as it is."""
    return _StateScope(None, False)


def _heads(heads, head_grads):
    heads = as_list(heads)
    if head_grads is not None:
        head_grads = as_list(head_grads)
        if len(head_grads) != len(heads):
            raise AssertionError(
                f"heads and head_grads must be lists of the same length: there are {len(heads)} heads, but "
                f"{len(head_grads)} head gradients"
            )
    return heads, head_grads


def mark_variables(variables, gradients, grad_reqs="write"):
    """Makes arrays variables, with the given arrays as their gradient buffers.

    Parameters
    ----------
    variables, gradients : array or list of arrays
        Each gradient has its variable's shape.
    grad_reqs : str or list of str
        'write', 'add' or 'null', for all variables or for each.
    """
    variables, gradients = as_list(variables), as_list(gradients)
    if isinstance(grad_reqs, str):
        grad_reqs = [grad_reqs] * len(variables)
    if not len(variables) == len(gradients) == len(grad_reqs):
        raise ValueError("mark_variables needs as many gradients and requests as variables")
    triples = list(zip(variables, gradients, grad_reqs))
    for variable, gradient, req in triples:
        if not isinstance(gradient, _core.ndarray) and is_nd_array(gradient):
            _core.attach_sparse_grad(variable, gradient, req)
        else:
            _core.mark_variables([variable], [gradient], [req])


def backward(heads, head_grads=None, retain_graph=False, train_mode=True):
    """Fills the gradient buffers of the variables that the heads were computed from.

    Parameters
    ----------
    heads : array or list of arrays
    head_grads : array, list of arrays or None
        The gradient of each head, of its shape; None, also inside the list, stands for ones.
    retain_graph : bool
        Keep what was recorded, for another pass. Without it a second pass raises MXNetError.
    train_mode : bool
        The training flag during the pass.
    """
    heads, head_grads = _heads(heads, head_grads)
    with _StateScope(None, train_mode):
        _core.backward(heads, head_grads, retain_graph)


def grad(heads, variables, head_grads=None, retain_graph=None, create_graph=False, train_mode=True):
    """The gradients of the heads with respect to arrays, without touching gradient buffers.

    Parameters
    ----------
    heads, head_grads
        As for `backward`.
    variables : array or list of arrays
        Any recorded arrays, not only those with ``attach_grad``.
    retain_graph : bool or None
        None means the value of `create_graph`.
    create_graph : bool
        Record the computation of the gradients too, for higher derivatives.

    Returns
    -------
    list of arrays
        One gradient per variable, also for a single one.

    Raises
    ------
    MXNetError
        When a head does not depend on a variable, or nothing was recorded.
    """
    heads, head_grads = _heads(heads, head_grads)
    variables = as_list(variables)
    if not variables:
        raise AssertionError("variables cannot be an empty list.")
    if retain_graph is None:
        retain_graph = create_graph
    formats = [_grad_format(v) for v in variables]
    variables = [getattr(v, "_variable", v) for v in variables]
    with _StateScope(None, train_mode):
        found = _core.grad(heads, variables, head_grads, retain_graph, create_graph)
    if create_graph:
        return found
    return [g if f == "default" else g.tostype(f) for f, g in zip(formats, found)]


def _grad_format(variable):
    """The storage format that a variable asked for its gradient."""
    return getattr(getattr(variable, "grad", None), "stype", "default")


def get_symbol(x):
    """Refuses: what was recorded for an array has no Symbol here.

    Raises
    ------
    NotImplementedError
        Always, and says how a Symbol is made.
    """
    raise NotImplementedError(
        "autograd.get_symbol: recorded operations are not kept as a Symbol. Call the function or the hybrid block on "
        "mx.sym.Variable('data') instead of an array, which gives its Symbol"
    )


class Function:
    """A function with a gradient of its own: subclasses define `forward` and `backward`.

        class Sigmoid(autograd.Function):
            def forward(self, x):
                y = 1 / (1 + np.exp(-x))
                self.save_for_backward(y)
                return y

            def backward(self, dy):
                (y,) = self.saved_tensors
                return dy * y * (1 - y)

    An instance serves one call. What `backward` needs goes through `save_for_backward`: it then survives
    in-place writes, and the gradient can be differentiated again.
    """

    def __init__(self):
        self._used = False
        self.saved_tensors = ()

    def save_for_backward(self, *args):
        """Keeps arrays for `backward`, which finds them in ``self.saved_tensors``."""
        self.saved_tensors = args

    def __call__(self, *inputs):
        """Runs `forward` on the inputs and records `backward` as its gradient."""
        if self._used:
            raise AssertionError("Each Function instance can only be called once. Create another instance.")
        self._used = True
        with _StateScope(False, None):
            outputs = self.forward(*inputs)
        if not is_recording():
            return outputs
        saved, self.saved_tensors = self.saved_tensors, ()
        self._device = next((_core.context_of(x) for x in inputs if hasattr(x, "asnumpy")), None)
        return _core.record_custom(type(self).__name__, inputs, outputs, self._run_backward, saved)

    def _run_backward(self, output_grads, *saved):
        self.saved_tensors = saved
        grads = output_grads if isinstance(output_grads, tuple) else (output_grads,)
        if self._device is not None:  # an NDArray went in, so NDArrays come back
            grads = [_core.to_nd_array(grad, self._device) for grad in grads]
        try:
            return self.backward(*grads)
        finally:
            self.saved_tensors = ()

    def forward(self, *inputs):
        """Computes the outputs: an array or a tuple of arrays."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def backward(self, *output_grads):
        """Computes one gradient per input from one per output."""
        raise NotImplementedError(f"{type(self).__name__} does not define backward")
