"""Updater: an optimizer with the states of all parameters, as a KVStore and a Trainer hold it."""

import pickle

from minpy import nd

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
        self.optimizer.update_multi_precision(index, weight, grad, self.states[index])

    def sync_state_context(self, state, context):
        """The state on a device."""
        if isinstance(state, nd.NDArray):
            return state.as_in_context(context)
        if isinstance(state, (tuple, list)):
            return type(state)(self.sync_state_context(part, context) for part in state)
        return state

    def set_states(self, states):
        """Take over states, and the optimizer if it is among them, that `get_states` gave."""
        from minpy.serialization import restricted_loads

        found = restricted_loads(states)
        if isinstance(found, tuple) and len(found) == 2:
            self.states, self.optimizer = found
        else:
            self.states = found
        self.states_synced = dict.fromkeys(self.states, False)

    def get_states(self, dump_optimizer=False):
        """The states, and the optimizer when asked for, as bytes."""
        return pickle.dumps((self.states, self.optimizer) if dump_optimizer else self.states)


def get_updater(optimizer):
    """An Updater of the optimizer."""
    return Updater(optimizer)
