"""The namespace: every public name resolves, arguments and results cross to NumPy without copies, and other
libraries accept our arrays."""

import copy
import importlib
import inspect
import os
import pickle
import subprocess
import sys
import types
import warnings

import numpy
import pytest

import minpy
import minpy.numpy as np

MODULES = [
    "char",
    "ctypeslib",
    "dtypes",
    "exceptions",
    "fft",
    "lib",
    "lib.array_utils",
    "lib.format",
    "lib.introspect",
    "lib.mixins",
    "lib.npyio",
    "lib.scimath",
    "lib.stride_tricks",
    "linalg",
    "ma",
    "ma.core",
    "ma.extras",
    "polynomial",
    "polynomial.chebyshev",
    "polynomial.hermite",
    "polynomial.hermite_e",
    "polynomial.laguerre",
    "polynomial.legendre",
    "polynomial.polynomial",
    "polynomial.polyutils",
    "random",
    "rec",
    "strings",
    "testing",
    "typing",
]


def numpy_modules():
    for name in MODULES:
        attribute = getattr(numpy, name, None)
        try:
            yield (
                name,
                attribute
                if isinstance(attribute, types.ModuleType)
                else importlib.import_module(f"numpy.{name}"),
            )
        except ModuleNotFoundError:
            assert numpy.__version__ < "2.3", name


def public_names(module):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = {*dir(module), *getattr(module, "__all__", ())}
        return [name for name in names if name[0] != "_" and hasattr(module, name)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_public_name_resolves():
    missing = [name for name in public_names(numpy) if not hasattr(np, name)]
    for path, module in numpy_modules():
        ours = importlib.import_module(f"minpy.numpy.{path}")
        missing += [f"{path}.{name}" for name in public_names(module) if not hasattr(ours, name)]
    assert not missing


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "module", ["", *".numpy .mxnet.numpy .nd .symbol .gluon .gluon.nn .random .io".split()]
)
def test_all_names_can_be_imported_at_once(module):
    names = {}
    exec(f"from minpy{module} import *", names)
    if module in (".nd", ".symbol"):
        assert {"Convolution", "maximum", "zeros", "random", "linalg", "sparse"} <= {*names}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_array_function_is_ours():
    wrapped = (np.ufunc, type(np.sum), type(np.matmul), type(np.gradient), types.FunctionType, type)
    for name in public_names(numpy):
        if isinstance(getattr(numpy, name), (type(numpy.sum), numpy.ufunc)):
            twin = getattr(np, name)
            assert isinstance(twin, wrapped) and twin is not getattr(numpy, name), name


def test_functions_present_themselves_as_numpys():
    for name in ("sum", "reshape", "gradient", "zeros", "linalg.norm", "add", "median", "apply_along_axis"):
        ours, theirs = np, numpy
        for part in name.split("."):
            ours, theirs = getattr(ours, part), getattr(theirs, part)
        assert ours.__name__.rpartition(".")[2] == theirs.__name__
        assert ours.__doc__ == theirs.__doc__
        assert ours.__module__.startswith("minpy.numpy")
        try:
            expected = inspect.signature(theirs)
        except ValueError:
            continue
        assert inspect.signature(ours) == expected, name
    assert np.ndarray.sum.__doc__ == numpy.ndarray.sum.__doc__


def test_attribute_errors_name_our_module():
    with pytest.raises(AttributeError, match="module 'minpy.numpy' has no attribute 'no_such_name'"):
        np.no_such_name  # noqa: B018
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("minpy.numpy.no_such_module")


def test_modules_are_imported_lazily():
    code = "import sys, minpy.numpy; print([m for m in sys.modules if m.startswith('minpy.')])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ}
    ).stdout
    for name in ("random", "linalg", "testing", "dispatch", "autograd"):
        assert f"minpy.{name}" not in loaded and f"minpy.numpy.{name}'" not in loaded


# --- Sharing memory with NumPy ---


