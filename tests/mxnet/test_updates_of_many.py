"""Optimizer steps on many weights: what recorded values do not show."""

import pytest

from minpy import nd


def test_no_step_for_gradients_that_overflowed():
    w, g, m, v = nd.array([1, 2]), nd.array([3, 4]), nd.array([5, 6]), nd.array([7, 8])
    for scale in (float("inf"), float("nan"), 0.0):
        out = nd.contrib.adamw_update(w, g, m, v, nd.array([scale]), lr=0.1, eta=1)
        assert out.tolist() == [1, 2]
    assert m.tolist() == [5, 6]
    assert v.tolist() == [7, 8]


def test_the_copy_of_higher_precision_follows():
    w32 = nd.array([1, 2, 3])
    one = nd.ones((1,))
    out = nd.mp_lamb_update_phase2(w32.astype("float16"), nd.ones((3,)), one * 2, one, w32, lr=0.5)
    assert out.tolist() == w32.tolist() == [0, 1, 2]


def test_one_result_may_go_to_a_list():
    w, g = nd.array([1, 2]), nd.array([1, 1])
    out = [w]
    assert nd.multi_sgd_update(w, g, lrs=(1,), wds=(0,), out=out) is out
    assert w.tolist() == [0, 1]


def test_counts_are_checked():
    w = nd.ones((2,))
    with pytest.raises(ValueError, match="3 arrays were given, which is no multiple of 2"):
        nd.multi_sgd_update(w, w, w, lrs=(1,), wds=(0,))
    with pytest.raises(ValueError, match="lrs has 1 numbers for 2 weights"):
        nd.multi_sgd_update(w, w, w, w, lrs=(1,), wds=(0, 0))


def test_arrays_after_each_other_and_lists_agree():
    make = lambda: [nd.array([0.5, -1]), nd.array([1, 2]), nd.array([0.1, 0.2]), nd.array([0.3, 0.4])]  # noqa: E731
    a, b = make(), make()
    scale = nd.array([2])
    first = nd.op._multi_adamw_update(*a, scale, lrs=(0.1,), wds=(0.01,), etas=(1,), num_weights=1)
    second = nd.contrib.multi_adamw_update(*[[x] for x in b], scale, (0.1,), (0.01,), (1,))
    assert first.tolist() == second.tolist()
    assert a[2].tolist() == b[2].tolist()


def test_lamb_on_copies_is_lamb():
    make = lambda: [nd.array([0.5, -1]), nd.array([1, 2]), nd.array([0.1, 0.2]), nd.array([0.3, 0.4])]  # noqa: E731
    w32, g, m, v = make()
    expected = nd.contrib.multi_lamb_update(*[[x] for x in make()], (3,), (0.1,), (0.01,))
    half = [w32.astype("float16")], [g.astype("float16")], [m], [v], [w32]
    out = nd.contrib.multi_mp_lamb_update(*half, (3,), (0.1,), (0.01,))
    assert w32.tolist() == expected.tolist()
    assert out.tolist() == expected.astype("float16").tolist()
