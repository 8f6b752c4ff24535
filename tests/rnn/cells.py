"""Cells unrolled in many ways, for MXNet and for minpy: `record(mx)` runs them all with the one it is given.

The recorded answers of MXNet 1.9.1 are in data/cells.json.gz and data/cells.npz; `python cells.py` in an environment with
MXNet writes them again.
"""

import gzip
import json
import pathlib
import sys
import warnings

import numpy

DATA = pathlib.Path(__file__).parent / "data"
TIME, BATCH, INPUT, HIDDEN = 3, 2, 4, 3


def builders(mx):
    """Functions that return a cell and what `unroll` takes, by name."""
    rnn = mx.rnn
    data = mx.sym.Variable

    def steps():
        return [data(f"t{i}") for i in range(TIME)]

    def stack(*cells):
        whole = rnn.SequentialRNNCell()
        for cell in cells:
            whole.add(cell)
        return whole

    def shared():
        params = rnn.RNNParams("both_")
        return stack(
            rnn.RNNCell(INPUT, prefix="both_", params=params),
            rnn.RNNCell(INPUT, prefix="both_", params=params),
        )

    def both(kind, **options):
        return rnn.BidirectionalCell(kind(HIDDEN, prefix="l_"), kind(HIDDEN, prefix="r_"), **options)

    whole, merged, listed = {"inputs": data("data")}, {"merge_outputs": True}, {"merge_outputs": False}
    plain = {
        "rnn": lambda: (rnn.RNNCell(HIDDEN), whole),
        "rnn_relu_merged": lambda: (rnn.RNNCell(HIDDEN, "relu", prefix="x_"), dict(whole, **merged)),
        "lstm": lambda: (rnn.LSTMCell(HIDDEN, forget_bias=2.0), whole),
        "lstm_steps": lambda: (rnn.LSTMCell(HIDDEN), {"inputs": steps()}),
        "lstm_time_first": lambda: (rnn.LSTMCell(HIDDEN), dict(whole, layout="TNC", **merged)),
        "gru": lambda: (rnn.GRUCell(HIDDEN), dict(whole, **merged)),
        "stack": lambda: (
            stack(rnn.GRUCell(HIDDEN, prefix="a_"), rnn.LSTMCell(HIDDEN, prefix="b_")),
            dict(whole, **merged),
        ),
        "shared": lambda: (shared(), whole),
        "both": lambda: (both(rnn.LSTMCell), whole),
        "both_merged": lambda: (both(rnn.GRUCell, output_prefix="o_"), dict(whole, layout="TNC", **merged)),
        "dropout": lambda: (
            stack(rnn.RNNCell(HIDDEN), rnn.DropoutCell(0.4, prefix="d_")),
            dict(whole, **merged),
        ),
        "residual": lambda: (rnn.ResidualCell(rnn.GRUCell(INPUT)), whole),
        "residual_merged": lambda: (rnn.ResidualCell(rnn.RNNCell(INPUT)), dict(whole, **merged)),
        "zoneout": lambda: (rnn.ZoneoutCell(rnn.LSTMCell(HIDDEN), 0.3, 0.2), whole),
    }
    for mode in ("rnn_tanh", "rnn_relu", "lstm", "gru"):

        def fused(mode=mode, **options):
            return rnn.FusedRNNCell(HIDDEN, num_layers=2, mode=mode, **options)

        plain["fused_" + mode] = lambda fused=fused: (fused(get_next_state=True), dict(whole, layout="TNC"))
        plain["unfused_" + mode] = lambda fused=fused: (fused(dropout=0.5).unfuse(), dict(whole, **listed))
        plain["fused_both_" + mode] = lambda fused=fused: (
            fused(bidirectional=True, prefix="f_"),
            dict(whole, **listed),
        )
        plain["unfused_both_" + mode] = lambda fused=fused: (
            fused(bidirectional=True).unfuse(),
            dict(whole, **merged),
        )
    for kind in ("RNN", "LSTM", "GRU"):

        def convolutional(kind=kind, **options):
            cell = getattr(rnn, f"Conv{kind}Cell")
            return cell(input_shape=(BATCH, 2, 5, 6), num_hidden=3, **options), {"inputs": data("data")}

        plain["convolutional_" + kind] = convolutional
    plain["convolutional_options"] = lambda: (
        rnn.ConvLSTMCell(
            (1, 2, 6, 6), 2, (3, 5), (2, 1), (3, 3), (2, 1), (0, 1), activation="tanh", prefix="c_"
        ),
        {"inputs": data("data")},
    )
    return plain


