"""BaseRNNCell: what cells of symbols have in common, and sequences of symbols."""

from minpy import nd, symbol

__all__ = ["GATES", "BaseRNNCell", "RNNParams", "sequence"]

# What names of weights say of their gates.
GATES = {"rnn_relu": [""], "rnn_tanh": [""], "lstm": ["_i", "_f", "_c", "_o"], "gru": ["_r", "_z", "_o"]}


def sequence(length, inputs, layout, merge, in_layout=None):
    """(inputs, axis of time): the inputs as a list for merge=False, as one symbol for merge=True, as they are for None."""
    assert inputs is not None, (
        "unroll(inputs=None) has been deprecated. Please create input variables outside unroll."
    )
    axis = layout.find("T")
    in_axis = axis if in_layout is None else in_layout.find("T")
    if isinstance(inputs, symbol.Symbol):
        if merge is False:
            assert len(inputs) == 1, (
                "unroll doesn't allow grouped symbol as input. Please convert to list with list(inputs) first or let"
                " unroll handle splitting."
            )
            inputs = list(symbol.split(inputs, axis=in_axis, num_outputs=length, squeeze_axis=1))
    else:
        assert length is None or len(inputs) == length
        if merge is True:
            inputs = symbol.Concat(*[symbol.expand_dims(one, axis=axis) for one in inputs], dim=axis)
            in_axis = axis
    if isinstance(inputs, symbol.Symbol) and axis != in_axis:
        inputs = symbol.swapaxes(inputs, dim1=axis, dim2=in_axis)
    return inputs, axis


class RNNParams:
    """Variables by name, each made at first use; cells that share one share weights.

    Parameters
    ----------
    prefix : str
        What names start with.
    """

    def __init__(self, prefix=""):
        self._prefix = prefix
        self._params = {}

    def get(self, name, **kwargs):
        """The variable of a name; `kwargs` are those of `mx.sym.Variable`."""
        name = self._prefix + name
        if name not in self._params:
            self._params[name] = symbol.Variable(name, **kwargs)
        return self._params[name]


