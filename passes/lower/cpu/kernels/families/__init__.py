"""The kernels, one file a family: what describes one and what writes it."""
