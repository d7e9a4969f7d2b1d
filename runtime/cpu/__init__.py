"""Runs programs of machine code on x86-64 processors."""
