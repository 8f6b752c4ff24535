"""`import mxnet` means minpy after install(), under `python -m minpy.mxnet`, and with the pytest plugin."""

import importlib
import subprocess
import sys
import textwrap

import pytest

import minpy
import minpy.mxnet


@pytest.fixture
def switched():
    minpy.mxnet.install()
    yield
    minpy.mxnet.uninstall()


def run(*arguments, **kwargs):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, **kwargs)


def test_one_module_object_under_both_names(switched):
    import mxnet
    import mxnet as mx
    import mxnet.gluon.nn
    import mxnet.ndarray
    from mxnet import autograd, gluon, nd
    from mxnet.base import MXNetError
    from mxnet.gluon import nn
    from mxnet.gluon.nn import Dense

    assert mx is minpy.mxnet
    assert nd is minpy.nd is mxnet.ndarray is mx.nd is sys.modules["mxnet.ndarray"]
    assert gluon is minpy.gluon and nn is minpy.gluon.nn is mxnet.gluon.nn and Dense is nn.Dense
    assert autograd is minpy.autograd
    assert MXNetError is minpy.MXNetError is mx.MXNetError
    assert nd.__name__ == "minpy.nd" and nd.__spec__.name == "minpy.nd"


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("mxnet.init", "minpy.initializer"),
        ("mxnet.initializer", "minpy.initializer"),
        ("mxnet.kv", "minpy.kvstore"),
        ("mxnet.kvstore.kvstore", "minpy.kvstore.kvstore"),
        ("mxnet.lr_scheduler", "minpy.lr_scheduler"),
        ("mxnet.ndarray.ndarray", "minpy.nd.ndarray"),
        ("mxnet.ndarray.random", "minpy.nd.random"),
        ("mxnet.ndarray.op", "minpy.nd.op"),
        ("mxnet.optimizer.optimizer", "minpy.optimizer"),
        ("mxnet.gluon.nn.basic_layers", "minpy.gluon.nn"),
        ("mxnet.gluon.block", "minpy.gluon.block"),
        ("mxnet.npx", "minpy.numpy_extension"),
        ("mxnet.recordio", "minpy.recordio"),
        ("mxnet.metric", "minpy.metric"),
        ("mxnet.context", "minpy.context"),
    ],
)
def test_names_of_modules(switched, name, target):
    assert importlib.import_module(name) is importlib.import_module(target)


def test_what_does_not_exist(switched):
    import mxnet as mx

    with pytest.raises(ModuleNotFoundError, match="No module named 'mxnet.nowhere'.*minpy") as info:
        importlib.import_module("mxnet.nowhere")
    assert info.value.name == "mxnet.nowhere"
    with pytest.raises(ModuleNotFoundError, match="mxnet.gluon.nowhere"):
        importlib.import_module("mxnet.gluon.nowhere")
    with pytest.raises(ImportError, match="nothing"):
        from mxnet import nothing  # noqa: F401
    with pytest.raises(AttributeError, match="module 'mxnet' has no attribute 'nothing'.*minpy.*1.9.1"):
        mx.nothing  # noqa: B018
    assert not hasattr(mx, "_nothing")


def test_install_and_uninstall():
    assert not minpy.mxnet.installed()
    minpy.mxnet.install()
    minpy.mxnet.install()
    assert minpy.mxnet.installed() and sum(f is minpy.mxnet.Finder for f in sys.meta_path) == 1
    import mxnet.nd  # noqa: F401

    minpy.mxnet.uninstall()
    assert not minpy.mxnet.installed()
    assert not [name for name in sys.modules if name.split(".")[0] == "mxnet"]
    minpy.mxnet.uninstall()


def test_install_after_another_mxnet(monkeypatch):
    monkeypatch.setitem(sys.modules, "mxnet", object())
    with pytest.raises(RuntimeError, match="was imported before"):
        minpy.mxnet.install()
    assert not minpy.mxnet.installed()
    monkeypatch.undo()


def test_version(switched):
    import mxnet as mx

    assert mx.__version__ == "1.9.1" and "gluon" in dir(mx) and "nd" in dir(mx)


def test_script(tmp_path):
    script = tmp_path / "train.py"
    (tmp_path / "helper.py").write_text("import mxnet as mx\nvalue = mx.nd.ones((2,))\n")
    script.write_text(
        textwrap.dedent("""
        import sys
        from mxnet import nd
        import helper
        print(sys.argv[1:], __name__, nd.sum(helper.value).asscalar())
        sys.exit(3)
        """)
    )
    done = run("-m", "minpy.mxnet", str(script), "--epochs", "2")
    assert done.stdout == "['--epochs', '2'] __main__ 2.0\n" and done.returncode == 3, done.stderr


def test_code_and_module(tmp_path):
    done = run("-m", "minpy.mxnet", "-c", "import mxnet, sys; print(mxnet.cpu(1), sys.argv)", "a")
    assert done.stdout == "cpu(1) ['-c', 'a']\n", done.stderr
    (tmp_path / "program.py").write_text("import mxnet, sys; print(mxnet.nd.ones(1).shape, sys.argv[1:])\n")
    import os

    paths = [os.path.dirname(minpy.__path__[0]), os.environ.get("PYTHONPATH", "")]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(paths))
    done = run("-m", "minpy.mxnet", "-m", "program", "b", cwd=tmp_path, env=environment)
    assert done.stdout == "(1,) ['b']\n", done.stderr


