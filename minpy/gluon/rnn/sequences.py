"""Sequences as one array or as a list with an array per step, for arrays and symbols."""

from minpy import _core, nd
from minpy.gluon.hybrid import front_end
from minpy.util import is_np_array


def is_whole(value):
    """Whether the value is one array or symbol, and no list of them."""
    return not isinstance(value, (list, tuple))


def as_list(value):
    """A list of what an operator returned: of a symbol, its outputs."""
    return [value] if isinstance(value, _core.ndarray) else list(value)


def steps_of(length, inputs, layout):
    """The steps of a sequence as a list; (the list, F, batch size), where 0 stands for an unknown batch size."""
    if inputs is None:
        raise AssertionError(
            "unroll(inputs=None) has been deprecated. Please create input variables outside unroll."
        )
    F = front_end(inputs)
    if is_whole(inputs):
        count = inputs.shape[layout.find("T")] if F is nd else length
        if length not in (None, count):
            raise AssertionError(f"the sequence has {count} steps, and {length} are to be unrolled")
        batch = inputs.shape[layout.find("N")] if F is nd else 0
        parts = F.split(inputs, axis=layout.find("T"), num_outputs=count, squeeze_axis=True)
        return as_list(parts), F, batch
    if length not in (None, len(inputs)):
        raise AssertionError(f"the sequence has {len(inputs)} steps, and {length} are to be unrolled")
    return list(inputs), F, inputs[0].shape[0] if F is nd else 0


def merged(steps, layout, merge):
    """The steps as one array when `merge` is true; as a list when it is False; unchanged when it is None."""
    if merge and not is_whole(steps):
        return front_end(steps).stack(*steps, axis=layout.find("T"))
    if merge is False and is_whole(steps):
        return steps_of(None, steps, layout)[0]
    return steps


def masked(F, steps, length, valid_length, axis, merge):
    """The sequence with zeros beyond the valid lengths, as one array or, unless `merge`, as a list."""
    data = steps if is_whole(steps) else F.stack(*steps, axis=axis)
    data = F.SequenceMask(data, sequence_length=valid_length, use_sequence_length=True, axis=axis)
    if merge:
        return data
    return as_list(F.split(data, num_outputs=length, axis=axis, squeeze_axis=True))


def backward_in_time(steps, valid_length):
    """The steps in reverse order; with valid lengths, those of each row, and then the rest as it is."""
    if valid_length is None:
        return steps[::-1]
    F = front_end(steps)
    turned = F.SequenceReverse(
        F.stack(*steps, axis=0), sequence_length=valid_length, use_sequence_length=True
    )
    return as_list(F.split(turned, axis=0, num_outputs=len(steps), squeeze_axis=True))


def made_states(func, names, infos, kwargs):
    """Beginning states by `func(name=..., shape=...)`, one for each info."""
    states = []
    for name, info in zip(names, infos):
        arguments = {**info, **kwargs}
        if func.__module__.startswith(("minpy.nd", "minpy.random")):  # arrays have neither name nor layout
            state = func(**{key: v for key, v in arguments.items() if key != "__layout__"})
            states.append(state.as_np_ndarray() if is_np_array() else state)
        else:
            states.append(func(name=name, **arguments))
    return states
