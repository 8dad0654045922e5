"""Artefacts: the ONNX graph with its packed weights, the manifest beside it, and running it."""
