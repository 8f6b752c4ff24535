"""Cells made of cells: one after the other, with dropout, zoneout or a residual, in both directions."""

from minpy import nd
from minpy.gluon.block import indented
from minpy.gluon.hybrid import front_end
from minpy.gluon.rnn.base import HybridRecurrentCell, RecurrentCell
from minpy.gluon.rnn.sequences import backward_in_time, is_whole, masked, merged, steps_of

__all__ = [
    "BidirectionalCell",
    "DropoutCell",
    "HybridSequentialRNNCell",
    "ModifierCell",
    "ResidualCell",
    "SequentialRNNCell",
    "ZoneoutCell",
]


def _shares(states, cells):
    """(cell, its part of the states)"""
    at = 0
    for cell in cells:
        count = len(cell.state_info())
        yield cell, states[at : at + count]
        at += count


class _Several:
    """States of several cells are one list."""

    def state_info(self, batch_size=0):
        """Shape and layout of the states of all cells."""
        return [info for cell in self._children.values() for info in cell.state_info(batch_size)]

    def begin_state(self, **kwargs):
        """The states of all cells before the first step."""
        self._require_unmodified()
        return [state for cell in self._children.values() for state in cell.begin_state(**kwargs)]


class _Stack(_Several):
    """Cells one above the other."""

    def add(self, cell):
        """Put a cell on top."""
        self.register_child(cell)

    def __repr__(self):
        rows = "\n".join(f"({i}): {indented(repr(cell))}" for i, cell in self._children.items())
        return f"{type(self).__name__}(\n{rows}\n)"

    def __getitem__(self, i):
        return list(self._children.values())[i]

    def __len__(self):
        return len(self._children)

    def forward(self, inputs, states):
        """Take a step through all cells."""
        self._counter += 1
        after = []
        for cell, part in _shares(states, self._children.values()):
            if isinstance(cell, BidirectionalCell):
                raise AssertionError("a stack with a BidirectionalCell cannot be stepped. Please use unroll")
            inputs, part = cell(inputs, part)
            after.extend(part)
        return inputs, after

    def unroll(self, length, inputs, begin_state=None, layout="NTC", merge_outputs=None, valid_length=None):
        """Take all steps, cell by cell; see `RecurrentCell.unroll`."""
        self.reset()
        F = front_end(inputs)
        batch = 0
        if F is nd:
            batch = inputs.shape[layout.find("N")] if is_whole(inputs) else inputs[0].shape[0]
        states = self._first_states(F, begin_state, inputs, batch)
        after = []
        top = len(self._children) - 1
        for i, (cell, part) in enumerate(_shares(states, self._children.values())):
            inputs, part = cell.unroll(
                length,
                inputs=inputs,
                begin_state=part,
                layout=layout,
                merge_outputs=None if i < top else merge_outputs,
                valid_length=valid_length,
            )
            after.extend(part)
        return inputs, after


class SequentialRNNCell(_Stack, RecurrentCell):
    """Cells one above the other: each gets the output of the one below."""


class HybridSequentialRNNCell(_Stack, HybridRecurrentCell):
    """Hybrid cells one above the other."""


class DropoutCell(HybridRecurrentCell):
    """Sets elements of the input to zero at random while training.

    Parameters
    ----------
    rate : float
        The share that is set to zero.
    axes : tuple of int
        Axes along which the choice is the same.
    prefix, params
        See Block.
    """

    def __init__(self, rate, axes=(), prefix=None, params=None):
        super().__init__(prefix, params)
        if not isinstance(rate, (int, float)):
            raise AssertionError("rate must be a number")
        self._rate, self._axes = rate, axes

    def __repr__(self):
        return f"{type(self).__name__}(rate={self._rate}, axes={self._axes})"

    def _alias(self):
        return "dropout"

    def state_info(self, batch_size=0):
        """There is no state."""
        return []

    def hybrid_forward(self, F, inputs, states):
        if self._rate > 0:
            inputs = F.Dropout(inputs, p=self._rate, axes=self._axes, name=f"t{self._counter}_fwd")
        return inputs, states

    def unroll(self, length, inputs, begin_state=None, layout="NTC", merge_outputs=None, valid_length=None):
        """Drop out of a whole sequence at once when it is one array."""
        self.reset()
        inputs = merged(inputs, layout, merge_outputs)
        if is_whole(inputs):
            return self.hybrid_forward(front_end(inputs), inputs, begin_state or [])
        return super().unroll(length, inputs, begin_state, layout, merge_outputs)


class ModifierCell(HybridRecurrentCell):
    """The base of cells that change what another cell gives; that cell is then no longer called itself.

    Parameters
    ----------
    base_cell : HybridRecurrentCell
        The other cell.
    """

    def __init__(self, base_cell):
        if base_cell._modified:
            raise AssertionError(
                f"Cell {base_cell.name} is already modified. One cell cannot be modified twice"
            )
        base_cell._modified = True
        super().__init__(prefix=base_cell.prefix + self._alias(), params=None)
        self.base_cell = base_cell

    @property
    def params(self):
        """The parameters of the other cell."""
        return self.base_cell.params

    def __repr__(self):
        return f"{type(self).__name__}({self.base_cell})"

    def state_info(self, batch_size=0):
        """That of the other cell."""
        return self.base_cell.state_info(batch_size)

    def begin_state(self, func=nd.zeros, **kwargs):
        """The states of the other cell before the first step."""
        self._require_unmodified()
        return self._with_base(lambda cell: cell.begin_state(func=func, **kwargs))

    def _with_base(self, call):
        """Calls the other cell as if it were not modified."""
        self.base_cell._modified = False
        try:
            return call(self.base_cell)
        finally:
            self.base_cell._modified = True


