"""Module.fit and its relatives log, show and refuse what they do in MXNet 1.9.1; fits.py has the programs."""

import json

import pytest

import minpy as mx

from . import fits


@pytest.mark.filterwarnings("ignore:Data provided by label_shapes")
def test_lines_of_mxnet():
    recorded = json.loads((fits.DATA / "fits.json").read_text())
    found = fits.run(mx)
    assert len(recorded) > 80
    for line, expected in zip(found, recorded):
        assert line == expected
    assert len(found) == len(recorded)
