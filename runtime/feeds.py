"""What users give to a run and what they are given back: names, types and shapes are checked before anything runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dyadic.runtime.device_array import DeviceArray, Given
from dyadic.runtime.errors import UsageError
from dyadic.runtime.fixed_batch import as_set
from dyadic.runtime.program import Scalar
from dyadic.runtime.tensor_info import TensorInfo
from dyadic.runtime.tokens import check_count, check_padding, common_count, steps_of
from dyadic.runtime.wording import kind_of, looks_like


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


OnDevice = Callable[[object, str], DeviceArray | None]  # `Executor.on_device`


def arrays_of(
    inputs: Sequence[TensorInfo],
    feeds: Mapping[str, Any],
    on_device: OnDevice,
    *,
    raw: bool,
    max_batch: int,
    batch_first: bool,
) -> tuple[list[Given], int, int]:
    """The inputs, the batch, and how many tokens there are (0: there are none). Raises UsageError."""
    if not isinstance(feeds, Mapping):
        raise UsageError(f"feeds must map input names to arrays ({listed(inputs)}), not {kind_of(feeds)}")
    known = [info.name for info in inputs]
    if missing := [name for name in known if name not in feeds]:
        given = f", given are {', '.join(repr(str(name)) for name in feeds)}" if feeds else ""
        raise UsageError(f"input '{missing[0]}' is missing; the network takes {listed(inputs)}{given}")
    if extra := [name for name in feeds if name not in known]:
        raise UsageError(f"the network has no input '{extra[0]}'; it takes {listed(inputs)}")
    arrays = [_array(info, feeds[info.name], on_device, raw, max_batch, batch_first) for info in inputs]
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


def _array(info: TensorInfo, value: Any, on_device: OnDevice, raw: bool, max_batch: int, batch_first: bool) -> Given:
    onboard = None if isinstance(value, np.ndarray) else on_device(value, f"input '{info.name}'")
    if onboard is not None:
        array = _as_it_is(info, onboard, raw, batch_first)
    else:
        array = _as_network_has(info, _as_array(info.name, value), raw, batch_first)
    if info.tokens and len(array.shape) == len(info.batch_first):
        check_count(info.name, array.shape[info.tokens], int(info.batch_first[info.tokens]))
    elif array.shape[1:] != info.batch_first[1:] or not array.shape:
        raise UsageError(
            f"input '{info.name}' has shape {shown(array.shape)}, expected {shown(info.shape)}"
            + looks_like(array.shape, info.batch_first[1:])
        )
    if not 1 <= array.shape[0] <= max_batch:
        takes = "one sample at a time" if max_batch == 1 else f"1 to {max_batch}"
        raise UsageError(
            f"input '{info.name}' has a batch of {array.shape[0]}, this session takes {takes}; "
            + ("load it with a larger max_batch" if array.shape[0] else "give it at least one sample")
        )
    if isinstance(array, DeviceArray) or array.flags.c_contiguous:
        return array
    return np.ascontiguousarray(array)


def _as_network_has(info: TensorInfo, array: np.ndarray, raw: bool, batch_first: bool) -> np.ndarray:
    """Of the type that the network reads, the sets in front; whole numbers are in their limits."""
    dtype, limits = info.raw_dtype if raw else info.dtype, info.limits
    if raw and limits is not None:
        limits = (limits[0] + info.zero_point, limits[1] + info.zero_point)
    if limits is not None and (array.dtype.kind in "iub" or array.dtype == dtype or _are_codes(array, dtype, raw)):
        array = steps_of(info.name, array, limits, 0 if raw else info.zero_point, info.raw_dtype)
    elif array.dtype != dtype:
        raise _other_dtype(info, array.dtype, raw)
    if info.fixed and not batch_first:
        array = as_set(info, array)
    if info.padding >= 0:
        check_padding(info.name, array, info.padding)
    return array


def _are_codes(array: np.ndarray, dtype: np.dtype[Any], raw: bool) -> bool:
    """Small whole numbers as float32, which is how data keep them."""
    return not raw and array.dtype.kind == "f" and dtype.name in ("uint8", "int8")


def _other_dtype(info: TensorInfo, saw: np.dtype[Any], raw: bool) -> UsageError:
    dtype = info.raw_dtype if raw else info.dtype
    does = "(raw=True takes the integers themselves)" if raw else ""
    if not raw and saw.kind in "fiub":  # others would not become what was meant
        does = f"; convert it with .astype({str(dtype)!r})"
    return UsageError(f"input '{info.name}' has dtype {saw}, expected {dtype}{' ' * raw}{does}")


def _as_it_is(info: TensorInfo, array: DeviceArray, raw: bool, batch_first: bool) -> DeviceArray:
    """A user's memory on the device, which nothing but kernels looks at."""
    if info.limits is not None or info.tokens:
        why = "whole numbers" if info.limits is not None else "what may have fewer tokens"
        raise UsageError(f"input '{info.name}' is on the device, where {why} cannot be checked; pass a numpy array")
    if array.dtype != (info.raw_dtype if raw else info.dtype):
        raise _other_dtype(info, array.dtype, raw)
    if not array.contiguous:
        raise UsageError(f"input '{info.name}' is on the device and must be C-contiguous there")
    if info.fixed == "none" and not batch_first:
        return replace(array, shape=(1, *array.shape))
    return array


