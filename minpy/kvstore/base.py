"""What a key-value store is, the registry of its kinds, and `create`."""

from minpy.base import MXNetError
from minpy.nd import NDArray
from minpy.registry import add_class

__all__ = ["KVStoreBase", "TestStore", "create"]

_IN_PROCESS = ("local", "device")
_IN_PROCESS_ALIASES = {
    "local_update_cpu": "local",
    "local_allreduce_cpu": "local",
    "local_allreduce_device": "device",
}
_DISTRIBUTED = (
    "dist_sync",
    "dist_async",
    "dist_sync_device",
    "dist_device_sync",
    "dist_async_device",
    "dist",
    "horovod",
    "byteps",
)


class KVStoreBase:
    """The interface of key-value stores for data-parallel training.

    A class that is decorated with `KVStoreBase.register` can be made by `create` under its lower-case name.

    Examples
    --------
    >>> @mx.kvstore.KVStoreBase.register
    ... class MyStore(mx.kvstore.KVStoreBase):
    ...     pass
    >>> kv = mx.kv.create("MyStore")
    """

    OPTIMIZER = "optimizer"
    kv_registry = {}

    def broadcast(self, key, value, out, priority=0):
        """Give the value to all of `out`."""
        raise NotImplementedError

    def pushpull(self, key, value, out=None, priority=0):
        """Sum the values, and write the result to `out`, or to the values themselves."""
        raise NotImplementedError

    def set_optimizer(self, optimizer):
        """Have the store update its values by an optimizer."""
        raise NotImplementedError

    def is_capable(self, capability):
        """Whether the store has a capability: 'optimizer'."""
        raise NotImplementedError

    def save_optimizer_states(self, fname, dump_optimizer=False):
        """Save the optimizer's states to a file."""
        raise NotImplementedError

    def load_optimizer_states(self, fname):
        """Load the optimizer's states from a file."""
        raise NotImplementedError

    @property
    def type(self):
        """The name of the kind of store."""
        raise NotImplementedError

    @property
    def rank(self):
        """The number of this worker."""
        raise NotImplementedError

    @property
    def num_workers(self):
        """How many workers there are."""
        raise NotImplementedError

    @staticmethod
    def register(klass):
        """Register a class under its lower-case name."""
        if not isinstance(klass, type):
            raise AssertionError(f"a class is required, not {klass!r}")
        return add_class(KVStoreBase.kv_registry, klass, "kvstore")


@KVStoreBase.register
class TestStore(KVStoreBase):
    """A store without values: it sums and copies."""

    __test__ = False  # pytest takes the name for a test

    def broadcast(self, key, value, out, priority=0):
        """Write the value to all of `out`."""
        for target in out if isinstance(out, list) else [out]:
            target[:] = value

    def pushpull(self, key, value, out=None, priority=0):
        """Sum the values, and write the result to `out`, or to the values themselves."""
        values = [value] if isinstance(value, NDArray) else value
        total = sum((v.as_in_context(values[0].context) for v in values[1:]), values[0])
        targets = values if out is None else out if isinstance(out, list) else [out]
        for target in targets:
            target[:] = total

    @staticmethod
    def is_capable(capability):
        """Whether the store has a capability; it has no optimizer."""
        if capability.lower() == KVStoreBase.OPTIMIZER:
            return False
        raise ValueError(f"Unknown capability: {capability}")

    @property
    def type(self):
        """'teststore'."""
        return "teststore"

    @property
    def rank(self):
        """0: there is one worker."""
        return 0

    @property
    def num_workers(self):
        """1."""
        return 1


def create(name="local"):
    """A new key-value store.

    Parameters
    ----------
    name : str
        'local' and 'device': within this process; 'device' also compresses gradients. 'teststore', or the lower-case
        name of a registered class. Case does not count.

    Returns
    -------
    KVStoreBase

    Raises
    ------
    TypeError
        When the name is no string.
    MXNetError
        When there is no such kind of store, or not in this installation.
    """
    if not isinstance(name, str):
        raise TypeError("name must be a string")
    name = name.lower()
    name = _IN_PROCESS_ALIASES.get(name, name)
    if name in KVStoreBase.kv_registry:
        return KVStoreBase.kv_registry[name]()
    if name in _IN_PROCESS:
        from minpy.kvstore.kvstore import KVStore

        return KVStore(name)
    if name == "nccl":
        raise MXNetError("compile with USE_NCCL=1 to use nccl: this build computes on the CPU; use 'device'")
    if name in _DISTRIBUTED or name.startswith("dist"):
        raise MXNetError(
            f"KVStore {name!r} works across processes, which needs an extra that this version of minpy does not have;"
            " within one process use 'device' or 'local'"
        )
    known = [*_IN_PROCESS, *sorted(KVStoreBase.kv_registry)]
    raise MXNetError(f"Unknown KVStore type {name!r}; known are {', '.join(map(repr, known))}")
