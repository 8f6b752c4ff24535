"""mx.util: the switches of semantics and the small helpers; mx.log and mx.libinfo."""

import logging
import os
import threading

import pytest

import minpy as mx
from minpy import engine, libinfo, log, runtime, util


@pytest.fixture(autouse=True)
def legacy_after():
    yield
    util.reset_np()


def state():
    return util.is_np_shape(), util.is_np_array()


def test_switches_and_scopes():
    assert state() == (False, False)
    util.set_np()
    assert state() == (True, True)
    with util.np_array(False):
        assert state() == (True, False)
        with util.np_shape(False):
            assert state() == (False, False)
    assert state() == (True, True)
    with util.np_shape(None):
        assert state() == (True, True)
    util.reset_np()
    assert state() == (False, False)
    assert util.set_np_shape(True) is False and util.set_np_shape(False) is True


def test_array_semantics_need_shape_semantics():
    with pytest.raises(ValueError, match="NumPy Shape semantics is required in using NumPy array semantics."):
        util.set_np(shape=False)
    util.set_np()
    with pytest.raises(ValueError, match="Deactivating NumPy shape semantics while NumPy array semantics"):
        util.set_np_shape(False)


def test_default_dtype():
    util.set_np(dtype=True)
    assert util.is_np_default_dtype()
    util.set_np()
    assert not util.is_np_default_dtype()


def test_state_is_per_thread():
    util.set_np()
    seen = []
    thread = threading.Thread(target=lambda: seen.append(state()))
    thread.start()
    thread.join()
    assert seen == [(False, False)] and state() == (True, True)


def test_decorators():
    @mx.use_np
    def inside():
        return state()

    @mx.use_np
    class Net:
        def __init__(self):
            self.made = state()

        def forward(self):
            return state()

        @staticmethod
        def static():
            return state()

        @classmethod
        def of_class(cls):
            return cls, state()

        @property
        def prop(self):
            return state()

    on = (True, True)
    net = Net()
    assert inside() == net.made == net.forward() == net.static() == net.prop == on
    assert net.of_class() == Net.of_class() == (Net, on)
    assert state() == (False, False) and inside.__name__ == "inside"
    assert mx.use_np_shape(state)() == (True, False) and mx.use_np_array(state)() == (False, True)
    with pytest.raises(TypeError, match="use_np_array can only decorate classes and callable objects"):
        mx.use_np(3)


def test_scopes_close_after_errors():
    @mx.use_np
    def fail():
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert state() == (False, False)


def test_ufunc_options():
    negative = util.wrap_np_unary_func(lambda x, out=None: -x)
    add = util.wrap_np_binary_func(lambda x1, x2, out=None: x1 + x2)
    assert negative(2, where=True, order="K") == -2 and add(2, 3, casting="same_kind") == 5
    with pytest.raises(TypeError, match="axis is an invalid keyword"):
        negative(2, axis=1)
    with pytest.raises(NotImplementedError, match="dtype=int8 is not implemented yet"):
        add(2, 3, dtype="int8")
    with pytest.raises(TypeError, match="order=3 not understood"):
        negative(2, order=3)


def test_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("MINPY_TEST_NAME", raising=False)
    assert util.getenv("MINPY_TEST_NAME") is None
    util.setenv("MINPY_TEST_NAME", "1")
    assert os.environ["MINPY_TEST_NAME"] == util.getenv("MINPY_TEST_NAME") == "1"
    util.setenv("MINPY_TEST_NAME", None)
    assert "MINPY_TEST_NAME" not in os.environ
    util.makedirs(tmp_path / "a" / "b")
    util.makedirs(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert util.set_module("elsewhere")(lambda: 0).__module__ == "elsewhere"


def test_features():
    features = runtime.Features()
    assert features is runtime.Features()
    assert not features.is_enabled("cuda") and features.is_enabled("BLAS_OPEN")
    assert repr(features["CUDA"]) == "✖ CUDA" and repr(features["LAPACK"]) == "✔ LAPACK"
    assert repr(features).startswith("[✖ CUDA, ✖ CUDNN, ")
    assert [f.name for f in runtime.feature_list()] == list(features)
    with pytest.raises(RuntimeError, match="Feature 'FOO' is unknown, known features are: "):
        features.is_enabled("foo")


def test_libinfo():
    assert os.path.exists(libinfo.find_lib_path()[0])
    assert libinfo.__version__ == "1.9.1"
    with pytest.raises(RuntimeError):
        libinfo.find_include_path()


def test_logger(tmp_path, capsys):
    logger = log.get_logger("minpy.test.stream", level=logging.INFO)
    assert log.get_logger("minpy.test.stream") is logger and len(logger.handlers) == 1
    assert logger.level == logging.INFO
    record = logging.LogRecord("n", logging.WARNING, "train.py", 3, "hello %s", ("you",), None, "main")
    line = logger.handlers[0].format(record)
    assert line.startswith("\x1b[31mW") and line.endswith(" train.py:main:3]\x1b[0m hello you")
    record.levelno = logging.INFO
    assert logger.handlers[0].format(record).startswith("\x1b[32mI")
    to_file = log.get_logger("minpy.test.file", str(tmp_path / "log.txt"))
    to_file.warning("written")
    to_file.info("not written")
    to_file.handlers[0].close()
    assert (tmp_path / "log.txt").read_text() == "written\n"
    with pytest.warns(DeprecationWarning, match="getLogger is deprecated, Use get_logger instead."):
        log.getLogger("minpy.test.stream")


def test_bulk_size_is_remembered():
    before = engine.set_bulk_size(20)
    with engine.bulk(5), engine.bulk(7):
        assert engine.set_bulk_size(8) == 7
    assert engine.set_bulk_size(before) == 20
