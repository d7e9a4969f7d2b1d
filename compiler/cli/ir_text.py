"""`--until` and `--emit`: the network in between, as text or bytecode that `dyadic-opt` reads."""

import io
import sys
from dataclasses import replace
from pathlib import Path

from torch_mlir import ir

from dyadic.compiler.cli.compile import plans_kept
from dyadic.compiler.driver import network_after
from dyadic.compiler.job import Job
from dyadic.runtime.atomic_file import replacing


def write_ir(job: Job, stage: str, emit: str | None, output: Path | None) -> None:
    """The network after a stage, to standard output, or to a file: bytecode where it is called .mlirbc, else text,
    weights included. `emit="llvm"`: its kernels."""
    job = replace(job, measure=False)  # nothing is run: the network is that of the first target
    with plans_kept(job, output or Path("model.dyq")):
        network = network_after(stage, job)
    if emit != "llvm" and output is not None and output.suffix == ".mlirbc":
        data = bytecode(network)
    else:
        code = emit == "llvm"
        text = job.primary.target.text(network, job.levels[0]) if code else network.get_asm(enable_debug_info=True)
        data = f"{text.rstrip()}\n".encode()
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    with replacing(output) as file, open(file, "wb", closefd=False) as stream:
        stream.write(data)


def bytecode(network: ir.Operation) -> bytes:
    file = io.BytesIO()
    network.write_bytecode(file)
    return file.getvalue()
