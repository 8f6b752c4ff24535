"""States are read without calling anything but what states consist of."""

import pickle

import pytest

import minpy as mx
from minpy import nd
from minpy.base import MXNetError
from minpy.serialization import restricted_loads


class _Calls:
    """Pickled as a call of a function."""

    def __init__(self, function, *args):
        self._call = (function, args)

    def __reduce__(self):
        return self._call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_files_cannot_call_functions(protocol, tmp_path):
    import os

    from minpy.gluon.model_zoo import model_store
    from minpy.nd import serialization
    from minpy.recordio import MXRecordIO

    target = tmp_path / "written"
    kept = tmp_path / "kept.params"
    kept.write_bytes(b"kept")
    for call in (
        _Calls(serialization.write_atomically, str(target), b"bytes"),
        _Calls(model_store.purge, str(tmp_path)),
        _Calls(MXRecordIO, str(target), "w"),
        _Calls(os.mkdir, str(target)),
        _Calls(eval, "1 + 1"),
    ):
        with pytest.raises(MXNetError, match="which states and checkpoints do not contain"):
            restricted_loads(pickle.dumps(call, protocol))
    assert not target.exists() and kept.read_bytes() == b"kept"


def test_what_states_consist_of():
    scheduler = mx.lr_scheduler.FactorScheduler(2, 0.5, base_lr=0.1)
    optimizer = mx.optimizer.Adam(learning_rate=0.1, lr_scheduler=scheduler)
    sparse = nd.array([[0, 1], [0, 0]]).tostype("csr")
    state = {0: (nd.ones(2), None), "w": sparse, 1: nd.ones(2, dtype="float16")}
    states, again = restricted_loads(pickle.dumps((state, optimizer)))
    assert states[0][0].asnumpy().tolist() == [1, 1] and states["w"].stype == "csr"
    assert type(again) is mx.optimizer.Adam and again.lr_scheduler.factor == 0.5


def test_registered_optimizers():
    class Plain(mx.optimizer.Optimizer):
        pass

    Plain.__qualname__ = "Plain"
    Plain.__module__ = __name__
    globals()["Plain"] = Plain
    content = pickle.dumps(Plain())
    with pytest.raises(MXNetError, match="Plain, which states and checkpoints do not contain"):
        restricted_loads(content)
    try:
        mx.optimizer.Optimizer.register(Plain)
        assert type(restricted_loads(content)) is Plain
    finally:
        mx.optimizer.Optimizer.opt_registry.pop("plain", None)
        del globals()["Plain"]
