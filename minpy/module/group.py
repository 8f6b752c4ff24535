"""Executors of one graph on several devices, each for its part of the batch."""

from minpy import nd
from minpy._nested import as_list
from minpy.base import MXNetError
from minpy.io import DataDesc


def batch_parts(batch_size, loads):
    """The slices of a batch for devices that do work in these proportions; what rounding leaves goes to the last."""
    total = sum(loads)
    sizes = [round(load * batch_size / total) for load in loads]
    sizes[-1] += batch_size - sum(sizes)
    if min(sizes) < 1:
        raise ValueError("Too many slices. Some splits are empty.")
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [slice(end - size, end) for size, end in zip(sizes, ends)]


def _axis(description):
    return max(DataDesc.get_batch_axis(getattr(description, "layout", "N")), 0)


def _part_of(array, part, axis):
    return array[part] if axis == 0 else nd.slice_axis(array, axis=axis, begin=part.start, end=part.stop)


class ExecutorGroup:
    """The executors, which share no memory with each other.

    Parameters
    ----------
    symbol : Symbol
    contexts : list of Context
    loads : list of number
        How the batch is divided.
    data, labels : list of DataDesc
        What a batch has.
    requests : dict of str to str
        grad_req by name.
    shared : ExecutorGroup
        Whose arrays are used where they fit.
    """

    def __init__(self, symbol, contexts, loads, data, labels, requests, param_names, shared=None):
        self.symbol, self._loads = symbol, loads
        self.param_names = param_names
        self._describe(data, labels)
        types = {d.name: d.dtype for d in (*data, *labels) if d.name in symbol.list_inputs()}
        self.executors = [
            symbol.simple_bind(
                ctx,
                grad_req=requests,
                type_dict=types,
                shared_exec=shared.executors[i] if shared else None,
                shared_arg_names=param_names,
                **self._shapes_of(part),
            )
            for i, (ctx, part) in enumerate(zip(contexts, self.parts))
        ]

    def _describe(self, data, labels):
        self.data, self.labels = data, labels
        self.batch_size = data[0].shape[_axis(data[0])]
        for d in (*data, *labels):
            assert d.shape[_axis(d)] == self.batch_size, (
                f"all data must have the same batch size: batch_size = {self.batch_size}, but {d.name} has shape {d.shape}"
            )
        self.parts = batch_parts(self.batch_size, self._loads)

    def _shapes_of(self, part):
        known = self.symbol.list_inputs()
        shapes = {}
        for d in (*self.data, *self.labels):
            axis = _axis(d)
            if d.name in known:
                shapes[d.name] = (*d.shape[:axis], part.stop - part.start, *d.shape[axis + 1 :])
        return shapes

    def reshape(self, data, labels):
        """Go on with batches of other shapes; MXNetError where these need other parameters."""
        before = self.data, self.labels
        try:
            self._describe(data, labels)
            self.executors = [
                executor.reshape(allow_up_sizing=True, **self._input_shapes(part))
                for executor, part in zip(self.executors, self.parts)
            ]
        except AssertionError as error:
            self._describe(*before)
            raise MXNetError(str(error)) from None

    def _input_shapes(self, part):
        """The shapes of all arguments that are no parameters: also of labels that a batch lacks, and of states."""
        shapes = self._shapes_of(part)
        found = self.symbol.infer_shape(**shapes)[0]
        if found is None:
            return shapes
        names = zip(self.symbol.list_arguments(), found)
        return {name: shape for name, shape in names if name not in self.param_names}

    @property
    def execs(self):
        """The executors, by MXNet's name."""
        return self.executors

    # --- Arrays by parameter: a list over the devices for each ---

    @property
    def param_arrays(self):
        """The parameters."""
        return self._arrays("arg_dict", self.param_names)

    @property
    def grad_arrays(self):
        """The parameters' gradients; None where there is none."""
        return self._arrays("grad_dict", self.param_names)

    @property
    def aux_arrays(self):
        """The auxiliary states."""
        return self._arrays("aux_dict", self.symbol.list_auxiliary_states())

    def _arrays(self, attribute, names):
        dicts = [getattr(executor, attribute) for executor in self.executors]
        return [[found[name] for found in dicts] for name in names]

    # --- Running ---

    def forward(self, batch, is_train):
        """Runs all executors on their parts of the batch."""
        arrays = list(zip(self.data, batch.data))
        arrays += zip(self.labels, batch.label or ())
        for executor, part in zip(self.executors, self.parts):
            known = executor.arg_dict
            for description, array in arrays:
                if description.name in known:
                    known[description.name][:] = (
                        array if len(self.parts) == 1 else _part_of(array, part, _axis(description))
                    )
            executor.forward(is_train=is_train)

    def backward(self, out_grads=None):
        """Runs all executors backward; head gradients are divided like the batch."""
        if out_grads is not None:
            out_grads = as_list(out_grads)
        for executor, part in zip(self.executors, self.parts):
            executor.backward(
                None if out_grads is None else [g if len(self.parts) == 1 else g[part] for g in out_grads]
            )

    def outputs(self, merge):
        """The outputs: merged over the devices, or a list over the devices for each."""
        return _merged(list(zip(*(executor.outputs for executor in self.executors))), merge)

    def input_grads(self, merge):
        """The gradients of the data, as `outputs`."""
        dicts = [executor.grad_dict for executor in self.executors]
        return _merged([[found[d.name] for found in dicts] for d in self.data], merge)

    def update_metric(self, metric, labels, pre_sliced):
        """Gives the metric each device's outputs with its part of the labels."""
        names = self.symbol.list_outputs()
        for i, (executor, part) in enumerate(zip(self.executors, self.parts)):
            own = labels[i] if pre_sliced else labels
            if not pre_sliced and len(self.parts) > 1:
                own = [_part_of(array, part, _axis(d)) for d, array in zip(self.labels, labels)]
            by_name = {d.name: array for d, array in zip(self.labels, own or ())}
            metric.update_dict(by_name, dict(zip(names, executor.outputs)))


def _merged(lists, merge):
    if not merge:
        return [list(arrays) for arrays in lists]
    return [
        arrays[0]
        if len(arrays) == 1
        else nd.concat(*(a.as_in_context(arrays[0].context) for a in arrays), dim=0)
        for arrays in lists
    ]
