"""MXNet's public names: at least 95 % are there, and so are the names that make up 95 % of what programs use."""

import ctypes
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "docs"))
coverage = pytest.importorskip("generate_mxnet_coverage")
MODULES, USAGE = coverage.read_names()


def test_share_of_names():
    total = sum(map(len, MODULES.values()))
    rows, absent = coverage.module_rows(MODULES)
    assert sum(map(len, absent.values())) <= 0.05 * total, rows[-1]
    assert coverage.OTHER not in absent, absent[coverage.OTHER]  # each has a reason


def test_share_of_uses():
    members = coverage._members()
    lost = sum(count for name, count in USAGE.items() if not coverage.is_used_name_there(name, members))
    assert lost <= 0.02 * sum(USAGE.values())


@pytest.mark.parametrize("module", sorted(MODULES))
def test_names_are_documented(module):
    """What is callable says what it does; types of other libraries aside."""
    prefix = module.removeprefix("mx").lstrip(".")
    silent = []
    for name in MODULES[module]:
        found = coverage.look_up(f"{prefix}.{name}" if prefix else name)
        ours = getattr(found, "__module__", None) or ""
        ctype = isinstance(found, type(ctypes.POINTER(ctypes.c_float)))
        if callable(found) and ours.startswith("minpy") and not ctype and not (found.__doc__ or "").strip():
            silent.append(name)
    assert not silent
