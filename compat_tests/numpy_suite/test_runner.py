"""Tests of the suite runner: the replacement must be real, and its absence must be loud."""

import os
import subprocess
import sys
import textwrap

import numpy
import pytest

sys.path.append(os.path.dirname(os.path.abspath(__file__)))

import jobs
import score
from classify import classify, excluded

TARGET = """
import numpy
from numpy import *

class ndarray:
    def __init__(self, value):
        self.value = value

    def __array__(self, dtype=None, copy=None):
        return numpy.asarray(self.value, dtype)

def arange(*args):
    return ndarray(numpy.arange(*args))

del zeros
"""

TESTS = """
    import os, time
    import numpy as np
    import numpy._core.numeric as numeric
    from numpy import arange
    from numpy.testing import assert_array_equal

    def test_target():
        assert np.__name__ == "toy_target"
        assert type(np.arange(3)).__module__ == "toy_target"

    def test_private_path_to_public_object():
        assert numeric.arange is np.arange is arange
        assert type(numeric._frombuffer).__module__ == "builtins"

    def test_import_inside_function():
        from numpy import arange as inner
        import numpy._core.multiarray
        assert inner is arange is numpy._core.multiarray.arange

    def test_helpers_accept_target_arrays():
        assert_array_equal(np.arange(3), [0, 1, 2])

    def test_helpers_compare():
        assert_array_equal(np.arange(3), [0, 1, 3])

    def test_missing_name():
        np.zeros(3)

    def test_missing_name_by_private_path():
        numeric.zeros(3)

    def test_missing_name_imported():
        from numpy import zeros

    def test_crash():
        os.abort()

    def test_hang():
        time.sleep(100)

    def test_after():
        assert np.pi > 3
"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder of test files and a target ``toy_target`` without ``zeros``."""
    (tmp_path / "toy_target.py").write_text(TARGET)
    (tmp_path / "tests").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(source, target="toy_target", **limits):
        (tmp_path / "tests" / "test_toy.py").write_text(textwrap.dedent(source))
        limits = jobs.Limits(**{"test_seconds": 3, "file_seconds": 60, **limits})
        return jobs.run_file("tests/test_toy.py", target, limits, root=str(tmp_path))

    return run


def outcomes(result):
    return {
        function.partition("::test_")[2]: next(kind for kind in counts if kind != "errors")
        for function, counts in result.functions.items()
    }


def test_replacement_is_real_and_goes_on_after_crash_and_hang(tree):
    result = tree(TESTS)
    assert result.loaded and result.finished and not result.leaks and not result.trouble
    assert outcomes(result) == {
        "target": "passed",
        "private_path_to_public_object": "passed",
        "import_inside_function": "passed",
        "helpers_accept_target_arrays": "passed",
        "helpers_compare": "failed",
        "missing_name": "failed",
        "missing_name_by_private_path": "failed",
        "missing_name_imported": "failed",
        "crash": "crashed",
        "hang": "failed",
        "after": "passed",
    }
    errors = {key: str(counts.get("errors")) for key, counts in result.functions.items()}
    assert "SIGABRT" in errors["tests/test_toy.py::test_crash"]
    assert "Timeout" in errors["tests/test_toy.py::test_hang"]


def test_numpy_as_target_passes_what_the_toy_does_not(tree):
    found = outcomes(tree(TESTS, target="numpy"))
    assert found["missing_name"] == found["missing_name_by_private_path"] == "passed"
    assert found["target"] == "failed"


def test_file_time_limit_stops_the_run(tree):
    result = tree(
        "import time\ndef test_a(): time.sleep(50)\ndef test_b(): pass",
        file_seconds=4,
        test_seconds=100,
    )
    assert result.trouble == ["file time limit"] and outcomes(result) == {"a": "timeout"}