def results_for(
    outputs: Sequence[TensorInfo],
    names: list[str],
    out: Mapping[str, Any] | Sequence[Any] | None,
    on_device: OnDevice,
    *,
    batch: int,
    tokens: int,
    raw: bool,
    batch_first: bool,
    complete: bool,
) -> dict[str, Given]:
    """An array for every output, the user's where given. Raises UsageError."""
    given: Mapping[str, Any]
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
        known = array is None or isinstance(array, np.ndarray)
        onboard = None if known else on_device(array, f"out for '{info.name}'")
        if array is None:
            array = np.empty(shape, dtype)  # pyright: ignore[reportCallIssue, reportArgumentType]
        elif onboard is not None:
            array = _written_as_it_is(info, onboard, shape, raw, batch_first, complete)
        elif not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
            saw = f"{array.dtype} {shown(array.shape)}" if isinstance(array, np.ndarray) else kind_of(array)
            raise UsageError(f"out for '{info.name}' is {saw}, expected {dtype} {shown(shape)}")
        elif not array.flags.c_contiguous or not array.flags.writeable:
            raise UsageError(f"out for '{info.name}' must be C-contiguous and writeable")
        results[info.name] = array
    return results


def _written_as_it_is(
    info: TensorInfo, array: DeviceArray, shape: tuple[str | int, ...], raw: bool, batch_first: bool, complete: bool
) -> DeviceArray:
    """A user's memory on the device, which nothing but kernels writes."""
    dtype = info.raw_dtype if raw else info.dtype
    if (array.shape, array.dtype) != (shape, dtype):
        saw = f"{array.dtype} {shown(array.shape)}"
        raise UsageError(f"out for '{info.name}' is {saw}, expected {dtype} {shown(shape)}")
    if not array.contiguous or not array.writeable:
        raise UsageError(f"out for '{info.name}' must be C-contiguous and writeable")
    follows = not raw and (info.dtype != np.float32 or (info.last.name and (complete or not info.last.left_out)))
    moved = not batch_first and (info.batch_axis or info.fixed == "none")
    if follows or moved or info.tokens:
        why = "is made" if follows else "is moved"
        raise UsageError(
            f"out for '{info.name}' is on the device, but its result {why} on the host; pass a numpy array"
        )
    return array


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
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"input '{name}' is {kind_of(value)}, which is no array; pass a numpy array") from error
    if array.dtype.kind in "OSU":  # of what is no array NumPy makes one that holds it
        raise UsageError(f"input '{name}' is {kind_of(value)}, which is no array of numbers; pass a numpy array")
    return array


def listed(infos: Sequence[TensorInfo]) -> str:
    return ", ".join(f"'{info.name}'" for info in infos)


def shown(shape: Sequence[str | int]) -> str:
    return f"[{', '.join(map(str, shape))}]"