@pytest.mark.parametrize(
    "view",
    [
        lambda x: np.asarray(x)[1:, ::2],
        lambda x: np.moveaxis(x, 0, 1),
        lambda x: np.rot90(x),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=1),
        lambda x: np.broadcast_to(x, (2, 3, 4)),
        lambda x: np.fliplr(x),
        lambda x: np.array_split(x, 2)[1],
        lambda x: x.view(np.int64),
        lambda x: x.real,
        lambda x: np.diagonal(x),
        lambda x: np.from_dlpack(x),
        lambda x: np.asarray(numpy.asarray(x)),
        lambda x: np.asarray(memoryview(x)),
        lambda x: np.frombuffer(x, dtype=float),
    ],
)
def test_views_come_back_as_views(view):
    x = np.arange(12.0).reshape(3, 4)
    v = view(x)
    assert type(v) is np.ndarray
    assert np.shares_memory(v, x)
    x[...] = 7
    assert (v.view(float) == 7).all()


def test_chains_of_views_have_the_array_as_base():
    x = np.arange(12.0)
    assert np.moveaxis(x.reshape(3, 4), 0, 1).base is x
    assert np.asarray(numpy.asarray(x)[2:]).base is x


def mutation_cases():
    return {
        "copyto": lambda m, x: m.copyto(x, m.ones(x.shape), where=x > 3),
        "put": lambda m, x: m.put(x, [1, 3], [-1.0, -2.0]),
        "place": lambda m, x: m.place(x, x > 2, [9.0, 8.0]),
        "putmask": lambda m, x: m.putmask(x, x > 2, x * 10),
        "fill_diagonal": lambda m, x: m.fill_diagonal(x, 5),
        "put_along_axis": lambda m, x: m.put_along_axis(x, m.array([[1]] * len(x)), 99.0, axis=1),
        "shuffle": lambda m, x: m.random.RandomState(3).shuffle(x),
        "legacy shuffle": lambda m, x: (m.random.seed(3), m.random.shuffle(x)),
        "generator shuffle": lambda m, x: m.random.default_rng(3).shuffle(x, axis=1),
        "generator out": lambda m, x: m.random.default_rng(3).random(out=x),
        "out": lambda m, x: m.cumsum(x, axis=0, out=x),
        "ufunc out": lambda m, x: m.exp(x, out=x, where=x < 2),
        "ufunc at": lambda m, x: m.add.at(x, ([0, 0, 1],), 1.0),
        "clip out": lambda m, x: m.clip(x, 1, 3, out=x),
        "fill": lambda m, x: x.fill(3),
        "sort": lambda m, x: x.sort(axis=0),
        "partition": lambda m, x: x.partition(1, axis=0),
        "method put": lambda m, x: x.put([0], 77.0),
        "byteswap": lambda m, x: x.byteswap(inplace=True),
        "flat": lambda m, x: x.flat.__setitem__(slice(1, 4), [7.0, 8.0]),
        "flat attribute": lambda m, x: setattr(x, "flat", [1.0, 2.0, 3.0]),
        "nan_to_num": lambda m, x: m.nan_to_num(x, copy=False),
        "resize": lambda m, x: x.resize((2, 2), refcheck=False),
        "shape": lambda m, x: setattr(x, "shape", (8, 6)),
        "numpy out": lambda m, x: numpy.negative(x, out=x),
        "numpy at": lambda m, x: numpy.subtract.at(x, ([0, 0],), 1.0),
        "numpy copyto": lambda m, x: numpy.copyto(x, 5.0),
        "buffer": lambda m, x: memoryview(x).cast("B").cast("d").__setitem__(0, 44.0),
    }


@pytest.mark.parametrize("name", mutation_cases())
@pytest.mark.parametrize("layout", ["C", "strided"])
def test_mutations_write_back(name, layout):
    if layout == "strided" and name in ("resize", "shape", "generator out", "buffer"):
        pytest.skip("NumPy refuses this for a strided array")
    data = numpy.random.RandomState(0).rand(6, 8) * 5
    got, expected = np.array(data), data.copy()
    change = mutation_cases()[name]
    if layout == "strided":
        change(np, got[::2, ::-2]), change(numpy, expected[::2, ::-2])
    else:
        change(np, got), change(numpy, expected)
    numpy.testing.assert_array_equal(numpy.asarray(got), expected)


