"""NumPy's protocols from the side of user classes, and small promises of the objects themselves: what programs that
define array-likes, subclasses, ctypes bindings or pickles can rely on."""

import ctypes
import gc
import inspect
import itertools
import pickle
import pickletools
import sys
import warnings
import weakref

import numpy
import pytest

import minpy.numpy as np

TRANSCENDENTAL = ["hypot", "logaddexp", "logaddexp2", "arctan2", "power"]


def raised_by(call):
    with pytest.raises(Exception) as caught:
        call()
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", TRANSCENDENTAL)
def test_accumulate_equals_the_calls_one_by_one(name, dtype):
    f = getattr(np, name)
    x = np.random.RandomState(3).uniform(0.5, 1.5, 300).astype(dtype)
    one_by_one = np.array(list(itertools.accumulate(x, f)))
    got = f.accumulate(x)
    assert got.dtype == x.dtype and got.tobytes() == one_by_one.tobytes()
    numpy.testing.assert_allclose(got, getattr(numpy, name).accumulate(numpy.asarray(x)), rtol=1e-4)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize("layout", ["C", "F", "strided", "integers", "misaligned"])
def test_accumulate_along_every_axis(layout, axis):
    x = numpy.random.RandomState(5).uniform(0.5, 1.5, (3, 4, 5))
    x = {
        "C": x,
        "F": numpy.asfortranarray(x),
        "strided": numpy.repeat(x, 2, axis=1)[:, ::-2].swapaxes(0, 2),
        "integers": (x * 10).astype("i4"),
        "misaligned": numpy.frombuffer(b"." + x.tobytes(), "u1")[1:].view("f8").reshape(x.shape),
    }[layout]
    got, want = np.hypot.accumulate(np.asarray(x), axis), numpy.hypot.accumulate(x, axis)
    assert got.dtype == want.dtype and got.strides == want.strides
    numpy.testing.assert_allclose(got, want, rtol=1e-14)


def test_accumulate_with_dtype_and_out_and_of_nothing():
    x = np.arange(1, 6)
    assert np.hypot.accumulate(x, dtype="f4").dtype == numpy.float32
    out = np.empty(5)
    assert np.hypot.accumulate(x, out=out) is out and out[1] == np.hypot(1.0, 2.0)
    assert np.hypot.accumulate(np.zeros((0, 3))).shape == (0, 3)
    for m in (np, numpy):
        with pytest.raises(numpy.exceptions.AxisError):
            m.hypot.accumulate(m.ones(3), axis=1)
        with pytest.raises(TypeError, match="cannot accumulate on a scalar"):
            m.hypot.accumulate(m.asarray(1.0))


@pytest.mark.parametrize("name", [*TRANSCENDENTAL, "add", "divmod", "equal"])
def test_outer_equals_the_broadcast_call(name):
    f = getattr(np, name)
    a, b = np.linspace(0.5, 2, 6).reshape(2, 3), np.linspace(1, 3, 4)
    got, want = f.outer(a, b), f(a[:, :, None], b)
    for x, y in zip(got if f.nout == 2 else (got,), want if f.nout == 2 else (want,), strict=True):
        assert type(x) is np.ndarray and x.shape == (2, 3, 4) and x.tobytes() == y.tobytes()


def test_ufuncs_are_equal_to_numpys():
    assert np.add == numpy.add and numpy.add == np.add and (np.add != numpy.add) is False
    assert np.add != numpy.subtract and np.add != np.subtract
    for ours, numpys in ((np.add, numpy.add), (np.concatenate, numpy.concatenate), (np.kaiser, numpy.kaiser)):
        assert {ours: 1}[numpys] == 1 and {numpys: 2}[ours] == 2 and ours in [numpys]
    assert np.concatenate != numpy.stack and np.kaiser != numpy.blackman and np.kaiser != np.blackman


@pytest.mark.parametrize("name", ["add", "matmul", "vecdot", "frexp", "exp"])
def test_ufuncs_are_instances_of_ufunc(name):
    if hasattr(np, name):
        assert isinstance(getattr(np, name), np.ufunc) and isinstance(getattr(numpy, name), np.ufunc)
        assert getattr(np, name).nin == getattr(numpy, name).nin
    assert isinstance(np.frompyfunc(len, 1, 1), np.ufunc)
    assert not any(isinstance(x, np.ufunc) for x in (np.sum, np.kaiser, len, 3, np.ndarray, np.ufunc))


