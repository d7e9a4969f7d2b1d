"""The command that writes an artifact's network for other engines: export. It needs the compiler."""

from pathlib import Path

import click

from dyadic.compiler.cli.artifact import ARTIFACT, DEBUG
from dyadic.runtime.artifact import open_artifact
from dyadic.runtime.atomic_file import check_output, refuse_overwriting, replacing


@click.command("export", short_help="Write ARTIFACT as an ONNX file with quantizations (QDQ).")
@ARTIFACT
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="the ONNX file to write")
@DEBUG
def export_command(artifact: Path, output: Path) -> None:
    """Write the network of ARTIFACT as an ONNX file: float operators between QuantizeLinear and DequantizeLinear.

    ONNX Runtime runs it within one step a requantization of the artifact.
    """
    from dyadic.compiler.export.qdq import to_onnx
    from dyadic.compiler.targets.registry import target_of
    from dyadic.dialects import new_context

    refuse_overwriting({"the artifact": artifact}, {"--output": output})
    check_output("--output", output, "an ONNX file", ".onnx")
    with open_artifact(artifact) as file, new_context() as context:
        network = target_of(file.program.target).unpack(file, context)
        model = to_onnx(network.operation)
    with replacing(output) as written, open(written, "wb", closefd=False) as stream:
        stream.write(model.SerializeToString())


COMMANDS = (export_command,)
