"""IR to IR only; every pass can be tested from text alone."""
