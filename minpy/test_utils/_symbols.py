"""Checks of symbols: their results, gradients, agreement between dtypes and devices, speed."""

import json
import os
import time

import numpy

from minpy import nd, symbol
from minpy.base import is_nd_array
from minpy.engine import waitall
from minpy.test_utils._comparison import assert_almost_equal, default_context, default_dtype
from minpy.test_utils._files import download

__all__ = [
    "check_consistency",
    "check_speed",
    "check_symbolic_backward",
    "check_symbolic_forward",
    "download_model",
    "get_im2rec_path",
    "get_mnist_pkl",
    "is_aarch64_run",
    "is_cd_run",
    "is_op_runnable",
    "np_symbol",
    "numeric_grad",
    "same_symbol_structure",
    "simple_forward",
]

np_symbol = symbol  # MXNet's symbols of NumPy's functions are the same here
_MODELS = "http://data.mxnet.io/models/"
_MODEL_PATHS = {
    "imagenet1k-inception-bn": ("imagenet/inception-bn/Inception-BN", 126),
    **{
        f"imagenet1k-resnet-{n}": (f"imagenet/resnet/{n}-layers/resnet-{n}", 0)
        for n in (18, 34, 50, 101, 152)
    },
    **{f"imagenet1k-resnext-{n}": (f"imagenet/resnext/{n}-layers/resnext-{n}", 0) for n in (50, 101)},
    "imagenet1k-resnext-101-64x4d": ("imagenet/resnext/101-layers/resnext-101-64x4d", 0),
    "imagenet11k-resnet-152": ("imagenet-11k/resnet-152/resnet-152", 0),
    **{f"imagenet11k-place365ch-resnet-{n}": (f"imagenet-11k-place365-ch/resnet-{n}", 0) for n in (50, 152)},
}


def _arrays(names, values, ctx, dtype, what):
    """The values, a list or a dict, as NDArrays by name."""
    if values is None:
        return None if what == "auxiliary states" else {}
    if isinstance(values, dict):
        if set(values) != set(names):
            raise ValueError(
                f"Symbol {what} and keys of the given ones do not match: {set(names)} and {set(values)}"
            )
    else:
        values = dict(zip(names, values, strict=True))
    found = {}
    for name in names:
        value = values[name]
        if not is_nd_array(value):
            value = numpy.asarray(value)
            value = nd.array(value, ctx=ctx, dtype=value.dtype if dtype == "asnumpy" else dtype)
        found[name] = value
    return found


def _given(sym, location, aux_states, ctx, dtype):
    assert dtype == "asnumpy" or dtype in (numpy.float16, numpy.float32, numpy.float64)
    return (
        _arrays(sym.list_arguments(), location, ctx, dtype, "arguments"),
        _arrays(sym.list_auxiliary_states(), aux_states, ctx, dtype, "auxiliary states"),
    )


def simple_forward(sym, ctx=None, is_train=False, **inputs):
    """The outputs of a symbol for arrays by name, as a numpy.ndarray or a list of them."""
    inputs = {name: nd.array(value) for name, value in inputs.items()}
    outputs = [
        out.asnumpy() for out in sym.bind(ctx or default_context(), args=inputs).forward(is_train=is_train)
    ]
    return outputs[0] if len(outputs) == 1 else outputs


def check_symbolic_forward(sym, location, expected, rtol=None, atol=None, aux_states=None, ctx=None, equal_nan=False,
                           dtype=None):  # fmt: skip
    """Raise AssertionError unless a symbol has these outputs.

    Parameters
    ----------
    sym : Symbol
    location : list or dict of array_like
        The arguments.
    expected : list or dict of numpy.ndarray
        The outputs.
    rtol, atol : float
    aux_states : list or dict of array_like
    ctx : Context
    equal_nan : bool
    dtype : dtype or 'asnumpy'
        Of the arguments; 'asnumpy': as they are.

    Returns
    -------
    list of NDArray
    """
    ctx = ctx or default_context()
    args, aux = _given(sym, location, aux_states, ctx, dtype or default_dtype())
    names = sym.list_outputs()
    expected = [expected[name] for name in names] if isinstance(expected, dict) else expected
    outputs = sym.bind(ctx, args, aux_states=aux, grad_req="null").forward(is_train=False)
    for name, wanted, found in zip(names, expected, outputs):
        assert_almost_equal(
            wanted, found, rtol, atol, (f"EXPECTED_{name}", f"FORWARD_{name}"), equal_nan=equal_nan
        )
    return outputs


