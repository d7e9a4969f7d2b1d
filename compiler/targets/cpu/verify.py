"""`dyadic verify`: the code of an artifact, decoded once more."""

from collections.abc import Iterator

from dyadic.compiler.targets.cpu.code_sweep import certify_image, island_kernels, island_layers
from dyadic.runtime.artifact import ArtifactFile
from dyadic.runtime.cpu.program import CpuProgram, Entry
from dyadic.runtime.errors import ArtifactError


def verify(file: ArtifactFile) -> Iterator[str]:
    """A sentence about each level, and about layers that stay float. Raises ArtifactError."""
    recorded = file.json("certificate") if "certificate" in file.sections else {}
    known = {image["level"]: image["sha256"] for image in recorded.get("images", [])}
    programs = [program for program in file.programs if isinstance(program, CpuProgram)]
    steps = [step for program in programs for step in program.steps]
    islands = island_kernels(steps, recorded.get("islands", ()))
    entries: dict[str, dict[str, Entry]] = {}  # programs may share images
    for program in programs:
        for level, kernels in program.entries.items():
            entries.setdefault(program.image(level), {}).update(kernels)
    for name, kernels in entries.items():
        level = name.rpartition("/")[2]
        image = certify_image(bytes(file.section(name)), kernels, level=level, islands=islands)
        if image.offenders:
            raise ArtifactError(
                f"'{file.path}' is not integer-only: {len(image.offenders)} instructions of {level} "
                f"must not be there, the first: {image.offenders[0]}"
            )
        if known.get(level) != image.sha256:
            raise ArtifactError(f"'{file.path}' has a certificate for other code than it holds at level {level}")
        instructions, kernels = image.instructions - image.island_instructions, image.kernels - image.island_kernels
        yield (
            f"{level}: {instructions:,} instructions in {kernels} kernels, "
            "none computes in floating point, divides or leaves the image"
        )
    if layers := island_layers(steps):
        yield f"NOT integer-only, as was asked for: these layers stay float: {', '.join(layers)}"