def test_shuffling_a_list_of_arrays_shuffles_the_list():
    items, theirs = [np.full(2, i) for i in range(6)], list(range(6))
    np.random.seed(5)
    np.random.shuffle(items)
    numpy.random.seed(5)
    numpy.random.shuffle(theirs)
    assert [int(x[0]) for x in items] == theirs and type(items[0]) is np.ndarray


# --- Random streams ---


@pytest.mark.parametrize("name", [n for n in dir(numpy.random.Generator) if n[0] != "_"])
def test_generator_streams_are_numpys(name):
    arguments = {
        "multinomial": (5, [0.2, 0.8]),
        "multivariate_normal": ([0.0, 1.0], numpy.eye(2)),
        "dirichlet": ([1.0, 2.0],),
        "multivariate_hypergeometric": ([3, 4, 5], 4),
        "choice": (7,),
        "permutation": (8,),
        "integers": (9,),
        "binomial": (5, 0.3),
        "negative_binomial": (5, 0.3),
        "hypergeometric": (4, 5, 3),
        "triangular": (0, 1, 2),
        "noncentral_f": (2, 3, 1.5),
        "noncentral_chisquare": (2, 1.5),
        "f": (2, 3),
        "beta": (2, 3),
        "wald": (1, 2),
        "vonmises": (0.0, 1.0),
        "geometric": (0.4,),
        "logseries": (0.4,),
        "permuted": (numpy.arange(5),),
        "bytes": (5,),
    }.get(name)
    if name in ("bit_generator", "shuffle", "spawn"):
        pytest.skip("not a distribution")
    no_argument = (
        "random",
        "normal",
        "uniform",
        "exponential",
        "poisson",
        "laplace",
        "logistic",
        "lognormal",
        "gumbel",
        "rayleigh",
        "standard_normal",
        "standard_exponential",
        "standard_cauchy",
    )
    arguments = arguments if arguments is not None else () if name in no_argument else (2.5,)
    got = getattr(np.random.default_rng(42), name)(*arguments)
    expected = getattr(numpy.random.default_rng(42), name)(*arguments)
    numpy.testing.assert_array_equal(got, expected)
    if isinstance(expected, numpy.ndarray):
        assert type(got) is np.ndarray and got.dtype == expected.dtype
    else:
        assert type(got) is type(expected)


def test_legacy_streams_share_numpys_state():
    numpy.random.seed(7)
    expected = numpy.random.rand(3), numpy.random.randn(2), numpy.random.randint(10, size=4)
    np.random.seed(7)
    got = np.random.rand(3), np.random.randn(2), np.random.randint(10, size=4)
    for x, y in zip(got, expected, strict=True):
        numpy.testing.assert_array_equal(x, y)
        assert type(x) is np.ndarray


@pytest.mark.parametrize("make", [lambda: np.random.default_rng(5), lambda: np.random.RandomState(5)])
def test_generators_copy_pickle_and_pass_for_numpys(make):
    generator = make()
    assert isinstance(generator, (numpy.random.Generator, numpy.random.RandomState))
    generator.normal(size=3)  # RandomState keeps the second of a pair of normals
    for twin in (pickle.loads(pickle.dumps(generator)), copy.deepcopy(generator)):
        assert type(twin) is type(generator)
        numpy.testing.assert_array_equal(
            twin.normal(size=3), copy.copy(pickle.loads(pickle.dumps(generator))).normal(size=3)
        )


def test_default_rng_takes_what_numpys_takes():
    generator = np.random.default_rng(1)
    assert np.random.default_rng(generator) is generator
    theirs = numpy.random.default_rng(1)
    assert np.random.default_rng(theirs).bit_generator is theirs.bit_generator
    expected = numpy.random.default_rng([1, 2]).random()
    assert np.random.default_rng(np.array([1, 2])).random() == expected
    assert np.random.SeedSequence(np.array([1, 2])).entropy is not None


# --- Protocols ---

X = numpy.arange(6.0).reshape(2, 3) + 1


