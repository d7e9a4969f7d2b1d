"""A GPU for tests: the PTX executor, built once by whichever worker comes first."""

from support.ptx.session import gpu

__all__ = ["gpu"]
