"""Block.summary: a table of the layers."""

import math

from minpy import _core

_WIDTHS = "{:>20}  {:>42} {:>15}"


def print_summary(block, inputs):
    """Runs the block on the inputs and prints its layers with output shapes and numbers of parameters."""
    rows, seen, hooks = [("Input", _shapes(inputs), 0)], {}, []
    totals = {"all": 0, "trainable": 0}

    def note(layer, _, outputs):
        count = 0
        for parameter in layer._reg_params.values():
            size = math.prod(parameter.shape)
            count += size
            totals["all"] += size
            totals["trainable"] += size if parameter.grad_req != "null" else 0
            seen.setdefault(id(parameter), [size, 0])[1] += 1
        rows.append((f"{type(layer).__name__}-{len(rows)}", _shapes(outputs), count))

    try:
        block.apply(lambda layer: hooks.append(layer.register_forward_hook(note)))
        block(*inputs)
    finally:
        for hook in hooks:
            hook.detach()
    unique = sum(size for size, _ in seen.values())
    print("-" * 80)
    print(_WIDTHS.format("Layer (type)", "Output Shape", "Param #"))
    print("=" * 80)
    for row in rows:
        print(_WIDTHS.format(row[0], str(row[1]), row[2]))
    print("=" * 80)
    print("Parameters in forward computation graph, duplicate included")
    print("   Total params:", totals["all"])
    print("   Trainable params:", totals["trainable"])
    print("   Non-trainable params:", totals["all"] - totals["trainable"])
    print("Shared params in forward computation graph:", totals["all"] - unique)
    print("Unique parameters in model:", unique)
    print("-" * 80)


def _shapes(values):
    if isinstance(values, _core.ndarray):
        return tuple(values.shape)
    found = [_shapes(value) for value in values] if isinstance(values, (list, tuple)) else []
    return found[0] if len(found) == 1 else found
