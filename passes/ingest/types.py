"""What an imported tensor holds, by the last word of its type: float of any width, bool, or whole numbers."""

from torch_mlir import ir

FLOAT, BOOL, WHOLE = "float", "bool", "whole"


def element_of(kind: ir.Type) -> str:
    """Of a `!torch.vtensor<[1,4],f32>`; float where it does not say."""
    word = str(kind).rpartition(",")[2].removesuffix(">")
    if word == "i1":
        return BOOL
    return WHOLE if word[:2] in ("si", "ui") else FLOAT