def test_handlers_keyed_by_our_functions_serve_a_dispatching_class():
    handled = {np.concatenate: "joined", np.add: "added", np.kaiser: "window"}

    class Diagonal:
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return handled[ufunc]

        def __array_function__(self, function, types, args, kwargs):
            return handled[function]

    assert np.add(Diagonal(), 1) == "added" and np.concatenate([Diagonal()]) == "joined"
    assert np.ones(2) + Diagonal() == "added"


def test_overrides_of_a_subclass_see_our_arrays_and_operators():
    seen = []

    class Logged(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            seen.append((ufunc, [type(x) for x in inputs], type(kwargs.get("where")), kwargs.get("out")))
            inputs = [x.view(np.ndarray) if isinstance(x, Logged) else x for x in inputs]
            result = super().__array_ufunc__(ufunc, method, *inputs, **kwargs)
            assert type(result) is np.ndarray
            return result.view(Logged)

    x, out = np.arange(3.0).view(Logged), np.zeros(3)
    total = np.add(x, np.ones(3), out=out, where=np.array([True, False, True]))
    assert type(total) is Logged and total.tolist() == [1, 0, 3] and out.tolist() == [1, 0, 3]
    ((ufunc, kinds, where, given),) = seen
    assert ufunc is np.add and kinds == [Logged, np.ndarray] and where is np.ndarray and given[0] is out


def test_our_arrays_answer_not_implemented_beside_a_refusing_operand():
    class Refuses:
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return NotImplemented

    assert np.ones(3).__array_ufunc__(np.add, "__call__", np.ones(3), Refuses()) is NotImplemented
    kind, text = raised_by(lambda: np.add(np.ones(3), Refuses()))
    assert kind is TypeError and "all returned NotImplemented" in text
    with pytest.raises(TypeError, match="unsupported operand|not supported"):  # another error stays
        np.ones(3).__array_ufunc__(numpy.invert, "__call__", np.ones(3))


class Readable:
    """An array-like as programs write it: `__array__` gives an array of the program's own numpy."""

    def __init__(self, values):
        self.values = values
        self.asked = []

    def __array__(self, dtype=None, copy=None):
        self.asked.append((dtype, copy))
        return self.values if dtype is None else self.values.astype(dtype)


def test_array_likes_are_asked_with_dtype_and_copy():
    x = Readable(np.arange(3))
    assert np.array(x, copy=True).tolist() == [0, 1, 2]
    assert (None, True if numpy.__version__ >= "2" else None) in x.asked  # NumPy 1 does not ask for copies
    assert np.asarray(x, dtype="f4").dtype == numpy.float32
    assert np.add(x, 1).tolist() == [1, 2, 3] and np.sum([x, x]) == 6


def test_array_wrap_of_an_array_like_gets_our_arrays():
    class Labelled(Readable):
        def __array_wrap__(self, array, context=None, return_scalar=False):
            result = Labelled(array)
            result.context = context
            return result

    x = Labelled(np.arange(3.0))
    y = np.exp(x)
    assert type(y) is Labelled and type(y.values) is np.ndarray and y.values[0] == 1
    function, operands, position = y.context
    assert function is np.exp and operands[0] is x and position == 0


def test_subclass_methods_take_and_give_our_arrays():
    class Plain(np.ndarray):
        pass

    x = np.array([0.0, 3.0]).view(Plain)
    assert type(x.nonzero()[0]) is np.ndarray and x.nonzero()[0].tolist() == [1]
    assert type(x.__array_wrap__(np.ones(2))) is Plain


def test_masked_arrays_and_ctypes_see_the_same_memory():
    x = np.arange(4.0)
    pointer = np.ctypeslib.ndpointer(np.float64, ndim=1, shape=(4,), flags="C_CONTIGUOUS")
    assert pointer is np.ctypeslib.ndpointer(np.float64, ndim=1, shape=(4,), flags="C_CONTIGUOUS")
    fill = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda address: ctypes.memset(address, 0, 8 * 2))
    fill(pointer.from_param(x)._as_parameter_)
    assert x.tolist() == [0, 0, 2, 3]
    back = ctypes.cast(x.ctypes.data, pointer).contents
    assert type(back) is np.ndarray and back.tolist() == [0, 0, 2, 3]
    back[3] = 7
    assert x[3] == 7
    assert type(np.ctypeslib.as_array(np.ctypeslib.as_ctypes(x))) is np.ndarray
    numpys = numpy.ctypeslib.ndpointer(np.float64, ndim=1)
    for make, check in ((np.ctypeslib, np.ones), (numpy.ctypeslib, numpy.ones)):
        assert raised_by(
            lambda m=make, ones=check: m.ndpointer(numpy.float64, ndim=1).from_param(ones((2, 2)))
        ) == (
            TypeError,
            "array must have 1 dimension(s)",
        )
    assert issubclass(np.ctypeslib.ndpointer(np.float64, ndim=1), numpys)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_name_functions_only_and_keep_nothing_alive(protocol):
    def round_trip():
        x = np.ones(3)
        pickle.loads(pickle.dumps(x, protocol))
        pickle.loads(pickle.dumps(np.exp, protocol))
        alive = weakref.ref(x)
        del x
        gc.collect()
        return alive()

    assert round_trip() is None
    for value in (np.ones(3), np.exp, np.sum):
        names = [str(argument) for _, argument, _ in pickletools.genops(pickle.dumps(value, protocol))]
        assert not any("eval" in name or "getattr" in name for name in names)


