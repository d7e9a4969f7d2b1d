"""The dialect `qi` itself, which every family of its ops registers with."""

from torch_mlir.dialects.ext import Dialect


class QI(Dialect, name="qi"):
    """The integer graph."""
