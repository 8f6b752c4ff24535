"""minpy.engine: order, overlap and failures of background tasks in Python."""

import gc
import subprocess
import sys
import threading
import time
import weakref

import pytest

from minpy import engine


@pytest.fixture(autouse=True)
def idle():
    yield
    engine.waitall()


def test_the_overlap_of_two_devices():
    # a and b share a storage on device 0, c is on device 1: `a += 1` and `c *= 3` run at once, `b *= 3` after.
    ab, c = engine.Var(), engine.Var()
    both = threading.Barrier(2, timeout=20)
    values, order = {"a": 1, "b": 2, "c": 5}, []

    def change(name, f, meet):
        def task():
            if meet:
                both.wait()
            values[name] = f(values[name])
            order.append(name)

        return task

    engine.push(change("a", lambda x: x + 1, True), reads=[ab], writes=[ab], device=0)
    engine.push(change("b", lambda x: x * 3, False), reads=[ab], writes=[ab], device=0)
    engine.push(change("c", lambda x: x * 3, True), reads=[c], writes=[c], device=1)
    engine.waitall()
    assert values == {"a": 2, "b": 6, "c": 15}
    assert order.index("a") < order.index("b")


def test_writers_of_different_devices_take_turns():
    v, log = engine.Var(), []
    for i in range(200):
        engine.push(lambda i=i: log.append(i), writes=[v], device=i % 4)
    engine.wait_to_read(v)
    assert log == list(range(200))


def fail():
    raise KeyError("lost")


def test_a_failure_is_raised_at_every_read_and_nowhere_else():
    a, b, other = engine.Var(), engine.Var(), engine.Var()
    ran = []
    engine.push(fail, writes=[a])
    engine.push(lambda: ran.append(1), reads=[a], writes=[b], device=1)
    engine.push(lambda: ran.append(2), writes=[other], device=1)
    engine.wait_to_read(other)
    engine.wait_to_write(other)
    for _ in range(3):
        for v in (a, b):
            with pytest.raises(KeyError, match="lost"):
                engine.wait_to_read(v)
    engine.waitall()  # raised already
    assert ran == [2]
    engine.push(lambda: ran.append(3), writes=[b])  # written anew
    engine.wait_to_read(b)
    with pytest.raises(KeyError):
        engine.wait_to_write(a)
    assert ran == [2, 3]


def test_waitall_raises_what_nobody_has_seen_once():
    engine.push(fail, writes=[engine.Var()])
    with pytest.raises(KeyError):
        engine.waitall()
    engine.waitall()


def test_the_traceback_leads_to_the_task():
    v = engine.Var()
    engine.push(fail, writes=[v])
    with pytest.raises(KeyError) as caught:
        engine.wait_to_read(v)
    assert caught.traceback[-1].name == "fail"


def test_waiting_inside_a_task_is_an_error():
    v, w = engine.Var(), engine.Var()
    engine.push(lambda: engine.wait_to_read(v), writes=[w])
    with pytest.raises(RuntimeError, match="must not wait"):
        engine.wait_to_read(w)


def test_bad_arguments():
    with pytest.raises(ValueError, match="device"):
        engine.push(fail, device=-1)
    with pytest.raises(TypeError):
        engine.push(3)
    with pytest.raises(TypeError):
        engine.push(fail, reads=[3])


def test_nothing_is_kept_alive():
    class Payload:
        pass

    payloads = [Payload() for _ in range(3)]
    gone = [weakref.ref(p) for p in payloads]
    v = engine.Var()

    def failing(p=payloads[0]):
        raise ValueError

    engine.push(failing, writes=[v])
    engine.push(lambda p=payloads[1]: None, reads=[v])  # never runs
    engine.push(lambda p=payloads[2]: None)
    with pytest.raises(ValueError):
        engine.wait_to_read(v)
    engine.waitall()
    del payloads, failing, v
    for _ in range(200):  # a worker drops what it finished when it gets the interpreter's lock
        gc.collect()
        if not any(ref() for ref in gone):
            break
        time.sleep(0.01)
    assert [ref() for ref in gone] == [None] * 3


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_tasks_finish_before_exit_and_report_failures():
    code = """
import time
from minpy import engine
v = engine.Var()
engine.push(lambda: time.sleep(0.2), writes=[v])
engine.push(lambda: print("done", flush=True), reads=[v], device=1)
engine.push(lambda: 1 / 0, device=2)
"""
    result = run_python(code)
    assert result.returncode == 0 and result.stdout == "done\n" and "ZeroDivisionError" in result.stderr


def test_fork_waits_and_the_child_works():
    code = """
import os, signal, time
from minpy import engine
v, log = engine.Var(), []
def slow():
    time.sleep(0.2)
    log.append(1)
engine.push(slow, writes=[v])
child = os.fork()
assert log == [1]
signal.alarm(20)
engine.push(lambda: log.append(2), reads=[v], writes=[v], device=1)
engine.wait_to_read(v)
assert log == [1, 2]
if child:
    assert os.waitpid(child, 0)[1] == 0
    print("ok")
else:
    os._exit(0)
"""
    result = run_python(code)
    assert result.stdout == "ok\n", result.stderr


def test_many_threads_push_and_wait():
    v, counts = engine.Var(), [0]

    def increment():
        counts[0] += 1

    def pusher():
        for i in range(100):
            engine.push(increment, reads=[v], writes=[v], device=i % 3)
            if i % 20 == 0:
                engine.wait_to_read(v)

    threads = [threading.Thread(target=pusher) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    engine.wait_to_read(v)
    assert counts == [400]
