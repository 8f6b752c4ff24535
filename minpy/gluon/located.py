"""Errors of a forward pass say in which layer of the network they were raised."""

from minpy.base import MXNetError

__all__ = ["ERRORS", "locate"]

ERRORS = (ValueError, MXNetError)
_REMEDY = (
    "; give it an input of fitting shape, or leave the sizes of its parameters (in_units, in_channels) out, and the"
    " first batch tells them"
)


def locate(error, block):
    """Add to an error that passes through `block` where it was raised: "in layer features.3 of net0: Dense(...)".

    It is called by each block on the way, the innermost first.
    """
    if not error.args or not isinstance(error.args[0], str):
        return
    if not hasattr(error, "_layer"):
        error._text, error._layer, error._path = error.args[0], block, []
    else:
        inside = error._inside
        keys = [key for key, child in block._children.items() if child is inside]
        if block is not inside:
            error._path.insert(0, keys[0] if keys else inside.name)
    error._inside = block
    layer = error._layer
    place = f"{'.'.join(error._path)} of {block.name}" if error._path else layer.name
    what = repr(layer).partition("\n")[0]
    remedy = _REMEDY if layer._reg_params and isinstance(error, ValueError) and "shape" in error._text else ""
    error.args = (f"{error._text}\n  in layer {place}: {what}{remedy}", *error.args[1:])
