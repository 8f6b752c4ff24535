"""Cells made of other cells: stacks, both directions, dropout, zoneout, residual connections."""

from minpy import symbol
from minpy.base import numeric_types
from minpy.rnn.base import BaseRNNCell, sequence

__all__ = [
    "BidirectionalCell",
    "DropoutCell",
    "ModifierCell",
    "ResidualCell",
    "SequentialRNNCell",
    "ZoneoutCell",
]


class _Composed(BaseRNNCell):
    """What cells with several cells in `_cells` have in common."""

    @property
    def state_info(self):
        return [info for cell in self._cells for info in cell.state_info]

    def begin_state(self, **kwargs):
        self._check_called_directly()
        return [state for cell in self._cells for state in cell.begin_state(**kwargs)]

    def unpack_weights(self, args):
        for cell in self._cells:
            args = cell.unpack_weights(args)
        return args

    def pack_weights(self, args):
        for cell in self._cells:
            args = cell.pack_weights(args)
        return args

    def _share(self, cell):
        """Has a cell's variables among those of this one."""
        if self._override_cell_params:
            assert cell._own_params, (
                f"Either specify params for {type(self).__name__} or child cells, not both."
            )
            cell.params._params.update(self.params._params)
        self.params._params.update(cell.params._params)

    def _states_of_cells(self, states):
        at = 0
        for cell in self._cells:
            count = len(cell.state_info)
            yield states[at : at + count]
            at += count


class SequentialRNNCell(_Composed):
    """Cells one on top of the other.

    Parameters
    ----------
    params : RNNParams
        Shares weights among all cells.
    """

    _bidirectional = False

    def __init__(self, params=None):
        self._cells = []
        super().__init__("", params)
        self._override_cell_params = params is not None

    def add(self, cell):
        """Put a cell on top."""
        self._cells.append(cell)
        self._share(cell)

    def __call__(self, inputs, states):
        self._counter += 1
        found = []
        for cell, own in zip(self._cells, self._states_of_cells(states)):
            assert not isinstance(cell, BidirectionalCell)
            inputs, own = cell(inputs, own)
            found += own
        return inputs, found

    def unroll(self, length, inputs, begin_state=None, layout="NTC", merge_outputs=None):
        self.reset()
        states = self.begin_state() if begin_state is None else begin_state
        found = []
        for cell, own in zip(self._cells, self._states_of_cells(states)):
            last = cell is self._cells[-1]
            inputs, own = cell.unroll(
                length, inputs, own, layout=layout, merge_outputs=merge_outputs if last else None
            )
            found.extend(own)
        return inputs, found


class BidirectionalCell(_Composed):
    """One cell from the first step to the last, and one from the last to the first; outputs are joined.

    Parameters
    ----------
    l_cell, r_cell : BaseRNNCell
    params : RNNParams
        Shares weights among both.
    output_prefix : str
        What names of the outputs start with.
    """

    def __init__(self, l_cell, r_cell, params=None, output_prefix="bi_"):
        self._cells = []
        super().__init__("", params)
        self._output_prefix = output_prefix
        self._override_cell_params = params is not None
        for cell in (l_cell, r_cell):
            self._share(cell)
        self._cells = [l_cell, r_cell]

    def __call__(self, inputs, states):
        raise NotImplementedError("Bidirectional cannot be stepped. Please use unroll")

    def unroll(self, length, inputs, begin_state=None, layout="NTC", merge_outputs=None):
        self.reset()
        inputs, axis = sequence(length, inputs, layout, False)
        states = self.begin_state() if begin_state is None else begin_state
        sides, found = [], []
        for cell, own, steps in zip(self._cells, self._states_of_cells(states), (inputs, inputs[::-1])):
            outputs, own = cell.unroll(length, steps, own, layout=layout, merge_outputs=merge_outputs)
            sides.append(outputs)
            found.append(own)
        if merge_outputs is None:
            merge_outputs = all(isinstance(side, symbol.Symbol) for side in sides)
            if not merge_outputs:
                sides = [sequence(length, side, layout, False)[0] for side in sides]
        if merge_outputs:
            left, right = sides[0], symbol.reverse(sides[1], axis=axis)
            return symbol.Concat(left, right, dim=2, name=f"{self._output_prefix}out"), found
        outputs = [
            symbol.Concat(left, right, dim=1, name=f"{self._output_prefix}t{i}")
            for i, (left, right) in enumerate(zip(sides[0], reversed(sides[1])))
        ]
        return outputs, found


