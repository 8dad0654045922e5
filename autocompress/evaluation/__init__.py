"""Evaluates one trial: cuts a sub-network out, compiles it to one ONNX file and measures that file."""
