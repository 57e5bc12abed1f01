"""SAM behind one interface of two methods: PyTorch, ONNX Runtime, TensorRT.

The last two run what ``rose export`` wrote.  Their libraries are loaded when they are chosen.
"""