def test_usage():
    done = run("-m", "minpy.mxnet")
    assert done.returncode == 2 and "usage: python -m minpy.mxnet script.py" in done.stdout
    done = run("-m", "minpy.mxnet", "-c")
    assert done.returncode == 2 and "usage" in done.stderr
    assert run("-m", "minpy.mxnet", "--help").returncode == 0


def test_error_of_the_script(tmp_path):
    script = tmp_path / "wrong.py"
    script.write_text("import mxnet as mx\n\nmx.nd.zeros((2,)) + mx.nd.zeros((3,))\n")
    done = run("-m", "minpy.mxnet", str(script))
    assert done.returncode == 1 and f'{script}", line 3' in done.stderr


def test_pytest_plugin(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "from mxnet import nd\n\ndef test_sum():\n    assert nd.ones((3,)).sum().asscalar() == 3\n"
    )
    done = run("-m", "pytest", "-p", "minpy.mxnet.pytest_plugin", "-c", "/dev/null", str(tmp_path))
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout
    assert "in MXNet's place" in done.stdout


def test_classes_where_mxnet_has_them(switched):
    from mxnet.gluon.block import Block, HybridBlock, SymbolBlock
    from mxnet.gluon.loss import _apply_weighting
    from mxnet.gluon.parameter import Parameter, ParameterDict

    gluon = minpy.gluon
    assert (Block, HybridBlock, SymbolBlock) == (gluon.Block, gluon.HybridBlock, gluon.SymbolBlock)
    assert (Parameter, ParameterDict) == (gluon.Parameter, gluon.ParameterDict)
    ones = minpy.nd.ones((2,))
    assert _apply_weighting(minpy.nd, ones, 3.0, ones * 2).asnumpy().tolist() == [6, 6]
    for module in (gluon.block, gluon.parameter):
        with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
            module.Nothing  # noqa: B018


def test_names_that_modules_import():
    """MXNet's modules also have what they import, and conversions for calling C."""
    import ctypes

    import minpy.mxnet as mx

    assert mx.autograd.NDArray is mx.nd.NDArray and mx.gluon.block.Symbol is mx.sym.Symbol
    assert mx.model.cpu is mx.cpu and mx.gluon.nn.SymbolBlock is mx.gluon.SymbolBlock
    assert mx.base.py_str(mx.base.c_str("text").value) == "text"
    assert list(mx.base.c_array(mx.base.mx_uint, [1, 2])) == [1, 2]
    assert [s.decode() for s in mx.base.c_str_array(["a", "b"])] == ["a", "b"]
    assert mx.base.check_call(0) is None
    with pytest.raises(mx.MXNetError, match="returned -1"):
        mx.base.check_call(-1)
    floats = (ctypes.c_float * 4)(1, 2, 3, 4)
    shared = mx.base.ctypes2numpy_shared(ctypes.cast(floats, mx.base.mx_float_p), (2, 2))
    floats[3] = 9
    assert shared.tolist() == [[1, 2], [3, 9]]
    assert (
        bytes(mx.base.ctypes2buffer(ctypes.cast(ctypes.c_char_p(b"abc"), ctypes.POINTER(ctypes.c_char)), 2))
        == b"ab"
    )

    class Meta(type):
        pass

    class Made(mx.base.with_metaclass(Meta, dict)):
        number = 3

        @mx.base.classproperty
        def twice(cls):
            return cls.number * 2

    assert type(Made) is Meta and issubclass(Made, dict) and Made.twice == 6
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mx.autograd.nothing


@pytest.mark.parametrize(
    "path",
    """gluon.data.vision.MNIST gluon.data.batchify.Stack gluon.contrib.estimator.Estimator gluon.model_zoo.vision.alexnet
    gluon.trainer.Trainer gluon.nn.basic_layers.Dense gluon.rnn.rnn_cell.LSTMCell optimizer.optimizer.SGD io.io.NDArrayIter
    rnn.rnn_cell.LSTMCell rnn.io.encode_sentences module.base_module.BaseModule image.image.imresize
    image.detection.ImageDetIter contrib.amp.amp.init contrib.text.vocab.Vocabulary""".split(),
)
def test_modules_are_attributes(path):
    """A program that has only imported mxnet reaches inner modules, as in MXNet."""
    code = f"import minpy.mxnet; minpy.mxnet.install(); import mxnet as mx; print(callable(mx.{path}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.stdout == "True\n", done.stderr


def test_representations_of_minpys_arrays():
    """MinPy's private `_data`, which its documents look into: an array for MXNet and one for NumPy."""
    code = "import minpy.numpy as np; x = np.ones((2,)); print(sorted(x._data), x._data[0][1], type(x._data[1]).__name__)"
    done = subprocess.run(
        [sys.executable, "-m", "minpy.mxnet", "-c", code], capture_output=True, text=True, timeout=100
    )
    assert done.stdout == "[0, 1] 1.0 NDArray\n", done.stderr


@pytest.mark.parametrize("how", [["-m", "minpy.mxnet"], []], ids=["switch", "plain"])
def test_masked_arrays_beside_minpys_arrays(how):
    """numpy.ma looks for `_data` too."""
    code = (
        "import numpy, minpy.core, minpy.numpy as np; m = np.ma.array([1.0, 2.0], mask=[True, False]);"
        "print(np.ones(2) + m, m * np.ones(2), numpy.add(numpy.ma.getdata(np.ones(2)), 1), np.ma.masked_less(np.arange(3), 1))"
    )
    done = subprocess.run([sys.executable, *how, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.stdout == "[-- 3.0] [-- 2.0] [2. 2.] [-- 1 2]\n", done.stderr
