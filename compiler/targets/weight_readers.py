"""The operators of an integer network that read stored numbers: weights, or rows of a table."""

from typing import Any

from torch_mlir import ir

from dyadic.dialects import qi
from dyadic.dialects.reference import main_function
from dyadic.passes.rewriting import defining


def weight_readers(module: ir.Operation) -> list[Any]:
    """All of them, in order."""
    body = main_function(module).regions[0].blocks[0].operations
    return [op.opview for op in body if isinstance(op.opview, qi.Layer | qi.EmbeddingOp)]


def constant_of(op: Any) -> ir.Operation:
    """What one of them reads."""
    return defining(op.table if isinstance(op, qi.EmbeddingOp) else op.weight).operation
