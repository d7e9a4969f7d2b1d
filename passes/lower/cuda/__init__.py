"""From `qi` to kernels for NVIDIA GPUs: so far the products alone."""
