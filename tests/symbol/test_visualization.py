"""print_summary and plot_network against what MXNet 1.9.1 prints."""

import gzip
import json

import pytest

import minpy as mx
from minpy import visualization

from . import drawings


def network():
    s = mx.sym
    x = s.Convolution(
        s.Variable("data"), kernel=(3, 3), num_filter=8, name="conv0", pad=(1, 1), stride=(2, 2)
    )
    x = s.Activation(s.BatchNorm(x, name="bn0"), act_type="relu", name="relu0")
    x = s.concat(
        x, s.Convolution(x, kernel=(1, 1), num_filter=8, num_group=2, name="conv1", no_bias=True), name="cc"
    )
    x = s.Pooling(x, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pool0")
    x = s.FullyConnected(s.Flatten(x, name="fl"), num_hidden=10, name="fc")
    return s.SoftmaxOutput(x, name="softmax")


def table(capsys, *args, **kwargs):
    mx.viz.print_summary(*args, **kwargs)
    return capsys.readouterr().out.splitlines()


def test_summary(capsys):
    lines = table(capsys, network(), shape={"data": (2, 3, 16, 16)})
    assert {len(line) for line in lines[:-2]} == {120}
    assert lines[0] == lines[4] == lines[-1] == "_" * 120
    assert lines[2] == lines[-3] == "=" * 120
    joined = [line for line in lines if line.strip("_=")]
    cells = [
        (line[:52].strip(), line[52:76].strip(), line[76:88].strip(), line[88:].strip()) for line in joined
    ]
    assert cells[:-1] == [
        ("Layer (type)", "Output Shape", "Param #", "Previous Layer"),
        ("data(null)", "3x16x16", "0", ""),
        ("conv0(Convolution)", "8x8x8", "224", "data"),
        ("bn0(BatchNorm)", "8x8x8", "16", "conv0"),
        ("relu0(Activation)", "8x8x8", "0", "bn0"),
        ("conv1(Convolution)", "8x8x8", "32", "relu0"),
        ("cc(Concat)", "16x8x8", "0", "relu0"),
        ("", "", "", "conv1"),
        ("pool0(Pooling)", "16x4x4", "0", "cc"),
        ("fl(Flatten)", "256", "0", "pool0"),
        ("fc(FullyConnected)", "10", "2570", "fl"),
        ("softmax(SoftmaxOutput)", "10", "0", "fc"),
    ]
    assert lines[-2] == "Total params: 2842"


def test_narrow_summary_without_shapes(capsys):
    net = mx.sym.Convolution(mx.sym.Variable("data"), kernel=(2, 2), num_filter=4, name="c")
    assert table(capsys, net, line_length=60) == [
        "_" * 60,
        "Layer (type)              Output ShapeParam Previous Layer  ",
        "=" * 60,
        "data(null)                            0                     ",
        "_" * 60,
        "c(Convolution)                        4     data            ",
        "=" * 60,
        "Total params: 4",
        "_" * 60,
    ]


def test_drawing(tmp_path, monkeypatch):
    monkeypatch.setattr(visualization, "_digraph", visualization.Drawing)
    graph = mx.viz.plot_network(network(), shape={"data": (2, 3, 16, 16)}, node_attrs={"fixedsize": "false"})
    lines = graph.source.splitlines()
    end = "height=0.8034 shape=box style=filled width=1.3]"
    assert lines[:4] == [
        "digraph plot {",
        '\tdata [label=data fillcolor="#8dd3c7" fixedsize=false height=0.8034 shape=oval style=filled width=1.3]',
        '\tconv0 [label="Convolution',
        f'3x3/2x2, 8" fillcolor="#fb8072" fixedsize=false {end}',
    ]
    assert f'max, 2x2/2x2" fillcolor="#80b1d3" fixedsize=false {end}' in lines
    assert '\tconv0 -> data [label="3x16x16" arrowtail=open dir=back]' in lines
    assert "\tfc -> fl [label=256 arrowtail=open dir=back]" in lines
    assert "conv0_weight" not in graph.source
    assert graph.render("net", str(tmp_path)) == str(tmp_path / "net.dot")
    assert (tmp_path / "net.dot").read_text() == graph.source
    graph = mx.viz.plot_network(network(), title="my net", hide_weights=False)
    assert graph.source.startswith('digraph "my net" {')
    assert '\tconv0 -> conv0_weight [label="" arrowtail=open dir=back]' in graph.source


def test_refusals():
    with pytest.raises(TypeError, match="symbol must be Symbol"):
        mx.viz.print_summary(3)
    with pytest.raises(TypeError, match="symbol must be a Symbol"):
        mx.viz.plot_network(3)
    with pytest.raises(mx.MXNetError, match="foo not found"):
        mx.viz.print_summary(network(), shape={"foo": (1,)})


def test_networks_as_mxnet_draws_them():
    recorded = json.loads(gzip.decompress((drawings.DATA / "drawings.json.gz").read_bytes()))
    found = drawings.draw(mx)
    assert len(recorded) == 18 and sorted(found) == sorted(recorded)
    for name, text in found.items():
        assert text.splitlines() == recorded[name].splitlines(), name