def test_flat_elements_cannot_be_deleted_and_copies_of_flat_are_read_only():
    for m in (np, numpy):
        flat = m.ones((2, 3)).flat
        for key in (1, slice(1, 2)):
            with pytest.raises(TypeError, match="Cannot delete iterator elements"):
                del flat[key]
        assert flat.__array__().flags.writeable
        assert not m.ones((2, 3)).T.flat.__array__().flags.writeable


@pytest.mark.parametrize("kwargs", [{"order": 1}, {"refcheck": "hi"}, {"refcheck": 1.5}])
def test_resize_refuses_as_numpy_does(kwargs):
    assert raised_by(lambda: np.eye(3).resize(**kwargs)) == raised_by(lambda: numpy.eye(3).resize(**kwargs))


def test_sizeof_counts_dimensions_and_owned_elements_as_numpy_does():
    for shape in ((), (7,), (7, 1), (1,) * 6):
        ours, numpys = sys.getsizeof(np.ones(shape)), sys.getsizeof(numpy.ones(shape))
        base_ours, base_numpys = sys.getsizeof(np.ones(())), sys.getsizeof(numpy.ones(()))
        assert ours - base_ours == numpys - base_numpys
    x = np.ones(100)
    assert sys.getsizeof(x[:]) + x.nbytes == sys.getsizeof(x)


def test_ufuncs_with_two_outputs_need_a_tuple():
    for m in (np, numpy):
        with pytest.raises(TypeError, match="must be a tuple"):
            m.modf(m.ones(2), out=None)
        assert m.modf(m.ones(2), out=(None, None))[0][0] == 0
        assert m.exp(m.zeros(2), out=None)[0] == 1


def test_a_third_argument_of_maximum_warns_where_numpy_does():
    def warned(m):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            out = m.empty(2)
            assert m.maximum(m.ones(2), m.zeros(2), out) is out and out.tolist() == [1, 1]
        return [str(w.message) for w in caught]

    assert warned(np) == warned(numpy)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        *(("ndarray", name) for name in "copy astype dot resize setflags sum sort __array__".split()),
        *(("ufunc", name) for name in "reduce accumulate reduceat outer at".split()),
    ],
)
def test_methods_show_numpys_signatures(owner, name):
    ours, numpys = getattr(getattr(np, owner), name), getattr(getattr(numpy, owner), name)
    if numpys.__text_signature__ is None:
        pytest.skip("this NumPy has no signatures of compiled methods")
    assert inspect.signature(ours).parameters.keys() == inspect.signature(numpys).parameters.keys()
    assert ours.__doc__ == numpys.__doc__
