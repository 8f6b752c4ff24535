"""Devices: ``mx.cpu()``, ``mx.gpu(0)``, and ``with mx.gpu(0):`` for the default of what is created inside.

MXNet 2 calls the same things ``mx.device.Device`` and ``mx.device.current_device``.
"""

from minpy.base import MXNetError, Scope, ThreadValue

__all__ = [
    "Context",
    "cpu",
    "cpu_pinned",
    "current_context",
    "gpu",
    "gpu_memory_info",
    "mock",
    "num_gpus",
    "set_context",
]


class Context(Scope):
    """A device on which arrays live and operators run.

    Parameters
    ----------
    device_type : {'cpu', 'gpu', 'cpu_pinned', 'cpu_shared', 'mock'} or Context
        Kind of device. A `Context` is copied.
    device_id : int
        Which of the devices of that kind.

    Raises
    ------
    KeyError
        For an unknown kind of device.

    Examples
    --------
    >>> with mx.cpu(1):
    ...     a = mx.nd.ones((2, 3))
    >>> a.context
    cpu(1)
    """

    devtype2str = {1: "cpu", 2: "gpu", 3: "cpu_pinned", 5: "cpu_shared", 9: "mock"}
    devstr2type = {"cpu": 1, "gpu": 2, "cpu_pinned": 3, "cpu_shared": 5, "mock": 9}
    _deprecated_current = (
        "default_ctx",
        "_default_ctx",
        "Please use Context.current_context() instead. "
        "Please use test_utils.set_default_context to set a default context",
    )

    def __init__(self, device_type, device_id=0):
        if isinstance(device_type, Context):
            self.device_typeid = device_type.device_typeid
            self.device_id = device_type.device_id
        else:
            self.device_typeid = Context.devstr2type[device_type]
            self.device_id = device_id

    @property
    def device_type(self):
        """The kind of device as text."""
        return Context.devtype2str[self.device_typeid]

    def __hash__(self):
        return hash((self.device_typeid, self.device_id))

    def __eq__(self, other):
        return (
            isinstance(other, Context)
            and self.device_typeid == other.device_typeid
            and self.device_id == other.device_id
        )

    def __repr__(self):
        return f"{self.device_type}({self.device_id})"

    def as_mxnet_context(self):
        """Itself: MinPy's name for the device in MXNet."""
        return self

    def empty_cache(self):
        """Give the memory that is cached for arrays to come back to the system."""
        from minpy import memory

        if self.device_type == "gpu":
            gpu_memory_info(self.device_id)
        memory.empty_cache()


Context._default_ctx = ThreadValue(lambda: Context("cpu", 0))


def cpu(device_id=0):
    """The CPU; numbers other than 0 are further names for it, told apart only by their number."""
    return Context("cpu", device_id)


def cpu_pinned(device_id=0):
    """Page-locked host memory, from which copies to a GPU are faster."""
    return Context("cpu_pinned", device_id)


def gpu(device_id=0):
    """The CUDA GPU of that number. It need not exist until it is used."""
    return Context("gpu", device_id)


def mock(device_id=0):
    """A pretend device, for tests of programs on several devices.

    It computes in the background on host memory of its own, which nothing else can touch, and each copy and each
    pass takes a time that can be set. There are two. Operators on arrays there start with what waits for them
    (``waitall``, or a look at elements), those of different devices side by side.
    """
    return Context("mock", device_id)


def current_context():
    """The device that is used where none is given: ``cpu(0)`` outside of every ``with mx.Context(...)``."""
    return Context._default_ctx.value


def as_contexts(ctx):
    """A list of contexts, from one, several, or None for the current one."""
    ctx = current_context() if ctx is None else ctx
    return [ctx] if isinstance(ctx, Context) else list(ctx)


def set_context(ctx):
    """Make a device the one that is used where none is given, in this thread from now on.

    Parameters
    ----------
    ctx : Context
    """
    if not isinstance(ctx, Context):
        raise TypeError(f"set_context takes a Context such as cpu() or gpu(0), not {type(ctx).__name__}")
    Context._default_ctx.value = ctx


def num_gpus():
    """The number of GPUs that arrays can be put on."""
    return 0


def gpu_memory_info(device_id=0):
    """Free and total memory of a GPU, in bytes.

    Raises
    ------
    MXNetError
        When there is no such GPU, as in this version, which computes on CPUs.
    """
    raise MXNetError(f"GPU is not enabled: the memory of gpu({device_id}) was asked for")


# MXNet 2's names.
Device = Context
current_device = current_context
