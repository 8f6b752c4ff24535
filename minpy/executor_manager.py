"""Parts of a batch for several devices, as scripts take them from `mx.executor_manager`."""

__all__ = []


def _split_input_slice(batch_size, work_load_list):
    """The slices of a batch that several devices get, in proportion to their loads.

    Raises
    ------
    ValueError
        When one would get nothing.
    """
    total = sum(work_load_list)
    counts = [round(load * batch_size / total) for load in work_load_list]
    counts[-1] += max(0, batch_size - sum(counts))
    slices, end = [], 0
    for count in counts:
        begin = min(end, batch_size)
        end = min(begin + count, batch_size)
        if begin >= end:
            raise ValueError("Too many slices. Some splits are empty.")
        slices.append(slice(int(begin), int(end)))
    return slices


def _check_arguments(symbol):
    """Raise ValueError when two arguments, or two auxiliary states, of a symbol have one name."""
    for what, names in (
        ("argument", symbol.list_arguments()),
        ("auxiliary param", symbol.list_auxiliary_states()),
    ):
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(
                f'Find duplicated {what} name "{twice}", please make the weight name non-duplicated(using name arguments),'
                f" {what}s are {names}"
            )


def _load_general(data, targets):
    """Copy arrays to targets: each an array, or pairs of a slice and an array."""
    for source, target in zip(data, targets):
        if hasattr(target, "asnumpy"):
            source.copyto(target)
            continue
        assert target[-1][0].stop == source.shape[0], (
            f"Batch size miss match. Expected {target[-1][0].stop}, got {source.shape[0]}"
        )
        for part, array in target:
            source[part].copyto(array)


def _load_data(batch, targets):
    """`_load_general` of a batch's data."""
    _load_general(batch.data, targets)


def _load_label(batch, targets):
    """`_load_general` of a batch's labels."""
    _load_general(batch.label, targets)
