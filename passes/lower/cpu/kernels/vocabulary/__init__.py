"""What kernels are written with: values, loops, lanes, rounding."""
