"""minpy.memory: the figures of the allocator."""

import gc
import os

import pytest

import minpy.numpy as np
from minpy import memory

MIB = 1 << 20


@pytest.mark.skipif(
    os.environ.get("MINPY_MALLOC") == "system", reason="the system's allocator keeps no memory"
)
def test_live_peak_and_cached_follow_the_arrays():
    gc.collect()
    memory.empty_cache()
    memory.reset_peak()
    before = memory.stats()
    assert before["peak"] == before["live"]
    a = np.empty(4 * MIB, dtype=np.uint8)
    b = np.empty(2 * MIB, dtype=np.uint8)
    during = memory.stats()
    assert during["live"] - before["live"] == 6 * MIB == during["peak"] - before["peak"]
    assert during["reserved"] - before["reserved"] >= 6 * MIB
    del a, b
    after = memory.stats()
    assert after["live"] == before["live"] and after["peak"] == during["peak"]
    assert after["cached"] - before["cached"] >= 6 * MIB
    assert memory.empty_cache() >= 6 * MIB
    assert memory.stats()["reserved"] <= during["reserved"] - 6 * MIB
    memory.reset_peak()
    assert memory.stats()["peak"] == memory.stats()["live"]
