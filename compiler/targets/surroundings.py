"""What the steps of a lowered module work in, whatever the target: buffers, inputs and outputs of its program."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from torch_mlir import ir

from dyadic.dialects.fields import ints
from dyadic.dialects.reference import main_function
from dyadic.passes.lower.launches.outline import INPUTS, OUTPUTS
from dyadic.passes.lower.memory import views
from dyadic.runtime.fixedpoint import INT32_MAX, INT32_MIN
from dyadic.runtime.last_function import NOTHING, LastFunction
from dyadic.runtime.program import Buffer, Input, Output, Program
from dyadic.runtime.tokens import length_of

ANY_ID = {"lo": INT32_MIN, "hi": INT32_MAX}  # of an input that nothing reads


P = TypeVar("P", bound=Program)


def named_by_length(programs: Sequence[P]) -> list[P]:
    """Programs of one network, each for so many tokens, under names that say how many; one alone has none."""
    if len(programs) == 1:
        return [*programs]
    # every kind of program is a dataclass, though their base is none
    return [replace(one, variant=f"1x{length_of(one)}") for one in programs]  # pyright: ignore[reportArgumentType]


def surroundings_of(module: ir.Module | ir.Operation) -> dict[str, Any]:
    """What the steps of a lowered module work in: fields of its program, by name."""
    attributes = main_function(module).operation.attributes
    *offsets, arena = ints(attributes[views.ARENA])
    return {
        "buffers": tuple(Buffer(o, s) for o, s in zip(offsets, ints(attributes[views.BUFFERS]), strict=True)),
        "arena_bytes": arena,
        "inputs": tuple(_input(each) for each in attributes[INPUTS]),
        "outputs": tuple(_output(each) for each in attributes[OUTPUTS]),
    }


def _boundary(tensor: Any) -> dict[str, Any]:
    lo, hi = ints(tensor["steps"])
    return {
        "name": tensor["name"].value,
        "shape": ("N", *ints(tensor["shape"])[1:]),
        "layout": views.from_attribute(tensor["layout"]),
        "scale": tensor["scale"].value,
        "zero_point": tensor["zero_point"].value,
        "lo": lo,
        "hi": hi,
        "tokens": tensor["tokens"].value if "tokens" in tensor else 0,
        "fixed": tensor["fixed"].value if "fixed" in tensor else "",
    }


def _input(tensor: Any) -> Input:
    said = _boundary(tensor)
    if "padding" in tensor:
        said["padding"] = tensor["padding"].value
    if "mark" in tensor:
        said["mark"] = tensor["mark"].value
    if "rows" in tensor:
        said |= {"lo": 0, "hi": tensor["rows"].value - 1} if tensor["rows"].value < 1 << 31 else ANY_ID
        return Input(dtype="int32", given=tensor["given"].value, **said)
    if "given" in tensor:
        return Input(dtype="uint8", given=tensor["given"].value, **said)
    return Input(dtype="float32", **said)


def _output(tensor: Any) -> Output:
    start, whole = (tuple(ints(tensor[name])) if name in tensor else () for name in ("start", "whole"))
    last = NOTHING
    if "last" in tensor:
        said = tensor["last"]
        last = LastFunction(said["name"].value, said["axis"].value, said["left_out"].value)
        if "count" in said:
            last = last._replace(entries=said["count"].value, shape=tuple(ints(said["shape"])))
    batch_axis = tensor["batch_axis"].value if "batch_axis" in tensor else 0
    given = tensor["given"].value if "given" in tensor else ""
    return Output(**_boundary(tensor), start=start, whole=whole, last=last, batch_axis=batch_axis, given=given)