@pytest.mark.parametrize(
    "call",
    [
        lambda x: numpy.sin(x),
        lambda x: numpy.add(x, x.tolist()),
        lambda x: X + x,
        lambda x: x + X,
        lambda x: numpy.float64(2) * x,
        lambda x: numpy.float32(2) - x,
        lambda x: numpy.bool_(True) | (x > 1),
        lambda x: x > X,
        lambda x: X @ x.T,
        lambda x: numpy.matmul(x, X.T),
        lambda x: numpy.add.reduce(x, axis=1),
        lambda x: numpy.add.accumulate(x),
        lambda x: numpy.multiply.outer(x, X),
        lambda x: numpy.add.reduceat(x, [0, 1]),
        lambda x: numpy.divmod(x, 2)[1],
        lambda x: numpy.concatenate([x, X]),
        lambda x: numpy.concatenate((X, x), axis=1),
        lambda x: numpy.stack([x, x]),
        lambda x: numpy.where(x > 2, x, 0),
        lambda x: numpy.median(x, axis=0),
        lambda x: numpy.linalg.inv(x[:, :2]),
        lambda x: numpy.fft.fft(x),
        lambda x: numpy.zeros_like(x),
        lambda x: numpy.reshape(x, (3, 2)),
        lambda x: numpy.einsum("ij,kj->ik", x, X),
        lambda x: np.polynomial.Polynomial([1, 2])(x),
        lambda x: numpy.block([[x, x]]),
    ],
)
def test_numpy_functions_on_our_arrays_give_our_arrays(call):
    got, expected = call(np.array(X)), call(X.copy())
    assert type(got) is np.ndarray
    numpy.testing.assert_array_equal(numpy.asarray(got), expected)
    assert got.dtype == expected.dtype


def test_numpy_ufunc_writes_into_our_array_and_numpys():
    x, theirs = np.zeros(3), numpy.zeros(3)
    assert numpy.add([1, 2, 3], 1, out=x) is x
    numpy.testing.assert_array_equal(x, [2, 3, 4])
    assert np.add(x, 1, out=theirs) is theirs
    numpy.testing.assert_array_equal(theirs, [3, 4, 5])
    theirs += x
    assert type(theirs) is numpy.ndarray
    numpy.testing.assert_array_equal(theirs, [5, 7, 9])


def test_other_implementers_of_the_protocols_are_asked():
    class Other:
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return ufunc.__name__, method

        def __array_function__(self, function, types, args, kwargs):
            return function.__name__

    x = np.ones(3)
    assert np.add(x, Other()) == ("add", "__call__") == x + Other() == Other() + x
    assert np.concatenate([x, Other()]) == "concatenate"
    assert np.median(Other()) == "median"

    class OptsOut:
        __array_ufunc__ = None

        def __radd__(self, other):
            return "mine"

    assert x + OptsOut() == "mine"
    with pytest.raises(TypeError):
        np.add(x, OptsOut())


def test_objects_whose_array_is_ours():
    class Holder:
        def __array__(self, dtype=None, copy=None):
            return np.arange(3.0)

    assert np.asarray(Holder()).tolist() == [0, 1, 2]
    assert (np.ones(3) + Holder()).tolist() == [1, 2, 3]
    assert np.median(Holder()) == 1 and np.sum(Holder()) == 3

    class Reflected:
        def __radd__(self, other):
            return other * 10

    assert (np.arange(2) + Reflected()).tolist() == (numpy.arange(2) + Reflected()).tolist() == [0, 10]
    with pytest.raises(ValueError, match="not producing an array"):
        np.asarray(type("Wrong", (), {"__array__": lambda self, dtype=None, copy=None: 3})())


def test_array_api_namespace():
    assert np.ones(2).__array_namespace__() is np
    with pytest.raises(ValueError):
        np.ones(2).__array_namespace__(api_version="1999.01")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", "?bBhHiIlLefdFD")
def test_pickle(protocol, dtype):
    for x in (np.arange(6).astype(dtype).reshape(2, 3).T, np.ones((), dtype)[...], np.zeros((0, 3), dtype)):
        back = pickle.loads(pickle.dumps(x, protocol))
        assert type(back) is np.ndarray and back.dtype == x.dtype and back.shape == x.shape
        assert back.flags.f_contiguous == x.flags.f_contiguous and back.flags.writeable
        numpy.testing.assert_array_equal(back, x)