class BaseRNNCell:
    """A step of a recurrent network: calling a cell with input and states gives output and new states.

    Parameters
    ----------
    prefix : str
        What names of layers, and of weights unless `params` is given, start with.
    params : RNNParams
        Shares weights with another cell.
    """

    _gate_names = ()

    def __init__(self, prefix="", params=None):
        self._own_params = params is None
        self._prefix = prefix
        self._params = RNNParams(prefix) if params is None else params
        self._modified = False
        self.reset()

    def reset(self):
        """Begin to count steps anew, for another graph."""
        self._init_counter = -1
        self._counter = -1
        for cell in getattr(self, "_cells", ()):
            cell.reset()

    def __call__(self, inputs, states):
        raise NotImplementedError(f"{type(self).__name__} does not define a step")

    @property
    def params(self):
        """The cell's variables."""
        self._own_params = False
        return self._params

    @property
    def state_info(self):
        """For each state a dict with its shape, 0 for the batch, and layout."""
        raise NotImplementedError(f"{type(self).__name__} does not define state_info")

    @property
    def state_shape(self):
        """The shapes of the states."""
        return [info["shape"] for info in self.state_info]

    @property
    def _num_gates(self):
        return len(self._gate_names)

    def _check_called_directly(self):
        assert not self._modified, (
            "After applying modifier cells (e.g. DropoutCell) the base cell cannot be called directly. Call the"
            " modifier cell instead."
        )

    def begin_state(self, func=symbol.zeros, **kwargs):
        """The states before the first step.

        Parameters
        ----------
        func : callable
            What makes one, such as `mx.sym.zeros` or `mx.sym.Variable`; it gets a name, and what `state_info` has.
        **kwargs
            Further arguments of `func`.
        """
        self._check_called_directly()
        states = []
        for info in self.state_info:
            self._init_counter += 1
            kwargs.update(info or {})
            states.append(func(name=f"{self._prefix}begin_state_{self._init_counter}", **kwargs))
        return states

    def _groups(self):
        """For each packed weight and bias: its name, and the names of its gates."""
        for group in ("i2h", "h2h"):
            for kind in ("weight", "bias"):
                start = f"{self._prefix}{group}"
                yield f"{start}_{kind}", [f"{start}{gate}_{kind}" for gate in self._gate_names]

    def unpack_weights(self, args):
        """The arrays by name, with one array for each gate in the place of one for all of them."""
        args = args.copy()
        if self._gate_names:
            for packed, names in self._groups():
                whole = args.pop(packed)
                for j, name in enumerate(names):
                    args[name] = whole[j * self._num_hidden : (j + 1) * self._num_hidden].copy()
        return args

    def pack_weights(self, args):
        """The reverse of `unpack_weights`."""
        args = args.copy()
        if self._gate_names:
            for packed, names in self._groups():
                args[packed] = nd.concatenate([args.pop(name) for name in names])
        return args

    def unroll(self, length, inputs, begin_state=None, layout="NTC", merge_outputs=None):
        """The graph of several steps.

        Parameters
        ----------
        length : int
            Number of steps.
        inputs : Symbol or list of Symbol
            One symbol with axes as `layout` says, or one for each step.
        begin_state : list of Symbol
            None: what `begin_state()` gives.
        layout : {'NTC', 'TNC'}
        merge_outputs : bool
            True: outputs as one symbol; False: as a list; None: whatever is cheaper.

        Returns
        -------
        outputs : Symbol or list of Symbol
        states : list of Symbol
            After the last step.
        """
        self.reset()
        inputs, _ = sequence(length, inputs, layout, False)
        states = self.begin_state() if begin_state is None else begin_state
        outputs = []
        for one in inputs:
            output, states = self(one, states)
            outputs.append(output)
        return sequence(length, outputs, layout, merge_outputs)[0], states

    def _get_activation(self, inputs, activation, **kwargs):
        if isinstance(activation, str):
            return symbol.Activation(inputs, act_type=activation, **kwargs)
        return activation(inputs, **kwargs)

    def _step_name(self):
        self._counter += 1
        return f"{self._prefix}t{self._counter}_"


# What follows the products of a step, for dense and convolutional cells alike.


def rnn_step(cell, i2h, h2h, name, activation):
    """Output and states of a plain cell from the products with input and state."""
    output = cell._get_activation(i2h + h2h, activation, name=f"{name}out")
    return output, [output]


def lstm_step(cell, gates, states, name, activation, **axis):
    """Output and states of an LSTM from the sums of its gates; the `axis` of the gates is 1 unless given."""
    parts = symbol.SliceChannel(gates, num_outputs=4, name=f"{name}slice", **axis)
    opened = {
        key: symbol.Activation(parts[i], act_type="sigmoid", name=name + key)
        for i, key in ((0, "i"), (1, "f"), (3, "o"))
    }
    new = cell._get_activation(parts[2], activation, name=f"{name}c")
    memory = symbol._internal._plus(opened["f"] * states[1], opened["i"] * new, name=f"{name}state")
    shown = cell._get_activation(memory, activation)
    output = symbol._internal._mul(opened["o"], shown, name=f"{name}out")
    return output, [output, memory]


def gru_step(cell, i2h, h2h, states, name, activation, **axis):
    """Output and states of a GRU from the products with input and state; `axis` as for `lstm_step`."""
    i2h_r, i2h_z, i2h = symbol.SliceChannel(i2h, num_outputs=3, name=f"{name}_i2h_slice", **axis)
    h2h_r, h2h_z, h2h = symbol.SliceChannel(h2h, num_outputs=3, name=f"{name}_h2h_slice", **axis)
    reset = symbol.Activation(i2h_r + h2h_r, act_type="sigmoid", name=f"{name}_r_act")
    update = symbol.Activation(i2h_z + h2h_z, act_type="sigmoid", name=f"{name}_z_act")
    new = cell._get_activation(i2h + reset * h2h, activation, name=f"{name}_h_act")
    output = symbol._internal._plus((1.0 - update) * new, update * states[0], name=f"{name}out")
    return output, [output]
