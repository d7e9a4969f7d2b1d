"""IR as bytes, weights included: what is kept, hashed, and sent to other processes."""

import io

from torch_mlir import ir


def bytecode(module: ir.Module | ir.Operation) -> bytes:
    """What `ir.Module.parse` reads."""
    said = io.BytesIO()
    module.operation.write_bytecode(said)
    return said.getvalue()