def input_shapes(name, options):
    if name.startswith("convolutional"):
        return {"data": (BATCH, TIME, 2, 6, 6) if name.endswith("options") else (BATCH, TIME, 2, 5, 6)}
    if isinstance(options["inputs"], list):
        return {f"t{i}": (BATCH, INPUT) for i in range(TIME)}
    return {"data": (TIME, BATCH, INPUT) if options.get("layout") == "TNC" else (BATCH, TIME, INPUT)}


def values(name, shape):
    """Numbers between -1 and 1 that depend on the name and the place."""
    start = sum(map(ord, name))
    return (
        numpy.sin(start + 1.7 * numpy.arange(numpy.prod(shape, dtype=int))).reshape(shape).astype("float32")
    )


def nodes(symbol):
    """The graph as text: operators, names, attributes, inputs."""
    found = []
    graph = json.loads(symbol.tojson())
    for node in graph["nodes"]:
        attrs = node.get("attrs", {})
        kept = {key: attrs[key] for key in attrs if node["op"] != "null" or key.startswith("__")}
        found.append(
            [
                node["op"],
                node["name"],
                kept,
                [graph["nodes"][i[0]]["name"] + str(i[1]) for i in node["inputs"]],
            ]
        )
    return found


def run(mx, name, build):
    """What there is to compare: (text, arrays)."""
    with mx.name.NameManager(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cell, options = build()
        outputs, states = cell.unroll(TIME, **options)
    flat = [s for state in states for s in (state if isinstance(state, list) else [state])]
    outputs = list(outputs) if isinstance(outputs, list) else [outputs]
    seen = [output.list_outputs() for output in outputs]
    # MXNet drops gradients of an output that is in a group twice.
    symbol = mx.sym.Group(outputs + [state for state in flat if state.list_outputs() not in seen])
    shapes = input_shapes(name, options)
    arguments = symbol.list_arguments()
    found = dict(zip(arguments, symbol.infer_shape(**shapes)[0]))
    executor = symbol.simple_bind(mx.cpu(), **shapes)
    for key, array in executor.arg_dict.items():
        array[:] = values(key, array.shape)
    results = executor.forward(is_train=False)
    text = {
        "outputs": symbol.list_outputs(),
        "nodes": nodes(symbol),
        "shapes": {key: list(found[key]) for key in arguments},
        "states": [[list(i["shape"]), i["__layout__"]] for i in cell.state_info],
        "params": sorted(cell.params._params),
    }
    arrays = {f"out{i}": r.asnumpy() for i, r in enumerate(results)}
    if not any(word in name for word in ("dropout", "zoneout", "unfused")):  # no chance in it
        executor.forward(is_train=True)
        executor.backward([mx.nd.array(values(f"head{i}", r.shape)) for i, r in enumerate(results)])
        arrays.update({"grad_" + key: grad.asnumpy() for key, grad in executor.grad_dict.items()})
    params = {key: array for key, array in executor.arg_dict.items() if key not in shapes}
    unpacked = cell.unpack_weights(params)
    packed = cell.pack_weights(unpacked)
    text["unpacked"] = {key: list(unpacked[key].shape) for key in sorted(unpacked)}
    assert sorted(packed) == sorted(params)
    for key in params:
        assert (packed[key].asnumpy() == params[key].asnumpy()).all(), key
    arrays.update({"sum_" + key: unpacked[key].asnumpy().sum() for key in unpacked})
    return text, arrays


def record(mx):
    """Text and arrays of all cases, by name."""
    return {name: run(mx, name, build) for name, build in sorted(builders(mx).items())}


if __name__ == "__main__":
    import mxnet

    found = record(mxnet)
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    for text, arrays in found.values():
        text["arrays"] = [[key, list(arrays[key].shape)] for key in sorted(arrays)]
    lines = {name: text for name, (text, _) in found.items()}
    with gzip.GzipFile(str(target / "cells.json.gz"), "wb", mtime=0) as file:
        file.write(json.dumps(lines, sort_keys=True).encode())
    joined = {n: numpy.concatenate([part[k].ravel() for k in sorted(part)]) for n, (_, part) in found.items()}
    numpy.savez_compressed(str(target / "cells.npz"), **joined)
