"""The benchmark: every case runs and is compared before it is timed, and the figures follow from the samples."""

import importlib
import json
import math
import pathlib
import subprocess
import sys
import types

import numpy
import pytest

ROOT = pathlib.Path(__file__).parent.parent
BENCH = ROOT / "tests" / "bench"


@pytest.fixture(autouse=True)
def bench_modules(monkeypatch):
    """The benchmark's modules by their short names, for one test."""
    monkeypatch.syspath_prepend(str(BENCH))
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        path = getattr(sys.modules[name], "__file__", None) or ""
        if path.startswith((str(BENCH), str(ROOT / "docs"))):
            del sys.modules[name]


def run(*arguments):
    command = [sys.executable, str(BENCH / "bench.py"), "--rounds", "2", "--seconds", "0.001", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=250, cwd=ROOT)


def test_every_case_runs_and_agrees(tmp_path):
    path = tmp_path / "figures.json"
    groups = "small,grad,large,chains,training,convolution,networks,memory,import"
    sizes = ("--sizes", "900", "--memory-elements", "1e6", "--threads", "1", "--busy")
    done = run("--targets", "minpy,numpy", "--groups", groups, *sizes, "--json", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(path.read_text())
    module = importlib.import_module("groups")
    expected = {case.name + ", 9e2" * case.sized for case in module.CASES}
    rows = {row["case"]: row for row in figures["rows"]}
    assert expected < set(rows)
    for name, row in rows.items():
        assert not row["errors"], name
        assert {"minpy"} <= set(row["results"]) <= {"minpy", "numpy"}
        assert all(min(one["round_minima"]) > 0 for one in row["results"].values())
        assert ("bandwidth_limit" in row) == name.startswith("triad")
    assert set(figures["means"]) == set(groups.split(","))
    document = importlib.import_module("generate_performance").document(figures)
    assert all(f"| `{name}` |" in document for name in rows)


def test_missing_library_is_left_out(tmp_path):
    (tmp_path / "autograd.py").write_text("raise ImportError('no such thing')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.path.insert(0, {str(BENCH)!r})\n"
    (tmp_path / "python").write_text(
        f"#!{sys.executable}\n{code}import runpy\nsys.argv[:] = sys.argv[1:]\n"
        f"runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    (tmp_path / "python").chmod(0o755)
    done = run(
        *("--targets", "numpy,autograd", "--groups", "small", "--only", "a + b", "--busy"),
        *("--python", f"autograd={tmp_path / 'python'}"),
    )
    assert done.returncode == 0, done.stderr
    assert "autograd is left out: not installed: no such thing" in done.stdout
    assert "numpy" in done.stdout.partition("a + b")[2]


def test_refuses_a_busy_machine():
    done = run("--targets", "numpy", "--groups", "small", "--only", "a + b", "--max-load", "-1")
    assert done.returncode == 2
    assert "--busy" in done.stdout and "a + b" not in done.stdout


def test_unknown_names_are_refused():
    assert "'cupy' is none of" in run("--targets", "numpy,cupy").stderr
    assert "'tiny' is none of" in run("--groups", "tiny").stderr


def answering(name, arrays):
    """A stand-in for a worker that saves `arrays` as the value of any case."""

    def ask(do, path, **_):
        numpy.savez(path, *arrays)
        return {"done": None}

    return types.SimpleNamespace(name=name, ask=ask)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ([numpy.float32([1, 2, 3.01])], "other value"),
        ([numpy.float32([1, 2])], "other shape"),
        ([numpy.float32([1, 2, numpy.nan])], "not a number"),
        ([numpy.float32([1, 2, 3])] * 2, "another array"),
    ],
)
def test_wrong_results_are_not_timed(wrong, reason):
    target = importlib.import_module("target")
    right = [numpy.float32([1, 2, 3])]
    workers = [answering("minpy", wrong), answering("numpy", right), answering("jax", right)]
    ready, errors = target.check(0, 0, workers)
    assert [worker.name for worker in ready] == ["numpy", "jax"], reason
    assert list(errors) == ["minpy"]


def test_loose_comparison_counts_elements():
    agree = importlib.import_module("target").agree
    counts = numpy.zeros(1000, numpy.float32)
    other = counts.copy()
    other[:2] = 5
    assert agree(counts, other, loose=2e-3)
    assert not agree(counts, other, loose=1e-3)
    assert not agree(counts, other)


def test_dead_worker_is_replaced(monkeypatch):
    target = importlib.import_module("target").Target("numpy", sys.executable, 1, patience=60)
    target.process.kill()
    assert target.ask(do="time", seconds=0.0) == {"error": "the process died"}
    assert "error" not in target.ask(do="memory", elements=1000)
    target.close()


def test_slow_worker_is_stopped():
    target = importlib.import_module("target").Target("numpy", sys.executable, 1, patience=60)
    target.patience = 0.01
    assert target.ask(do="memory", elements=20_000_000) == {"error": "no answer in 0.01 s"}
    target.close()


def test_figures():
    report = importlib.import_module("report")
    samples = {
        "numpy": [[4.0, 5.0], [8.0, 9.0], [4.0]],
        "minpy": [[2.0, 3.0], [2.0], [2.0]],
        "jax": [[1.0], [1.0], [4.0]],
        "torch": [[8.0], [8.0], [8.0]],
    }
    row = report.row("chains", "case", samples, {})
    results = row["results"]
    assert results["numpy"]["min"] == 4 and results["numpy"]["median"] == 5
    assert results["minpy"]["to_numpy"] == 0.5
    assert results["minpy"]["to"] == {"numpy": 0.5, "jax": 2.0, "torch": 0.25}
    assert results["minpy"]["best_peer"] == "jax"
    report.add_bandwidth(row, 8.0, [[1.0], [1.0], [1.0]])
    assert results["minpy"]["of_bandwidth"] == 0.5 and results["minpy"]["gigabytes_per_second"] == 4.0
    twice = report.row("chains", "other", {**samples, "minpy": [[1.0], [1.0], [1.0]]}, {})
    means = report.means([row, twice])["chains"]
    assert means["to_numpy"]["minpy"] == pytest.approx(math.sqrt(0.5 * 0.25))
    assert means["minpy_to"]["jax"] == pytest.approx(math.sqrt(2.0 * 1.0))
    assert "minpy to jax: 2.000x" in report.line(row)


def test_bandwidth_counts_bytes():
    machine = importlib.import_module("machine")
    bandwidth = machine.Bandwidth(100_000, threads=2)
    assert 1e8 < bandwidth.measure(0.02) < 1e13
    bandwidth.source[:] = numpy.arange(100_000)
    bandwidth.measure(0.01)
    numpy.testing.assert_array_equal(bandwidth.target, bandwidth.source + bandwidth.other)
