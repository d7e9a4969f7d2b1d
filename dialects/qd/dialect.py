"""The dialect `qd` itself, which every family of its ops registers with."""

from torch_mlir.dialects.ext import Dialect


class QD(Dialect, name="qd"):
    """The float graph and the decisions about it."""
