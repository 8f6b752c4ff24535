"""The network kernels without Python, on several threads, under ThreadSanitizer and under AddressSanitizer."""

import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]
COMPILER = os.environ.get("CXX", "c++")
CPU, ENGINE = ROOT / "backend/cpu", ROOT / "csrc/engine"
CHAPTERS = ("attention", "embedding", "group_norm", "linear", "norm", "pooling", "softmax")
SOURCES = [
    *sorted((CPU / "conv").glob("*.cc")),
    *(CPU / "nn" / f"{name}{suffix}.cc" for name in CHAPTERS for suffix in ("", "_isa")),
    CPU / "gemm.cc",
    CPU / "gemm_isa.cc",
    CPU / "isa_level.cc",
    CPU / "scratch.cc",
    ENGINE / "pool.cc",
    ENGINE / "cpu_count.cc",
]
SANITIZERS = {"threads": "thread", "memory": "address,undefined"}

pytestmark = pytest.mark.skipif(shutil.which(COMPILER) is None, reason="no C++ compiler")


@pytest.mark.timeout(900)  # it compiles all kernels
@pytest.mark.parametrize("kind", SANITIZERS)
def test_kernels(kind, tmp_path):
    binary = tmp_path / "test_kernels"
    flags = [
        "-std=gnu++20",
        "-O1",
        "-g1",
        "-pthread",
        f"-fsanitize={SANITIZERS[kind]}",
        "-fno-strict-aliasing",
    ]
    defines = ["-DMP_ONE_ISA", "-DMP_ISA=isa_base", "-Wno-psabi"]
    includes = [f"-I{ROOT / folder}" for folder in ("csrc", "backend", "tests/engine/cpp")]
    sources = [source for source in SOURCES if source.exists()]
    subprocess.run(
        [
            COMPILER,
            *flags,
            *defines,
            *includes,
            ROOT / "tests/nn/cpp/test_kernels.cc",
            *sources,
            "-o",
            binary,
        ],
        check=True,
    )
    environment = os.environ | {"TSAN_OPTIONS": "halt_on_error=1", "UBSAN_OPTIONS": "halt_on_error=1"}
    result = subprocess.run([binary], env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0 and result.stdout == "ok\n", result.stdout + result.stderr
