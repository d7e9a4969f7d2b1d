"""What users give to a run and what they are given back: names, types and shapes are checked before anything runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dyadic.runtime.errors import UsageError
from dyadic.runtime.fixed_batch import as_set
from dyadic.runtime.program import Scalar
from dyadic.runtime.tensor_info import TensorInfo
from dyadic.runtime.tokens import check_count, check_padding, common_count, steps_of


def numbers_of(scalars: Sequence[Scalar], given: Mapping[str, int]) -> list[int]:
    """The scalars in the program's order. Raises UsageError."""
    if not given and not scalars:
        return []
    known = [scalar.name for scalar in scalars]
    if wrong := [name for name in given if name not in known]:
        raise UsageError(f"the network has no scalar '{wrong[0]}'; it has {', '.join(known) or 'none'}")
    numbers = []
    for scalar in scalars:
        value = given.get(scalar.name)
        if not isinstance(value, int | np.integer) or isinstance(value, bool):
            saw = "is missing" if value is None else f"is {kind_of(value)}"
            raise UsageError(f"scalar '{scalar.name}' {saw}; give a whole number")
        if not scalar.low <= value <= scalar.high:
            raise UsageError(f"scalar '{scalar.name}' is {value}, but must be from {scalar.low} to {scalar.high}")
        numbers.append(int(value))
    return numbers


def names_of(outputs: Sequence[TensorInfo], names: Sequence[str] | None) -> list[str]:
    """The names of the outputs that were asked for; None is all. Raises UsageError."""
    known = [info.name for info in outputs]
    if names is None or (isinstance(names, list) and names == known):
        return known
    if isinstance(names, str):
        raise UsageError(f"output_names must be a list of names, not the text '{names}'")
    for name in names:
        if name not in known:
            raise UsageError(f"the network has no output '{name}'; it has {listed(outputs)}")
    return list(names)


def arrays_of(
    inputs: Sequence[TensorInfo], feeds: Mapping[str, Any], *, raw: bool, max_batch: int, batch_first: bool
) -> tuple[list[np.ndarray], int, int]:
    """The inputs, the batch, and how many tokens there are (0: there are none). Raises UsageError."""
    if not isinstance(feeds, Mapping):
        raise UsageError(f"feeds must map input names to arrays ({listed(inputs)}), not {kind_of(feeds)}")
    known = [info.name for info in inputs]
    if missing := [name for name in known if name not in feeds]:
        raise UsageError(f"input '{missing[0]}' is missing; the network takes {listed(inputs)}")
    if extra := [name for name in feeds if name not in known]:
        raise UsageError(f"the network has no input '{extra[0]}'; it takes {listed(inputs)}")
    arrays = [_array(info, feeds[info.name], raw, max_batch, batch_first) for info in inputs]
    first = arrays[0].shape
    if len(arrays) == 1:
        tokens = inputs[0].tokens
        return arrays, first[0], first[tokens] if tokens else 0
    for info, array in zip(inputs, arrays, strict=True):
        if array.shape[0] != first[0]:
            raise UsageError(
                f"input '{info.name}' has a batch of {array.shape[0]}, but '{known[0]}' has {first[0]}; "
                "they must be the same"
            )
    each = zip(inputs, arrays, strict=True)
    return arrays, first[0], common_count({info.name: a.shape[info.tokens] for info, a in each if info.tokens})


def _array(info: TensorInfo, value: Any, raw: bool, max_batch: int, batch_first: bool) -> np.ndarray:
    array = _as_array(info.name, value)
    dtype, limits = info.raw_dtype if raw else info.dtype, info.limits
    if raw and limits is not None:
        limits = (limits[0] + info.zero_point, limits[1] + info.zero_point)
    codes = not raw and dtype.name in ("uint8", "int8") and array.dtype.kind == "f"  # as data keep them
    if limits is not None and (array.dtype.kind in "iub" or array.dtype == dtype or codes):
        array = steps_of(info.name, array, limits, 0 if raw else info.zero_point, info.raw_dtype)
    elif array.dtype != dtype:
        raise UsageError(
            f"input '{info.name}' has dtype {array.dtype}, expected {dtype}"
            + (" (raw=True takes the integers themselves)" if raw else f"; convert it with .astype({str(dtype)!r})")
        )
    if info.fixed and not batch_first:
        array = as_set(info, array)
    if info.padding >= 0:
        check_padding(info.name, array, info.padding)
    if info.tokens and array.ndim == len(info.batch_first):
        check_count(info.name, array.shape[info.tokens], int(info.batch_first[info.tokens]))
    elif array.shape[1:] != info.batch_first[1:] or not array.ndim:
        raise UsageError(f"input '{info.name}' has shape {shown(array.shape)}, expected {shown(info.shape)}")
    if not 1 <= array.shape[0] <= max_batch:
        raise UsageError(
            f"input '{info.name}' has a batch of {array.shape[0]}, this session takes 1 to {max_batch}; "
            + ("load it with a larger max_batch" if array.shape[0] else "give it at least one sample")
        )
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def results_for(
    outputs: Sequence[TensorInfo],
    names: list[str],
    out: Mapping[str, np.ndarray] | Sequence[np.ndarray] | None,
    *,
    batch: int,
    tokens: int,
    raw: bool,
    batch_first: bool,
) -> dict[str, np.ndarray]:
    """An array for every output, the user's where given. Raises UsageError."""
    given: Mapping[str, np.ndarray]
    if out is None:
        given = {}
    elif isinstance(out, Mapping):
        given = out
    else:
        if isinstance(out, np.ndarray) or len(out) != len(names):
            raise UsageError(f"out must be a list of {len(names)} array(s), one for each output, or a mapping")
        given = dict(zip(names, out, strict=True))
    if unknown := [name for name in given if name not in names]:
        raise UsageError(f"out names '{unknown[0]}', which is not among the outputs asked for ({', '.join(names)})")
    results = {}
    for info in outputs:
        dtype = info.raw_dtype if raw else info.dtype
        sizes = info.raw_shape if raw and info.ranks else info.batch_first
        first = [tokens if d and d == info.tokens else n for d, n in enumerate((batch, *sizes[1:]))]
        shape = tuple(first) if batch_first or (raw and info.ranks) else info.in_order(first)
        array = given.get(info.name)
        if array is None:
            array = np.empty(shape, dtype)  # pyright: ignore[reportCallIssue, reportArgumentType]
        elif not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
            saw = f"{array.dtype} {shown(array.shape)}" if isinstance(array, np.ndarray) else kind_of(array)
            raise UsageError(f"out for '{info.name}' is {saw}, expected {dtype} {shown(shape)}")
        elif not array.flags.c_contiguous or not array.flags.writeable:
            raise UsageError(f"out for '{info.name}' must be C-contiguous and writeable")
        results[info.name] = array
    return results


def _as_array(name: str, value: Any) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "__dlpack__"):
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            raise UsageError(
                f"input '{name}' is {kind_of(value)} that cannot be read in place ({error}); pass a numpy array"
            ) from error
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"input '{name}' is {kind_of(value)}, which is no array; pass a numpy array") from error


def listed(infos: Sequence[TensorInfo]) -> str:
    return ", ".join(f"'{info.name}'" for info in infos)


def shown(shape: Sequence[str | int]) -> str:
    return f"[{', '.join(map(str, shape))}]"


def kind_of(value: object) -> str:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
