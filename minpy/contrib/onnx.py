"""`minpy.onnx` under the name that it has in MXNet before 1.9."""

from minpy.onnx import export_model, get_model_metadata, import_model, import_to_gluon

__all__ = ["export_model", "get_model_metadata", "import_model", "import_to_gluon"]