class DropoutCell(BaseRNNCell):
    """Dropout of the input.

    Parameters
    ----------
    dropout : float
        Share of the elements that become zero in training.
    prefix : str
    params : RNNParams
    """

    def __init__(self, dropout, prefix="dropout_", params=None):
        super().__init__(prefix, params)
        assert isinstance(dropout, numeric_types), "dropout probability must be a number"
        self.dropout = dropout

    @property
    def state_info(self):
        return []

    def __call__(self, inputs, states):
        return (symbol.Dropout(data=inputs, p=self.dropout) if self.dropout > 0 else inputs), states

    def unroll(self, length, inputs, begin_state=None, layout="NTC", merge_outputs=None):
        self.reset()
        inputs, _ = sequence(length, inputs, layout, merge_outputs)
        if isinstance(inputs, symbol.Symbol):
            return self(inputs, [])
        return super().unroll(length, inputs, begin_state, layout, merge_outputs)


class ModifierCell(BaseRNNCell):
    """A cell that changes what another one does.

    Parameters
    ----------
    base_cell : BaseRNNCell
        From now on only to be called through this one.
    """

    def __init__(self, base_cell):
        super().__init__()
        base_cell._modified = True
        self.base_cell = base_cell

    @property
    def params(self):
        self._own_params = False
        return self.base_cell.params

    @property
    def state_info(self):
        return self.base_cell.state_info

    def begin_state(self, init_sym=symbol.zeros, **kwargs):
        self._check_called_directly()
        self.base_cell._modified = False
        try:
            return self.base_cell.begin_state(func=init_sym, **kwargs)
        finally:
            self.base_cell._modified = True

    def unpack_weights(self, args):
        return self.base_cell.unpack_weights(args)

    def pack_weights(self, args):
        return self.base_cell.pack_weights(args)


class ZoneoutCell(ModifierCell):
    """Keeps elements of output and states from the step before, by chance, in training.

    Parameters
    ----------
    base_cell : BaseRNNCell
    zoneout_outputs, zoneout_states : float
        Shares of the elements that are kept.
    """

    def __init__(self, base_cell, zoneout_outputs=0.0, zoneout_states=0.0):
        for kind, why in (
            ("FusedRNNCell", "Please unfuse first."),
            ("BidirectionalCell", "Please add ZoneoutCell to the cells underneath instead."),
        ):
            assert type(base_cell).__name__ != kind, f"{kind} doesn't support zoneout. {why}"
        super().__init__(base_cell)
        self.zoneout_outputs, self.zoneout_states = zoneout_outputs, zoneout_states
        self.prev_output = None

    def reset(self):
        super().reset()
        self.prev_output = None

    def __call__(self, inputs, states):
        output, found = self.base_cell(inputs, states)
        before = self.prev_output if self.prev_output is not None else symbol.zeros((0, 0))
        self.prev_output = output = _mixed(self.zoneout_outputs, output, before)
        return output, [_mixed(self.zoneout_states, new, old) for new, old in zip(found, states)]


def _mixed(share, new, old):
    if share == 0:
        return new
    kept = symbol.Dropout(symbol.ones_like(new), p=share)
    return symbol.where(kept, new, old)


class ResidualCell(ModifierCell):
    """Adds the input to the output.

    Parameters
    ----------
    base_cell : BaseRNNCell
    """

    def __call__(self, inputs, states):
        output, states = self.base_cell(inputs, states)
        return _plus(output, inputs), states

    def unroll(self, length, inputs, begin_state=None, layout="NTC", merge_outputs=None):
        self.reset()
        self.base_cell._modified = False
        try:
            outputs, states = self.base_cell.unroll(length, inputs, begin_state, layout, merge_outputs)
        finally:
            self.base_cell._modified = True
        merged = isinstance(outputs, symbol.Symbol) if merge_outputs is None else merge_outputs
        inputs, _ = sequence(length, inputs, layout, merged)
        if merged:
            return _plus(outputs, inputs), states
        return [_plus(output, one) for output, one in zip(outputs, inputs)], states


def _plus(output, inputs):
    return symbol.elemwise_add(output, inputs, name=f"{output.name}_plus_residual")