class ZoneoutCell(ModifierCell):
    """Keeps elements of output and states as they were before the step, at random (arXiv:1606.01305).

    Parameters
    ----------
    base_cell : HybridRecurrentCell
        The cell whose steps these are.
    zoneout_outputs, zoneout_states : float
        The shares that are kept.
    """

    def __init__(self, base_cell, zoneout_outputs=0.0, zoneout_states=0.0):
        if isinstance(base_cell, BidirectionalCell):
            raise AssertionError(
                "BidirectionalCell doesn't support zoneout since it doesn't support step. Please add ZoneoutCell to"
                " the cells underneath instead."
            )
        super().__init__(base_cell)
        self.zoneout_outputs, self.zoneout_states = zoneout_outputs, zoneout_states
        self._prev_output = None

    def __repr__(self):
        return f"{type(self).__name__}(p_out={self.zoneout_outputs}, p_state={self.zoneout_states}, {self.base_cell})"

    def _alias(self):
        return "zoneout"

    def reset(self):
        """Forget the steps before, for another sequence."""
        super().reset()
        self._prev_output = None

    def hybrid_forward(self, F, inputs, states):
        output, after = self.base_cell(inputs, states)

        def chosen(share, new, old):
            if not share:
                return new
            mask = F.Dropout(F.ones_like(new), p=share)
            return F.where(mask, new, F.zeros_like(new) if old is None else old)

        output = chosen(self.zoneout_outputs, output, self._prev_output)
        after = [chosen(self.zoneout_states, new, old) for new, old in zip(after, states)]
        self._prev_output = output
        return output, after


class ResidualCell(ModifierCell):
    """Adds the input to the output (Wu et al., arXiv:1609.08144)."""

    def hybrid_forward(self, F, inputs, states):
        output, states = self.base_cell(inputs, states)
        return F.elemwise_add(output, inputs, name=f"t{self._counter}_fwd"), states

    def unroll(self, length, inputs, begin_state=None, layout="NTC", merge_outputs=None, valid_length=None):
        """Take all steps; inputs beyond the valid lengths count as zero. See `RecurrentCell.unroll`."""
        self.reset()
        outputs, states = self._with_base(
            lambda cell: cell.unroll(length, inputs, begin_state, layout, merge_outputs, valid_length)
        )
        F = front_end(inputs)
        merge = is_whole(outputs)
        inputs = merged(inputs, layout, merge)
        if valid_length is not None:
            inputs = masked(F, inputs, length, valid_length, layout.find("T"), merge)
        if merge:
            return F.elemwise_add(outputs, inputs), states
        return [F.elemwise_add(o, i) for o, i in zip(outputs, inputs)], states


class BidirectionalCell(_Several, HybridRecurrentCell):
    """Two cells, one forward and one backward in time, whose outputs are joined.

    Parameters
    ----------
    l_cell, r_cell : HybridRecurrentCell
        The cells.
    output_prefix : str
        Comes before the names of the outputs.
    """

    def __init__(self, l_cell, r_cell, output_prefix="bi_"):
        super().__init__(prefix="", params=None)
        self.register_child(l_cell, "l_cell")
        self.register_child(r_cell, "r_cell")
        self._output_prefix = output_prefix

    def __call__(self, inputs, states):
        raise NotImplementedError("Bidirectional cannot be stepped. Please use unroll")

    def __repr__(self):
        left, right = self._children.values()
        return f"{type(self).__name__}(forward={left}, backward={right})"

    def unroll(self, length, inputs, begin_state=None, layout="NTC", merge_outputs=None, valid_length=None):
        """Take all steps in both directions; see `RecurrentCell.unroll`."""
        self.reset()
        steps, F, batch = steps_of(length, inputs, layout)
        states = self._first_states(F, begin_state, steps, batch)
        found, after = [], []
        for cell, part in _shares(states, self._children.values()):
            turned = bool(found)
            outputs, part = cell.unroll(
                length,
                inputs=backward_in_time(steps, valid_length) if turned else steps,
                begin_state=part,
                layout=layout,
                merge_outputs=False,
                valid_length=valid_length,
            )
            found.append(backward_in_time(outputs, valid_length) if turned else outputs)
            after.extend(part)
        outputs = [
            F.concat(left, right, dim=1, name=f"{self._output_prefix}t{i}")
            for i, (left, right) in enumerate(zip(*found))
        ]
        if valid_length is not None:
            merge = merge_outputs is None or merge_outputs
            return masked(F, outputs, len(steps), valid_length, layout.find("T"), merge), after
        return merged(outputs, layout, merge_outputs), after
