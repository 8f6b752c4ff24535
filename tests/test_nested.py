"""Nested lists and tuples: their leaves, and the same nesting of other leaves."""

import collections

import numpy
import pytest

from minpy._nested import as_list, leaves, per_axis, replaced

Pair = collections.namedtuple("Pair", "first second")


def test_leaves_come_in_order():
    assert leaves((1, [2, (None, "three")], [], {"four": [5]})) == [1, 2, None, "three", {"four": [5]}]
    assert leaves(1) == [1]


@pytest.mark.parametrize("value", [3, [], (1, [2, (3,)]), [Pair(1, [2]), ()]])
def test_other_leaves_stand_in_the_same_classes(value):
    found = replaced(value, lambda leaf: -leaf)
    assert leaves(found) == [-leaf for leaf in leaves(value)]
    assert replaced(found, lambda leaf: -leaf) == value
    assert repr(found) == repr(value).translate({ord(c): f"-{c}" for c in "123"})


def test_one_value_makes_a_list():
    assert as_list((1, [2])) == [1, [2]]
    assert as_list("text") == ["text"]
    assert as_list(None) == [None]


def test_one_integer_serves_all_axes():
    assert per_axis(3, 2) == (3, 3)
    assert per_axis([3, 4], 2) == (3, 4)
    assert per_axis(()) == ()
    assert [type(n) for n in per_axis(numpy.int64(3))] == [int]  # graphs write it into JSON
    with pytest.raises(TypeError, match="'float' object is not iterable"):
        per_axis(2.0, 2)
