"""The integer IR as an artifact keeps it: whole, weights included, as MLIR bytecode."""

import io

from torch_mlir import ir


def store(integer: ir.Module | ir.Operation) -> bytes:
    """Bytecode of `integer`."""
    stream = io.BytesIO()
    integer.operation.write_bytecode(stream)
    return stream.getvalue()


def restore(bytecode: bytes, context: ir.Context) -> ir.Module:
    """What `store` kept."""
    with context, ir.Location.unknown():
        return ir.Module.parse(bytecode)