def check_symbolic_backward(sym, location, out_grads, expected, rtol=None, atol=None, aux_states=None,
                            grad_req="write", ctx=None, grad_stypes=None, equal_nan=False, dtype=None):  # fmt: skip
    """Raise AssertionError unless a symbol has these gradients.

    Parameters
    ----------
    sym, location, rtol, atol, aux_states, ctx, equal_nan, dtype
        See `check_symbolic_forward`.
    out_grads : list or dict of array_like, or None
        The gradients of the outputs.
    expected : list or dict of numpy.ndarray
        The gradients of the arguments.
    grad_req : str, list or dict of str
        'write', 'add' or 'null'.
    grad_stypes : dict of str
        Accepted as in MXNet; gradients of executors are dense.

    Returns
    -------
    dict from str to NDArray
    """
    ctx, dtype = ctx or default_context(), dtype or default_dtype()
    args, aux = _given(sym, location, aux_states, ctx, dtype)
    names = sym.list_arguments()
    expected = expected if isinstance(expected, dict) else dict(zip(names, expected))
    if not isinstance(grad_req, dict):
        grad_req = dict(zip(names, [grad_req] * len(names) if isinstance(grad_req, str) else grad_req))
    before = {name: numpy.random.normal(size=numpy.shape(value)) for name, value in expected.items()}
    grads = {name: nd.array(value, ctx=ctx, dtype=args[name].dtype) for name, value in before.items()}
    before = {name: grad.asnumpy() for name, grad in grads.items()}
    requests = {name: grad_req.get(name, "null") if name in grads else "null" for name in names}
    executor = sym.bind(ctx, args, args_grad=grads, aux_states=aux, grad_req=requests)
    executor.forward(is_train=True)
    if isinstance(out_grads, dict):
        out_grads = [out_grads[name] for name in sym.list_outputs()]
    if out_grads is not None:
        out_grads = [
            nd.array(g, ctx=ctx, dtype=dtype if dtype != "asnumpy" else g.dtype)
            if isinstance(g, numpy.ndarray)
            else g
            for g in out_grads
        ]
    executor.backward(out_grads)
    for name, wanted in expected.items():
        found, request = grads[name].asnumpy(), grad_req[name]
        if request == "add":
            found = found - before[name]
        elif request == "null":
            wanted = before[name]
        elif request != "write":
            raise ValueError(f"Invalid grad_req {request} for argument {name}")
        assert_almost_equal(
            wanted, found, rtol, atol, (f"EXPECTED_{name}", f"BACKWARD_{name}"), equal_nan=equal_nan
        )
    return grads


def numeric_grad(executor, location, aux_states=None, eps=1e-4, use_forward_train=True, dtype=None):
    """Gradients of the sum of an executor's first output by finite differences.

    Parameters
    ----------
    executor : Executor
    location : dict from str to numpy.ndarray
        The arguments; only floating ones are differentiated.
    aux_states : dict from str to numpy.ndarray
        Set before each pass.
    eps : float
        Distance of the two points of a difference.
    use_forward_train : bool
        Whether passes are those of training.
    dtype : dtype
        Of the gradients.

    Returns
    -------
    dict from str to numpy.ndarray
    """
    values = {name: numpy.array(value, order="C") for name, value in location.items()}
    for name, value in values.items():
        executor.arg_dict[name][:] = value

    def total(name, value):
        executor.arg_dict[name][:] = value
        for key, state in (aux_states or {}).items():
            executor.aux_dict[key][:] = state
        return executor.forward(is_train=use_forward_train)[0].asnumpy().astype(numpy.float64).sum()

    found = {name: numpy.zeros(value.shape, dtype or default_dtype()) for name, value in values.items()}
    for name, value in values.items():
        if value.dtype.kind != "f":
            continue
        for index in numpy.ndindex(value.shape):
            moved = value.copy()
            moved[index] += eps / 2
            above = total(name, moved)
            moved[index] -= eps
            found[name][index] = (above - total(name, moved)) / eps
        executor.arg_dict[name][:] = value
    return found


