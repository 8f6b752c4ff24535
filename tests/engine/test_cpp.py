"""The engine's C++ parts without Python: each program in tests/engine/cpp, plain and under ThreadSanitizer."""

import os
import pathlib
import shutil
import subprocess
import sysconfig

import pytest

ROOT = pathlib.Path(__file__).parents[2]
COMPILER = os.environ.get("CXX", "c++")
ENGINE, MOCK = ROOT / "csrc/engine", ROOT / "backend/mock"
TASKS = [ENGINE / "deps.cc", ENGINE / "profiler.cc"]
SOURCES = {
    "test_pool": [ENGINE / "pool.cc", ENGINE / "cpu_count.cc"],
    "test_deps": TASKS,
    "test_mock": [*TASKS, MOCK / "mock.cc", MOCK / "memory.cc"],
    "test_device_parts": [ENGINE / "devices.cc", *TASKS, MOCK / "mock.cc", MOCK / "memory.cc"],
}
RUNS = [(program, []) for program in SOURCES] + [("test_pool", ["one-cpu"])]
HEADERS = [ROOT / "csrc", ROOT / "backend", ROOT, ROOT / "tests/engine/cpp", sysconfig.get_path("include")]
MODES = {"plain": ["-O2"], "tsan": ["-O1", "-fsanitize=thread"]}

pytestmark = pytest.mark.skipif(shutil.which(COMPILER) is None, reason="no C++ compiler")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("program", "arguments"), RUNS, ids=["-".join([p, *a]) for p, a in RUNS])
def test_program(program, arguments, mode, tmp_path):
    sources = [ROOT / f"tests/engine/cpp/{program}.cc", *SOURCES[program]]
    binary = tmp_path / program
    subprocess.run(
        [COMPILER, "-std=c++20", "-g1", "-pthread", *MODES[mode], *(f"-I{folder}" for folder in HEADERS)]
        + [*sources, "-o", binary],
        check=True,
    )
    environment = os.environ | {"TSAN_OPTIONS": "halt_on_error=1", "MINPY_NUM_THREADS": "4"}
    result = subprocess.run(
        [binary, *arguments], env=environment, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0 and result.stdout == "ok\n", result.stdout + result.stderr