@pytest.mark.parametrize(
    "leak",
    [
        "import importlib\nnp = importlib.import_module('numpy')\ndef test_a(): pass",
        "import sys\narange = sys.modules['numpy'].arange\ndef test_a(): pass",
    ],
)
def test_leak_of_the_real_numpy_is_reported(tree, leak):
    assert tree(leak).leaks


def test_module_loaded_without_the_replacement_is_reported():
    file, root = "_core/tests/test_abc.py", jobs.NUMPY_ROOT
    run = jobs._FileRun(file, "numpy", jobs.Limits(), root, None, None, False)
    run.job["roots"] = ["/nonexistent"]
    result = run.run()
    assert not result.loaded and "not loaded by the replacement" in result.leaks[0]


def test_run_stops_with_status_3_on_a_leak():
    code = (
        "import run, jobs; run.stop_on_leaks({'f': jobs.FileResult('f', leaks=['np'])})",
        "import run, jobs; run.stop_on_leaks({'f': jobs.FileResult('f')})",
        "import run, jobs; run.stop_on_leaks({'f': jobs.FileResult('f', loaded=True)})",
    )
    here = os.path.dirname(os.path.abspath(__file__))
    for text, status in zip(code, (3, 3, 0), strict=True):
        ended = subprocess.run([sys.executable, "-c", text], cwd=here, check=False)
        assert ended.returncode == status


def test_score_counts_skipped_and_missing_tests_as_failures():
    names = ["good", "skips", "fails", "absent", "fewer"]
    ids = {name: f"lib/tests/test_x.py::test_{name}" for name in names}
    baseline = {ids[name]: {"passed": 2} for name in names}
    baseline["lib/tests/test_x.py::test_fails_in_numpy"] = {"passed": 1, "failed": 1}
    result = jobs.FileResult("lib/tests/test_x.py", loaded=True)
    result.functions = {
        ids["good"]: {"passed": 2},
        ids["skips"]: {"skipped": 2},
        ids["fails"]: {"passed": 2, "failed": 1},
        ids["fewer"]: {"passed": 1},
    }
    found = score.score(
        {result.file: baseline}, {result.file: result}, {ids["fails"]: "why", ids["good"]: "old"}
    )
    assert found.total() == (1, 5)
    assert {failure.id for failure in found.new_failures} == {
        ids[name] for name in ("skips", "absent", "fewer")
    }
    assert found.passed_but_listed == [ids["good"]]


def test_skip_file_needs_reasons(tmp_path):
    skips = tmp_path / "skips.txt"
    skips.write_text("# heading\n\na::b  # because\n")
    assert score.read_skips(skips) == {"a::b": "because"}
    skips.write_text("a::b\n")
    with pytest.raises(ValueError, match="no reason"):
        score.read_skips(skips)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("_core/tests/test_nditer.py::test_iter_refcount", "internals"),
        ("ma/tests/test_core.py::TestMaskedArray::test_basicattributes", "protocols"),
        ("_core/tests/test_datetime.py::TestDateTime::test_string", "exotic dtypes"),
        ("_core/tests/test_mem_overlap.py::test_overlapping_assignments", "memory model"),
        ("lib/tests/test_io.py::TestSaveTxt::test_array", "text and io"),
        ("random/tests/test_random.py::TestRandomDist::test_rand", "random streams"),
        ("polynomial/tests/test_chebyshev.py::TestArithmetic::test_chebadd", "polynomial"),
        ("_core/tests/test_numeric.py::TestRoll::test_roll1d", "public"),
        ("linalg/tests/test_linalg.py::TestSolve::test_0_size_k", "protocols"),
    ],
)
def test_classes(function, expected):
    assert classify(function) == expected
    assert not excluded(function.partition("::")[0])
    assert os.path.exists(os.path.join(os.path.dirname(numpy.__file__), function.split("::")[0]))


def test_committed_skip_file_is_well_formed():
    here = os.path.dirname(os.path.abspath(__file__))
    known = score.read_skips(os.path.join(here, "skips.txt"))
    assert set(jobs.test_files()) >= {function.partition("::")[0] for function in known}
