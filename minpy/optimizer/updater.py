"""Updater: an optimizer with the states of all parameters, as a KVStore and a Trainer hold it."""

from minpy import nd
from minpy._files import read_file
from minpy._nested import leaves, replaced
from minpy.base import MXNetError

__all__ = ["Updater", "get_updater"]


class Updater:
    """Calls an optimizer by parameter index, making states at first use.

    Parameters
    ----------
    optimizer : Optimizer
        What computes the updates.
    """

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.states = {}
        self.states_synced = {}
        self.sparse_weights = ()  # indices of parameters with sparse storage, whose weights are dense here
        self.aggregate_updates = optimizer.aggregate_num > 0

    def __call__(self, index, grad, weight):
        """Update a weight, or a list of them, in place."""
        several = isinstance(index, (list, tuple))
        for i, g, w in zip(index, grad, weight) if several else [(index, grad, weight)]:
            self._update(i, g, w)

    def _update(self, index, grad, weight):
        if isinstance(index, bytes):
            index = index.decode()
        if index not in self.states:
            self.states[index] = self.optimizer.create_state_multi_precision(index, weight)
            self.states_synced[index] = True
        elif not self.states_synced[index]:
            self.states[index] = self.sync_state_context(self.states[index], weight.context)
            self.states_synced[index] = True
        context = getattr(weight, "context", None)  # updates are counted for each device
        self.optimizer._set_current_context(0 if context is None else context.device_id)
        if _format(grad) == _format(weight) == "default":
            self.optimizer.update_multi_precision(index, weight, grad, self.states[index])
        else:
            self._update_sparse(index, weight, grad, self.states[index])

    def _update_sparse(self, index, weight, grad, state):
        """With `lazy_update` only the rows that a row-sparse gradient has are updated, of weight and states."""
        whole = weight.tostype("default") if _format(weight) != "default" else weight
        lazy = getattr(self.optimizer, "lazy_update", False)
        if whole is not weight or index in self.sparse_weights:
            lazy = lazy or getattr(self.optimizer, "lazy_for_sparse_weights", False)
        if lazy and _format(grad) == "row_sparse":
            rows, grad = grad.indices, grad.data
            parts = _chosen_rows((whole, state), rows)
            self.optimizer.update_multi_precision(index, parts[0], grad, parts[1])
            _put_rows((whole, state), parts, rows)
        else:
            self.optimizer.update_multi_precision(index, whole, grad.tostype("default"), state)
        if whole is not weight:
            weight[:] = whole

    def sync_state_context(self, state, context):
        """The state on a device."""
        return replaced(
            state, lambda part: part.as_in_context(context) if isinstance(part, nd.NDArray) else part
        )

    def set_states(self, states, source="states"):
        """Take over states, and the optimizer if it is among them, that `get_states` gave.

        Parameters
        ----------
        states : bytes
        source : str
            Where they come from, for messages.

        Raises
        ------
        MXNetError
            When they are no states; names the source and the place.
        """
        from minpy.optimizer import Optimizer
        from minpy.serialization import restricted_loads

        found = restricted_loads(states, source)
        found, optimizer = found if isinstance(found, tuple) and len(found) == 2 else (found, self.optimizer)
        if not isinstance(found, dict) or not isinstance(optimizer, Optimizer):
            kinds = f"{type(found).__name__} and {type(optimizer).__name__}"
            raise MXNetError(f"{source}: states are a dict, and an optimizer, not {kinds}")
        self.states, self.optimizer = found, optimizer
        self.states_synced = dict.fromkeys(self.states, False)

    def load_states(self, fname):
        """Take over what a file or URL holds; see `set_states`."""
        self.set_states(read_file(fname), fname)

    def get_states(self, dump_optimizer=False):
        """The states, and the optimizer when asked for, as bytes."""
        from minpy.serialization import dump_states

        return dump_states((self.states, self.optimizer) if dump_optimizer else self.states)


def _format(array):
    return getattr(array, "stype", "default")


def _chosen_rows(state, rows):
    """Copies of the rows of all arrays in a weight's state."""
    return replaced(state, lambda part: nd.take(part, rows) if isinstance(part, nd.NDArray) else part)


def _put_rows(state, parts, rows):
    for whole, part in zip(leaves(state), leaves(parts)):
        if isinstance(whole, nd.NDArray):
            whole[rows] = part


def get_updater(optimizer):
    """An Updater of the optimizer."""
    return Updater(optimizer)
