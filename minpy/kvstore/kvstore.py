"""KVStore: values by key within this process, on several devices.

A push sums what the devices hold; the sum becomes the value, or goes to the updater, which changes the value. Values
lie on `cpu_pinned(0)`, as in MXNet. Pushes are deferred like all arithmetic, in program order.
"""

import numpy

from minpy import nd
from minpy._files import write_atomically
from minpy.base import MXNetError, is_nd_array
from minpy.context import Context
from minpy.kvstore.base import KVStoreBase
from minpy.kvstore.compression import compressible, create_compression

__all__ = ["KVStore"]


def _pairs(keys, values):
    """(key, array) for keys and values that may each be one or a list; a list of arrays may belong to one key."""
    if isinstance(keys, (tuple, list)):
        if len(keys) != len(values):
            raise AssertionError(f"{len(keys)} keys, but {len(values)} values")
        if len({isinstance(key, str) for key in keys}) > 1:
            raise AssertionError("inconsistent types of keys detected.")
        return [pair for key, value in zip(keys, values) for pair in _pairs(key, value)]
    if not isinstance(keys, (int, str)):
        raise AssertionError(f"unexpected type for keys: {type(keys)}")
    values = [values] if is_nd_array(values) else list(values)
    if not all(map(is_nd_array, values)):
        raise AssertionError(
            f"the values of key {keys} must be NDArrays, not {[type(v).__name__ for v in values]}"
        )
    return [(keys, value) for value in values]


_AT_ONCE = {
    "local": 4,
    "device": 1,
}  # how many arrays are summed before they are added, so that bits are MXNet's


def _sum(arrays, at_once):
    """The sum over devices."""
    total = arrays[0]
    if len(arrays) > 1 and total.stype == "default":
        total = total.copyto(Context("cpu_pinned", 0))
    for start in range(1, len(arrays), at_once):
        part = arrays[start]
        for array in arrays[start + 1 : start + at_once]:
            part = part + array
        total = total + part
    return total


def _shape_text(shape):
    return "[" + ",".join(map(str, shape)) + "]"


def _check_shapes(source, target):
    if tuple(source.shape) != tuple(target.shape):
        raise MXNetError(
            f"Check failed: from.shape() == to.shape(): operands shape mismatch from.shape = {_shape_text(source.shape)}"
            f" to.shape={_shape_text(target.shape)}"
        )


