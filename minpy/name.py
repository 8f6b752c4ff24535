"""Names for what was given none: ``fullyconnected0``, ``fullyconnected1`` ..."""

from minpy.base import Scope, ThreadValue

__all__ = ["NameManager", "Prefix"]


class NameManager(Scope):
    """Counts per kind of thing, and names each new one by its kind and number.

    ``with NameManager():`` starts to count anew inside the block; subclasses name differently.
    """

    _deprecated_current = (
        "current",
        "_current",
        "It is advised to use the `with` statement with NameManager.",
    )

    def __init__(self):
        self._counter = {}

    def get(self, name, hint):
        """The name to use.

        Parameters
        ----------
        name : str or None
            What the user asked for; returned when there is one.
        hint : str
            The kind of thing, with which a new name starts.

        Returns
        -------
        str
        """
        if name:
            return name
        number = self._counter.get(hint, 0)
        self._counter[hint] = number + 1
        return f"{hint}{number}"


class Prefix(NameManager):
    """A `NameManager` that puts a prefix before all names, also those that the user gave.

    Parameters
    ----------
    prefix : str

    Examples
    --------
    >>> with mx.name.Prefix("mynet_"):
    ...     net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=10, name="fc1")
    >>> net.list_arguments()
    ['data', 'mynet_fc1_weight', 'mynet_fc1_bias']
    """

    def __init__(self, prefix):
        super().__init__()
        self._prefix = prefix

    def get(self, name, hint):
        return self._prefix + super().get(name, hint)


NameManager._current = ThreadValue(NameManager)
