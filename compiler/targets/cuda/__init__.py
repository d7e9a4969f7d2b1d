"""NVIDIA GPUs: so far how kernels become PTX."""
