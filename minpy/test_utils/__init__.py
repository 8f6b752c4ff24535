"""What tests and examples share: comparisons, random data, data sets, checks of gradients and generators."""

from minpy.context import Context, current_context  # noqa: F401
from minpy.nd import array  # noqa: F401
from minpy.test_utils import _checks, _comparison, _files, _random_data, _random_sparse, _symbols
from minpy.test_utils._checks import *  # noqa: F403
from minpy.test_utils._comparison import *  # noqa: F403
from minpy.test_utils._files import *  # noqa: F403
from minpy.test_utils._random_data import *  # noqa: F403
from minpy.test_utils._random_sparse import *  # noqa: F403
from minpy.test_utils._symbols import *  # noqa: F403
from minpy.util import get_cuda_compute_capability, getenv, setenv, use_np  # noqa: F401

__all__ = [
    name
    for module in (_checks, _comparison, _files, _random_data, _random_sparse, _symbols)
    for name in module.__all__
]
