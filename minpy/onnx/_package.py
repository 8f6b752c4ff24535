"""The package onnx, which is an optional dependency."""

__all__ = ["onnx_package"]


def onnx_package():
    """The package onnx with the parts that are used here.

    Raises
    ------
    ImportError
        When it is not installed.
    """
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
        import onnx.shape_inference
    except ImportError as error:
        raise ImportError(f"ONNX files need the package onnx: pip install 'minpy[onnx]' ({error})") from error
    return onnx
