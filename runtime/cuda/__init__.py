"""What runs programs on GPUs of NVIDIA; imported only where an artifact has a program for them."""
