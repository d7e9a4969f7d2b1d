"""The command that says in which layer accuracy is lost: compare. It needs the compiler, loaded when it is called."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Literal, get_args

import click

from dyadic.compiler.cli.artifact import ARTIFACT, DEBUG, JSON
from dyadic.compiler.options import ProgressStyle
from dyadic.runtime.errors import ArtifactError

Order = Literal["loss", "network"]


@click.command("compare", short_help="List what each layer of ARTIFACT loses against the float MODEL.")
@ARTIFACT
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(),
    metavar="DATA.npz",
    required=True,
    help="samples to compare on, named as the model's inputs",
)
@click.option(
    "--samples", type=click.IntRange(1), default=64, metavar="N", help="use the first N of them", show_default=True
)
@click.option(
    "--order", type=click.Choice(get_args(Order)), default="loss", help="worst layer alone first", show_default=True
)
@click.option("--top", type=click.IntRange(1), metavar="N", help="only the N layers that lose most alone")
@click.option(
    "--progress",
    type=click.Choice(get_args(ProgressStyle)),
    default="rich",
    help="how to say what is going on",
    show_default=True,
)
@JSON
@DEBUG
def compare_command(
    artifact: Path,
    model: Path,
    data: str,
    samples: int,
    order: Order,
    top: int | None,
    progress: ProgressStyle,
    as_json: bool,
) -> None:
    """List what each layer of ARTIFACT loses against the float MODEL, the ONNX file that it was compiled from.

    Alone: the layer reads float's tensors, rounded to its input types. Accumulated: all layers up to it are integers.
    """
    from dyadic.compiler.measure.layer_comparison import compare_layers

    comparison = compare_layers(artifact, str(model), data, samples=samples, progress=progress)
    worst = comparison.by_loss()[:top]
    chosen = worst if order == "loss" else [one for one in comparison.layers if one in worst]
    if as_json:
        facts = {"artifact": artifact.name, "order": order, **comparison.to_json()}
        click.echo(json.dumps(facts | {"layers": [asdict(one) for one in chosen]}))
    else:
        from dyadic.compiler.cli.compare_table import show

        show(comparison, chosen, artifact.name, order)
    if not comparison.equals_reference:
        raise ArtifactError(
            f"'{artifact}' does not compute what its own integer graph says: on these samples the outputs of its "
            f"{comparison.isa} code differ, in which layer is not known; compile the model again"
        )


COMMANDS = (compare_command,)
