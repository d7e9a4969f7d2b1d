"""Operators as launches of kernels, whatever a target's kernels are."""
