"""Operators that NumPy lacks, over the same arrays: `from minpy import npx`.

Elementwise ones (`npx.sigmoid`) have everything that a ufunc has. Those of neural networks (`npx.layer_norm`) are
declared in minpy/_operators. Besides, as in MXNet, devices, the switches for NumPy semantics and a few random numbers.
"""

from minpy import _array_members, _core, _operators  # noqa: F401
from minpy.context import (  # noqa: F401
    Context,
    Device,
    cpu,
    cpu_pinned,
    current_context,
    current_device,
    gpu,
    gpu_memory_info,
    num_gpus,
)
from minpy.engine import waitall  # noqa: F401
from minpy.numpy_extension import random  # noqa: F401
from minpy.numpy_extension.mxnet_functions import *  # noqa: F403
from minpy.util import (  # noqa: F401
    get_cuda_compute_capability,
    is_np_array,
    is_np_shape,
    reset_np,
    set_np,
    use_np,
    use_np_array,
    use_np_shape,
)

_public = dict(_core.own_ufuncs)
_public.update({name: row.function for name, row in _operators.operators().items()})
globals().update(_public)
__all__ = sorted(_public)  # the operators