def test_pickle_of_bfloat16_and_of_functions():
    import ml_dtypes

    x = np.arange(4).astype(ml_dtypes.bfloat16)
    assert pickle.loads(pickle.dumps(x)).dtype == ml_dtypes.bfloat16
    for f in (
        np.sum,
        np.add,
        np.gradient,
        np.linalg.norm,
        np.random.rand,
        np.ndarray,
        np.ndarray.sum,
        np.vectorize,
    ):
        assert pickle.loads(pickle.dumps(f)) == f or f is np.ndarray.sum


def test_pickle_out_of_band():
    buffers = []
    x = np.arange(1000.0)
    data = pickle.dumps(x, protocol=5, buffer_callback=buffers.append)
    assert len(data) < 1000
    numpy.testing.assert_array_equal(pickle.loads(data, buffers=buffers), x)


def test_copies_do_not_share_memory():
    x = np.arange(4.0)
    for twin in (copy.copy(x), copy.deepcopy(x), copy.deepcopy([x])[0], x.copy(), np.array(x)):
        assert type(twin) is np.ndarray and not np.shares_memory(x, twin)
    assert x.__deepcopy__({}) is not x


def test_hash_format_and_class():
    x = np.arange(3.0)
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)
    assert np.ndarray.__hash__ is None
    assert f"{np.array(1.5)[...]:.3f}" == "1.500"
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{x:.3f}"
    assert np.ndarray[float, np.dtype[np.float64]].__origin__ is np.ndarray


# --- Types ---


def test_isinstance_covers_arrays_that_stay_numpys():
    for dtype in ("O", "U3", "S2", "M8[s]", "m8[s]", "i4,f8", "g", ">f4", "V3"):
        x = np.zeros(2, dtype=dtype)
        assert type(x) is numpy.ndarray and isinstance(x, np.ndarray), dtype
    for x in (np.matrix([1]), np.ma.array([1]), np.recarray(1, "i4"), np.rec.array([(1, 2)], dtype="i4,i4")):
        assert isinstance(x, np.ndarray) and issubclass(type(x), np.ndarray)
    assert not isinstance([1], np.ndarray) and not isinstance(np.float64(1), np.ndarray)
    assert not issubclass(list, np.ndarray)


class Labelled(np.ndarray):
    """The pattern of NumPy's guide to subclassing."""

    def __new__(cls, values, label=None):
        made = np.asarray(values).view(cls)
        made.label = label
        return made

    def __array_finalize__(self, source):
        self.label = getattr(source, "label", None)


