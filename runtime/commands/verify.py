"""`dyadic verify`: every hash, and where the compiler is installed, the proof that the code computes in integers."""

import json
import sys
from pathlib import Path

from dyadic.runtime.artifact import ArtifactFile, open_artifact
from dyadic.runtime.commands.above import of_compiler
from dyadic.runtime.commands.declared import DEBUG, JSON, Command, Option
from dyadic.runtime.commands.ending import not_installed
from dyadic.runtime.errors import printable

HASHES = "every hash is right"
SWEEP = "sweeping the code again"
PASSES = Option("--load-passes", "passes of others, which the artifact was lowered with", "path", "FILE.py")


def verify(artifact: Path, load_passes: Path | None, as_json: bool) -> None:
    """Check every hash of ARTIFACT and sweep its code again: integers only, inside the image.

    Layers that were excluded and stay float are named. The sweep needs dyadic[compile]; without it, hashes are checked
    and the rest is said to be left out.
    """
    with open_artifact(artifact, verify="all") as file:
        proved, why_not = proofs(file, load_passes)
    if as_json:
        facts = {"artifact": artifact.name, "hashes": "right", "proved": proved, "not_proved": why_not}
        print(json.dumps(facts))
        return
    for sentence in proved:
        print(printable(sentence))
    print(printable(f"{artifact}: {HASHES}"))
    if why_not:
        print(f"dyadic: {why_not}", file=sys.stderr)


def proofs(file: ArtifactFile, passes: Path | None = None) -> tuple[list[str], str | None]:
    """What was proved again of the code, or why nothing was. `passes`: a file of those that lowered it."""
    targets = dict.fromkeys(program.target for program in file.programs)
    try:
        of_compiler("extensions").load_extensions([] if passes is None else [passes])
        target_of = of_compiler("targets.registry").target_of
        return [sentence for target in targets for sentence in target_of(target).verify(file)], None
    except ModuleNotFoundError as missing:
        if (sentence := not_installed(missing, SWEEP)) is None:
            raise
        return [], f"hashes alone were checked: {sentence}"


VERIFY = Command(
    "verify", "Check every hash of ARTIFACT, sweep its code again.", verify, ("ARTIFACT",), (PASSES, JSON, DEBUG)
)
