"""`dyadic verify`: the code of an artifact, decoded once more."""

from collections.abc import Iterator

from dyadic.compiler.targets.cpu.code_sweep import certify_image, island_kernels, island_layers
from dyadic.runtime.artifact import ArtifactFile
from dyadic.runtime.errors import ArtifactError


def verify(file: ArtifactFile) -> Iterator[str]:
    """A sentence about each level, and about layers that stay float. Raises ArtifactError."""
    recorded = file.json("certificate") if "certificate" in file.sections else {}
    known = {image["level"]: image["sha256"] for image in recorded.get("images", [])}
    steps = file.program.steps
    islands = island_kernels(steps, recorded.get("islands", ()))
    for level in file.levels:
        code = bytes(file.section(f"code/{level}"))
        image = certify_image(code, file.entries[level], level=level, islands=islands)
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