def check_symbol_gradients(
    sym, location, aux_states, eps, rtol, atol, grad_nodes, use_forward_train, ctx, dtype
):
    """`check_numeric_gradient` of a symbol."""
    args, aux = _given(sym, location, aux_states, ctx, dtype)
    shape = sym.infer_shape(**{name: array.shape for name, array in args.items()})[1][0]
    projected = symbol.make_loss(symbol.sum(sym * symbol.Variable("__random_proj")))
    args["__random_proj"] = nd.array(numpy.random.rand(*shape) + 0.1, ctx=ctx, dtype=dtype)
    floating = [n for n, a in args.items() if numpy.dtype(a.dtype).kind == "f" and n != "__random_proj"]
    requests = dict.fromkeys(floating, "write") if grad_nodes is None else grad_nodes
    requests = requests if isinstance(requests, dict) else dict.fromkeys(requests, "write")
    start = {name: numpy.random.normal(0, 0.01, size=args[name].shape) for name in requests}
    grads = {name: nd.array(value, ctx=ctx, dtype=dtype) for name, value in start.items()}
    states = None if aux is None else {name: array.asnumpy() for name, array in aux.items()}
    executor = projected.bind(ctx, args, args_grad=grads, aux_states=aux,
                              grad_req={name: requests.get(name, "null") for name in args})  # fmt: skip
    executor.forward(is_train=True)
    executor.backward()
    found = {name: grad.asnumpy() for name, grad in grads.items()}
    location = {name: args[name].asnumpy() for name in requests}
    numeric = numeric_grad(executor, location, states, eps, use_forward_train, dtype)
    for name, request in requests.items():
        wanted = {"write": numeric[name], "add": numeric[name] + start[name], "null": start[name]}[request]
        assert_almost_equal(wanted, found[name], rtol, atol, (f"NUMERICAL_{name}", f"BACKWARD_{name}"))


def check_speed(sym, location=None, ctx=None, N=20, grad_req=None, typ="whole", **kwargs):
    """Seconds for one pass of a symbol, the mean of N.

    Parameters
    ----------
    sym : Symbol
    location : dict from str to numpy.ndarray
        The arguments; by default random ones of the shapes in `kwargs`.
    ctx : Context
    N : int
    grad_req : str
    typ : {'whole', 'forward'}
        Whether gradients are computed too.
    """
    if typ not in ("whole", "forward"):
        raise ValueError('typ can only be "whole" or "forward".')
    shapes = kwargs if location is None else {name: value.shape for name, value in location.items()}
    executor = sym.simple_bind(ctx or default_context(), grad_req=grad_req or "write", **shapes)
    if location is None:
        location = {name: numpy.random.normal(size=array.shape) for name, array in executor.arg_dict.items()}
    for name, value in location.items():
        executor.arg_dict[name][:] = value

    def run():
        executor.forward(is_train=typ == "whole")
        if typ == "whole":
            executor.backward(out_grads=executor.outputs)

    run()
    waitall()
    began = time.time()
    for _ in range(N):
        run()
    waitall()
    return (time.time() - began) / N


def _default_tolerance(tol, index):
    """Tolerances by dtype, from what the caller gave."""
    table = {
        numpy.dtype(name): (1e-1 if name == "float16" else 1e-3 if name == "float32" else 1e-5, atol)
        for name, atol in (("float16", 1e-1), ("float32", 1e-3), ("float64", 1e-5))
    }
    if tol is None or isinstance(tol, dict):
        given = {numpy.dtype(key): value for key, value in (tol or {}).items()}
        return lambda dtype: given.get(dtype, table.get(dtype, (0, 0))[index])
    return lambda dtype: tol


