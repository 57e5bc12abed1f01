"""SAM as ONNX graphs: made of the modules, held against them, and written as one folder.

Raises:
    ConfigError: on import, where the libraries of the extra ``onnx`` are not installed.
"""

from rose_model.errors import ConfigError

try:
    import onnx as onnx
    import onnx_ir as onnx_ir
    import onnxruntime as onnxruntime
    import onnxscript as onnxscript
except ImportError as error:
    raise ConfigError(
        f'Exporting needs onnx, onnxscript and onnxruntime ({error}); pip install '
        "'rose_model[onnx]'."
    ) from error
