"""Building ONNX graphs with packed weights, and running them in ONNX Runtime."""
