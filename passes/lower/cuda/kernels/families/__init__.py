"""What writes kernels for NVIDIA GPUs, a file a family, in MLIR's `gpu` and `nvvm` dialects."""
