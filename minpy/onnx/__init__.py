"""ONNX models: `mx.onnx`, and under MXNet's older name `mx.contrib.onnx`.

`export_model` writes Symbols and Gluon blocks, `import_model` and `import_to_gluon` read models. The package onnx is
an optional dependency. docs/interchange.md tells what can be exchanged.
"""

from minpy.onnx._export import export_model, get_operator_support
from minpy.onnx._import import get_model_metadata, import_model, import_to_gluon

__all__ = ["export_model", "get_model_metadata", "get_operator_support", "import_model", "import_to_gluon"]
