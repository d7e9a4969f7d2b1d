"""Integers become loops, vectors and LLVM."""
