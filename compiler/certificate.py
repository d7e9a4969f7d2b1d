"""The proof that an artifact computes with integers only and cannot overflow.

On the machine code: the sweep of `code_sweep.py` over every kernel of every image. On the IR: the pass that verifies it
has run, and each layer's proven accumulator interval is on record.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch_mlir import ir

from dyadic.compiler.code_sweep import Entries, ImageCertificate, certify_image
from dyadic.dialects import qi
from dyadic.dialects.laws import ints
from dyadic.dialects.reference import main_function
from dyadic.passes.rewriting import layer_name


@dataclass(frozen=True)
class Certificate:
    """Images and IR together; written into the artifact."""

    images: tuple[ImageCertificate, ...]
    accumulators: dict[str, tuple[int, int]]  # layer -> interval that no partial sum leaves
    integer_ops: int

    @property
    def valid(self) -> bool:
        return not any(image.offenders for image in self.images)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"valid": self.valid, "summary": self.summary()}

    def summary(self) -> str:
        """One sentence for people."""
        offenders = [one for image in self.images for one in image.offenders]
        if offenders:
            return f"NOT integer-only: {len(offenders)} instructions must not be there, the first: {offenders[0]}"
        swept = sum(image.instructions for image in self.images)
        levels = ", ".join(image.level for image in self.images)
        bits = max((max(-low, high + 1) - 1).bit_length() + 1 for low, high in self.accumulators.values() or [(0, 0)])
        return (
            f"integer-only: none of {swept:,} instructions ({levels}) computes in floating point or divides; "
            f"the {len(self.accumulators)} accumulators of {self.integer_ops} operators need at most {bits} of 32 bits"
        )


def certify(module: ir.Module, images: Mapping[str, tuple[bytes, int, Entries]]) -> Certificate:
    """The certificate of a verified `qi` module and its images: level -> (code, text length, entries)."""
    intervals, ops = accumulators(module)
    swept = [certify_image(code, entries, text, level) for level, (code, text, entries) in images.items()]
    return Certificate(tuple(swept), intervals, ops)


def accumulators(module: ir.Module) -> tuple[dict[str, tuple[int, int]], int]:
    """Each layer's proven interval, and how many integer operators there are."""
    intervals: dict[str, tuple[int, int]] = {}
    ops = 0
    for op in main_function(module).operation.regions[0].blocks[0].operations:
        if not op.operation.name.startswith("qi.") or isinstance(op.opview, qi.ConstantOp):
            continue
        ops += 1
        if "acc" in op.attributes:
            low, high = ints(op.attributes["acc"])
            known = intervals.get(layer_name(op), (low, high))
            intervals[layer_name(op)] = min(low, known[0]), max(high, known[1])
    return intervals, ops
