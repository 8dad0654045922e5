"""Builds ONNX graphs with packed weights, and runs them in ONNX Runtime."""
