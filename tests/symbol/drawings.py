"""Tables and drawings of MLP, LeNet and ResNet, for MXNet and for minpy: `python drawings.py` with MXNet writes them."""

import contextlib
import gzip
import io
import json
import pathlib

DATA = pathlib.Path(__file__).parent / "data"
SHAPES = {"mlp": (2, 6), "lenet": (1, 1, 28, 28), "resnet": (1, 3, 32, 32)}


def draw(mx):
    """Texts of `print_summary` and `plot_network` by network and options."""
    found = {}
    for name, shape in SHAPES.items():
        symbol = mx.sym.load(str(DATA / f"{name}-symbol.json"))
        for known in ({"data": shape}, None):
            text = io.StringIO()
            with contextlib.redirect_stdout(text):
                mx.viz.print_summary(symbol, shape=known)
                mx.viz.print_summary(symbol, shape=known, line_length=80, positions=[0.5, 0.7, 0.8, 1.0])
            found[f"{name} {known} summary"] = text.getvalue()
            for hide, attrs in ((True, {"fontsize": "12"}), (False, {})):
                drawing = mx.viz.plot_network(
                    symbol, title=name, shape=known, hide_weights=hide, node_attrs=attrs
                )
                found[f"{name} {known} {hide}"] = drawing.source.rstrip("\n")
    return found


if __name__ == "__main__":
    import mxnet

    with gzip.GzipFile(str(DATA / "drawings.json.gz"), "wb", mtime=0) as file:
        file.write(json.dumps(draw(mxnet), sort_keys=True).encode())
