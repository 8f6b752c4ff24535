"""RecurrentCell: what takes one step of a sequence, and unrolls over it."""

from minpy import nd
from minpy.context import current_context
from minpy.gluon.block import Block
from minpy.gluon.hybrid import HybridBlock
from minpy.gluon.nn import LeakyReLU
from minpy.gluon.rnn.sequences import is_whole, made_states, masked, merged, steps_of

__all__ = ["HybridRecurrentCell", "RecurrentCell"]

_MODIFIED = (
    "After applying modifier cells (e.g. ZoneoutCell) the base cell cannot be called directly. Call the modifier"
    " cell instead."
)


class RecurrentCell(Block):
    """The base of cells: `output, states = cell(inputs, states)` takes a step.

    Parameters
    ----------
    prefix, params
        See Block.
    """

    def __init__(self, prefix=None, params=None):
        super().__init__(prefix=prefix, params=params)
        self._modified = False
        self.reset()

    def reset(self):
        """Forget the steps before, for another sequence."""
        self._init_counter = -1
        self._counter = -1
        for cell in self._children.values():
            cell.reset()

    def state_info(self, batch_size=0):
        """Shape and layout of each state."""
        raise NotImplementedError

    def _require_unmodified(self):
        if self._modified:
            raise AssertionError(_MODIFIED)

    def begin_state(self, batch_size=0, func=nd.zeros, **kwargs):
        """The states before the first step.

        Parameters
        ----------
        batch_size : int
            Number of sequences.
        func : callable
            Makes a state: nd.zeros, nd.ones, sym.var ...
        **kwargs
            Further arguments of `func`, such as ctx and dtype.

        Returns
        -------
        list
        """
        self._require_unmodified()
        infos = self.state_info(batch_size)
        names = [f"{self._prefix}begin_state_{self._init_counter + 1 + i}" for i in range(len(infos))]
        self._init_counter += len(infos)
        return made_states(func, names, infos, kwargs)

    def _first_states(self, F, begin_state, inputs, batch_size):
        if begin_state is not None:
            return begin_state
        if F is not nd:
            return self.begin_state(func=F.zeros, batch_size=batch_size)
        first = inputs if is_whole(inputs) else inputs[0]
        return self.begin_state(
            func=nd.zeros, batch_size=batch_size, ctx=getattr(first, "context", current_context())
        )

    def unroll(self, length, inputs, begin_state=None, layout="NTC", merge_outputs=None, valid_length=None):
        """Take all steps of sequences.

        Parameters
        ----------
        length : int
            Number of steps.
        inputs : NDArray or list of NDArray
            (batch, length, ...) or, with layout 'TNC', (length, batch, ...); or an array (batch, ...) for each step.
        begin_state : list
            None: as `begin_state()` makes it.
        layout : {'NTC', 'TNC'}
            Of inputs and outputs that are one array.
        merge_outputs : bool
            True: outputs are one array; False: a list; None: whichever is there.
        valid_length : NDArray
            (batch,): outputs beyond it are zero, and the states are those at it.

        Returns
        -------
        outputs, states
        """
        self.reset()
        steps, F, batch = steps_of(length, inputs, layout)
        states = self._first_states(F, begin_state, steps, batch)
        outputs, history = [], []
        for step in steps:
            output, states = self(step, states)
            outputs.append(output)
            history.append(states)
        if valid_length is not None:
            states = [
                F.SequenceLast(
                    F.stack(*all_times, axis=0),
                    sequence_length=valid_length,
                    use_sequence_length=True,
                    axis=0,
                )
                for all_times in zip(*history)
            ]
            outputs = masked(F, outputs, len(steps), valid_length, layout.find("T"), True)
        return merged(outputs, layout, merge_outputs), states

    def _get_activation(self, F, inputs, activation, **kwargs):
        if isinstance(activation, str):
            return F.Activation(inputs, act_type=activation, **kwargs)
        if isinstance(activation, LeakyReLU):
            return F.LeakyReLU(inputs, act_type="leaky", slope=activation._alpha, **kwargs)
        return activation(inputs, **kwargs)

    def forward(self, inputs, states):
        """Take a step: (output, new states)."""
        self._counter += 1
        return super().forward(inputs, states)


class HybridRecurrentCell(RecurrentCell, HybridBlock):
    """The base of cells that define `hybrid_forward(F, inputs, states, **params)`."""

    def hybrid_forward(self, F, x, *args, **kwargs):
        """Take a step; to be defined by the class."""
        raise NotImplementedError