class Logging(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        inputs = [x.view(np.ndarray) if isinstance(x, Logging) else x for x in inputs]
        result = super().__array_ufunc__(ufunc, method, *inputs, **kwargs)
        return np.asarray(result).view(Logging)


def test_subclasses():
    x = np.arange(4.0)
    s = Labelled(x, "a")
    assert isinstance(s, np.ndarray) and isinstance(s, numpy.ndarray)
    assert np.shares_memory(s, x)
    for y in (s[1:], s + 1, s + x, x + s, np.sin(s), np.add(x, s), s.T, np.squeeze(s), copy.copy(s)):
        assert type(y) is Labelled and y.label == "a"
    assert type(s.view(np.ndarray)) is np.ndarray and type(np.asarray(s)) is np.ndarray
    assert type(np.asanyarray(s)) is Labelled
    made = np.ndarray.__new__(Labelled, (2, 2), buffer=x)
    assert type(made) is Labelled and np.shares_memory(made, x)
    total = Logging(3) + x[:3]
    assert type(total) is Logging
    s += x
    assert type(s) is Labelled and s.label == "a"
    numpy.testing.assert_array_equal(x, [0, 2, 4, 6])


def test_subclass_with_a_mixin():
    class Mixin:
        def double(self):
            return self * 2

    class Both(Mixin, np.ndarray):
        pass

    assert type(np.ones(2).view(Both).double()) is Both


def test_matrix_operators_come_first():
    x, m = np.eye(2), np.matrix([[1.0, 2.0], [3.0, 4.0]])
    for product in (x * m, m * x, x @ m):
        assert type(product) is np.matrix
        numpy.testing.assert_array_equal(product, m)
    masked = np.ma.array([1.0, 2.0], mask=[True, False])
    assert (np.ones(2) + masked).mask.tolist() == [True, False]


# --- flags and flat ---


def test_flags():
    for ours, theirs in (
        (np.zeros((2, 3)), numpy.zeros((2, 3))),
        (np.ones(3)[::2], numpy.ones(3)[::2]),
        (np.zeros((2, 3)).T, numpy.zeros((2, 3)).T),
        (np.zeros(()), numpy.zeros(())),
    ):
        assert repr(ours.flags) == repr(theirs.flags) and ours.flags.num == theirs.flags.num
        for name in (
            "contiguous",
            "fortran",
            "fnc",
            "forc",
            "carray",
            "farray",
            "behaved",
            "owndata",
            "aligned",
        ):
            assert getattr(ours.flags, name) == getattr(theirs.flags, name), name
        for key in ("C", "F", "W", "A", "O", "X", "B", "CA", "FA", "FNC", "FORC", "WRITEABLE", "CONTIGUOUS"):
            assert ours.flags[key] == theirs.flags[key], key
    x = np.zeros(3)
    flags, view = x.flags, x[1:]
    flags.writeable = False
    assert not x.flags.writeable and not flags["WRITEABLE"] and view.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        x[0] = 1
    with pytest.raises(ValueError, match="cannot set WRITEABLE"):
        x[1:].flags.writeable = True
    x.setflags(write=True)
    x[0] = 1
    with pytest.raises(KeyError):
        x.flags["nothing"]
    with pytest.raises(AttributeError):
        x.flags.owndata = True
    assert np.zeros(3).flags == np.zeros(3).flags


def test_read_only_memory_stays_so():
    x = np.frombuffer(b"\0" * 16)
    assert not x.flags.writeable
    with pytest.raises(ValueError, match="cannot set WRITEABLE"):
        x.flags.writeable = True


def test_flat():
    x = np.arange(6).reshape(2, 3).T
    flat = x.flat
    assert flat.base is x and len(flat) == 6 and flat.index == 0 and flat.coords == (0, 0)
    assert next(flat) == 0 and flat.index == 1 and flat.coords == (0, 1)
    assert [int(v) for v in flat] == [3, 1, 4, 2, 5]
    assert type(x.flat[1:3]) is np.ndarray and x.flat[[0, -1]].tolist() == [0, 5]
    x.flat[x.flat > 3] = -1
    assert x.tolist() == [[0, 3], [1, -1], [2, -1]]
    x.flat = 9
    assert (x == 9).all() and (x.flat == 9).all() and type(x.flat == 9) is np.ndarray
    assert np.array(x.flat).shape == (6,)


# --- Policies ---


def test_policies_and_statistics():
    x = np.arange(6.0)

    def run():
        return np.add(x, 1), x.sum(), np.sum(x), x @ x, np.gradient(x)

    minpy.reset_op_stat()
    expected = run()
    stat = minpy.op_stat()
    assert stat["add"] == (1, 0) and stat["ndarray.sum"] == (1, 0) and stat["gradient"] == (0, 1)
    assert "gradient" in str(stat)
    with minpy.OnlyNumPyPolicy():
        minpy.reset_op_stat()
        for got, value in zip(run(), expected, strict=True):
            numpy.testing.assert_array_equal(got, value)
        stat = minpy.op_stat()
        assert all(native == 0 for native, _ in stat.values()) and stat["add"] == stat["sum"] == (0, 1)
    with minpy.OnlyNativePolicy():
        np.add(x, 1)
        with pytest.raises(RuntimeError, match="gradient has no native kernel"):
            np.gradient(x)
    np.gradient(x)

    @minpy.wrap_policy("only_mxnet")
    def strict():
        return np.gradient(x)

    with pytest.raises(RuntimeError):
        strict()
    minpy.set_global_policy("only_numpy")
    minpy.reset_op_stat()
    np.add(x, 1)
    assert minpy.op_stat()["add"] == (0, 1)
    minpy.set_global_policy("prefer_mxnet")
    with pytest.raises(TypeError, match="Unknown policy name"):
        minpy.set_global_policy("no_such_policy")
    assert np.set_global_policy is minpy.set_global_policy


def test_fallback_setting():
    import minpy.config

    try:
        minpy.config.fallback = "error"
        with pytest.raises(RuntimeError, match="vander"):
            np.vander([1.0, 2.0])
        minpy.config.fallback = "warn"
        with pytest.warns(RuntimeWarning, match="hamming"):
            np.hamming(4)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.hamming(4)  # once per function
    finally:
        minpy.config.fallback = "silent"
    with pytest.raises(ValueError, match="must be one of"):
        minpy.config.fallback = "loud"


# --- Other libraries ---


def test_scipy_accepts_our_arrays():
    special = pytest.importorskip("scipy.special")
    from scipy import linalg, optimize, signal, sparse, stats

    x = np.linspace(0.1, 1, 5)
    expected = special.expit(numpy.linspace(0.1, 1, 5))
    got = special.expit(x)
    assert type(got) is np.ndarray
    numpy.testing.assert_array_equal(got, expected)
    a = np.array([[4.0, 1.0], [1.0, 3.0]])
    numpy.testing.assert_allclose(linalg.cholesky(a) @ np.eye(2), linalg.cholesky(numpy.array(a)))
    numpy.testing.assert_allclose(sparse.csr_matrix(a) @ np.ones(2), [5, 4])
    assert stats.pearsonr(x, x**2)[0] == stats.pearsonr(numpy.array(x), numpy.array(x) ** 2)[0]
    signal.lfilter(np.ones(2), 1, x)
    assert optimize.minimize(lambda v: ((v - np.array([1.0, 2.0])) ** 2).sum(), np.zeros(2)).success


def test_matplotlib_accepts_our_arrays():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    (line,) = axes.plot(np.arange(3.0), np.arange(3.0) ** 2)
    numpy.testing.assert_array_equal(line.get_ydata(), [0, 1, 4])
    axes.imshow(np.random.rand(4, 4))
    axes.hist(np.random.randn(20))
    axes.scatter(np.arange(3), np.arange(3), c=np.arange(3.0))
    figure.canvas.draw()
    pyplot.close(figure)


def test_sklearn_accepts_our_arrays():
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 3))
    y = (x[:, 0] > 0).astype(int)
    a, b, c, d = train_test_split(x, y, random_state=0)
    assert LogisticRegression().fit(a, c).score(b, d) > 0.8


