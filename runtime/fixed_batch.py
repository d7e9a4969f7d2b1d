"""Arrays of a model that was compiled for the batch it has: a program has a dimension in front, which counts sets."""

from collections.abc import Mapping, Sequence

import numpy as np

from dyadic.runtime.device_array import Given
from dyadic.runtime.errors import UsageError
from dyadic.runtime.tensor_info import TensorInfo


def as_set(info: TensorInfo, array: np.ndarray) -> np.ndarray:
    """An input of one set. Raises UsageError where it has another shape than the model was compiled for."""
    if array.shape != info.shape and not (info.tokens and array.ndim == len(info.shape)):
        saw, expected = (f"[{', '.join(map(str, sizes))}]" for sizes in (array.shape, info.shape))
        raise UsageError(
            f"input '{info.name}' has shape {saw}, expected {expected}: the network was compiled for this batch"
        )
    return array if info.fixed == "one" else array[None]


def as_sets(outputs: Sequence[TensorInfo], given: Mapping[str, Given], raw: bool) -> dict[str, Given]:
    """Arrays of one set as a program writes into them; `raw` integers in front of a ranking have that dimension."""
    bare = {info.name for info in outputs if info.fixed == "none" and not (raw and info.ranks)}
    return {
        name: array[None] if name in bare and isinstance(array, np.ndarray) else array for name, array in given.items()
    }
