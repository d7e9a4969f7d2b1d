"""`--until` and `--emit`: the network in between, as text or bytecode that `dyadic-opt` reads."""

import sys
from pathlib import Path

from dyadic.compiler.driver import Flow, bytecode
from dyadic.compiler.targets.registry import target_of
from dyadic.runtime.atomic_file import replacing


def write_ir(flow: Flow, emit: str | None, output: Path | None) -> None:
    """To standard output, or to a file: bytecode where it is called .mlirbc, else text, weights included."""
    if emit != "llvm" and output is not None and output.suffix == ".mlirbc":
        data = bytecode(flow.module)
    else:
        text = llvm_text(flow) if emit == "llvm" else flow.module.operation.get_asm(enable_debug_info=True)
        data = f"{text.rstrip()}\n".encode()
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    with replacing(output) as file, open(file, "wb", closefd=False) as stream:
        stream.write(data)


def llvm_text(flow: Flow) -> str:
    """The code of every kernel at the best level asked for."""
    return target_of(flow.options.target).text(flow.module, flow.options.levels[0])
