"""Pure array mathematics of compression: importance, quantization, sparsity, vocabulary (numpy; shapes stated)."""