def check_consistency(sym, ctx_list, scale=1.0, grad_req="write", arg_params=None, aux_params=None, rtol=None,
                      atol=None, raise_on_err=True, ground_truth=None, equal_nan=False, use_uniform=False,
                      rand_type=numpy.float64):  # fmt: skip
    """Raise AssertionError unless a symbol gives the same on several devices and in several dtypes.

    Parameters
    ----------
    sym : Symbol or list of Symbol
    ctx_list : list of dict
        For each run `ctx`, the shapes of inputs by name, and `type_dict`, their dtypes.
    scale : float
        Of the random arguments.
    grad_req : str or dict
    arg_params, aux_params : dict
        Arguments and auxiliary states; those left out are random and 0.
    rtol, atol : float or dict from dtype to float
    raise_on_err : bool
        False: print what differs.
    ground_truth : dict from str to array
        What outputs and gradients are compared with; by default those of the run with the widest dtype.
    equal_nan : bool
    use_uniform : bool
        Draw arguments from a uniform distribution.
    rand_type : dtype
        Of the draws.

    Returns
    -------
    dict from str to NDArray
        What they were compared with.
    """
    assert len(ctx_list) > 1
    symbols = [sym] * len(ctx_list) if isinstance(sym, symbol.Symbol) else sym
    assert len(symbols) == len(ctx_list)
    executors = [one.simple_bind(grad_req=grad_req, **settings) for one, settings in zip(symbols, ctx_list)]
    values = dict(arg_params or {})
    for name, array in sorted(executors[0].arg_dict.items()):
        if name not in values:
            draw = (
                numpy.random.uniform(-0.92 * scale, 0.92 * scale, array.shape)
                if use_uniform
                else numpy.random.normal(size=array.shape, scale=scale)
            )
            values[name] = draw.astype(rand_type)
    states = {name: (aux_params or {}).get(name, 0) for name in executors[0].aux_dict}
    for executor in executors:
        for arrays, given in ((executor.arg_dict, values), (executor.aux_dict, states)):
            for name, array in arrays.items():
                array[:] = given[name]
        for grad in executor.grad_arrays if grad_req == "add" else ():
            grad[:] = 0
    runs = [_passes(executor, grad_req != "null") for executor in executors]
    dtypes = [max((a.dtype for a in run.values()), key=lambda d: d.itemsize) for run in runs]
    best = max(range(len(runs)), key=lambda i: dtypes[i].itemsize)
    truth = runs[best] if ground_truth is None else ground_truth
    rtols, atols = _default_tolerance(rtol, 0), _default_tolerance(atol, 1)
    for i, run in enumerate(runs):
        for name, found in run.items() if i != best or ground_truth is not None else ():
            try:
                wanted = numpy.asarray(
                    truth[name].asnumpy() if hasattr(truth[name], "asnumpy") else truth[name]
                )
                assert_almost_equal(found, wanted.astype(found.dtype), rtols(found.dtype), atols(found.dtype),
                                    equal_nan=equal_nan)  # fmt: skip
            except AssertionError as error:
                print(f"Err: ctx {i} vs ctx {best} at {name}")
                if raise_on_err:
                    raise
                print(error)
    return (
        {name: nd.array(value, dtype=value.dtype) for name, value in truth.items()}
        if truth is runs[best]
        else truth
    )


def _passes(executor, with_gradients):
    """Outputs, and gradients for the outputs as heads, as NumPy arrays by name."""
    executor.forward(is_train=with_gradients)
    found = {name: out.asnumpy() for name, out in executor.output_dict.items()}
    if with_gradients:
        executor.backward([out.copy() for out in executor.outputs])
        found |= {name: grad.asnumpy() for name, grad in executor.grad_dict.items() if grad is not None}
    return found


def same_symbol_structure(sym1, sym2):
    """Whether two graphs have the same operators in the same order."""
    nodes = [[node["op"] for node in json.loads(one.tojson())["nodes"]] for one in (sym1, sym2)]
    return all(a == b for a, b in zip(*nodes))


# --- What MXNet's own tests ask of the machine ---


def is_op_runnable():
    """True: no operator needs a certain GPU."""
    return True


def is_cd_run():
    """Whether the environment says that this is a deployment."""
    return os.environ.get("CD_JOB", "0") == "1"


def is_aarch64_run():
    """Whether the environment says that this is a build for aarch64."""
    return os.environ.get("IS_AARCH64", "0") == "1"


def get_im2rec_path(home_env="MXNET_HOME"):
    """The path of im2rec.py below the folder in an environment variable; raises OSError where there is none."""
    path = os.path.join(os.environ.get(home_env, ""), "tools", "im2rec.py")
    if home_env in os.environ and os.path.isfile(path):
        return path
    raise OSError("Could not find path to tools/im2rec.py")


def get_mnist_pkl():
    """Download MNIST as data/mnist.pkl.gz, unless it is there."""
    os.makedirs("data", exist_ok=True)
    if not os.path.exists("data/mnist.pkl.gz"):
        download("http://deeplearning.net/data/mnist/mnist.pkl.gz", dirname="data")


def download_model(model_name, dst_dir="./", meta_info=None):
    """Download a trained model.

    Parameters
    ----------
    model_name : str
        Such as 'imagenet1k-resnet-50'.
    dst_dir : str
        Where to.
    meta_info : dict
        By name 'symbol' and 'params', the addresses of the files; by default those of MXNet's models.

    Returns
    -------
    str, int
        What `mx.model.load_checkpoint` takes; (None, 0) for a name that is not known.
    """
    if meta_info is None:
        meta_info = {
            name: {"symbol": f"{_MODELS}{path}-symbol.json", "params": f"{_MODELS}{path}-{epoch:04d}.params"}
            for name, (path, epoch) in _MODEL_PATHS.items()
        }
    if model_name not in meta_info:
        return None, 0
    os.makedirs(dst_dir, exist_ok=True)
    target = os.path.join(dst_dir, model_name)
    for kind, end in (("symbol", "-symbol.json"), ("params", "-0000.params")):
        assert kind in meta_info[model_name], f"missing {kind} url"
        download(meta_info[model_name][kind], target + end)
    return target, 0