class KVStore(KVStoreBase):
    """A key-value store within one process; made by `create`.

    Keys are ints or strings, never both in one store. Wherever one key and its value are taken, lists of both may be
    given; and for each key a list of arrays, one per device.

    Examples
    --------
    >>> kv = mx.kv.create("local")
    >>> kv.init(3, nd.ones((2, 3)) * 2)
    >>> kv.push(3, [nd.ones((2, 3), ctx=mx.cpu(i)) for i in range(4)])
    >>> a = nd.zeros((2, 3))
    >>> kv.pull(3, out=a)  # 4.0 everywhere
    """

    def __init__(self, kind="local"):
        self._type = kind
        self._values = {}  # in the order of init, which for strings is that of updates
        self._updater = None
        self._compression = None

    # --- What it is ---

    @property
    def type(self):
        """'local' or 'device'."""
        return self._type

    @property
    def rank(self):
        """0: there is one worker."""
        return 0

    @property
    def num_workers(self):
        """1."""
        return 1

    def is_capable(self, capability):
        """Whether the store has a capability; 'optimizer' is the only one there is."""
        if capability.lower() == KVStoreBase.OPTIMIZER:
            return True
        raise ValueError(f"Unknown capability: {capability}")

    # --- Values ---

    def init(self, key, value):
        """Set the first value of keys; once for each.

        Parameters
        ----------
        key : int, str or list of them
            Keys.
        value : NDArray, RowSparseNDArray or list of them
            Values, which are copied.

        Raises
        ------
        MXNetError
            When a key has a value already.
        """
        for k, v in _pairs(key, value):
            if k in self._values:
                raise MXNetError(
                    f"duplicate init of key {k}. Please double check if you called kv.init or kv.broadcast with this"
                    " key multiple times"
                )
            if self._values and isinstance(next(iter(self._values)), str) != isinstance(k, str):
                raise MXNetError("Check failed: key_type_ == key_type: Mixed key types are not allowed")
            self._values[k] = v.copyto(Context("cpu_pinned", 0))

    def push(self, key, value, priority=0):
        """Sum values over devices, and give the sum to the store.

        Without an updater the sum becomes the value. With one, `updater(key, sum, value)` is called once for each key,
        in the order of ascending int keys, or of the `init` of strings; it gets string keys as bytes.

        Parameters
        ----------
        key : int, str or list of them
            Keys. Values of a key that appears twice are summed too.
        value : NDArray, list of NDArray, or list of lists of NDArray
            Values.
        priority : int
            Accepted as in MXNet; pushes happen in their order.

        Raises
        ------
        MXNetError
            When a key has no value yet, or the shapes differ.
        """
        groups = {}
        for k, v in _pairs(key, value):
            stored = self._stored(k, "push")
            _check_shapes(v, stored)
            groups.setdefault(k, []).append(v)
        order = {k: i for i, k in enumerate(self._values)}
        for k in sorted(groups, key=order.get if any(isinstance(k, str) for k in groups) else None):
            self._merge(k, groups[k])

    def _merge(self, key, values):
        if self._compression is not None:
            values = [self._compression((key, i), v) if compressible(v) else v for i, v in enumerate(values)]
        total = _sum(values, _AT_ONCE[self._type])
        stored = self._values[key]
        if self._updater is not None:
            self._updater(key.encode() if isinstance(key, str) else key, total, stored)
        elif stored.stype != "default" or total.stype != "default":
            self._values[key] = total.tostype(stored.stype).copyto(stored.context)
        else:
            stored[:] = total

    def _stored(self, key, what):
        if key not in self._values:
            raise MXNetError(f"Check failed: !local.is_none(): key {key} has not been inited: {what}")
        return self._values[key]

    def pull(self, key, out=None, priority=0, ignore_sparse=True):
        """Copy values to arrays, to each in its dtype and on its device.

        Parameters
        ----------
        key : int, str or list of them
            Keys.
        out : NDArray, list of NDArray, or list of lists of NDArray
            Where to.
        priority : int
            Accepted as in MXNet.
        ignore_sparse : bool
            Leave row-sparse targets as they are; see `row_sparse_pull`.
        """
        if out is None:
            raise AssertionError("pull: out is required")
        for k, target in _pairs(key, out):
            stored = self._stored(k, "pull")
            _check_shapes(stored, target)
            if target.stype == "default" or not ignore_sparse:
                stored.copyto(target)

    def pushpull(self, key, value, out=None, priority=0):
        """`push` the values, then `pull` to `out`, or into the values themselves."""
        self.push(key, value, priority)
        self.pull(key, value if out is None else out, priority)

    def broadcast(self, key, value, out, priority=0):
        """`init` keys, then `pull` to `out`."""
        self.init(key, value)
        self.pull(key, out, priority)

    def row_sparse_pull(self, key, out=None, priority=0, row_ids=None):
        """Copy some rows of row-sparse values.

        Parameters
        ----------
        key : int, str or list of them
            Keys.
        out : RowSparseNDArray or list of them
            Where to; it has the chosen rows afterwards, those that the value lacks as zeros.
        priority : int
            Accepted as in MXNet.
        row_ids : NDArray or list of NDArray
            Numbers of rows, in any order; one for all of `out`, or one each.
        """
        if out is None or row_ids is None:
            raise AssertionError("row_sparse_pull: out and row_ids are required")
        row_ids = [row_ids] if isinstance(row_ids, nd.NDArray) else row_ids
        if not isinstance(row_ids, list):
            raise AssertionError("row_ids should be NDArray or list of NDArray")
        targets = _pairs(key, out)
        rows = row_ids * len(targets) if len(row_ids) == 1 else [r for _, r in _pairs(key, row_ids)]
        if len(rows) != len(targets):
            raise AssertionError("the number of row_ids doesn't match the number of values")
        for (k, target), row in zip(targets, rows):
            stored = self._stored(k, "row_sparse_pull")
            if stored.stype != "row_sparse":
                raise MXNetError(
                    f"PullRowSparse expects row_sparse src NDArray; the value of {k} is {stored.stype}"
                )
            if target.stype != "row_sparse":
                raise MXNetError("Expected row_sparse storage type for row_sparse_pull values, but detected storage"
                                 f" type {target.stype}")  # fmt: skip
            nd.sparse.retain(stored, numpy.unique(row.asnumpy())).copyto(target)

    # --- Updates ---

    def set_gradient_compression(self, compression_params):
        """Compress gradients before they are summed; for 'device'.

        Parameters
        ----------
        compression_params : dict
            {'type': '2bit', 'threshold': 0.5}: each element is sent as threshold, -threshold or 0, and what that
            leaves out is added to the next gradient. {'type': 'fp16'}: elements are rounded to float16.
        """
        if self._type != "device":
            raise ValueError("Gradient compression is not supported for this type of kvstore")
        self._compression = create_compression(compression_params)

    def set_optimizer(self, optimizer):
        """Have pushed gradients update the values by an optimizer."""
        from minpy import optimizer as opt

        self._set_updater(opt.get_updater(optimizer))

    def _set_updater(self, updater):
        """Have `updater(key, sum, value)` called at each push; None: the sum becomes the value."""
        self._updater = updater

    set_updater = _set_updater

    def save_optimizer_states(self, fname, dump_optimizer=False):
        """Save the optimizer's states to a file.

        Parameters
        ----------
        fname : str
            File name.
        dump_optimizer : bool
            Save the optimizer's settings too.
        """
        if self._updater is None:
            raise AssertionError("Cannot save states for distributed training")
        write_atomically(fname, self._updater.get_states(dump_optimizer))

    def load_optimizer_states(self, fname):
        """Load the optimizer's states from a file."""
        if self._updater is None:
            raise AssertionError("Cannot load states for distributed training")
        self._updater.load_states(fname)

    # --- What stores across processes do ---

    def _barrier(self):
        """Nothing to wait for: there is one worker."""

    def _send_command_to_servers(self, head, body):
        raise MXNetError("a store within one process has no servers")
