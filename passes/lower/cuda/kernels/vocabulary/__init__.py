"""What the families write kernels with."""
