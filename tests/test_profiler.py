"""minpy.profiler: what is recorded, the trace file, the table, and what the program marks itself."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import minpy
import minpy.numpy as mnp
from minpy import engine, profiler


@pytest.fixture(autouse=True)
def clean(tmp_path):
    profiler.dumps(reset=True)
    profiler.set_config(filename=str(tmp_path / "trace.json"), profile_all=True)
    yield
    profiler.stop()
    profiler.dumps(reset=True)
    profiler.set_config(filename="profile.json", profile_all=True)


def work():
    a = mnp.array(np.arange(12.0).reshape(3, 4))
    b = a + a
    c = b @ a.T
    mnp.sort(c, axis=None)
    mnp.unwrap(c)  # NumPy serves this
    return c


def read_trace(tmp_path):
    with open(tmp_path / "trace.json") as file:
        return json.load(file)["traceEvents"]


def times():
    return json.loads(profiler.dumps(format="json"))["Time"]


def test_nothing_is_recorded_when_stopped():
    work()
    assert times() == {}
    profiler.start()
    profiler.stop()
    work()
    assert times() == {}


def test_categories_counts_and_operands(tmp_path):
    profiler.start()
    work()
    work()
    profiler.stop()
    recorded = times()
    assert recorded["operator"]["add"]["count"] == 2
    assert recorded["matmul"]["matmul"]["count"] == 2
    assert recorded["function"]["sort"]["count"] == 2
    assert recorded["fallback"]["unwrap"]["count"] == 2
    profiler.dump()
    add = next(e for e in read_trace(tmp_path) if e["name"] == "add")
    assert add["args"]["operands"] == "float64(3,4) float64(3,4) -> float64(3,4)"
    assert add["args"]["bytes"] == 3 * 12 * 8
    product = next(e for e in read_trace(tmp_path) if e["name"] == "matmul")
    assert product["args"]["flops"] == 2 * 3 * 4 * 3


def test_spans_nest_in_time(tmp_path):
    profiler.start()
    with profiler.scope("outer:"):
        work()
    profiler.dump()
    spans = {e["name"]: e for e in read_trace(tmp_path) if e["ph"] == "X"}
    outer = spans.pop("outer")
    assert {"add", "matmul"} <= spans.keys()
    for e in spans.values():
        assert outer["ts"] <= e["ts"] and e["ts"] + e["dur"] <= outer["ts"] + outer["dur"]
        assert (e["pid"], e["tid"]) == (outer["pid"], outer["tid"])


def test_pause_and_resume():
    profiler.start()
    profiler.pause()
    work()
    profiler.resume()
    mnp.ones(3) * 2
    profiler.stop()
    profiler.resume()  # of nothing
    work()
    assert list(times()["operator"]) == ["multiply"]


def test_switches_choose_the_categories():
    profiler.set_config(profile_symbolic=True)
    profiler.start()
    work()
    engine.push(lambda: None, name="quick")
    engine.waitall()
    assert list(times()) == ["task"]
    profiler.set_config(profile_imperative=True)
    assert "operator" in times() and "task" not in times()


def test_memory_is_recorded_on_demand(tmp_path):
    profiler.set_config(profile_imperative=True)
    profiler.start()
    work()
    assert json.loads(profiler.dumps(format="json"))["Memory"] == {}
    profiler.dumps(reset=True)
    profiler.set_config(profile_all=True)
    profiler.start()
    a = mnp.ones(1 << 20)
    b = a * 2
    minpy.waitall()  # a deferred result takes its memory when it is computed
    b[0]  # computes it
    memory = json.loads(profiler.dumps(format="json"))["Memory"]
    assert memory["max"] >= 2 * 8 * (1 << 20)
    profiler.dump()
    counters = [e for e in read_trace(tmp_path) if e["ph"] == "C"]
    assert counters[-1]["args"]["bytes"] >= a.nbytes + b.nbytes


def test_the_program_marks_itself(tmp_path):
    domain = profiler.Domain("training")
    task, frame, event = domain.new_task("load"), domain.new_frame("step"), profiler.Event("write")
    counter, marker = domain.new_counter("loss", 5), domain.new_marker("epoch")
    counter.set_value(4)  # not running yet
    profiler.start()
    for timed in (task, frame, event):
        timed.start()
        timed.stop()
        timed.stop()  # without a start: nothing
    with frame:
        counter += 3
        counter -= 1
    marker.mark()
    profiler.dump()
    events = read_trace(tmp_path)
    assert [(e["name"], e["cat"], e["ph"]) for e in events if "cat" in e] == [
        ("load", "training", "X"),
        ("step", "training", "X"),
        ("write", "user", "X"),
        ("loss", "training", "C"),
        ("loss", "training", "C"),
        ("step", "training", "X"),
        ("epoch", "training", "i"),
    ]
    assert [e["args"]["loss"] for e in events if e["ph"] == "C"] == [7, 6]
    assert str(domain) == "training" and str(task) == "load" and str(counter) == "loss"


def test_table_and_its_order():
    profiler.start()
    with profiler.Event("long"):
        with profiler.Event("short"):
            pass
        with profiler.Event("short"):
            sum(range(10_000))
    profiler.stop()
    table = profiler.dumps()
    assert table.startswith("Profile Statistics:") and "Total Count" in table
    assert table.index("\nlong ") < table.index("\nshort ")
    table = profiler.dumps(sort_by="count")
    assert table.index("\nshort ") < table.index("\nlong ")
    table = profiler.dumps(sort_by="count", ascending=True, reset=True)
    assert table.index("\nlong ") < table.index("\nshort ")
    assert times() == {}


def test_deferred_operators_and_the_segments_that_compute_them(tmp_path):
    a = mnp.array(np.ones((1000, 1000)))  # not deferred itself
    profiler.start()
    b = np.asarray(mnp.exp(a) * 2 + a)
    profiler.dump()
    spans = [e for e in read_trace(tmp_path) if e["ph"] == "X"]
    segments = [e for e in spans if e["cat"] == "segment" and "exp" in e["name"]]
    if os.environ.get("MINPY_EAGER") == "1":
        assert segments == []
        return
    (segment,) = segments
    assert segment["name"] == "exp+multiply+add"
    assert segment["args"] == {
        "operands": "(1000,1000) -> float64",
        "bytes": a.nbytes + b.nbytes,
        "flops": 3 * a.size,
    }
    add = next(e for e in spans if e["name"] == "add")
    assert add["args"] == {
        "operands": "float64(1000,1000) float64(1000,1000) -> float64(1000,1000) (deferred)"
    }


def test_bad_settings():
    with pytest.raises(ValueError, match="profil_all"):
        profiler.set_config(profil_all=True)
    with pytest.raises(ValueError, match="'run' or 'stop'"):
        profiler.set_state("go")
    with pytest.raises(ValueError, match="format"):
        profiler.dumps(format="xml")
    with pytest.raises(ValueError, match="sort_by"):
        profiler.dumps(sort_by="name")


def test_debug_prints_a_line_for_each_call():
    code = "import minpy.numpy as np; a = np.ones((8, 8)); b = a + a; c = a @ b; np.unwrap(b)"
    run = subprocess.run(
        [sys.executable, "-c", code], env={"MINPY_DEBUG": "1"}, capture_output=True, text=True, timeout=60
    )
    lines = run.stderr.splitlines()
    assert run.returncode == 0 and all(line.startswith("minpy: ") for line in lines), run.stderr
    add = next(line for line in lines if line.startswith("minpy: operator add"))
    assert "float64(8,8) float64(8,8) -> float64(8,8)" in add and " us" in add and "GB/s" in add
    assert "GFLOP/s" in next(line for line in lines if line.startswith("minpy: matmul matmul"))
    assert any(line.startswith("minpy: fallback unwrap") for line in lines)
