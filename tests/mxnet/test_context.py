"""Contexts: names, equality, and the one that is used where none is given."""

import pickle
import threading

import pytest

import minpy as mx


def test_names_and_numbers():
    assert repr(mx.cpu()) == "cpu(0)" and str(mx.gpu(2)) == "gpu(2)"
    assert repr(mx.cpu_pinned(1)) == "cpu_pinned(1)"
    assert repr(mx.Context("cpu_shared", 3)) == "cpu_shared(3)"
    assert [mx.Context(kind).device_typeid for kind in ("cpu", "gpu", "cpu_pinned", "cpu_shared")] == [
        1,
        2,
        3,
        5,
    ]
    assert mx.cpu(1000).device_id == 1000 and mx.cpu(-1).device_id == -1
    with pytest.raises(KeyError):
        mx.Context("tpu")


def test_equality_and_hash():
    assert mx.cpu(1) == mx.Context(mx.cpu(1)) != mx.cpu(2)
    assert mx.cpu(1) != mx.gpu(1) and mx.cpu() != "cpu(0)"
    assert {mx.cpu(1): "one"}[mx.Context("cpu", 1)] == "one"


def test_with_sets_the_default_and_restores_it():
    assert mx.current_context() == mx.cpu(0)
    with mx.cpu(3) as three:
        assert mx.current_context() is three
        with mx.gpu(1):
            assert mx.current_context() == mx.gpu(1)
        assert mx.current_context() == mx.cpu(3)
    with pytest.raises(ZeroDivisionError), mx.cpu(4):
        1 / 0
    assert mx.current_context() == mx.cpu(0)


def test_the_same_context_inside_itself():
    one = mx.cpu(1)
    with one:
        with mx.cpu(2), one:
            assert mx.current_context() is one
        assert mx.current_context() is one
    assert mx.current_context() == mx.cpu(0)


def test_default_is_per_thread():
    seen = []
    with mx.cpu(5):
        thread = threading.Thread(target=lambda: seen.append(mx.current_context()))
        thread.start()
        thread.join()
    assert seen == [mx.cpu(0)]


def test_one_context_in_two_threads():
    """Each thread goes back to its own default, in whatever order they leave."""
    one, entered, leave, seen = mx.cpu(1), threading.Event(), threading.Event(), []

    def work():
        with mx.cpu(6):
            with one:
                entered.set()
                leave.wait(10)
            seen.append(mx.current_context())
        seen.append(mx.current_context())

    thread = threading.Thread(target=work)
    with mx.cpu(5):
        with one:
            thread.start()
            entered.wait(10)
        assert mx.current_context() == mx.cpu(5)
    leave.set()
    thread.join()
    assert seen == [mx.cpu(6), mx.cpu(0)] and mx.current_context() == mx.cpu(0)


def test_names_of_the_package():
    from minpy import attribute, base, context, initializer, monitor, random, util

    assert (mx.device, mx.init, mx.mon, mx.rnd) == (context, initializer, monitor, random)
    assert mx.AttrScope is attribute.AttrScope and mx.MXNetError is base.MXNetError
    for name in (
        "is_np_array",
        "is_np_shape",
        "np_array",
        "np_shape",
        "set_np_shape",
        "use_np",
        "use_np_array",
    ):
        assert getattr(mx, name) is getattr(util, name) and name in dir(mx)


def test_deprecated_class_property():
    with pytest.warns(DeprecationWarning, match="Context.default_ctx has been deprecated"):
        assert mx.Context.default_ctx == mx.cpu(0)
    with pytest.warns(DeprecationWarning):
        mx.Context.default_ctx = mx.cpu(7)
    assert mx.current_context() == mx.cpu(7)
    mx.Context._default_ctx.value = mx.cpu(0)
    with pytest.raises(AttributeError):
        mx.Context.missing


def test_pickle_and_second_names():
    with mx.cpu(2) as inside:
        assert pickle.loads(pickle.dumps(inside)) == mx.cpu(2)
    assert mx.device.Device is mx.Context and mx.current_device() == mx.cpu(0)


def test_without_gpus():
    assert mx.num_gpus() == mx.util.get_gpu_count() == 0
    with pytest.raises(mx.MXNetError, match="GPU is not enabled"):
        mx.gpu_memory_info(0)
    with pytest.raises(mx.MXNetError, match="GPU is not enabled"):
        mx.gpu(0).empty_cache()
    mx.cpu().empty_cache()
    with pytest.raises(ValueError, match=r"while received ctx cpu\(0\)"):
        mx.util.get_cuda_compute_capability(mx.cpu())
