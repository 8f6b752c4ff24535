"""mx.name and mx.attribute: what ``with`` makes current in a thread."""

import threading

import pytest

import minpy as mx
from minpy.attribute import AttrScope
from minpy.name import NameManager, Prefix


def current_name(name, hint):
    return NameManager._current.value.get(name, hint)


def test_names_count_per_hint():
    with NameManager():
        names = [current_name(None, hint) for hint in ("dense", "conv", "dense")]
        assert names == ["dense0", "conv0", "dense1"]
        assert current_name("given", "dense") == "given"
        with NameManager():
            assert current_name(None, "dense") == "dense0"
        assert current_name("", "dense") == "dense2"


def test_prefix_goes_before_every_name():
    with Prefix("net_"):
        assert current_name(None, "dense") == "net_dense0"
        assert current_name("given", "dense") == "net_given"


def test_counters_are_per_thread():
    seen = []
    with Prefix("net_"):
        thread = threading.Thread(target=lambda: seen.append(current_name(None, "dense")))
        thread.start()
        thread.join()
    assert seen == ["dense0"]


def test_attributes_add_up_and_inner_ones_win():
    with AttrScope(group="1", data="a"):
        assert AttrScope._current.value.get(None) == {"group": "1", "data": "a"}
        with AttrScope(data="b"):
            assert AttrScope._current.value.get({"x": "y"}) == {"group": "1", "data": "b", "x": "y"}
            assert AttrScope._current.value.get({"data": "c"})["data"] == "c"
    assert AttrScope._current.value.get(None) == {}
    assert mx.AttrScope is AttrScope


def test_attributes_are_text():
    with pytest.raises(ValueError, match="Attributes need to be string"):
        AttrScope(a=1)


def test_deprecated_current():
    with (
        Prefix("p_") as prefix,
        pytest.warns(DeprecationWarning, match="use the `with` statement with NameM"),
    ):
        assert NameManager.current is prefix
    with AttrScope(a="1") as scope, pytest.warns(DeprecationWarning, match="AttrScope.current has been"):
        assert AttrScope.current is scope
