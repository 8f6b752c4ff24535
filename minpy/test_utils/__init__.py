"""What tests and examples share: comparisons, random data, data sets, checks of gradients and generators."""

from minpy.context import Context, current_context  # noqa: F401
from minpy.nd import array  # noqa: F401
from minpy.test_utils import _checks, _comparison, _files, _random_data
from minpy.test_utils._checks import *  # noqa: F403
from minpy.test_utils._comparison import *  # noqa: F403
from minpy.test_utils._files import *  # noqa: F403
from minpy.test_utils._random_data import *  # noqa: F403
from minpy.util import get_cuda_compute_capability, getenv, setenv, use_np  # noqa: F401

__all__ = [*_checks.__all__, *_comparison.__all__, *_files.__all__, *_random_data.__all__]