def test_pandas_accepts_our_arrays():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": np.arange(3), "b": np.ones(3)})
    assert frame.a.tolist() == [0, 1, 2] and frame.b.dtype == float
    square = pandas.DataFrame(np.arange(4.0).reshape(2, 2), columns=list("xy"))
    assert square.y.tolist() == [1, 3]
    assert (pandas.Series(np.arange(3.0)) * np.full(3, 2.0)).tolist() == [0, 2, 4]
    assert type(np.asarray(frame.b)) is np.ndarray


def test_standard_library_accepts_our_arrays():
    import array
    import json
    import math
    import struct

    assert math.fsum(np.ones(3)) == 3 and math.sqrt(np.array(4.0)[...]) == 2
    assert json.dumps(np.arange(3).tolist()) == "[0, 1, 2]"
    assert struct.unpack("d", np.array([2.5]).tobytes()) == (2.5,)
    assert array.array("d", np.arange(2.0).tobytes()).tolist() == [0, 1]
    assert list(range(5))[np.array(2)[...]] == 2 and sum(np.arange(3)) == 3 and max(np.arange(3)) == 2
    assert list(zip(*np.eye(2), strict=True))[0][0] == 1


@pytest.mark.parametrize("name", ["subtract", "divide", "power", "maximum", "add", "arctan2"])
def test_reduction_over_no_axis_gives_the_array(name):
    x = np.array([[8.0, 2.0], [0.5, 0.25]])
    numpy.testing.assert_array_equal(getattr(np, name).reduce(x, axis=()), x)
