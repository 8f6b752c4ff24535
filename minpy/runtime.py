"""What the library can do on this machine, under the names of MXNet's compile-time features.

>>> features = mx.runtime.Features()
>>> features.is_enabled("CUDA")
False
"""

import collections
import functools
import importlib.util

__all__ = ["Feature", "Features", "feature_list"]

# MXNet's order. A text value names the processor's flag that decides.
_FEATURES = {
    "CUDA": False,
    "CUDNN": False,
    "NCCL": False,
    "CUDA_RTC": False,
    "TENSORRT": False,
    "CPU_SSE": "sse",
    "CPU_SSE2": "sse2",
    "CPU_SSE3": "pni",
    "CPU_SSE4_1": "sse4_1",
    "CPU_SSE4_2": "sse4_2",
    "CPU_SSE4A": "sse4a",
    "CPU_AVX": "avx",
    "CPU_AVX2": "avx2",
    "OPENMP": False,
    "SSE": "sse",
    "F16C": "f16c",
    "JEMALLOC": False,
    "BLAS_OPEN": True,
    "BLAS_ATLAS": False,
    "BLAS_MKL": False,
    "BLAS_APPLE": False,
    "LAPACK": True,
    "MKLDNN": False,
    "OPENCV": None,  # whether the module cv2 is installed
    "CAFFE": False,
    "PROFILER": True,
    "DIST_KVSTORE": False,
    "CXX14": True,
    "INT64_TENSOR_SIZE": True,
    "SIGNAL_HANDLER": False,
    "DEBUG": False,
    "TVM_OP": False,
}


class Feature(collections.namedtuple("Feature", ["name", "enabled"])):
    """The name of a feature and whether it is there."""

    __slots__ = ()

    def __repr__(self):
        return f"{'✔' if self.enabled else '✖'} {self.name}"


@functools.cache
def _processor_flags():
    try:
        with open("/proc/cpuinfo") as info:
            line = next((line for line in info if line.startswith("flags")), "")
    except OSError:
        line = ""
    return frozenset(line.split())


def _enabled(value):
    if isinstance(value, str):
        return value in _processor_flags()
    return importlib.util.find_spec("cv2") is not None if value is None else value


def feature_list():
    """A list of `Feature`."""
    return [Feature(name, _enabled(value)) for name, value in _FEATURES.items()]


class Features(collections.OrderedDict):
    """A dict from name to `Feature`; there is one instance."""

    instance = None

    def __new__(cls):
        if cls.instance is None:
            cls.instance = super().__new__(cls)
            collections.OrderedDict.__init__(cls.instance, ((f.name, f) for f in feature_list()))
        return cls.instance

    def __init__(self):
        """The instance was filled when it was made."""

    def __repr__(self):
        return str(list(self.values()))

    def is_enabled(self, feature_name):
        """Whether a feature is there.

        Parameters
        ----------
        feature_name : str
            Upper or lower case.

        Raises
        ------
        RuntimeError
            For an unknown name.
        """
        feature_name = feature_name.upper()
        if feature_name not in self:
            raise RuntimeError(
                f"Feature '{feature_name}' is unknown, known features are: {list(self.keys())}"
            )
        return self[feature_name].enabled
