"""Inputs of a model file: seeded, smooth where there is space or time, as images and sounds are."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch

Feeds = dict[str, npt.NDArray[Any]]

GRAIN = 8  # pixels between the numbers that are drawn; linear in between
NOISE = 0.3
IDS = 16  # of token numbers
SIZE = 64  # of a dimension that the model leaves open


def shapes_of(model: onnx.ModelProto, given: dict[str, list[int]] | None = None) -> dict[str, tuple[list[int], int]]:
    """Shape (of one sample, or as `given` says) and element type of each input."""
    constants = {one.name for one in model.graph.initializer}
    found = {}
    for one in model.graph.input:
        if one.name in constants:
            continue
        of_type = one.type.tensor_type
        dims = [each.dim_value or (SIZE if i else 1) for i, each in enumerate(of_type.shape.dim)]
        found[one.name] = (list((given or {}).get(one.name, dims)), of_type.elem_type)
    return found


def samples_of(
    path: Path,
    count: int,
    seed: int,
    given: dict[str, list[int]] | None = None,
    constant: dict[str, float] | None = None,
) -> list[Feeds]:
    """`count` inputs of the file, each with a batch of one; those that are constant have that number everywhere."""
    shapes = shapes_of(onnx.load(path, load_external_data=False), given)
    generator = torch.Generator().manual_seed(seed)
    fixed = {name: drawn_as(*shapes[name], number) for name, number in (constant or {}).items()}
    return [
        {name: drawn(shape, kind, generator) for name, (shape, kind) in shapes.items() if name not in fixed} | fixed
        for _ in range(count)
    ]


def drawn_as(shape: list[int], kind: int, number: float) -> npt.NDArray[Any]:
    """One number in every place."""
    return np.full(shape, number, np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind)))


def drawn(shape: list[int], kind: int, generator: torch.Generator) -> npt.NDArray[Any]:
    """One tensor of the element type."""
    kinds = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind))
    if kinds.kind == "f":
        return smooth(shape, generator).numpy().astype(kinds)
    high = 2 if kinds.kind == "b" else 255 if kinds.itemsize < 8 else IDS
    return torch.randint(0, high, shape, generator=generator).numpy().astype(kinds)


def smooth(shape: list[int], generator: torch.Generator) -> torch.Tensor:
    """Normal numbers; [N, channels, space...] changes slowly in space, but for some noise."""
    fine = torch.randn(shape, generator=generator)
    space = shape[2:]
    if not 1 <= len(space) <= 3:
        return fine
    coarse = torch.randn([*shape[:2], *(-(-n // GRAIN) + 1 for n in space)], generator=generator)
    mode = ("linear", "bilinear", "trilinear")[len(space) - 1]
    large = torch.nn.functional.interpolate(coarse, size=space, mode=mode, align_corners=False)
    return large + NOISE * fine
